//! The commands in a report are complete: they run verbatim in a shell.

use std::fs;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::super::small;
use pgseal_testkit::cluster::{Cluster, GATE_USER, programs};
use pgseal_testkit::release::Site;

/// Runs a line in the report's directory, below the site's.
fn shell(site: &Site, line: &str) -> Output {
    let path = format!(
        "{}:{}",
        pgseal_testkit::pgseal().parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let mut sh = Command::new("sh");
    sh.args(["-c", line])
        .current_dir(site.path("desk"))
        .stdin(Stdio::null())
        .env("PATH", path);
    sh.env("PGSEAL_POSTGRES_BIN", programs().dir())
        .env_remove("PGSEAL_TRUST")
        .env("PGSEAL_GATE_USER", GATE_USER)
        .output()
        .unwrap()
}

/// The document of a report that this line creates.
fn report(site: &Site, line: &str) -> Value {
    let output = shell(site, &format!("{line} --json"));
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{line}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// The missing step for one row of a report.
#[track_caller]
fn command<'d>(document: &'d Value, row: &str) -> &'d str {
    let missing = document["missing"].as_array().unwrap();
    let of_row = missing
        .iter()
        .find(|one| one["row"] == *row)
        .unwrap_or_else(|| panic!("{row}: {document}"));
    of_row["command"].as_str().unwrap()
}

#[track_caller]
fn done(site: &Site, line: &str) -> String {
    let output = shell(site, line);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "$ {line}\n{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// Adds a password; the server trusts every user, so it accepts any.
fn with_password(url: &str) -> String {
    format!(
        "{url}{}password=hunter2",
        if url.contains('?') { '&' } else { '?' }
    )
}

#[test]
fn commands_run_as_they_are_printed() {
    let (db, release, site) = small("report_printed");
    // The value has characters with a meaning in shells and in Markdown.
    let tier = "create table public.said as select :'ticket'::text as ticket;\n";
    let release = release
        .variable("ticket")
        .tier("said", tier)
        .rollback("said", "drop table if exists public.said;\n");
    db.client()
        .batch_execute("truncate public.approvals")
        .unwrap();
    fs::create_dir_all(site.path("desk")).unwrap();
    fs::create_dir_all(site.path("my files")).unwrap();
    fs::rename(site.pack(&release), site.path("my files/small.pgseal")).unwrap();
    fs::write(
        site.path("my files/open it.sql"),
        "insert into public.approvals values ('stand-in');\n",
    )
    .unwrap();
    let made = format!(
        "pgseal report '../my files/small.pgseal' --trust ../trust.json --receipts ../kept --receipt-key ../receipt.key \
         --approve-with '../my files/open it.sql' -v 'ticket=it'\\''s `|$HOME' --db '{}'",
        db.url()
    );
    let document = report(&site, &made);
    assert_eq!(document["word"], "BLOCKED", "{document}");

    // A required value that was not given is a placeholder in capitals, and passwords never appear.
    let bare = "pgseal report '../my files/small.pgseal' --trust ../trust.json --format md";
    let text = |line: &str| String::from_utf8_lossy(&shell(&site, line).stdout).into_owned();
    assert!(
        text(bare).contains(" --db URL -v ticket=VALUE"),
        "{}",
        text(bare)
    );
    let secret = format!("{bare} -v ticket=OPS-1 --db '{}'", with_password(&db.url()));
    assert!(
        text(&secret).contains(" -v ticket=OPS-1") && !text(&secret).contains("hunter2"),
        "{}",
        text(&secret)
    );

    // Only the place of the clone is unknown to the report.
    let rehearse = command(&document, "rehearsal");
    let admin = Cluster::shared().server().url("postgres");
    done(&site, &rehearse.replace("ADMIN-URL", &format!("'{admin}'")));

    db.client()
        .batch_execute("insert into public.approvals values ('somebody')")
        .unwrap();
    assert!(done(&site, command(&document, "gate")).starts_with("READY"));
    let document = report(&site, &made);
    assert_eq!(document["word"], "READY", "{document}");

    let then = document["then"][0].as_str().unwrap();
    let run = then
        .strip_prefix("The operator runs `")
        .unwrap()
        .rsplit_once('`')
        .unwrap()
        .0;
    done(&site, run);
    let ticket: String = db
        .client()
        .query_one("select ticket from public.said", &[])
        .unwrap()
        .get(0);
    assert_eq!(ticket, "it's `|$HOME");

    // The database was not queried; the printed line queries it once its URL is filled in.
    let offline = report(&site, made.split(" --db ").next().unwrap());
    let online = command(&offline, "target").replace(" URL ", &format!(" '{}' ", db.url()));
    assert_eq!(report(&site, &online)["word"], "DONE", "{online}");
}
