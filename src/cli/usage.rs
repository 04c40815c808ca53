//! Help flags, and errors in the command line.

use std::ffi::OsString;
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
        &["deploy", "apply", "migrate", "up", "execute", "exec"],
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
    (
        &["build", "bundle"],
        "`pgseal pack DIR -o FILE` makes a bundle of a release directory",
    ),
    (
        &["show", "ls", "view"],
        "`pgseal inspect FILE` shows a bundle, `pgseal status` the releases of a database",
    ),
    (
        &["approvals"],
        "`pgseal verify FILE` counts the approvals, `pgseal approve FILE --key KEY` adds one",
    ),
    (
        &["reject", "deny", "veto", "block"],
        "who does not approve, signs nothing; `pgseal withdraw FILE --key KEY` takes back an approval, `pgseal trust set-policy TRUST --block RELEASE-ID` stops a release for all",
    ),
    (&["version"], "`pgseal --version` prints it"),
];

/// Options of other tools. The more special one comes first.
const OPTIONS: &[(&[&str], &str)] = &[
    (
        &["pack --dry-run", "pack -n"],
        "`pgseal lint DIR` says whether the release packs, and writes nothing",
    ),
    (
        &["import --dry-run", "import -n"],
        "`import` writes a new directory and nothing else: name one that you may delete",
    ),
    (
        &["rollback --dry-run", "rollback -n"],
        "`pgseal rehearse FILE --from DATABASE` runs the release and its rollback on a clone; a rollback that would not end in the state before is not committed",
    ),
    (
        &["--dry-run", "-n"],
        "`pgseal plan FILE` shows what `run` would do, and writes nothing",
    ),
    (
        &["pack --force", "pack -f"],
        "`pgseal pack DIR -o FILE --replace` gives up the file that is there",
    ),
    (
        &["rollback --force", "rollback -f"],
        "no option skips a check: `pgseal status` names what is in effect, and what stands in the way",
    ),
    (
        &["--force", "-f", "--no-verify"],
        "no option opens a gate: `pgseal gate FILE` names everything that a run lacks",
    ),
    (
        &["init --from"],
        "`pgseal import TOOL SOURCE -o DIR` makes a release directory from the scripts of another tool",
    ),
    (
        &["import --next"],
        "`pgseal init DIR --next BUNDLE` begins the version after a bundle; --from and --to choose changes of the other tool",
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
        ErrorKind::InvalidValue,
        "'<TOOL>'",
        "the tool comes first, as in `pgseal import golang-migrate SOURCE -o DIR`",
    ),
    (
        ErrorKind::ValueValidation,
        "'--since <TIME>'",
        "a checkpoint that was kept is given by --checkpoint FILE",
    ),
    (
        ErrorKind::MissingRequiredArgument,
        "--from <DATABASE>|--from-dump <FILE>",
        "--from names the database to copy; --db names a database of its server, such as postgres",
    ),
];

/// The sentence of a word of another tool, given to a command of pgseal or to none.
fn hint_for(table: &[(&[&str], &'static str)], command: &str, word: &str) -> Option<&'static str> {
    let special = format!("{command} {word}");
    let matches = |words: &[&str]| words.iter().any(|one| *one == word || *one == special);
    let found = table.iter().find(|(words, _)| matches(words));
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
    ) && !is_host_before_command(std::env::args_os().skip(1));
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
    let error = match error.kind() {
        ErrorKind::DisplayHelp => CliError::usage("-h before the command is no host").hint(
            "name the server behind the command, as in `pgseal status -h HOST`; help is --help",
        ),
        _ => error_of(error),
    };
    out.error(&error);
    out.conclude(Exit::Usage, Some(&error));
    ExitCode::from(Exit::Usage.code())
}

/// Whether the first argument is psql's `-h HOST`. As help it would end with 0, and nothing would run.
fn is_host_before_command(mut arguments: impl Iterator<Item = OsString>) -> bool {
    let first = arguments.next().unwrap_or_default();
    let first = first.as_encoded_bytes();
    first.starts_with(b"-h") && (first.len() > 2 || arguments.next().is_some())
}

fn error_of(error: &clap::Error) -> CliError {
    let text = error.to_string();
    let words = |lines: &str| lines.split_whitespace().collect::<Vec<_>>().join(" ");
    // Two usages stand on two lines.
    let paragraph = |lines: &str| words(lines).replace(" pgseal ", " or pgseal ");
    let paragraphs: Vec<String> = text
        .split("\n\n")
        .map(|lines| match lines.starts_with("Usage: ") {
            true => paragraph(lines).replacen("Usage: or ", "Usage: ", 1),
            false => words(lines),
        })
        .collect();
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
    let definition = super::definition();
    let command = command_of(error, &definition);
    let is_value = error.kind() == ErrorKind::UnknownArgument && !word.starts_with('-');
    let value = (is_value && has_host(command))
        .then_some("a database is named by -d, a variable by -v NAME=VALUE");
    hint_for(table, command.get_name(), word)
        .or(value)
        .map(str::to_owned)
}

/// The command that an error is about. Only the usage in its text names it.
fn command_of<'c>(error: &clap::Error, definition: &'c Command) -> &'c Command {
    let text = error.to_string();
    let (_, usage) = text.split_once("Usage: pgseal ").unwrap_or_default();
    let mut command = definition;
    for word in usage.split_whitespace() {
        match command.find_subcommand(word) {
            Some(below) => command = below,
            None => break,
        }
    }
    command
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
                let line = match word.split_once(' ') {
                    Some(("import", option)) => vec!["pgseal", "import", "sqitch", "x", option],
                    Some((command, option)) => vec!["pgseal", command, "x", option],
                    None if word.starts_with('-') => vec!["pgseal", "run", "x.pgseal", word],
                    None => vec!["pgseal", word],
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
            (&["pgseal", "import", "migrations"], "the tool comes first"),
            (&["pgseal", "audit", "x", "--since", "y"], "--checkpoint"),
            (
                &["pgseal", "fingerprint", "--all"],
                " or pgseal fingerprint <",
            ),
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
