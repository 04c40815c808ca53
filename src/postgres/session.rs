//! Sessions by `tokio-postgres`, driven on the caller's thread.

use std::collections::HashMap;
use std::future::ready;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use ::tokio_postgres::types::{ToSql, Type};
use ::tokio_postgres::{Client, Row, Statement};

use super::cancel::Canceller;
use super::connector::{Connector, Route};
use super::parameter::TextForm;
use super::pump::Pump;
use super::settings::Settings;
use super::start::{self, Facts};
use super::trouble::{Then, Trouble};
use super::{copy, error, rows};
use crate::database::{
    BatchAnswer, Cancel, ChangedReading, Column, DatabaseError, Identity, Notice, Parameter, Purpose, Session, Table,
};

/// One connection.
pub struct PostgresSession {
    /// Queries that are executed again, by their text.
    prepared: HashMap<&'static str, Statement>,
    kept: Option<Statement>,
    // Dropped before the pump, which then says goodbye.
    client: Client,
    pump: Pump,
    canceller: Canceller,
    route: Route,
    facts: Facts,
}

const CURSOR: &str = "DECLARE pgseal_rows NO SCROLL CURSOR FOR ";

fn fetch_forward(limit: usize) -> String {
    format!("FETCH FORWARD {limit} FROM pgseal_rows; CLOSE pgseal_rows")
}

impl PostgresSession {
    /// Connects to the first host that answers and is wanted.
    pub fn open(settings: &Settings, purpose: Purpose) -> Result<Self, DatabaseError> {
        Connector::new(settings.clone()).open(purpose)
    }

    /// One attempt: connects, and proves that the session is what was asked for.
    pub(super) fn begin(settings: &Arc<Settings>, route: &Route, purpose: Purpose) -> Result<Self, Trouble> {
        let host = &settings.hosts[route.host];
        let begun = Pump::connect(settings, route, purpose).and_then(|(client, pump, canceller, secure)| {
            let route = Route { secure, ..route.clone() };
            let mut session =
                Self { prepared: HashMap::new(), kept: None, client, pump, canceller, route, facts: Facts::default() };
            let pid = session.canceller.process();
            let facts = start::verify(&mut session, purpose, &settings.application_name, pid);
            session.pump.begun();
            session.facts = facts.map_err(|error| Trouble { error, then: Then::Stop })?;
            Ok(session)
        });
        begun.map_err(|trouble| trouble.at(host, &route.address))
    }

    /// Parses and analyses a statement. Analysis may run functions, by the input of literals and by constants; what they set
    /// is reported behind the driver's last word on it, so a Sync goes along and its answer is awaited too.
    fn prepare(&mut self, sql: &str) -> Result<Statement, DatabaseError> {
        let both = rows::behind(self.client.prepare(sql), self.client.check_connection());
        let (statement, synced) = self.pump.run(0, both)?;
        self.pump.run(0, ready(synced))?;
        Ok(statement)
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(super) fn route(&self) -> &Route {
        &self.route
    }
}

impl Session for PostgresSession {
    fn execute(&mut self, sql: &str) -> Result<u64, DatabaseError> {
        self.pump.run(0, self.client.execute_typed(sql, &[]))
    }

    fn batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.pump.run(0, self.client.batch_execute(sql))
    }

    fn batch_ahead(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.pump.send_ahead(self.client.simple_query_raw(sql))
    }

    fn server_version_num(&self) -> u32 {
        self.facts.version
    }

    fn process(&self) -> u32 {
        self.facts.process
    }

    fn identity(&self) -> &Identity {
        &self.facts.identity
    }

    fn execute_with(&mut self, sql: &str, parameters: &[String]) -> Result<u64, DatabaseError> {
        let parameters: Vec<_> = parameters.iter().map(|text| TextForm(text)).collect();
        // Type `unknown` is how the protocol leaves a type to the server.
        let typed: Vec<(&(dyn ToSql + Sync), Type)> =
            parameters.iter().map(|text| (text as &(dyn ToSql + Sync), Type::UNKNOWN)).collect();
        self.pump.run(0, self.client.execute_typed(sql, &typed))
    }

    fn rows(&mut self, sql: &str, limit: usize) -> Result<Table, DatabaseError> {
        self.prepare(sql)?;
        // What was parsed as one statement could now be two.
        if let Some(changed) = self.changed_reading() {
            return Err(DatabaseError::unsound(format!("{changed} while the statement was parsed")));
        }
        self.pump.run(0, rows::fetch(&self.client, sql, limit))?.into_table(1, limit)
    }

