//! Help flags, and errors in the command line.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};

use super::output::{self, Output};
use super::{CliError, Exit};

/// Commands of other tools, and the sentence that names pgseal's own.
const COMMANDS: &[(&[&str], &str)] = &[
    (
        &["create", "generate", "add"],
        "`pgseal init DIR` writes a release directory to start from, `pgseal new NAME` adds a change to it",
    ),
    (
        &["deploy", "apply", "migrate", "up", "execute"],
        "`pgseal run FILE` runs a release",
    ),
    (
        &["revert", "undo", "down", "downgrade"],
        "`pgseal rollback FILE` undoes a release",
    ),
    (
        &["explain", "dry-run", "preview"],
        "`pgseal plan FILE` shows what `run` would do, and writes nothing",
    ),
    (
        &["validate"],
        "`pgseal lint DIR` checks a release directory, `pgseal verify FILE` a bundle",
    ),
    (
        &["test"],
        "`pgseal try DIR` tries a directory on a copy of a developer's database, `pgseal rehearse FILE --from DATABASE` a release on a clone, `pgseal check FILE` runs its checks",
    ),
    (
        &["resume", "repair", "continue"],
        "`pgseal run FILE --resume` goes on with a run that stopped half way",
    ),
    (
        &["info", "log", "history", "current", "list"],
        "`pgseal status` shows the releases of a database",
    ),
    (&["version"], "`pgseal --version` prints it"),
];

/// Options of other tools.
const OPTIONS: &[(&[&str], &str)] = &[
    (
        &["--dry-run", "-n"],
        "`pgseal plan FILE` shows what `run` would do, and writes nothing",
    ),
    (
        &["--force", "-f", "--no-verify"],
        "no option opens a gate: `pgseal gate FILE` names everything that a run lacks; `pgseal pack DIR -o FILE --replace` gives up the file that is there",
    ),
    (
        &["--single-transaction", "-1"],
        "`pgseal run FILE` is one transaction, unless a tier says otherwise",
    ),
    (
        &["--window", "--freeze", "--require-run-on"],
        "`pgseal trust set-policy` sets it, in the next version of the trust root",
    ),
    (
        &["--file"],
        "a bundle is named without an option, as in `pgseal run FILE`",
    ),
];

/// Values that are often missing or wrong, by words of clap's message.
const VALUES: &[(ErrorKind, &str, &str)] = &[
    (
        ErrorKind::InvalidValue,
        "'--host <HOST>'",
        "-h is the host of the server, as in psql; help is -? or --help",
    ),
    (
        ErrorKind::InvalidValue,
        "'pdf' for '--format",
        "print the page of `pgseal report FILE -o report.html`",
    ),
    (
        ErrorKind::MissingRequiredArgument,
        "--from <DATABASE>|--from-dump <FILE>",
        "--from names the database to copy; --db names a database of its server, such as postgres",
    ),
];

