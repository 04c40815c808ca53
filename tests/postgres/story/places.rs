//! Production with its server, and a release at both places.

use std::path::PathBuf;

use super::super::one_roof::{APR, sources};
use super::super::targets::copy_receipts;
use super::super::waiting::Waiting;
use super::SIGNED;
use pgseal::database::Session as _;
use pgseal_testkit::cluster::GATE_USER;
use pgseal_testkit::next_second;
use pgseal_testkit::release::{Operator, Site, client};
use pgseal_testkit::server::{Server, ask, session};

const ANN: (&str, &str) = ("ann", "l2");

/// Production, on a server of its own, and the other people's scripts.
pub(super) struct Production {
    server: Server,
    pub(super) url: String,
}

impl Production {
    pub(super) fn start() -> Self {
        let server = Server::start("local all all trust\n", "");
        server.sql(&format!("create role {GATE_USER} login"));
        server.sql(&format!(
            "grant pg_read_all_data, pg_read_all_stats to {GATE_USER}"
        ));
        server.sql("create database directus");
        let url = server.local("directus");
        let production = Self { server, url };
        production.script(&["-f", "one-roof-baseline.sql"]);
        production
    }

    pub(super) fn script(&self, args: &[&str]) {
        let mut psql = client("psql");
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "--dbname", &self.url]);
        let ran = psql.args(args).current_dir(sources()).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
    }

    pub(super) fn ratify(&self) {
        let apr = format!("ratified_apr={APR}");
        self.script(&["-v", &apr, "-f", "one-roof-ratify.sql"]);
    }

    pub(super) fn sql(&self, sql: &str) {
        session(&self.url).batch(sql).unwrap();
    }

    pub(super) fn ask(&self, sql: &str) -> String {
        ask(&mut session(&self.url), sql)
    }

    /// Restarts the server under a run that waits for people.
    pub(super) fn restarts(&mut self, waiting: &mut Waiting) {
        waiting.says("waiting for approvals-missing: ");
        self.server.stop();
        waiting.says("waiting for no-connection: ");
        self.server.restart();
        waiting.says("no longer waiting for no-connection");
    }
}

/// A release, at both places.
pub(super) struct Shipped<'s> {
    name: &'static str,
    pub(super) bundle: PathBuf,
    pub(super) at_staging: Operator<'s>,
    pub(super) at_production: Operator<'s>,
}

impl<'s> Shipped<'s> {
    pub(super) fn of(
        site: &'s Site,
        name: &'static str,
        bundle: PathBuf,
        staging: &str,
        production: &str,
    ) -> Self {
        let at = |url| site.operator(&bundle, url);
        Self {
            name,
            at_staging: at(staging).receipts_in("staging"),
            at_production: at(production),
            bundle,
        }
    }

    pub(super) fn with_apr(mut self) -> Self {
        self.at_staging = self.at_staging.variable("ratified_apr", APR);
        self.at_production = self.at_production.variable("ratified_apr", APR);
        self
    }

    pub(super) fn approve(&self, site: &Site, more: &[&str]) {
        next_second();
        let apr = ["--apr", APR];
        let about = if self.name == "one-roof" {
            &apr[..]
        } else {
            &[]
        };
        let more = [about, more].concat();
        site.approve(&self.bundle, self.name, ANN, &more).done();
    }

    /// A run on production that waits.
    pub(super) fn wait(&self, site: &Site) -> Waiting {
        Waiting::run(&self.at_production, site, self.name, &SIGNED)
    }

    /// Runs it on staging, whose receipts go to production.
    pub(super) fn on_staging(&self, site: &Site, staging: &str) {
        self.approve(site, &["--target", staging]);
        self.at_staging.ask_with("run", &SIGNED).done();
        copy_receipts(&self.at_staging, &self.at_production, "");
    }
}
