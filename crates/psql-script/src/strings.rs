//! Tracks whether backslashes escape in all strings, as the server would report to psql after each
//! statement.

use super::inspect::{first_word_is, inspect, sets_standard_strings};

/// `standard_conforming_strings` as the script sets it.
#[derive(Default)]
pub(super) struct Strings {
    /// True if the setting is off.
    off: bool,
    /// The setting when the open transaction began, and the setting after its COMMIT.
    transaction: Option<(bool, bool)>,
}

impl Strings {
    pub fn escape_everywhere(&self) -> bool {
        self.off
    }

    /// Updates the state for one statement. Cheap for nearly all of them.
    pub fn follow(&mut self, sql: &str) {
        if let Some((standard, local)) = sets_standard_strings(sql) {
            if let Some((_, committed)) = &mut self.transaction {
                self.off = !standard;
                if !local {
                    *committed = !standard;
                }
            } else if !local {
                self.off = !standard;
            }
            return;
        }
        const CONTROLS: [&str; 6] = ["begin", "start", "commit", "end", "rollback", "abort"];
        if !CONTROLS.iter().any(|word| first_word_is(sql, word)) {
            return;
        }
        match (inspect(sql).transaction_control, self.transaction) {
            (Some("BEGIN" | "START TRANSACTION"), None) => {
                self.transaction = Some((self.off, self.off))
            }
            (Some("COMMIT" | "END"), Some((_, committed))) => {
                (self.off, self.transaction) = (committed, None)
            }
            (Some("ROLLBACK" | "ABORT"), Some((before, _))) => {
                (self.off, self.transaction) = (before, None)
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Strings;

    #[test]
    fn transactions_keep_or_forget() {
        let after = |script: &[&str]| {
            let mut strings = Strings::default();
            script.iter().for_each(|sql| strings.follow(sql));
            strings.escape_everywhere()
        };
        const OFF: &str = "set standard_conforming_strings to off;";
        const LOCAL: &str = "SET LOCAL standard_conforming_strings = off;";
        assert!(after(&[OFF]) && after(&["begin", OFF, "commit"]) && after(&["begin", LOCAL]));
        assert!(!after(&[OFF, "reset all"]) && !after(&[LOCAL]) && !after(&["select 1"]));
        assert!(
            !after(&["begin;", LOCAL, "end;"]) && !after(&["start transaction;", OFF, "rollback;"])
        );
    }
}
