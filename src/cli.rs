//! The command line: one file a command, `args.rs` for shared arguments, `output.rs` the only
//! printer.

mod approvals;
mod approve;
mod archive;
mod args;
mod attach;
mod attestor;
mod audit;
mod byte_progress;
mod cat;
mod check;
mod clone;
mod completions;
mod config;
mod connection;
mod database_command;
mod diff;
mod drift;
mod error;
mod escape;
mod events;
mod evidence;
mod exit;
mod export;
mod fingerprint;
mod gate;
mod gate_user;
mod help;
#[cfg(test)]
mod hints;
mod host;
mod html;
mod import;
mod init;
mod inspect;
mod interrupt;
mod journal;
mod keygen;
pub mod kind;
mod lines;
mod lint;
mod log_proof;
mod man;
mod manual;
mod measured;
mod missing;
mod new;
mod new_dir;
mod notarise;
mod output;
mod pack;
mod passphrase;
mod plan;
mod points;
mod progress;
mod receipt;
mod recording;
mod rehearsal_proof;
mod rehearse;
mod relative_locks;
mod release_text;
mod report;
mod rewrite;
mod rollback;
mod rollout;
mod run;
mod runbook;
mod schema_digests;
mod script;
mod settings;
mod sign;
mod signer;
mod stage;
mod status;
mod table;
mod tbs;
mod trial;
mod trust;
mod unpack;
mod usage;
mod verifier;
mod verify;
mod waiting;
mod withdraw;
mod wrap;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

// What most commands use.
use error::{CliError, ResultExt};
use exit::Exit;
use kind::Kind;
use output::{Output, Paint, display_path, escape, escape_lines, optional};

/// Signed, offline release bundles for PostgreSQL: verify, ask the gate, and only then run.
#[derive(Parser, Debug)]
#[command(
    name = "pgseal",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args, Debug)]
struct Global {
    /// Write one JSON document to stdout (schemas/ describes it)
    #[arg(long, global = true, overrides_with = "json")]
    json: bool,
    /// Print no progress and no notes
    #[arg(short, long, global = true, overrides_with = "quiet")]
    quiet: bool,
    /// When to use colours
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true)]
    color: Color,
    /// A configuration file, read after /etc/pgseal/pgseal.toml and before the environment
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Create a release directory to start from
    Init(init::Args),
    /// Make a release directory from the migrations of another tool
    Import(import::Args),
    /// Add a change to a release directory: tier, rollback, verify script
    New(new::Args),
    /// Create a key: NAME.key (secret) and NAME.pub
    Keygen(keygen::Args),
    /// The trust root: which keys may do which task
    Trust(trust::Args),
    /// Check a release directory without a database
    Lint(lint::Args),
    /// Reads one question of `lint`
    #[command(hide = true)]
    LintWorker,
    /// Try a release directory on a copy of your database, without keys
    Try(trial::Args),
    /// Pack a release directory into a bundle
    Pack(pack::Args),
    /// Add a signature to a bundle, in place
    Sign(sign::Args),
    /// Approve a release: your signature says yes to exactly this one
    Approve(approve::Args),
    /// Withdraw an approval
    Withdraw(withdraw::Args),
    /// Record as a notary which signatures exist now
    #[command(alias = "notarize")]
    Notarise(notarise::Args),
    /// Add an approval, a signature made elsewhere, or a time stamp to a bundle, in place
    Attach(attach::Args),
    /// Authenticate a bundle
    Verify(verify::Args),
    /// Write a page that verifies files in any browser, offline
    Verifier(verifier::Args),
    /// Show the contents of a bundle
    Inspect(inspect::Args),
    /// Print a file of a bundle
    Cat(cat::Args),
    /// The instructions for a reader
    Runbook(runbook::Args),
    /// Compare two bundles
    Diff(diff::Args),
    /// Write the files of a bundle to a new directory
    Unpack(unpack::Args),
    /// Export signatures and keys in the formats of other tools
    Export(export::Args),
    /// The statements that psql would send for a script; no database
    Script(script::Args),
    /// Ask the gate: READY or BLOCKED; never writes
    Gate(gate::Args),
    /// Show the steps of `run` on this database, and whether it could begin; read-only
    Plan(plan::Args),
    /// Run the release: all of it, or nothing; several in order
    Run(run::Args),
    /// Back to the baseline: all of it, or nothing
    Rollback(rollback::Args),
    /// One release over many databases, in waves; resumable
    Rollout(rollout::Args),
    /// Asks the soak question of a rollout on one database
    #[command(hide = true)]
    RolloutSoak(rollout::soak::Args),
    /// Run the verify scripts now; leaves nothing behind
    Check(check::Args),
    /// On a clone: run, run again (refused), roll back, compare, run once more; proves it by a receipt
    Rehearse(rehearse::Args),
    /// Standing clones of a database: made, listed, checked, reset, dropped
    Clone(clone::Args),
    /// Starts a program that ends when `rehearse` does
    #[command(hide = true)]
    EndWith(rehearse::end_with::Args),
    /// Show the runs in the ledger and the journals, and the next step
    Status(status::Args),
    /// Show or verify the receipt of a run
    Receipt(receipt::Args),
    /// The definitions that changed since the newest signed run or rollback
    Drift(drift::Args),
    /// Fingerprint a database by digest and by name, and compare two
    Fingerprint(fingerprint::Args),
    /// GO or NO-GO, from evidence only: READY, BLOCKED, HELD, DONE or STOP; read-only
    Report(report::Args),
    /// A directory that can't lose a file unnoticed: its log, its proofs
    Archive(archive::Args),
    /// Re-authenticate archives in bulk
    Audit(audit::Args),
    /// The settings of this host and shell
    Config(config::Args),
    /// Shell completions
    Completions(completions::Args),
    /// Names candidates for the scripts of `completions`
    #[command(hide = true)]
    Complete(completions::CompleteArgs),
    /// The manual page
    Man(man::Args),
    /// Explain a topic, or show the options of a command
    Help(help::Args),
}

