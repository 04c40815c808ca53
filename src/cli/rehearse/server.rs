//! The server of `--db`, as a rehearsal uses it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::end_with;
use crate::database::Connect;
use crate::postgres::programs::dump_programs;
use crate::postgres::{Connector, Dumps, Parameters};
use crate::release::rehearse::Server;

/// A server and how to connect to it.
pub struct Here {
    connector: Connector,
    parameters: Parameters,
}

impl Here {
    /// Does not connect yet.
    pub fn new(connector: Connector, parameters: Parameters) -> Self {
        Self {
            connector,
            parameters,
        }
    }

    /// The database of `--db`.
    pub fn maintenance(&self) -> &dyn Connect {
        &self.connector
    }

    fn dumps(&self) -> Result<Dumps, String> {
        let explicit = std::env::var_os("PGSEAL_POSTGRES_BIN").map(PathBuf::from);
        let found = dump_programs(explicit.as_deref(), std::env::var_os("PATH").as_deref());
        let dir =
            found.map_err(|error| format!("{error}; PGSEAL_POSTGRES_BIN names their directory"))?;
        Ok(Dumps::new(&dir, &self.parameters, &self.connector).started_by(end_with::launcher()))
    }
}

impl Server for Here {
    fn database(&self, name: &str) -> Arc<dyn Connect + Send> {
        Arc::new(self.connector.for_database(name))
    }

    fn copy(&self, from: &str, to: &str, is_stopped: &dyn Fn() -> bool) -> Result<(), String> {
        self.dumps()?
            .copy(from, to, is_stopped)
            .map_err(|error| error.to_string())
    }

    fn restore(&self, dump: &Path, to: &str, is_stopped: &dyn Fn() -> bool) -> Result<(), String> {
        self.dumps()?
            .restore(dump, to, is_stopped)
            .map_err(|error| error.to_string())
    }
}
