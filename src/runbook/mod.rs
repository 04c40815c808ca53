//! Runbooks: texts for people, with the release's facts in them.
//!
//! - `facts`: what may stand between `{{` and `}}`, and its value; `template`: the text cut at them
//! - `line`: a command's line, complete as far as that is known

pub mod facts;
mod template;
pub mod line;

pub use facts::Facts;
pub use line::Known;

/// Something wrong in a runbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The byte of the text.
    pub at: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

/// The one of these that a person most likely meant: at most a third of its letters are other ones.
fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |name: &&str| strsim::osa_distance(word, name);
    let near = known.into_iter().min_by_key(distance)?;
    (distance(&near) <= near.chars().count().div_ceil(3)).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn what_was_meant() {
        let known = ["run", "rollback", "runbook", "check"];
        assert_eq!(nearest("rolback", known), Some("rollback"));
        assert_eq!(nearest("rnu", known), Some("run"));
        assert_eq!(nearest("deploy", known), None);
    }
}
