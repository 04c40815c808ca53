//! `pgseal clone`: standing clones, made, listed, checked, reset and dropped.

mod check;
mod drop;
mod list;
mod make;
mod reset;

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::args::{ConnectionArgs, TrustArgs, now};
use super::connection;
use super::interrupt::{self, Command};
use super::progress::Notifier;
use super::rehearse::{Here, workers};
use super::{CliError, Exit, Kind, Output, escape};
use crate::release::cancellation::CancellationToken;
use crate::release::rehearse::standing::{KeepError, Keeper, StandingClone, StandingError};
use crate::trust::TrustRoot;
use pgseal_verify::format::clone_marker::CloneMarker;
use pgseal_verify::format::statement::title;
use pgseal_verify::format::wire::V1;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: CloneCommand,
}

#[derive(clap::Subcommand, Debug)]
enum CloneCommand {
    /// Make a clone of a database, with a signed marker
    Make(make::Args),
    /// List the clones of a server
    List(list::Args),
    /// Check a clone's marker, and whether it is as it was made (exit 50 if not)
    Check(check::Args),
    /// Drop a clone, and make it anew from its source
    Reset(reset::Args),
    /// Drop a clone
    Drop(drop::Args),
}

/// `--clone` of commands that `--db` leads to a database.
#[derive(clap::Args, Debug, Clone)]
pub struct OnCloneArgs {
    /// --db names a standing clone of the release's target, made by `pgseal clone make`
    #[arg(long)]
    pub clone: bool,
}

/// The server of the clones.
#[derive(clap::Args, Debug)]
struct ServerArgs {
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// A clone of that server.
#[derive(clap::Args, Debug)]
struct NameArgs {
    /// The clone
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// Everything that a command on clones needs.
struct Site {
    root: TrustRoot,
    server: Here,
    stop: CancellationToken,
    notifier: Notifier,
    command: Command,
}

impl ServerArgs {
    fn site(&self, name: &'static str, out: Output) -> Result<Site, CliError> {
        let root = self.trust.load()?;
        let (connector, parameters) = connection::connector_for_clones(&self.connection, None)?;
        let server = Here::new(connector, parameters);
        let (stop, notifier) = (CancellationToken::default(), Notifier::plain(out));
        let leaves =
            "a clone that was being made may be left: it has no marker, and is dropped by hand";
        let command = Command {
            leaves: Some(leaves),
            ..Command::reads(name)
        };
        interrupt::watch(&command, &stop, out, notifier.clone())?;
        Ok(Site {
            root,
            server,
            stop,
            notifier,
            command,
        })
    }
}

impl Site {
    fn keeper(&self, workers: NonZeroUsize) -> Keeper<'_> {
        Keeper {
            connect: self.server.maintenance(),
            server: &self.server,
            root: &self.root,
            stop: &self.stop,
            aside: Arc::new(self.notifier.clone()),
            workers,
            clock: &now,
        }
    }

    /// The error of a command, or its interruption.
    fn told(&self, error: impl Into<CliError>) -> CliError {
        let error = error.into();
        if self.stop.is_requested() {
            let name = self.command.name;
            return CliError::new(Kind::Interrupted, format!("the {name} was interrupted"));
        }
        error
    }
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    match &args.command {
        CloneCommand::Make(args) => make::run(args, out),
        CloneCommand::List(args) => list::run(args, out),
        CloneCommand::Check(args) => check::run(args, out),
        CloneCommand::Reset(args) => reset::run(args, out),
        CloneCommand::Drop(args) => drop::run(args, out),
    }
}

fn document(marker: &CloneMarker) -> serde_json::Value {
    serde_json::json!(V1(marker))
}

/// `clone app_clone of app, made 2026-01-01T00:00:00Z`
fn sentence(marker: &CloneMarker) -> String {
    let source = match &marker.source.database {
        Some(database) => database.clone(),
        None => "a dump".to_owned(),
    };
    let release = marker.release.as_ref().map(|release| {
        let title = title(&release.name, &release.version);
        format!(", with {title} in effect")
    });
    escape(&format!(
        "clone {} of {source}, made {}{}",
        marker.database,
        marker.made,
        release.unwrap_or_default()
    ))
}

/// Shows a new clone.
fn show_made(clone: &StandingClone, remarks: &[String], out: Output) {
    out.document(&serde_json::json!({
        "clone": document(clone.marker()),
        "remarks": remarks,
    }));
    for remark in remarks {
        out.warning(escape(remark));
    }
    out.line(sentence(clone.marker()));
    out.line(format!("fingerprint {}", clone.marker().sha256));
}

impl From<KeepError> for CliError {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::Standing(error) => error.into(),
            KeepError::Rehearsal(error) => {
                let this = Self::from(error);
                match this.hint.as_deref() {
                    Some("nothing was rehearsed") => this.hint("no clone was made"),
                    _ => this,
                }
            }
            KeepError::Left { error, left } => {
                let mut this = Self::from(*error);
                this.lines.push(escape(&left.to_string()));
                this
            }
        }
    }
}

impl From<StandingError> for CliError {
    fn from(error: StandingError) -> Self {
        let (kind, hint) = match &error {
            StandingError::Database(_) => (Kind::ServerError, ""),
            StandingError::Missing(_) => (Kind::NotAClone, "`pgseal clone list` names the clones"),
            StandingError::NoMarker(_)
            | StandingError::Unreadable(_)
            | StandingError::Other { .. } => (
                Kind::NotAClone,
                "only a database that `pgseal clone make` or `rehearse --keep` made and marked counts; nothing was changed",
            ),
            StandingError::NotAuthentic { .. } => (
                Kind::NotAuthentic,
                "its signer needs the role receipt in the trust root; nothing was changed",
            ),
            StandingError::InUse { .. } => (
                Kind::CloneInUse,
                "nothing is done under other sessions: end them, and run the command again",
            ),
            StandingError::FromDump(_) => (
                Kind::CloneRefused,
                "drop it, and rehearse with --from-dump and --keep again",
            ),
            StandingError::Guarded(_) => (Kind::CloneRefused, "name another database"),
        };
        match error {
            StandingError::Database(error) => error.into(),
            error => Self::new(kind, error).hint(hint),
        }
    }
}
