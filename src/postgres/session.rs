//! Sessions by `tokio-postgres`, driven on the caller's thread.

use std::io::Read;
use std::time::Duration;

use ::tokio_postgres::config::TargetSessionAttrs;
use ::tokio_postgres::types::{ToSql, Type};
use ::tokio_postgres::{Client, Config};

use super::parameter::TextForm;
use super::pump::Pump;
use super::{copy, error, rows};
use crate::database::{BatchAnswer, Cancel, Column, Connect, DatabaseError, Notice, Purpose, Session, Table};

/// Opens sessions by one configuration.
pub struct Connector {
    config: Config,
}

impl Connector {
    /// With everything that a connection needs; see `cli/connection.rs` for where it comes from.
    pub fn new(mut config: Config) -> Self {
        config.application_name("pgseal");
        Self { config }
    }
}

impl Connect for Connector {
    fn connect(&self, purpose: Purpose) -> Result<Box<dyn Session>, DatabaseError> {
        Ok(Box::new(PostgresSession::open(&self.config, purpose)?))
    }
}

/// One connection.
pub struct PostgresSession {
    // Dropped before the pump, which then says goodbye.
    client: Client,
    pump: Pump,
    version: u32,
    config: Config,
}

/// Reaches the server beside a session.
struct Canceller {
    token: ::tokio_postgres::CancelToken,
    config: Config,
}

impl Cancel for Canceller {
    fn cancel(&self) -> Result<(), DatabaseError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| DatabaseError::Connection(format!("no event loop: {e}")))?;
        runtime.block_on(async {
            let (wire, _) = super::wire::Wire::connect(&self.config).await?;
            let asked = self.token.cancel_query_raw(wire, ::tokio_postgres::NoTls).await;
            asked.map_err(|e| error::convert(&e, 0))
        })
    }
}

const CURSOR: &str = "DECLARE pgseal_rows NO SCROLL CURSOR FOR ";

/// What every session begins with, and `RESET ALL` leads back to: where names are looked up, and how the server reads
/// strings, comparisons with NULL, and dates.
const START: &str = "-c search_path=pg_catalog,pg_temp -c standard_conforming_strings=on -c backslash_quote=safe_encoding \
                     -c transform_null_equals=off -c array_nulls=on -c datestyle=ISO,MDY -c intervalstyle=postgres";

impl PostgresSession {
    /// Connects and prepares the session.
    pub fn open(config: &Config, purpose: Purpose) -> Result<Self, DatabaseError> {
        let mut config = config.clone();
        // As the session's own start values, so that also RESET ALL leads back to them; they beat what the role and the
        // database have set. The caller's own options are refused before (`cli/connection.rs`).
        let read_only = if purpose != Purpose::Write { " -c default_transaction_read_only=on" } else { "" };
        config.options(format!("{START}{read_only}"));
        let (client, pump) = Pump::connect(&config)?;
        let mut session = Self { client, pump, version: 0, config: config.clone() };
        let version = session.query("select pg_catalog.current_setting('server_version_num')", &[])?;
        let version = version.single().and_then(|text| text.parse().ok());
        session.version = version.ok_or_else(|| DatabaseError::Unsound("the server has no version".to_owned()))?;
        session.is_wanted(config.get_target_session_attrs())?;
        Ok(session)
    }

    /// `target_session_attrs`. Whether this session writes is its own choice, so only what the server is counts.
    fn is_wanted(&mut self, wanted: TargetSessionAttrs) -> Result<(), DatabaseError> {
        let standby = match wanted {
            TargetSessionAttrs::ReadWrite => "false",
            TargetSessionAttrs::ReadOnly => "true",
            _ => return Ok(()),
        };
        if self.query("select pg_catalog.pg_is_in_recovery()::text", &[])?.single() == Some(standby) {
            return Ok(());
        }
        Err(DatabaseError::Connection("the server is not what target_session_attrs asks for".to_owned()))
    }
}

