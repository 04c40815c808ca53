//! Sessions by the `postgres` crate.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use ::postgres::types::{ToSql, Type};
use ::postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::error;
use crate::database::{BatchAnswer, Column, Connect, DatabaseError, Notice, Purpose, Session, Table};

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
    client: Client,
    notices: Arc<Mutex<Vec<Notice>>>,
    version: u32,
}

/// More than a release's verify scripts ever say at once; a script that raises notices in a loop must not fill memory.
const NOTICES_KEPT: usize = 1_000;

const CURSOR: &str = "DECLARE pgseal_rows NO SCROLL CURSOR FOR ";

impl PostgresSession {
    /// Connects and prepares the session.
    pub fn open(config: &Config, purpose: Purpose) -> Result<Self, DatabaseError> {
        let notices: Arc<Mutex<Vec<Notice>>> = Arc::default();
        let mut config = config.clone();
        let sink = Arc::clone(&notices);
        config.notice_callback(move |notice| {
            let mut kept = sink.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() < NOTICES_KEPT {
                kept.push(error::notice(&notice));
            }
        });
        // As the session's own start values, so that also RESET ALL leads back to them; they beat what the role and the
        // database have set. The caller's own options are refused before (`cli/connection.rs`).
        let read_only = if purpose == Purpose::Read { " -c default_transaction_read_only=on" } else { "" };
        config.options(&format!("-c search_path=pg_catalog,pg_temp{read_only}"));
        let mut client = config.connect(NoTls).map_err(|e| error::convert(&e, 0))?;
        let version = client.query_typed_one("select pg_catalog.current_setting('server_version_num')::int4", &[]);
        let version: i32 = version.and_then(|row| row.try_get(0)).map_err(|e| error::convert(&e, 0))?;
        Ok(Self { client, notices, version: version.unsigned_abs() })
    }

    fn fetch(&mut self, limit: usize) -> Result<Table, DatabaseError> {
        let answer = self.client.simple_query(&format!("FETCH FORWARD {limit} FROM pgseal_rows"));
        let mut table = Table::default();
        for message in answer.map_err(|e| error::convert(&e, 0))? {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    table.columns = columns.iter().map(|column| column.name().to_owned()).collect();
                }
                SimpleQueryMessage::Row(row) => {
                    table.rows.push((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect());
                }
                _ => {}
            }
        }
        Ok(table)
    }
}

impl Session for PostgresSession {
    fn execute(&mut self, sql: &str) -> Result<u64, DatabaseError> {
        self.client.execute_typed(sql, &[]).map_err(|e| error::convert(&e, 0))
    }

    fn batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.client.batch_execute(sql).map_err(|e| error::convert(&e, 0))
    }

    fn server_version_num(&self) -> u32 {
        self.version
    }

    fn execute_with(&mut self, _sql: &str, _parameters: &[String]) -> Result<u64, DatabaseError> {
        Err(DatabaseError::Unsound("not yet".to_owned()))
    }

    fn rows(&mut self, _sql: &str, _limit: usize) -> Result<Table, DatabaseError> {
        Err(DatabaseError::Unsound("not yet".to_owned()))
    }

    fn send_batch(&mut self, _sql: &str) -> Result<(), DatabaseError> {
        Err(DatabaseError::Unsound("not yet".to_owned()))
    }

    fn receive_batch(&mut self) -> Result<BatchAnswer, DatabaseError> {
        Err(DatabaseError::Unsound("not yet".to_owned()))
    }

    fn copy_in(&mut self, sql: &str, data: &mut dyn Read) -> Result<u64, DatabaseError> {
        let mut writer = self.client.copy_in(sql).map_err(|e| error::convert(&e, 0))?;
        // An error of the server while data is on its way shows when the copy is finished.
        let sent = std::io::copy(data, &mut writer);
        match writer.finish() {
            Err(e) => Err(error::convert(&e, 0)),
            Ok(_) if sent.is_err() => Err(DatabaseError::Connection("the COPY was cut off".to_owned())),
            Ok(rows) => Ok(rows),
        }
    }

    fn copy_out(&mut self, sql: &str) -> Result<u64, DatabaseError> {
        let mut reader = self.client.copy_out(sql).map_err(|e| error::convert(&e, 0))?;
        std::io::copy(&mut reader, &mut std::io::sink()).map_err(|e| match e.get_ref().and_then(|e| e.downcast_ref()) {
            Some(source) => error::convert(source, 0),
            None => DatabaseError::Connection(e.to_string()),
        })
    }

    fn analyse(&mut self, sql: &str) -> Result<Vec<Column>, DatabaseError> {
        let statement = self.client.prepare(sql).map_err(|e| error::convert(&e, 0))?;
        let column = |column: &::postgres::Column| Column {
            name: column.name().to_owned(),
            is_boolean: *column.type_() == Type::BOOL,
        };
        Ok(statement.columns().iter().map(column).collect())
    }

    fn select(&mut self, sql: &str, limit: usize) -> Result<Table, DatabaseError> {
        let declared = self.client.execute_typed(&format!("{CURSOR}{sql}"), &[]);
        declared.map_err(|e| error::convert(&e, CURSOR.len() as u32))?;
        let table = self.fetch(limit)?;
        self.execute("CLOSE pgseal_rows")?;
        Ok(table)
    }

    fn query(&mut self, sql: &'static str, parameters: &[&str]) -> Result<Table, DatabaseError> {
        let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
            parameters.iter().map(|text| (text as &(dyn ToSql + Sync), Type::TEXT)).collect();
        let rows = self.client.query_typed(sql, &parameters).map_err(|e| error::convert(&e, 0))?;
        let mut table = Table::default();
        for row in rows {
            table.columns = row.columns().iter().map(|column| column.name().to_owned()).collect();
            let values = (0..row.len()).map(|at| row.try_get::<_, Option<String>>(at));
            table.rows.push(values.collect::<Result<_, _>>().map_err(|e| error::convert(&e, 0))?);
        }
        Ok(table)
    }

    fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
