//! The options of this command line that the commands on the databases are given as well.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command};

/// Options of the rollout alone, and those with another value for each command.
const OWN: [&str; 9] = [
    "file",
    "plan",
    "resume",
    "json",
    "quiet",
    "color",
    "events",
    "passphrase_fd",
    "command",
];

/// Options that are about the release and its limits, but not about writing.
const READING: [&str; 8] = [
    "trust",
    "config",
    "gate_user",
    "variables",
    "lock_timeout",
    "statement_timeout",
    "idle_timeout",
    "transaction_timeout",
];

/// The options of `words`, as they stand on this process's command line.
pub struct Forwarded {
    matches: ArgMatches,
    command: Command,
}

impl Forwarded {
    /// Parses the command line again: its options as they were given, with no defaults.
    pub fn of(words: &[&str]) -> Self {
        let mut command = crate::cli::definition();
        let mut matches = command.clone().get_matches();
        // Options of the whole program are known below it once the definition is built.
        command.build();
        for word in words {
            matches = matches
                .subcommand_matches(word)
                .cloned()
                .unwrap_or_default();
            command = command.find_subcommand(word).cloned().unwrap_or_default();
        }
        Self { matches, command }
    }

    /// Options for a run or a rollback.
    pub fn all(&self) -> Vec<OsString> {
        self.options(|name| !OWN.contains(&name))
    }

    /// Options for a question.
    pub fn reading(&self) -> Vec<OsString> {
        self.options(|name| READING.contains(&name))
    }

    fn options(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<OsString> {
        let mut options = Vec::new();
        for argument in self.command.get_arguments() {
            let id = argument.get_id().as_str();
            let is_given = self.matches.try_contains_id(id).is_ok()
                && self.matches.value_source(id) == Some(ValueSource::CommandLine);
            let Some(long) = argument.get_long().filter(|_| is_given && is_wanted(id)) else {
                continue;
            };
            if matches!(argument.get_action(), ArgAction::SetTrue) {
                options.push(format!("--{long}").into());
                continue;
            }
            for value in self.matches.get_raw(id).into_iter().flatten() {
                let mut option = OsString::from(format!("--{long}="));
                option.push(value);
                options.push(option);
            }
        }
        options
    }
}