/// The sentence of a word of another tool.
fn hint_for(table: &[(&[&str], &'static str)], word: &str) -> Option<&'static str> {
    let found = table.iter().find(|(words, _)| words.contains(&word));
    found.map(|(_, hint)| *hint)
}

/// Gives each command its help flags: `--help` and `-?`, and `-h` where that is not a database's host.
pub fn with_help(command: Command) -> Command {
    let has_host = has_host(&command);
    let help = Arg::new("help")
        .long("help")
        .action(ArgAction::Help)
        .help("Print help");
    let help = match has_host {
        true => help.short('?'),
        false => help.short('h').short_alias('?'),
    };
    let names: Vec<String> = command
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    let command = command.disable_help_flag(true).arg(help);
    names.iter().fold(command, |command, name| {
        command.mut_subcommand(name, with_help)
    })
}

fn has_host(command: &Command) -> bool {
    let mut arguments = command.get_arguments();
    arguments.any(|argument| argument.get_long() == Some("host"))
}

/// Prints help and versions as answers; reports everything else as a usage error.
pub fn report(error: &clap::Error) -> ExitCode {
    let asked = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    if asked || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        output::printed(error.print());
        return ExitCode::from(output::ended(if asked { Exit::Done } else { Exit::Usage }).code());
    }
    let json = std::env::args_os().any(|argument| argument == "--json");
    let out = Output {
        json,
        quiet: false,
        color: false,
        color_messages: super::output::stderr_is_terminal()
            && std::env::var_os("NO_COLOR").is_none(),
    };
    let error = error_of(error);
    out.error(&error);
    out.conclude(Exit::Usage, Some(&error));
    ExitCode::from(Exit::Usage.code())
}

fn error_of(error: &clap::Error) -> CliError {
    let text = error.to_string();
    let paragraphs = text
        .split("\n\n")
        .map(|lines| lines.split_whitespace().collect::<Vec<_>>().join(" "));
    let paragraphs: Vec<String> = paragraphs.collect();
    let begins = |start: &str| paragraphs.iter().find_map(|text| text.strip_prefix(start));
    // For an unknown flag, clap suggests passing it as a value, which is never intended.
    let tip = || {
        let tip = begins("tip: ").filter(|tip| !tip.starts_with("to pass "));
        tip.map(str::to_owned)
    };
    let value = || {
        let of_value = VALUES.iter().filter(|(kind, ..)| *kind == error.kind());
        let mut found = of_value.filter(|(_, words, _)| text.contains(words));
        found.next().map(|(.., hint)| (*hint).to_owned())
    };
    let usage = || begins("Usage: ").map(|usage| format!("usage: {usage}"));
    let message = begins("error: ").unwrap_or(&text).to_owned();
    CliError {
        hint: own_word(error).or_else(value).or_else(tip).or_else(usage),
        ..CliError::usage(message)
    }
}

/// pgseal's own word for a command or option of another tool.
fn own_word(error: &clap::Error) -> Option<String> {
    let (kind, table) = match error.kind() {
        ErrorKind::InvalidSubcommand => (ContextKind::InvalidSubcommand, COMMANDS),
        ErrorKind::UnknownArgument => (ContextKind::InvalidArg, OPTIONS),
        _ => return None,
    };
    let Some(ContextValue::String(word)) = error.get(kind) else {
        return None;
    };
    let is_value = error.kind() == ErrorKind::UnknownArgument && !word.starts_with('-');
    let value = (is_value && is_of_database_command(error))
        .then_some("a database is named by -d, a variable by -v NAME=VALUE");
    hint_for(table, word).or(value).map(str::to_owned)
}

/// Whether the error is about a command that takes a database. Only its usage names the command.
fn is_of_database_command(error: &clap::Error) -> bool {
    let text = error.to_string();
    let (_, usage) = text.split_once("Usage: pgseal ").unwrap_or_default();
    let definition = super::definition();
    let mut command = &definition;
    for word in usage.split_whitespace() {
        match command.find_subcommand(word) {
            Some(below) => command = below,
            None => break,
        }
    }
    has_host(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(command: &Command, visit: &mut dyn FnMut(&Command)) {
        visit(command);
        for below in command.get_subcommands() {
            walk(below, visit);
        }
    }

    #[test]
    fn libpqs_options_are_where_a_database_is() {
        let definition = crate::cli::definition();
        let mut with_database = Vec::new();
        walk(&definition, &mut |command| {
            let long = |name: &str| {
                let mut arguments = command.get_arguments();
                let named = |argument: &&Arg| {
                    let aliases = argument.get_all_aliases().unwrap_or_default();
                    argument.get_long() == Some(name) || aliases.contains(&name)
                };
                arguments.find(named).and_then(Arg::get_short)
            };
            if long("db").is_none() {
                assert!(!has_host(command), "{}", command.get_name());
                return;
            }
            with_database.push(command.get_name().to_owned());
            let of = [
                "dbname",
                "host",
                "port",
                "username",
                "password",
                "no-password",
                "help",
            ];
            let all = ['d', 'h', 'p', 'U', 'W', 'w', '?'].map(Some);
            assert_eq!(of.map(long), all, "{}", command.get_name());
        });
        assert!(with_database.len() >= 14, "{with_database:?}");
    }

    #[test]
    fn help_is_asked_for_everywhere() {
        let definition = crate::cli::definition();
        let mut names = vec![Vec::new()];
        for command in definition.get_subcommands() {
            let name = command.get_name().to_owned();
            let below = command.get_subcommands();
            names.extend(below.map(|below| vec![name.clone(), below.get_name().to_owned()]));
            names.push(vec![name]);
        }
        for name in names
            .iter()
            .filter(|name| !name.contains(&"help".to_owned()))
        {
            for flag in ["-?", "--help"] {
                let line = ["pgseal".to_owned()].into_iter().chain(name.clone());
                let line = line.chain([flag.to_owned()]);
                let error = crate::cli::definition().try_get_matches_from(line);
                let kind = error.expect_err("help").kind();
                assert_eq!(kind, ErrorKind::DisplayHelp, "{name:?} {flag}");
            }
        }
    }

    #[test]
    fn words_of_other_tools_lead_to_commands_that_exist() {
        let definition = crate::cli::definition();
        for (words, hint) in COMMANDS.iter().chain(OPTIONS) {
            for named in hint.split('`').skip(1).step_by(2) {
                let word = named
                    .split(' ')
                    .nth(usize::from(named.starts_with("pgseal")));
                let word = word.expect("a word");
                let is_there = definition.find_subcommand(word).is_some();
                assert!(is_there || word == "--version", "{named}");
            }
            for word in *words {
                let line = match word.starts_with('-') {
                    true => vec!["pgseal", "run", "x.pgseal", word],
                    false => vec!["pgseal", word],
                };
                let error = crate::cli::definition().try_get_matches_from(line);
                let error = error_of(&error.expect_err(word));
                assert_eq!(error.hint.as_deref(), Some(*hint), "{word}");
            }
        }
    }

    #[test]
    fn psql_habits_get_a_hint() {
        for (line, word) in [
            (&["pgseal", "status", "-h"][..], "help is -?"),
            (&["pgseal", "status", "shop"], "named by -d"),
            (&["pgseal", "report", "x", "--format", "pdf"], "report.html"),
            (&["pgseal", "rehearse", "x", "--db", "y"], "--from names"),
        ] {
            let error = crate::cli::definition().try_get_matches_from(line);
            let error = error_of(&error.expect_err(word));
            assert!(error.hint.is_some_and(|hint| hint.contains(word)), "{word}");
        }
    }

    #[test]
    fn psql_habits_get_no_wrong_hint() {
        let without_database = vec!["pgseal", "verify", "a", "b"];
        let twice = vec!["pgseal", "status", "--host", "a", "--host", "b"];
        for (line, word) in [(without_database, "named by -d"), (twice, "help is -?")] {
            let error = crate::cli::definition().try_get_matches_from(line);
            let error = error_of(&error.expect_err(word));
            assert!(error.hint.is_none_or(|hint| !hint.contains(word)), "{word}");
        }
    }
}
