//! Sessions: implements the port's operations as protocol messages.
//!
//! A session queries no catalog of its own accord: values are sent as text, and types as fixed
//! OIDs.

use std::collections::HashMap;
use std::io::{self, Read};
use std::result;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::message::frontend::{self, BindError};
use postgres_protocol::{IsNull, Oid};

use super::answer::{Answer, Copy};
use super::cancel::Canceller;
use super::clock::Clock;
use super::connect_error::{ConnectError, NextAttempt};
use super::connector::{Connector, Route};
use super::copy::copy_in;
use super::dial::dial;
use super::driver::Driver;
use super::login::login;
use super::settings::Settings;
use super::start::{self, ServerFacts};
use crate::database::{
    BatchAnswer, Cancel, ChangedReading, Column, DatabaseError, Identity, Notice, Parameter,
    Purpose, Session, Table,
};

type Result<T> = result::Result<T, DatabaseError>;

pub struct PostgresSession {
    /// Names of prepared statements, by query text.
    prepared: HashMap<&'static str, String>,
    driver: Driver,
    canceller: Canceller,
    facts: ServerFacts,
}

/// OIDs of types, the same in every database (`pg_type.dat`).
const TEXT: Oid = 25;
const UNKNOWN: Oid = 705;
const OID_ARRAY: Oid = 1028;

/// Name of the prepared statement of [`Session::keep`].
const KEPT: &str = "pgseal_kept";

const NO_VALUES: &[&str] = &[];

const CURSOR: &str = "DECLARE pgseal_rows NO SCROLL CURSOR FOR ";

fn fetch_forward(limit: usize) -> String {
    format!("FETCH FORWARD {limit} FROM pgseal_rows; CLOSE pgseal_rows")
}

impl PostgresSession {
    /// Connects to the first reachable host that satisfies `target_session_attrs`.
    pub fn open(settings: &Settings, purpose: Purpose) -> Result<Self> {
        Connector::new(settings.clone()).open(purpose)
    }

    /// Connects to one address, and verifies the session's start values.
    pub(super) fn begin(
        settings: &Arc<Settings>,
        route: &Route,
        purpose: Purpose,
    ) -> result::Result<Self, ConnectError> {
        let begun = Self::connect(settings, route, purpose).and_then(|mut session| {
            let process = u32::try_from(session.canceller.process).ok();
            let facts = start::verify(&mut session, purpose, &settings.application_name, process);
            session.driver.set_deadline(None);
            session.facts = facts.map_err(|error| ConnectError {
                error,
                then: NextAttempt::Stop,
            })?;
            Ok(session)
        });
        begun.map_err(|error| error.at(&settings.hosts[route.host], &route.address))
    }

    fn connect(
        settings: &Arc<Settings>,
        route: &Route,
        purpose: Purpose,
    ) -> result::Result<Self, ConnectError> {
        let (host, limit) = (&settings.hosts[route.host], settings.connect_timeout);
        let mut clock = Clock::start(None, limit);
        let mut begin = || {
            let mut dialed = dial(settings, host, &route.address, route.secure, &mut clock)?;
            let options = start::options(purpose);
            let login = login(settings, host, &mut dialed, &options, &mut clock)?;
            Ok((dialed, login))
        };
        let (dialed, login) = begin().map_err(|error| match limit {
            Some(limit) if clock.is_over() => {
                let text = format!("no answer within {} s (connect_timeout)", limit.as_secs());
                ConnectError::new(NextAttempt::NextAddress, text)
            }
            _ => error,
        })?;
        let canceller = Canceller {
            settings: Arc::clone(settings),
            route: Route {
                secure: dialed.secure,
                ..route.clone()
            },
            process: login.process,
            key: login.key,
        };
        let driver = Driver::new(dialed.wire, login, limit);
        Ok(Self {
            prepared: HashMap::new(),
            driver,
            canceller,
            facts: ServerFacts::default(),
        })
    }

