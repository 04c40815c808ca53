//! A password that the operator types when a server asks for one; once for all sessions of a role.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::host::Password;

/// Asks the operator for the password of a role; `None` if there is no answer.
type Ask = dyn Fn(&str) -> Option<Password> + Send + Sync;

/// A password that may be typed. `Debug` shows nothing of it.
pub struct AskedPassword {
    ask: Box<Ask>,
    answer: Mutex<Answer>,
}

enum Answer {
    NotAsked,
    Refused,
    Typed(Password),
}

impl AskedPassword {
    /// Asks by `ask`, at most once.
    pub fn new(ask: impl Fn(&str) -> Option<Password> + Send + Sync + 'static) -> Self {
        Self {
            ask: Box::new(ask),
            answer: Mutex::new(Answer::NotAsked),
        }
    }

    /// The password, if it was typed already.
    pub(super) fn typed(&self) -> Option<Password> {
        match &*self.answer.lock().unwrap_or_else(PoisonError::into_inner) {
            Answer::Typed(password) => Some(password.clone()),
            Answer::NotAsked | Answer::Refused => None,
        }
    }

    /// Asks for the password of a role, unless that was done, and returns whether there is one.
    /// Other threads wait meanwhile.
    pub(super) fn ask(&self, role: &str) -> bool {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*answer, Answer::NotAsked) {
            *answer = (self.ask)(role).map_or(Answer::Refused, Answer::Typed);
        }
        matches!(*answer, Answer::Typed(_))
    }
}

impl fmt::Debug for AskedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AskedPassword")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn one_question_for_all_threads() {
        let times = Arc::new(AtomicUsize::new(0));
        let count = times.clone();
        let asked = Arc::new(AskedPassword::new(move |role| {
            assert_eq!(role, "lena");
            count.fetch_add(1, Ordering::SeqCst);
            Some(Password::new("secret"))
        }));
        let all: Vec<_> = (0..4)
            .map(|_| {
                let asked = asked.clone();
                std::thread::spawn(move || asked.ask("lena"))
            })
            .collect();
        assert!(all.into_iter().all(|one| one.join().expect("no panic")));
        assert_eq!(times.load(Ordering::SeqCst), 1);
        assert_eq!(asked.typed().expect("typed").bytes(), b"secret");
        assert!(!format!("{asked:?}").contains("secret"));
    }

    #[test]
    fn no_answer_is_final() {
        let asked = AskedPassword::new(|_| None);
        assert!(!asked.ask("lena") && asked.typed().is_none());
    }
}
