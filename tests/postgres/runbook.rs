//! The runbooks, verbatim: every `$ ` line of their console blocks, in order, in a shell.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use super::one_roof::{self, APR, Directus};
use super::shadow;
use pgseal_testkit::cluster::{self, Cluster};
use pgseal_testkit::release::{Site, assert_same, dump};

fn commands(page: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ => commands.extend(
                line.strip_prefix("$ ")
                    .filter(|_| inside)
                    .map(str::to_owned),
            ),
        }
    }
    commands
}

/// Runs a line in the site's directory.
fn shell(site: &Site, url: &str, line: &str) -> Output {
    let program = pgseal_testkit::pgseal();
    let programs = program.parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut sh = Command::new("sh");
    sh.arg("-c")
        .arg(line)
        .current_dir(site.path(""))
        .env("PATH", path)
        .env("DB", url)
        .env_remove("PGSEAL_TRUST");
    sh.env("PGSEAL_GATE_USER", cluster::GATE_USER);
    let (_, server) = url.split_once('?').unwrap();
    sh.env("ADMIN", format!("postgresql:///postgres?{server}"))
        .env("PGSEAL_POSTGRES_BIN", cluster::programs().dir());
    sh.stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn follow(site: &Site, url: &str, page: &str) -> Vec<(String, String)> {
    let commands = commands(page);
    assert!(!commands.is_empty());
    let mut answers = Vec::new();
    for line in commands {
        let output = shell(site, url, &line);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "$ {line}\n{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        answers.push((line, text));
    }
    answers
}

/// The output of the command with this prefix.
#[track_caller]
fn answer<'a>(answers: &'a [(String, String)], command: &str) -> &'a str {
    let found = answers.iter().find(|(line, _)| line.starts_with(command));
    found
        .map(|(_, text)| text.as_str())
        .unwrap_or_else(|| panic!("no {command}"))
}

/// The page for a reader who knows the proposal's code.
fn page(site: &Site, audience: &str) -> String {
    let code = format!("ratified_apr={APR}");
    let arguments = [
        "runbook",
        "one-roof-1.0.0.pgseal",
        audience,
        "--trust",
        "trust.json",
        "-v",
        &code,
    ];
    let keys = [
        "--receipt-key",
        "receipt.key",
        "--approve-with",
        "ratify.sql",
    ];
    let keys = if ["operator", "agent"].contains(&audience) {
        &keys[..]
    } else {
        &[]
    };
    site.pgseal(arguments.iter().chain(keys))
        .done()
        .stdout
        .clone()
}