    /// Parses and analyses a statement. Analysis may run functions, through literals' input and
    /// constants. Settings changed by them are reported before `ReadyForQuery`, which is awaited
    /// here.
    fn prepare(&mut self, name: &str, sql: &str) -> Result<Vec<Column>> {
        let answer = self.driver.run(Answer::default(), |out| {
            if !name.is_empty() {
                frontend::close(b'S', name, out)?;
            }
            frontend::parse(name, sql, [], out)?;
            frontend::describe(b'S', name, out)?;
            frontend::sync(out);
            Ok(())
        })?;
        Ok(answer.accepted(0)?.columns)
    }

    /// Runs one message of the simple protocol.
    fn simple(&mut self, limit: usize, sql: &str, prefix: u32) -> Result<Answer> {
        self.driver
            .run(Answer::with_rows(limit), |out| frontend::query(sql, out))?
            .accepted(prefix)
    }

    /// Runs one statement by the extended protocol.
    fn extended(
        &mut self,
        answer: Answer,
        sql: &str,
        types: &[Oid],
        values: &[impl AsRef<str>],
    ) -> Result<Answer> {
        let answer = self.driver.run(answer, |out| {
            frontend::parse("", sql, types.iter().copied(), out)?;
            execute(out, "", values)
        });
        answer?.accepted(0)
    }

    /// Fails if a setting for parsing changed: text that was parsed as one statement could now be
    /// two.
    fn unchanged(&self) -> Result<()> {
        match self.changed_reading() {
            None => Ok(()),
            Some(changed) => Err(DatabaseError::unsound(format!(
                "{changed} while the statement was parsed"
            ))),
        }
    }

    pub(super) fn facts(&self) -> &ServerFacts {
        &self.facts
    }

    pub(super) fn route(&self) -> &Route {
        &self.canceller.route
    }
}

impl Session for PostgresSession {
    fn batch(&mut self, sql: &str) -> Result<()> {
        self.simple(0, sql, 0).map(drop)
    }

