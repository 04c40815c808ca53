//! Candidates for values: files by the endings that fit, rules, topics.

use std::ffi::OsStr;
use std::path::Path;

use clap::builder::ValueRange;
use clap::{Arg, Command};
use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter,
};

use crate::cli::help::topics::TOPICS;
use crate::rules::RULES;

/// Endings of the files that an option or argument takes, by its name.
const OPTIONS: &[(&[&str], &[&str])] = &[
    (&["key", "receipt_key", "root_key"], &["key", "pub"]),
    (&["agent", "new"], &["pub"]),
    (&["trust"], &["json"]),
    (&["approve_with"], &["sql"]),
    (&["approvals"], &["approval"]),
    (&["bundle"], &["pgseal"]),
    (&["certificate"], &["pem"]),
    (&["log_proof"], &["tlog-proof"]),
    (&["rehearsal"], &["json"]),
];

/// Endings of the files that a command's arguments name, by the command.
const ARGUMENTS: &[(&[&str], &[&str])] = &[
    (
        &[
            "sign", "approve", "withdraw", "notarise", "verify", "inspect", "cat", "runbook",
            "unpack", "export", "gate", "plan", "run", "rollback", "check", "rehearse", "drift",
            "report", "diff",
        ],
        &["pgseal"],
    ),
    (&["attach"], &["pgseal", "approval", "sig", "tsr"]),
    (&["script"], &["sql"]),
    (
        &[
            "receipt show",
            "receipt sign",
            "receipt verify",
            "fingerprint diff",
        ],
        &["json"],
    ),
    (
        &[
            "trust add-key",
            "trust retire",
            "trust revoke",
            "trust rotate",
            "trust set-policy",
            "trust add-authority",
            "trust retire-authority",
            "trust revoke-authority",
            "trust sign",
            "trust install",
            "trust show",
        ],
        &["json"],
    ),
];

/// Commands whose first argument is a directory.
const DIRECTORIES: &[&str] = &[
    "lint",
    "pack",
    "try",
    "init",
    "archive init",
    "archive add",
    "archive checkpoint",
    "archive prove",
    "archive consistency",
    "archive verify",
];

/// The definition with candidates for values.
pub fn with_values(command: Command) -> Command {
    below(command, "")
}

fn below(command: Command, words: &str) -> Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|below| below.get_name().to_owned())
        .collect();
    let words_of = |name: &str| format!("{words} {name}").trim().to_owned();
    let command = command.mut_args(|arg| with_candidates(arg, words));
    names.iter().fold(command, |command, name| {
        command.mut_subcommand(name, |below_it| below(below_it, &words_of(name)))
    })
}

fn with_candidates(arg: Arg, words: &str) -> Arg {
    let id = arg.get_id().as_str().to_owned();
    match (words, id.as_str()) {
        ("lint", "explain") => return arg.add(ArgValueCandidates::new(rules)),
        ("runbook", "audience") => return arg.add(ArgValueCandidates::new(audiences)),
        ("help", "words") | ("man", "command") => {
            let is_help = words == "help";
            return arg.add(ArgValueCompleter::new(move |typed: &OsStr| {
                topics_and_commands(typed, is_help)
            }));
        }
        _ => {}
    }
    let takes_value = arg.get_num_args() != Some(ValueRange::EMPTY);
    let endings = match arg.is_positional() {
        true if DIRECTORIES.contains(&words) && arg.get_index() != Some(2) && id == "dir" => {
            return arg.add(ArgValueCompleter::new(PathCompleter::dir()));
        }
        true if is_path(&id) => find(ARGUMENTS, words),
        true => None,
        false => find(OPTIONS, &id),
    };
    match endings.filter(|_| takes_value) {
        Some(endings) => arg.add(ArgValueCompleter::new(files(endings))),
        None => arg,
    }
}

/// Whether an argument without a flag names files of the command's kind.
fn is_path(id: &str) -> bool {
    ["file", "files", "a", "b", "items", "draft", "new", "bundle"].contains(&id)
}

fn find(table: &'static [(&[&str], &[&str])], name: &str) -> Option<&'static [&'static str]> {
    let found = table.iter().find(|(names, _)| names.contains(&name));
    found.map(|(_, endings)| *endings)
}

fn files(endings: &'static [&'static str]) -> PathCompleter {
    PathCompleter::any().filter(move |path: &Path| {
        let ending = path.extension().and_then(OsStr::to_str);
        ending.is_some_and(|ending| endings.contains(&ending)) && path.is_file()
    })
}

fn rules() -> Vec<CompletionCandidate> {
    let rules = RULES.iter();
    rules
        .map(|rule| CompletionCandidate::new(rule.id))
        .collect()
}

const AUDIENCES: [&str; 4] = ["owner", "operator", "auditor", "agent"];

fn audiences() -> Vec<CompletionCandidate> {
    AUDIENCES.map(CompletionCandidate::new).into()
}

fn topics_and_commands(typed: &OsStr, with_topics: bool) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let definition = crate::cli::definition();
    let commands = definition.get_subcommands();
    let commands = commands.filter(|command| !command.is_hide_set());
    let commands = commands.map(|command| command.get_name().to_owned());
    let topics = TOPICS.iter().filter(|_| with_topics);
    let topics = topics.map(|topic| topic.name.to_owned());
    let names = commands.chain(topics);
    names
        .filter(|name| name.starts_with(&*typed))
        .map(CompletionCandidate::new)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgseal_verify::format::manifest::Audience;

    #[test]
    fn the_tables_name_commands_and_options_that_exist() {
        let definition = with_values(crate::cli::definition());
        let exists = |words: &str| {
            let mut words = words.split(' ');
            let found = words.try_fold(&definition, |command, word| command.find_subcommand(word));
            found.is_some_and(|command| command.get_positionals().next().is_some())
        };
        let commands = ARGUMENTS.iter().flat_map(|(commands, _)| *commands);
        for command in commands.chain(DIRECTORIES) {
            assert!(exists(command), "{command}");
        }
        let has =
            |command: &Command, id: &str| command.get_arguments().any(|arg| arg.get_id() == id);
        fn any(command: &Command, test: &dyn Fn(&Command) -> bool) -> bool {
            test(command) || command.get_subcommands().any(|below| any(below, test))
        }
        for id in OPTIONS.iter().flat_map(|(ids, _)| *ids) {
            assert!(any(&definition, &|command| has(command, id)), "{id}");
        }
        definition.debug_assert();
    }

    #[test]
    fn audiences_are_those_of_runbooks() {
        for audience in AUDIENCES {
            assert!(audience.parse::<Audience>().is_ok(), "{audience}");
        }
    }
}