    fn send_batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
        // One in a string is counted too: that waits longer, and loses nothing.
        let statements = sql.bytes().filter(|byte| *byte == b';').count().try_into().unwrap_or(u32::MAX);
        self.pump.send(self.client.simple_query_raw(sql), statements)
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
        let size = self.pump.run(0, copy::copy_out(&self.client, sql))?;
        // The driver's last word on it stands before what the server reports of settings.
        self.pump.run(0, self.client.check_connection())?;
        Ok(size)
    }

    fn analyse(&mut self, sql: &str) -> Result<Vec<Column>, DatabaseError> {
        self.prepare(sql).map(|statement| columns(&statement))
    }

    fn select(&mut self, sql: &str, limit: usize) -> Result<Table, DatabaseError> {
        let declare = format!("{CURSOR}{sql}");
        let fetch = fetch_forward(limit);
        // Both are on their way at once. Where the first is refused, the transaction is over, and so is the second.
        let declared = self.client.execute_typed(&declare, &[]);
        let both = rows::behind(declared, rows::fetch(&self.client, &fetch, limit));
        let (_, fetched) = self.pump.run(CURSOR.len() as u32, both)?;
        self.pump.run(0, ready(fetched))?.into_table(2, limit)
    }

    fn open_cursor(&mut self, sql: &str) -> Result<(), DatabaseError> {
        // What was parsed as one statement could now be two.
        if let Some(changed) = self.changed_reading() {
            return Err(DatabaseError::unsound(format!("{changed} while the statement was parsed")));
        }
        self.pump.run(CURSOR.len() as u32, self.client.batch_execute(&format!("{CURSOR}{sql}")))
    }

    fn fetch(&mut self, limit: usize) -> Result<Table, DatabaseError> {
        self.pump.run(0, rows::fetch(&self.client, &fetch_forward(limit), limit))?.into_table(2, limit)
    }

    fn query(&mut self, sql: &'static str, parameters: &[&str]) -> Result<Table, DatabaseError> {
        let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
            parameters.iter().map(|text| (text as &(dyn ToSql + Sync), Type::TEXT)).collect();
        table(&self.pump.run(0, self.client.query_typed(sql, &parameters))?)
    }

    fn query_with(
        &mut self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
        again: bool,
    ) -> Result<Table, DatabaseError> {
        let types = || parameters.iter().map(type_of);
        let values = || parameters.iter().map(value_of);
        if !again {
            let typed: Vec<_> = values().zip(types()).collect();
            return table(&self.pump.run(0, self.client.query_typed(sql, &typed))?);
        }
        let statement = match self.prepared.get(sql) {
            Some(statement) => statement.clone(),
            None => {
                let types: Vec<_> = types().collect();
                let statement = self.pump.run(0, self.client.prepare_typed(sql, &types))?;
                self.prepared.entry(sql).or_insert(statement).clone()
            }
        };
        let values: Vec<_> = values().collect();
        table(&self.pump.run(0, self.client.query(&statement, &values))?)
    }

    fn keep(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.kept = Some(self.prepare(sql)?);
        Ok(())
    }

    fn execute_kept(&mut self) -> Result<(), DatabaseError> {
        let kept = self.kept.as_ref().ok_or_else(|| DatabaseError::unsound("no statement is kept".to_owned()))?;
        self.pump.run(0, self.client.execute(kept, &[])).map(drop)
    }

    fn canceller(&self) -> Box<dyn Cancel> {
        Box::new(self.canceller.clone())
    }

    fn set_patience(&mut self, patience: Duration) {
        self.pump.set_patience(patience);
    }

    fn set_deadline(&mut self, limit: Duration) {
        self.pump.set_deadline(limit);
    }

    fn notices(&mut self) -> Vec<Notice> {
        self.pump.notices()
    }

    fn changed_reading(&self) -> Option<ChangedReading> {
        start::changed_reading(|setting| self.pump.parameter(setting))
    }
}

fn type_of(parameter: &Parameter<'_>) -> Type {
    match parameter {
        Parameter::Text(_) => Type::TEXT,
        Parameter::Oids(_) => Type::OID_ARRAY,
    }
}

fn value_of<'p>(parameter: &'p Parameter<'_>) -> &'p (dyn ToSql + Sync) {
    match parameter {
        Parameter::Text(text) => text,
        Parameter::Oids(oids) => oids,
    }
}

fn columns(statement: &Statement) -> Vec<Column> {
    let column = |column: &::tokio_postgres::Column| Column {
        name: column.name().to_owned(),
        is_boolean: *column.type_() == Type::BOOL,
    };
    statement.columns().iter().map(column).collect()
}

/// Rows of text columns.
fn table(rows: &[Row]) -> Result<Table, DatabaseError> {
    let mut table = Table::default();
    for row in rows {
        table.columns = row.columns().iter().map(|column| column.name().to_owned()).collect();
        let values = (0..row.len()).map(|at| row.try_get::<_, Option<String>>(at));
        table.rows.push(values.collect::<Result<_, _>>().map_err(|e| error::convert(&e, 0))?);
    }
    Ok(table)
}