    fn batch_ahead(&mut self, sql: &str) -> Result<()> {
        self.driver.send_ahead(|out| frontend::query(sql, out))
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

    fn execute_with(&mut self, sql: &str, parameters: &[String]) -> Result<u64> {
        // With type `unknown`, the server infers the type.
        let types = vec![UNKNOWN; parameters.len()];
        let answer = self.extended(Answer::default(), sql, &types, parameters)?;
        Ok(answer.affected())
    }

    fn rows(&mut self, sql: &str, limit: usize) -> Result<Table> {
        self.prepare("", sql)?;
        self.unchanged()?;
        self.simple(limit, sql, 0)?.into_table_of(1)
    }

    fn send_batch(&mut self, sql: &str) -> Result<()> {
        // Semicolons in strings are counted too. A higher count only lengthens the time limit.
        let statements = sql.bytes().filter(|byte| *byte == b';').count();
        let statements = statements.try_into().unwrap_or(u32::MAX);
        self.driver
            .send(statements, |out| frontend::query(sql, out))
    }

    fn receive_batch(&mut self) -> Result<BatchAnswer> {
        self.driver.receive().map(Answer::into_batch)
    }

    fn copy_in(&mut self, sql: &str, data: &mut dyn Read) -> Result<u64> {
        // Proves that the text is one statement, which the simple protocol below would not.
        self.prepare("", sql)?;
        copy_in(&mut self.driver, sql, data)
    }

    fn copy_out(&mut self, sql: &str) -> Result<u64> {
        let answer = Answer::of_copy(Copy::Out(0));
        match self.extended(answer, sql, &[], NO_VALUES)?.copy {
            Some(Copy::Out(size)) => Ok(size),
            _ => Ok(0),
        }
    }

    fn analyse(&mut self, sql: &str) -> Result<Vec<Column>> {
        self.prepare("", sql)
    }

    fn select(&mut self, sql: &str, limit: usize) -> Result<Table> {
        let (declare, fetch) = (format!("{CURSOR}{sql}"), fetch_forward(limit));
        // Both messages are sent at once. If the first fails, the transaction is aborted, and the
        // second fails too.
        let [declared, fetched] =
            self.driver
                .run_all([Answer::default(), Answer::with_rows(limit)], |out| {
                    frontend::parse("", &declare, [], out)?;
                    execute(out, "", NO_VALUES)?;
                    frontend::query(&fetch, out)
                })?;
        declared.accepted(CURSOR.len() as u32)?;
        fetched.accepted(0)?.into_table_of(2)
    }

    fn open_cursor(&mut self, sql: &str) -> Result<()> {
        self.unchanged()?;
        self.simple(0, &format!("{CURSOR}{sql}"), CURSOR.len() as u32)
            .map(drop)
    }

    fn fetch(&mut self, limit: usize) -> Result<Table> {
        self.simple(limit, &fetch_forward(limit), 0)?
            .into_table_of(2)
    }

    fn query_with(
        &mut self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
        again: bool,
    ) -> Result<Table> {
        let (types, values): (Vec<_>, Vec<_>) = parameters.iter().map(typed).unzip();
        let answer = Answer::with_rows(usize::MAX);
        if !again {
            return Ok(self.extended(answer, sql, &types, &values)?.into_table());
        }
        let known = self.prepared.get(sql).cloned();
        let name = known
            .clone()
            .unwrap_or_else(|| format!("pgseal_{}", self.prepared.len()));
        let answer = self.driver.run(answer, |out| {
            if known.is_none() {
                // A statement that was parsed but then failed still exists.
                frontend::close(b'S', &name, out)?;
                frontend::parse(&name, sql, types.iter().copied(), out)?;
            }
            execute(out, &name, &values)
        });
        let answer = answer?.accepted(0)?;
        self.prepared.insert(sql, name);
        Ok(answer.into_table())
    }

    fn keep(&mut self, sql: &str) -> Result<()> {
        self.prepare(KEPT, sql).map(drop)
    }

    fn execute_kept(&mut self) -> Result<()> {
        self.driver
            .run(Answer::default(), |out| execute(out, KEPT, NO_VALUES))?
            .accepted(0)
            .map(drop)
    }

    fn canceller(&self) -> Box<dyn Cancel> {
        Box::new(self.canceller.clone())
    }

    fn set_patience(&mut self, patience: Duration) {
        self.driver.set_patience(patience);
    }

    fn set_deadline(&mut self, limit: Duration) {
        self.driver.set_deadline(Some(limit));
    }

    fn notices(&mut self) -> Vec<Notice> {
        self.driver.notices()
    }

    fn changed_reading(&self) -> Option<ChangedReading> {
        start::changed_reading(|setting| self.driver.parameter(setting))
    }
}

/// Appends the messages that execute a statement, with values and result rows in text form.
fn execute(out: &mut BytesMut, name: &str, values: &[impl AsRef<str>]) -> io::Result<()> {
    let write = |value: &str, out: &mut BytesMut| {
        out.extend_from_slice(value.as_bytes());
        Ok(IsNull::No)
    };
    let bound = frontend::bind(
        "",
        name,
        [],
        values,
        |value, out| write(value.as_ref(), out),
        [],
        out,
    );
    bound.map_err(|e| match e {
        BindError::Conversion(e) => io::Error::other(e),
        BindError::Serialization(e) => e,
    })?;
    frontend::describe(b'P', "", out)?;
    frontend::execute("", 0, out)?;
    frontend::sync(out);
    Ok(())
}

/// The type of a parameter, and its value in text form.
fn typed(parameter: &Parameter<'_>) -> (Oid, String) {
    match parameter {
        Parameter::Text(text) => (TEXT, (*text).to_owned()),
        Parameter::Oids(oids) => {
            let oids: Vec<_> = oids.iter().map(Oid::to_string).collect();
            (OID_ARRAY, format!("{{{}}}", oids.join(",")))
        }
    }
}