/// Parses the arguments, runs the command and reports its error.
pub fn main() -> ExitCode {
    interrupt::file_size_is_an_error();
    // Some settings are defaults of arguments, so they come before parsing.
    let config = settings::named_file(std::env::args_os());
    let loaded = settings::load(config.as_deref());
    let matches = definition().try_get_matches();
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return usage::report(&error),
    };
    let color = |is_terminal: bool| match cli.global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none(),
    };
    let out = Output {
        json: cli.global.json,
        quiet: cli.global.quiet,
        color: color(output::stdout_is_terminal()),
        color_messages: color(output::stderr_is_terminal()),
    };
    let ended = loaded.and_then(|()| {
        match cli.global.config == config || cli.command.reads_others_words() {
            true => dispatch(cli.command, out),
            false => Err(CliError::usage(
                "--config stands where it is another option's value",
            )),
        }
    });
    let (exit, error) = match ended {
        Ok(exit) => (exit, None),
        Err(error) => (error.exit, Some(error)),
    };
    if let Some(error) = &error {
        out.error(error);
    }
    ExitCode::from(out.conclude(exit, error.as_ref()).code())
}

impl Command {
    /// Whether its arguments are a command line that is not finished.
    fn reads_others_words(&self) -> bool {
        matches!(self, Self::Complete(_))
    }
}

fn dispatch(command: Command, out: Output) -> Result<Exit, CliError> {
    match command {
        Command::Init(args) => init::run(&args, out),
        Command::Import(args) => import::run(&args, out),
        Command::New(args) => new::run(&args, out),
        Command::Keygen(args) => keygen::run(&args, out),
        Command::Trust(args) => trust::run(args, out),
        Command::Lint(args) => lint::run(&args, out),
        Command::LintWorker => lint::worker::run(out),
        Command::Try(args) => trial::run(&args, out),
        Command::Pack(args) => pack::run(&args, out),
        Command::Sign(args) => sign::run(&args, out),
        Command::Approve(args) => approve::run(&args, out),
        Command::Withdraw(args) => withdraw::run(&args, out),
        Command::Notarise(args) => notarise::run(&args, out),
        Command::Attach(args) => attach::run(&args, out),
        Command::Verify(args) => verify::run(&args, out),
        Command::Verifier(args) => verifier::run(&args, out),
        Command::Inspect(args) => inspect::run(&args, out),
        Command::Cat(args) => cat::run(&args, out),
        Command::Runbook(args) => runbook::run(&args, out),
        Command::Diff(args) => diff::run(&args, out),
        Command::Unpack(args) => unpack::run(&args, out),
        Command::Export(args) => export::run(&args, out),
        Command::Script(args) => script::run(&args, out),
        Command::Gate(args) => gate::run(&args, out),
        Command::Plan(args) => plan::run(&args, out),
        Command::Run(args) => run::run(&args, out),
        Command::Rollback(args) => rollback::run(&args, out),
        Command::Rollout(args) => rollout::run(&args, out),
        Command::RolloutSoak(args) => rollout::soak::run(&args, out),
        Command::Check(args) => check::run(&args, out),
        Command::Rehearse(args) => rehearse::run(&args, out),
        Command::Clone(args) => clone::run(&args, out),
        Command::EndWith(args) => rehearse::end_with::run(&args),
        Command::Status(args) => status::run(&args, out),
        Command::Receipt(args) => receipt::run(&args, out),
        Command::Drift(args) => drift::run(&args, out),
        Command::Fingerprint(args) => fingerprint::run(&args, out),
        Command::Report(args) => report::run(&args, out),
        Command::Archive(args) => archive::run(&args, out),
        Command::Audit(args) => audit::run(&args, out),
        Command::Config(args) => config::run(&args, out),
        Command::Completions(args) => completions::run(&args, out),
        Command::Complete(args) => completions::complete(args, out),
        Command::Man(args) => man::run(&args, out),
        Command::Help(args) => help::run(&args, out),
    }
}

fn definition() -> clap::Command {
    manual::help::complete(usage::with_help(Cli::command()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_definition_holds() {
        super::definition().debug_assert();
    }

    #[test]
    fn there_is_no_way_around_the_gate() {
        let command = super::definition();
        let all = std::iter::once(&command).chain(command.get_subcommands());
        for argument in all.flat_map(clap::Command::get_arguments) {
            let name = argument.get_long().unwrap_or_default();
            for word in "force skip ignore unsafe unsigned insecure no-verify no-gate".split(' ') {
                assert!(!name.contains(word), "--{name}");
            }
        }
        // `approve --yes` requires the release's name, like the prompt; no other command has a
        // `--yes`.
        let mut others = command.get_subcommands();
        let has_yes = |command: &clap::Command| {
            let mut arguments = command.get_arguments();
            arguments.any(|argument| argument.get_long() == Some("yes"))
        };
        assert!(others.all(|command| command.get_name() == "approve" || !has_yes(command)));
    }
}
