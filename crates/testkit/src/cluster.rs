//! Real PostgreSQL for tests: a throwaway cluster, and databases in it with names of their own.
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

/// The server programs as the tests find them: `PGSEAL_POSTGRES_BIN`, PATH, Debian's directories.
pub fn programs() -> ServerPrograms {
    let explicit = env::var_os("PGSEAL_POSTGRES_BIN").map(PathBuf::from);
    match ServerPrograms::search(explicit.as_deref(), env::var_os("PATH").as_deref()) {
        Ok(programs) => programs,
        Err(error) => panic!("{error}; ./test installs PostgreSQL"),
    }
}

/// The programs of every version that is to be tested: the directories in `PGSEAL_POSTGRES_BINS`, else those of [`programs`].
pub fn all_programs() -> Vec<ServerPrograms> {
    let Some(list) = env::var_os("PGSEAL_POSTGRES_BINS") else { return vec![programs()] };
    let found =
        |dir: PathBuf| ServerPrograms::in_dir(&dir).unwrap_or_else(|error| panic!("PGSEAL_POSTGRES_BINS: {error}"));
    env::split_paths(&list).map(found).collect()
}

impl Cluster {
    /// The one cluster of this test binary. A static is never dropped: the server's supervisor removes it when the process ends.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(Self::own)
    }

    /// A cluster of the test's own, for a database whose name matters and for tests that hurt the server.
    pub fn own() -> Self {
        Self::of(&programs())
    }

    /// A cluster of the version of these programs.
    pub fn of(programs: &ServerPrograms) -> Self {
        let server = ThrowawayServer::start(programs, Some(&env::temp_dir()));
        let server = server.unwrap_or_else(|error| panic!("{}", chain(&error)));
        make_gate_role(&server.connection("template1"));
        Self { server, templates: Mutex::default() }
    }

    /// The server.
    pub fn server(&self) -> &ThrowawayServer {
        &self.server
    }

    /// An empty database whose name begins with `prefix` and exists once.
    pub fn database(&self, prefix: &str) -> TestDatabase<'_> {
        self.database_named(&unique(prefix))
    }

    /// An empty database called exactly `name`.
    pub fn database_named(&self, name: &str) -> TestDatabase<'_> {
        self.copy_of("template1", name.to_owned())
    }

    /// The database `name`, made and given to `load` the first time, as a template for others.
    ///
    /// `load` fills it by whatever means the test has and closes its connections. Other threads wait for it.
    pub fn template<'n>(&self, name: &'n str, load: impl FnOnce(&TestDatabase<'_>)) -> &'n str {
        // A `load` that panicked has left no template behind, so a poisoned lock is still true.
        let mut templates = self.templates.lock().unwrap_or_else(PoisonError::into_inner);
        if !templates.contains(name) {
            let database = self.database_named(name);
            load(&database);
            templates.insert(name.to_owned());
            // A template stays as long as the cluster.
            std::mem::forget(database);
        }
        name
    }

    fn copy_of(&self, template: &str, name: String) -> TestDatabase<'_> {
        self.server.create_database_from(&name, template).unwrap_or_else(|error| panic!("{}", chain(&error)));
        TestDatabase { cluster: self, name }
    }
}

impl<'c> TestDatabase<'c> {
    /// A copy of the database `template`, with a name that begins with `prefix`.
    pub fn from_template(cluster: &'c Cluster, template: &str, prefix: &str) -> Self {
        cluster.copy_of(template, unique(prefix))
    }

    /// A copy of the database `template`, called exactly `name`.
    pub fn from_template_named(cluster: &'c Cluster, template: &str, name: &str) -> Self {
        cluster.copy_of(template, name.to_owned())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What to give to `--db`.
    pub fn url(&self) -> String {
        self.cluster.server.url(&self.name)
    }

    /// How to connect, in libpq's keywords and values.
    pub fn connection(&self) -> String {
        self.cluster.server.connection(&self.name)
    }

    /// A new connection as the superuser.
    pub fn client(&self) -> Client {
        Client::connect(&self.connection(), NoTls).unwrap()
    }

    /// The first column of the first row, as text. Every query of a test that asks for one value.
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
        // The test may have stopped the server; what is left goes with the cluster.
        let _ = self.cluster.server.drop_database(&self.name);
    }
}

/// The role that the tests ask gates and probes as: it may only read.
pub const GATE_USER: &str = "gate_reader";

/// Before PostgreSQL 14 there is no role that reads all data; there it is given what the superuser makes, in every database
/// that is copied from this one.
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
    Client::connect(connection, NoTls).unwrap().batch_execute(&sql).unwrap();
}

fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{prefix}_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