impl Session for PostgresSession {
    fn execute(&mut self, sql: &str) -> Result<u64, DatabaseError> {
        self.pump.run(0, self.client.execute_typed(sql, &[]))
    }

    fn batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.pump.run(0, self.client.batch_execute(sql))
    }

    fn server_version_num(&self) -> u32 {
        self.version
    }

    fn execute_with(&mut self, sql: &str, parameters: &[String]) -> Result<u64, DatabaseError> {
        let parameters: Vec<_> = parameters.iter().map(|text| TextForm(text)).collect();
        // Type `unknown` is how the protocol leaves a type to the server.
        let typed: Vec<(&(dyn ToSql + Sync), Type)> =
            parameters.iter().map(|text| (text as &(dyn ToSql + Sync), Type::UNKNOWN)).collect();
        self.pump.run(0, self.client.execute_typed(sql, &typed))
    }

    fn rows(&mut self, sql: &str, limit: usize) -> Result<Table, DatabaseError> {
        self.pump.run(0, self.client.prepare(sql))?;
        self.pump.run(0, rows::fetch(&self.client, sql, limit))?.into_table(limit)
    }

    fn send_batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.pump.send(self.client.simple_query_raw(sql))
    }

    fn receive_batch(&mut self) -> Result<BatchAnswer, DatabaseError> {
        self.pump.receive()
    }

    fn copy_in(&mut self, sql: &str, data: &mut dyn Read) -> Result<u64, DatabaseError> {
        // Proves that it is one statement; what follows could not.
        self.pump.run(0, self.client.prepare(sql))?;
        let mut sending = copy::Sending::new(data);
        self.pump.exchange(self.client.simple_query_raw(sql), |outbox, stream, cx| sending.step(outbox, stream, cx))
    }

    fn copy_out(&mut self, sql: &str) -> Result<u64, DatabaseError> {
        self.pump.run(0, copy::copy_out(&self.client, sql))
    }

    fn analyse(&mut self, sql: &str) -> Result<Vec<Column>, DatabaseError> {
        let statement = self.pump.run(0, self.client.prepare(sql))?;
        let column = |column: &::tokio_postgres::Column| Column {
            name: column.name().to_owned(),
            is_boolean: *column.type_() == Type::BOOL,
        };
        Ok(statement.columns().iter().map(column).collect())
    }

    fn select(&mut self, sql: &str, limit: usize) -> Result<Table, DatabaseError> {
        let declare = format!("{CURSOR}{sql}");
        self.pump.run(CURSOR.len() as u32, self.client.execute_typed(&declare, &[]))?;
        let fetch = format!("FETCH FORWARD {limit} FROM pgseal_rows");
        let table = self.pump.run(0, rows::fetch(&self.client, &fetch, limit))?.into_table(limit)?;
        self.execute("CLOSE pgseal_rows")?;
        Ok(table)
    }

    fn query(&mut self, sql: &'static str, parameters: &[&str]) -> Result<Table, DatabaseError> {
        let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
            parameters.iter().map(|text| (text as &(dyn ToSql + Sync), Type::TEXT)).collect();
        let rows = self.pump.run(0, self.client.query_typed(sql, &parameters))?;
        let mut table = Table::default();
        for row in rows {
            table.columns = row.columns().iter().map(|column| column.name().to_owned()).collect();
            let values = (0..row.len()).map(|at| row.try_get::<_, Option<String>>(at));
            table.rows.push(values.collect::<Result<_, _>>().map_err(|e| error::convert(&e, 0))?);
        }
        Ok(table)
    }

    fn canceller(&self) -> Box<dyn Cancel> {
        Box::new(Canceller { token: self.client.cancel_token(), config: self.config.clone() })
    }

    fn set_patience(&mut self, _: Duration) {}

    fn notices(&mut self) -> Vec<Notice> {
        self.pump.notices()
    }
}
