//! Arguments about the database, variables and limits.

use super::{ConnectionArgs, name_and_value};
use crate::cli::gate_user::GateUserArgs;
use crate::cli::{CliError, Kind, Output, connection, settings};
use crate::postgres::Connector;
use crate::release::cancellable::CancellableConnector;
use crate::release::cancellation::CancellationToken;
use crate::release::event::BackgroundObserver;
use clap::Args;
use pgseal_verify::format::manifest::Manifest;
use pgseal_verify::format::run_limits::{RunLimits, TimeLimit};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which database, and the values of variables.
#[derive(Args, Debug, Clone)]
pub struct DatabaseArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    gate_user: GateUserArgs,
    #[command(flatten)]
    variables: VariableArgs,
}

/// The values of variables.
#[derive(Args, Debug, Clone)]
pub struct VariableArgs {
    /// A variable of the release
    #[arg(short = 'v', long = "set", alias = "variable", value_name = "NAME=VALUE", value_parser = name_and_value)]
    variables: Vec<(String, String)>,
}

impl VariableArgs {
    /// Values for this release: of the command line, then of settings.
    pub fn values(
        &self,
        manifest: &Manifest,
        out: Output,
    ) -> Result<BTreeMap<String, String>, CliError> {
        settings::current().add_variables(manifest, self.given()?, Some(out))
    }

    /// The variables of the command line; a duplicate is an error.
    pub fn given(&self) -> Result<BTreeMap<String, String>, CliError> {
        let mut values = BTreeMap::new();
        for (name, value) in &self.variables {
            if values.insert(name.clone(), value.clone()).is_some() {
                return Err(CliError::new(
                    Kind::Variables,
                    format!("variable {name:?} is given twice"),
                ));
            }
        }
        Ok(values)
    }
}

impl DatabaseArgs {
    /// Prepares the connector without connecting.
    fn connector(&self) -> Result<Connector, CliError> {
        connection::connector_for_gates(&self.connection, self.gate_user()?.as_deref())
    }

    /// The role for gates and probes, if the operator named one.
    pub fn gate_user(&self) -> Result<Option<String>, CliError> {
        self.gate_user.named()
    }

    /// The role of `--gate-user`.
    pub fn gate_user_given(&self) -> Option<&str> {
        self.gate_user.given()
    }

    /// Connector for a run, cancellable by `stop`, with time limits of at most `signed`. Also
    /// returns the role of the run, if gates use another one.
    pub fn cancellable_connector(
        &self,
        stop: &CancellationToken,
        signed: &RunLimits,
        limits: &RunLimits,
        aside: impl BackgroundObserver + 'static,
    ) -> Result<(CancellableConnector, Option<String>), CliError> {
        let connect = Arc::new(self.connector()?);
        let runs_as = connect.runs_as().map(str::to_owned);
        Ok((
            CancellableConnector::new(connect, stop.clone(), signed, limits, Arc::new(aside)),
            runs_as,
        ))
    }

    /// The connection.
    pub fn connection(&self) -> &ConnectionArgs {
        &self.connection
    }

    /// The variables of the command line; a duplicate is an error.
    pub fn given(&self) -> Result<BTreeMap<String, String>, CliError> {
        self.variables.given()
    }

    /// Values for this release: of the command line, then of settings.
    pub fn variables(
        &self,
        manifest: &Manifest,
        out: Output,
    ) -> Result<BTreeMap<String, String>, CliError> {
        self.variables.values(manifest, out)
    }
}

/// Lower time limits than the release's.
#[derive(Args, Debug, Clone)]
pub struct LimitArgs {
    /// Maximum wait for a lock, at most the release's
    #[arg(long, value_name = "TIME")]
    lock_timeout: Option<TimeLimit>,
    /// Maximum duration of a statement, at most the release's
    #[arg(long, value_name = "TIME")]
    statement_timeout: Option<TimeLimit>,
    /// Maximum idle time in a transaction, at most the release's
    #[arg(long, value_name = "TIME")]
    idle_timeout: Option<TimeLimit>,
    /// Maximum duration of a transaction on PostgreSQL 17 and later, at most the release's
    #[arg(long, value_name = "TIME")]
    transaction_timeout: Option<TimeLimit>,
}

impl LimitArgs {
    /// The limits in force. The signed limits are upper bounds.
    pub fn within(&self, signed: &RunLimits) -> Result<RunLimits, CliError> {
        let lower = |name: &str, wanted: Option<TimeLimit>, signed: TimeLimit| match wanted {
            Some(wanted) if wanted > signed => {
                let text = format!(
                    "--{} {wanted} is more than the release allows, {signed}",
                    name.replace('_', "-")
                );
                Err(CliError::usage(text).hint(format!(
                    "a limit can only be lowered here; {name} of [limits] in release.toml is signed"
                )))
            }
            wanted => Ok(wanted.unwrap_or(signed)),
        };
        Ok(RunLimits {
            lock_timeout: lower("lock_timeout", self.lock_timeout, signed.lock_timeout)?,
            statement_timeout: lower(
                "statement_timeout",
                self.statement_timeout,
                signed.statement_timeout,
            )?,
            idle_timeout: lower("idle_timeout", self.idle_timeout, signed.idle_timeout)?,
            transaction_timeout: lower(
                "transaction_timeout",
                self.transaction_timeout,
                signed.transaction_timeout,
            )?,
        })
    }
}

/// Retries of transactions.
#[derive(Args, Debug, Clone)]
pub struct RetryArgs {
    /// Maximum retries after a lock timeout or deadlock
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(0..=10))]
    pub lock_retries: u32,
}
