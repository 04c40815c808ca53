//! The systemd unit: its command line, as written apart from paths, waits and runs.

use std::fs;
use std::process::{Command, Stdio};

use super::super::small;
use super::{CLOSE, OPEN, RUNS, Waiting, sql};
use pgseal_testkit::cluster::GATE_USER;

const UNIT: &str = include_str!("../../../contrib/systemd/pgseal-run@.service");

fn exec_start() -> &'static str {
    let lines = || {
        UNIT.lines()
            .filter_map(|line| line.strip_prefix("ExecStart="))
    };
    assert_eq!(lines().count(), 1);
    lines().next().unwrap()
}

#[test]
fn the_command_line_waits_and_runs() {
    let (db, release, site) = small("unit");
    sql(&db, CLOSE);
    let bundle = site.pack(&release.variable("ticket"));
    fs::rename(&bundle, site.path("small-1.0.0.pgseal")).ok();
    let dir = site.path("");
    let dir = dir.to_str().unwrap().trim_end_matches('/');
    let mut words = exec_start()
        .replace("%i", "small-1.0.0")
        .replace("/var/lib/pgseal", dir)
        .replace("/etc/pgseal", dir)
        .replace("--interval 10", "--interval 1");
    words = words.replace(
        "/usr/bin/pgseal",
        pgseal_testkit::pgseal().to_str().unwrap(),
    );
    // systemd splits the variable into words.
    let more = format!("--db {} -v ticket=OPS-1", db.url());
    let words = words.replace("$PGSEAL_RUN", &more);
    let mut words = words.split_whitespace();
    let mut command = Command::new(words.next().unwrap());
    command
        .args(words)
        .current_dir(dir)
        .env("PGSEAL_GATE_USER", GATE_USER)
        .stdin(Stdio::null());
    let mut waiting = Waiting::of(&mut command, &site, "unit");
    waiting.says("waiting for gate-blocked: ");
    sql(&db, OPEN);
    waiting.end().done();
    assert_eq!(db.ask(RUNS), "1");
    let operator = site.operator(&bundle, &db.url());
    assert_eq!(operator.records(".receipt.sig").len(), 1);
}

/// Where systemd is installed, it accepts the unit.
#[test]
fn systemd_accepts_it() {
    let site = pgseal_testkit::release::Site::new();
    let program = pgseal_testkit::pgseal();
    let unit = UNIT.replace("/usr/bin/pgseal", program.to_str().unwrap());
    let path = site.path("pgseal-run@.service");
    fs::write(&path, unit).unwrap();
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no"]).arg(&path);
    let Ok(verified) = verify.output() else {
        return;
    };
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success(), "{said}");
    assert!(!said.contains("pgseal-run@"), "{said}");
}
