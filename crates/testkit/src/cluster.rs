//! Real PostgreSQL for tests: a throwaway cluster, with uniquely named databases.
//!
//! ```ignore
//! let db = Cluster::shared().database("gate");            // empty, dropped with `db`
//! let cluster = Cluster::own();                           // when the name matters, or the server itself is harmed
//! let db = cluster.database_named("directus");
//! let template = Cluster::shared().template("baseline", |db| load(db));     // loaded once
//! let db = TestDatabase::from_template(Cluster::shared(), template, "run"); // copied in a fraction of a second
//! ```
//!
//! A test without PostgreSQL fails; `./test` installs it. No test is skipped.

use std::{
    collections::HashSet,
    env,
    path::PathBuf,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::programs::ServerPrograms;
use crate::throwaway::ThrowawayServer;
use postgres::{Client, NoTls};

/// A throwaway server for tests.
pub struct Cluster {
    server: ThrowawayServer,
    templates: Mutex<HashSet<String>>,
}

/// A database in a [`Cluster`], dropped with this value.
pub struct TestDatabase<'c> {
    cluster: &'c Cluster,
    name: String,
}

/// Finds the server programs in `PGSEAL_POSTGRES_BIN`, PATH, or Debian's directories.
pub fn programs() -> ServerPrograms {
    let explicit = env::var_os("PGSEAL_POSTGRES_BIN").map(PathBuf::from);
    match ServerPrograms::search(explicit.as_deref(), env::var_os("PATH").as_deref()) {
        Ok(programs) => programs,
        Err(error) => panic!("{error}; ./test installs PostgreSQL"),
    }
}

/// The programs of every version under test: the directories in `PGSEAL_POSTGRES_BINS`, else those
/// of [`programs`].
pub fn all_programs() -> Vec<ServerPrograms> {
    let Some(list) = env::var_os("PGSEAL_POSTGRES_BINS") else {
        return vec![programs()];
    };
    let found = |dir: PathBuf| {
        ServerPrograms::in_dir(&dir).unwrap_or_else(|error| panic!("PGSEAL_POSTGRES_BINS: {error}"))
    };
    env::split_paths(&list).map(found).collect()
}

impl Cluster {
    /// The shared cluster of this test binary. A static is never dropped; the server's supervisor
    /// removes it when the process ends.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(Self::own)
    }

    /// A separate cluster, for a database with a fixed name and for tests that harm the server.
    pub fn own() -> Self {
        Self::of(&programs())
    }

    /// A cluster that runs the given programs' version.
    pub fn of(programs: &ServerPrograms) -> Self {
        let server = ThrowawayServer::start(programs, Some(&env::temp_dir()));
        let server = server.unwrap_or_else(|error| panic!("{}", chain(&error)));
        make_gate_role(&server.connection("template1"));
        Self {
            server,
            templates: Mutex::default(),
        }
    }

    pub fn server(&self) -> &ThrowawayServer {
        &self.server
    }

    /// An empty database with a unique name that begins with `prefix`.
    pub fn database(&self, prefix: &str) -> TestDatabase<'_> {
        self.database_named(&unique(prefix))
    }

    /// An empty database called exactly `name`.
    pub fn database_named(&self, name: &str) -> TestDatabase<'_> {
        self.copy_of("template1", name.to_owned())
    }

    /// The name of a template database, created and passed to `load` on first use.
    ///
    /// `load` fills it by any means and closes its connections. Other threads wait for it.
    pub fn template<'n>(&self, name: &'n str, load: impl FnOnce(&TestDatabase<'_>)) -> &'n str {
        // A panic in `load` registers no template, so the set is valid even if the lock is
        // poisoned.
        let mut templates = self
            .templates
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !templates.contains(name) {
            let database = self.database_named(name);
            load(&database);
            templates.insert(name.to_owned());
            // A template exists as long as the cluster.
            std::mem::forget(database);
        }
        name
    }

    fn copy_of(&self, template: &str, name: String) -> TestDatabase<'_> {
        self.server
            .create_database_from(&name, template)
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
        TestDatabase {
            cluster: self,
            name,
        }
    }
}

impl<'c> TestDatabase<'c> {
    /// A copy of the database `template`, with a unique name that begins with `prefix`.
    pub fn from_template(cluster: &'c Cluster, template: &str, prefix: &str) -> Self {
        cluster.copy_of(template, unique(prefix))
    }

    /// A copy of the database `template`, called exactly `name`.
    pub fn from_template_named(cluster: &'c Cluster, template: &str, name: &str) -> Self {
        cluster.copy_of(template, name.to_owned())
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value for `--db`.
    pub fn url(&self) -> String {
        self.cluster.server.url(&self.name)
    }

    /// The connection string in libpq's keywords and values.
    pub fn connection(&self) -> String {
        self.cluster.server.connection(&self.name)
    }

    /// Connects as the superuser.
    pub fn client(&self) -> Client {
        Client::connect(&self.connection(), NoTls).unwrap()
    }

    /// Runs a query and returns the first column of the first row, as text.
    pub fn ask(&self, query: &str) -> String {
        let rows = self.client().simple_query(query).unwrap();
        let row = rows.iter().find_map(|message| match message {
            postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("NULL").to_owned()),
            _ => None,
        });
        row.unwrap_or_else(|| panic!("no row: {query}"))
    }
}

impl Drop for TestDatabase<'_> {
    fn drop(&mut self) {
        // The test may have stopped the server; the cluster's removal deletes the rest.
        let _ = self.cluster.server.drop_database(&self.name);
    }
}

/// The read-only role of the tests for gates and probes.
pub const GATE_USER: &str = "gate_reader";

/// Creates the gate role. PostgreSQL has a role that reads all data since version 14. In older
/// versions, default privileges grant access to objects that the superuser creates in any database
/// copied from this one.
fn make_gate_role(connection: &str) {
    let sql = format!(
        "create role {GATE_USER} login;
         do $$ begin
             if current_setting('server_version_num')::integer >= 140000 then
                 grant pg_read_all_data to {GATE_USER};
             else
                 alter default privileges grant select on tables to {GATE_USER};
                 alter default privileges grant usage on schemas to {GATE_USER};
             end if;
         end $$"
    );
    Client::connect(connection, NoTls)
        .unwrap()
        .batch_execute(&sql)
        .unwrap();
}

fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{prefix}_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    sources
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
