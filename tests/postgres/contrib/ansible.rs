//! The playbook, by real Ansible over two servers.

use std::fs;
use std::process::Output;

use super::{clean, done, python_program, recipe};
use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::release::{BEFORE, Release, Site};

/// The hosts of a play: each is this machine, with a database of its own.
struct Hosts<'d> {
    site: Site,
    databases: Vec<&'d TestDatabase<'d>>,
}

impl Hosts<'_> {
    fn play(&self, bundle: &str) -> Output {
        let python = pgseal_testkit::moto::python();
        let mut lines = vec!["[databases]".to_owned()];
        for (number, db) in self.databases.iter().enumerate() {
            let dir = self.site.path(&format!("host{number}"));
            fs::create_dir_all(&dir).unwrap();
            let (dir, url, python) = (dir.display(), db.url(), python.display());
            lines.push(format!(
                "host{number} ansible_connection=local ansible_python_interpreter={python} pgseal_dir={dir} pgseal_db='{url}'"
            ));
        }
        fs::write(self.site.path("hosts.ini"), lines.join("\n")).unwrap();
        let dir = self.site.path(".");
        let mut command = clean(python_program("ansible-playbook"), &dir);
        let trust = self.site.path("trust.json");
        command
            .args(["-i", "hosts.ini"])
            .arg(recipe("ansible/site.yml"))
            .args(["-e", &format!("pgseal_bundle={bundle}")])
            .args(["-e", &format!("pgseal_trust={}", trust.display())])
            .env("LC_ALL", "C.UTF-8");
        command.output().unwrap()
    }
}

/// The counters of a host in Ansible's recap.
fn recap<'t>(text: &'t str, host: &str) -> &'t str {
    let mut lines = text.lines().rev();
    lines
        .find(|line| line.starts_with(host))
        .unwrap_or_else(|| panic!("no {host}: {text}"))
}

#[test]
#[ignore = "takes half a minute: just ansible"]
fn a_play_runs_once_and_ends_at_the_first_failure() {
    let (one, two) = (Cluster::own(), Cluster::own());
    let databases = [
        one.database("first"),
        two.database("second"),
        one.database("third"),
    ];
    for db in &databases {
        db.client().batch_execute(BEFORE).unwrap();
    }
    let site = Site::without_gate_user();
    let names: Vec<&str> = databases.iter().map(TestDatabase::name).collect();
    let bundle = site.pack(&Release::on("x").databases(&names));
    let bundle = bundle.to_str().unwrap().to_owned();
    let hosts = Hosts {
        site,
        databases: databases.iter().collect(),
    };
    let is_there =
        |db: &TestDatabase<'_>| db.ask("select to_regclass('widgets') is not null") == "t";

    // The first server of the play fails: the others are left alone.
    databases[0]
        .client()
        .batch_execute("delete from approvals")
        .unwrap();
    let failed = hosts.play(&bundle);
    let text = String::from_utf8_lossy(&failed.stdout);
    assert!(!failed.status.success(), "{text}");
    assert!(recap(&text, "host0").contains("failed=1"), "{text}");
    assert!(databases.iter().all(|db| !is_there(db)));

    databases[0]
        .client()
        .batch_execute("insert into approvals values ('lena')")
        .unwrap();
    let text = done(&hosts.play(&bundle), "the play");
    for host in ["host1", "host2"] {
        assert!(recap(&text, host).contains("changed=2"), "{text}");
    }
    assert!(databases.iter().all(is_there));
    let text = done(&hosts.play(&bundle), "the second play");
    for host in ["host0", "host1", "host2"] {
        assert!(recap(&text, host).contains("changed=0"), "{text}");
    }
    for db in &databases {
        assert_eq!(db.ask("select count(*) from pgseal.ledger"), "1");
    }
}
