//! Connection, time limits, operator and cancellation shared by commands that use a database.

use super::args::{DatabaseArgs, LimitArgs, now};
use super::error::CliError;
use super::host::operator;
use super::interrupt::{self, Command};
use super::output::Output;
use super::progress::Beside;
use crate::release::Order;
use crate::release::stop::Stop;
use crate::release::watched::Watched;
use pgseal_verify::format::limits_of_run::RunLimits;
use pgseal_verify::format::receipt::Operator;
use std::collections::BTreeMap;

/// The parts of an order that do not come from the release.
pub struct Ordered {
    /// The running command, for interruption messages.
    pub command: Command,
    /// Cancellation token.
    pub stop: Stop,
    connect: Watched,
    runs_as: Option<String>,
    limits: RunLimits,
    lock_retries: u32,
    operator: Operator,
}

impl Ordered {
    /// Reads the connection parameters and handles signals from now on, without connecting.
    /// `signed` are the release's limits.
    pub fn prepare(
        database: &DatabaseArgs,
        (limits, signed): (&LimitArgs, &RunLimits),
        command: Command,
        out: Output,
        beside: Beside,
    ) -> Result<Self, CliError> {
        let limits = limits.within(signed)?;
        let stop = Stop::default();
        let (connect, runs_as) = database.watched(&stop, signed, &limits, beside.clone())?;
        interrupt::watch(&command, &stop, out, beside)?;
        Ok(Self { command, stop, connect, runs_as, limits, lock_retries: 0, operator: operator() })
    }

    /// Sets the number of retries for transactions that cannot acquire their locks.
    pub fn retrying(self, lock_retries: u32) -> Self {
        Self { lock_retries, ..self }
    }

    /// Builds the order for a bundle.
    pub fn order<'b, B>(&'b self, bundle: &'b B, variables: &'b BTreeMap<String, String>) -> Order<'b, &'b B> {
        Order {
            bundle,
            connect: &self.connect,
            runs_as: self.runs_as.as_deref(),
            clone: None,
            variables,
            limits: &self.limits,
            lock_retries: self.lock_retries,
            operator: &self.operator,
            stop: &self.stop,
            clock: &now,
        }
    }

    /// Reports an interruption instead of the error it caused, before the transaction.
    pub fn told(&self, error: CliError) -> CliError {
        self.command.told(&self.stop, error)
    }
}
