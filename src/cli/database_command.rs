//! Connection, time limits, operator and cancellation shared by commands that use a database.

use super::args::{DatabaseArgs, LimitArgs, now};
use super::clone::OnCloneArgs;
use super::host::operator;
use super::interrupt::{self, Command};
use super::progress::Notifier;
use super::{CliError, Output};
use crate::release::RunContext;
use crate::release::cancellable::CancellableConnector;
use crate::release::cancellation::CancellationToken;
use crate::release::rehearse::standing::{self, StandingClone};
use crate::release::run_context::CloneOf;
use crate::trust::{JudgedAt, TrustRoot};
use pgseal_verify::format::receipt::Operator;
use pgseal_verify::format::run_limits::RunLimits;
use std::collections::BTreeMap;

/// The parts of an order that do not come from the release.
pub struct DatabaseCommand {
    /// The running command, for interruption messages.
    pub command: Command,
    pub stop: CancellationToken,
    pub connect: CancellableConnector,
    runs_as: Option<String>,
    limits: RunLimits,
    lock_retries: u32,
    operator: Operator,
    standing: Option<StandingClone>,
}

impl DatabaseCommand {
    /// Reads the connection parameters and handles signals from now on, without connecting.
    /// `signed` are the release's limits.
    pub fn prepare(
        database: &DatabaseArgs,
        (limits, signed): (&LimitArgs, &RunLimits),
        command: Command,
        out: Output,
        notifier: Notifier,
    ) -> Result<Self, CliError> {
        let stop = CancellationToken::default();
        let this = Self::stopped_by(&stop, database, (limits, signed), command, notifier.clone())?;
        interrupt::watch(&this.command, &stop, out, notifier)?;
        Ok(this)
    }

    /// Like [`Self::prepare`], after an earlier command of this process: signals that it handles
    /// stop this one as well. A stop that was requested meanwhile is an error.
    pub fn following(
        stop: &CancellationToken,
        database: &DatabaseArgs,
        limits: (&LimitArgs, &RunLimits),
        command: Command,
        notifier: Notifier,
    ) -> Result<Self, CliError> {
        stop.anew();
        if stop.is_requested() {
            return Err(command.interrupted());
        }
        Self::stopped_by(stop, database, limits, command, notifier)
    }

    fn stopped_by(
        stop: &CancellationToken,
        database: &DatabaseArgs,
        (limits, signed): (&LimitArgs, &RunLimits),
        command: Command,
        notifier: Notifier,
    ) -> Result<Self, CliError> {
        let limits = limits.within(signed)?;
        let (connect, runs_as) = database.cancellable_connector(stop, signed, &limits, notifier)?;
        Ok(Self {
            command,
            stop: stop.clone(),
            connect,
            runs_as,
            limits,
            lock_retries: 0,
            operator: operator(),
            standing: None,
        })
    }

    /// The same command with a connector that chooses a server anew.
    pub fn reconnecting(
        &self,
        database: &DatabaseArgs,
        signed: &RunLimits,
        notifier: Notifier,
    ) -> Result<Self, CliError> {
        let (connect, runs_as) =
            database.cancellable_connector(&self.stop, signed, &self.limits, notifier)?;
        Ok(Self {
            command: self.command.clone(),
            stop: self.stop.clone(),
            connect,
            runs_as,
            limits: self.limits.clone(),
            lock_retries: self.lock_retries,
            operator: self.operator.clone(),
            standing: None,
        })
    }

    /// With `--clone`: requires that the database is a standing clone by the trust root.
    pub fn on_clone(self, args: &OnCloneArgs, root: &TrustRoot) -> Result<Self, CliError> {
        if !args.clone {
            return Ok(self);
        }
        let found = standing::find(&self.connect, root, JudgedAt::At(now()));
        let standing = found.map_err(|error| self.or_interrupted(error.into()))?;
        Ok(Self {
            standing: Some(standing),
            ..self
        })
    }

    /// Sets the number of retries for transactions that cannot acquire their locks.
    pub fn retrying(self, lock_retries: u32) -> Self {
        Self {
            lock_retries,
            ..self
        }
    }

    /// Builds the order for a bundle.
    pub fn order<'b, B>(
        &'b self,
        bundle: &'b B,
        variables: &'b BTreeMap<String, String>,
    ) -> RunContext<'b, &'b B> {
        RunContext {
            bundle,
            connect: &self.connect,
            runs_as: self.runs_as.as_deref(),
            clone: self.standing.as_ref().map(CloneOf::Standing),
            receipts: None,
            variables,
            limits: &self.limits,
            lock_retries: self.lock_retries,
            operator: &self.operator,
            stop: &self.stop,
            clock: &now,
        }
    }

    /// Reports an interruption instead of the error it caused, before the transaction.
    pub fn or_interrupted(&self, error: CliError) -> CliError {
        self.command.or_interrupted(&self.stop, error)
    }
}