#[test]
fn one_roof() {
    let directus = Directus::at_baseline();
    let site = Site::new();
    one_roof::pack(&site);
    let url = directus.db.url();

    // The owner's page before the decision: it promises BLOCKED for the gate; all other commands succeed.
    let owner = page(&site, "owner");
    for line in commands(&owner) {
        let output = shell(&site, &url, &line);
        let expected = if line.starts_with("pgseal gate ") {
            20
        } else {
            0
        };
        assert_eq!(
            output.status.code(),
            Some(expected),
            "$ {line}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    directus.ratify();
    let answers = follow(&site, &url, &owner);
    assert!(answer(&answers, "pgseal gate ").starts_with("READY"));
    assert!(answer(&answers, "pgseal verify ").contains("29/29 files OK"));
    // A reader without the code sees its placeholder.
    assert_eq!(
        answer(&answers, "pgseal runbook "),
        owner.replace(APR, "CODE")
    );
    // The page is bound to the packed release.
    let id = answer(&answers, "pgseal verify ")
        .lines()
        .find_map(|line| line.strip_prefix("release id "))
        .unwrap()
        .to_owned();
    assert!(
        owner.contains(&id)
            && owner.contains("pgseal run one-roof-1.0.0.pgseal --trust trust.json --db")
    );

    let before = dump(&directus.db);
    fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("bundle/one-roof-ratify.sql"),
        site.path("ratify.sql"),
    )
    .unwrap();
    let answers = follow(&site, &url, &page(&site, "operator"));
    assert!(answer(&answers, "pgseal rehearse ").contains("proved"));
    assert!(answer(&answers, "pgseal report ").contains("READY"));
    assert!(answer(&answers, "pgseal plan ").contains("it would run"));
    assert!(answer(&answers, "pgseal check ").contains("regression 26/26"));
    // The page ends with a rollback.
    assert_same(&before, &dump(&directus.db));
    decides(&owner, &page(&site, "owner"));

    let agent = page(&site, "agent");
    let answers = follow(&site, &url, &agent);
    assert!(answer(&answers, "pgseal check ").contains("regression 26/26"));
    assert!(agent.contains(&id) && agent.contains(APR));
    let answers = follow(&site, &url, &page(&site, "auditor"));
    assert_eq!(
        answer(&answers, "(cd audit && sha256sum -c sums)")
            .matches(": OK\n")
            .count(),
        29
    );
    assert!(
        answer(&answers, "openssl pkeyutl -verify").contains("Signature Verified Successfully")
    );
    let id = answer(&answers, "sha256sum audit/statement.json")
        .split(' ')
        .next()
        .unwrap();
    assert!(answer(&answers, "pgseal verify ").contains(id));
}

/// The page of the stage shadow, up to its rollback, before any ratification.
#[test]
fn shadow() {
    let directus = Directus::at_baseline();
    let site = Site::new();
    shadow::pack(&site);
    let before = dump(&directus.db);
    let arguments = ["runbook", "one-roof-shadow-1.0.0.pgseal", "operator"];
    let keys = ["--trust", "trust.json", "--receipt-key", "receipt.key"];
    let page = site
        .pgseal(arguments.iter().chain(&keys))
        .done()
        .stdout
        .clone();
    let answers = follow(&site, &directus.db.url(), &page);
    assert!(answer(&answers, "pgseal gate ").starts_with("READY"));
    assert!(answer(&answers, "pgseal check ").contains("state finalized"));
    assert_same(&before, &dump(&directus.db));
}

/// The owner's page before and after the rehearsal shows what the decision is about.
#[track_caller]
fn decides(before: &str, after: &str) {
    // Each row of the script, and no more.
    let script = include_str!("../../bundle/one-roof/executor/03_ownership_seed.sql");
    let (_, data) = script.split_once("(delimiter '|');\n").unwrap();
    let (data, _) = data.split_once("\\.\n").unwrap();
    let rows = data.lines().map(|row| row.replace('|', " | "));
    let rows: String = rows.map(|row| format!("| {row} |\n")).collect();
    assert_eq!(rows.lines().count(), 35);
    let table = format!(
        "**one_roof.assignment**: 35 rows (executor/03_ownership_seed.sql:8)\n\n| collection | authority |\n| --- | --- |\n{rows}\n"
    );
    for page in [before, after] {
        assert!(page.contains(&table), "{page}");
    }
    assert!(
        before.contains("Not known yet") && before.contains("not proved yet"),
        "{before}"
    );
    for line in [
        "| ownership_seed | ",
        "readers and writers of public.governed_collections: at most",
        "| the whole run | ",
    ] {
        assert!(after.contains(line), "{line}: {after}");
    }
    assert!(
        after.contains("Everything can be undone.") && after.contains("proved the rollback"),
        "{after}"
    );
}

/// The template of `init` is a release that packs, runs, checks and rolls back by its own runbook.
#[test]
fn template() {
    let db = Cluster::shared().database_named("example");
    let site = Site::new();
    site.pgseal(["init", "example"]).done();
    site.pgseal(["lint", "example"]).done();
    let bundle = site.path("example-1.0.0.pgseal");
    site.pack_dir(&site.path("example"), &bundle).done();
    let arguments = [
        "runbook",
        "example-1.0.0.pgseal",
        "--trust",
        "trust.json",
        "-v",
        "ticket=OPS-1",
        "--receipt-key",
        "receipt.key",
    ];
    let page = site.pgseal(arguments).done().stdout.clone();
    // Its commands are in backquotes, one per step.
    let code: Vec<&str> = page.split('`').skip(1).step_by(2).collect();
    let step = |command: &str| {
        let start = format!("pgseal {command} ");
        let line = code
            .iter()
            .find(|line| line.starts_with(&start))
            .unwrap_or_else(|| panic!("{command}: {page}"));
        let output = shell(&site, &db.url(), line);
        (
            output.status.code().unwrap(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let before = dump(&db);
    // The comment in gate/no_freeze.sql shows how to close it.
    let gate = fs::read_to_string(site.path("example/gate/no_freeze.sql")).unwrap();
    let freeze = gate
        .lines()
        .find_map(|line| line.trim_start_matches("-- ").trim().strip_suffix(';'))
        .unwrap();
    db.client().batch_execute(freeze.trim()).unwrap();
    let (code, said) = step("gate");
    assert_eq!((code, said.contains("freeze: ")), (20, true), "{said}");
    assert_eq!(step("run").0, 20);
    db.client()
        .batch_execute("comment on database example is null")
        .unwrap();
    for command in [
        "gate", "plan", "run", "check", "rollback", "run", "rollback",
    ] {
        let (code, said) = step(command);
        assert_eq!(code, 0, "{command}: {said}");
    }
    assert_same(&before, &dump(&db));
}
