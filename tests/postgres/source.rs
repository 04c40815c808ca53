//! `[source]`: stated by pack, shown by every command on the bundle, required by a trust root.

use std::fs;
use std::path::{Path, PathBuf};

use super::small;
use pgseal_testkit::release::{Answer, Release, Site};
use pgseal_testkit::writer::Writer;

const COMMIT: &str = "5c2c9f4a0b1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f";
const REPOSITORY: &str = "https://git.example/acme/shop";

/// The variables of a job of GitHub Actions.
const GITHUB: [(&str, &str); 5] = [
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_SERVER_URL", "https://git.example"),
    ("GITHUB_REPOSITORY", "acme/shop"),
    ("GITHUB_SHA", COMMIT),
    (
        "GITHUB_WORKFLOW_REF",
        "acme/shop/.github/workflows/pgseal.yml@refs/tags/v1",
    ),
];

/// Packs and signs a directory with more arguments and variables.
fn pack(site: &Site, dir: &Path, name: &str, more: &[&str], variables: &[(&str, &str)]) -> Answer {
    let mut command = site.command();
    for (name, _) in GITHUB {
        command.env_remove(name);
    }
    command
        .env_remove("GITLAB_CI")
        .envs(variables.iter().copied());
    command
        .arg("pack")
        .arg(dir)
        .args(["-o", name, "--key", "release.key"]);
    Answer::of(command.args(more).output().unwrap())
}

fn directory(site: &Site, release: &Release) -> PathBuf {
    let dir = site.path("release");
    release.write(&dir);
    dir
}

fn ask(site: &Site, command: &str, bundle: &str, more: &[&str]) -> Answer {
    let arguments = [&[command, bundle, "--trust", "trust.json"], more].concat();
    site.pgseal(arguments)
}

#[test]
fn a_source_is_signed_and_shown() {
    let (_db, release, site) = small("source_shown");
    let dir = directory(&site, &release);
    pack(&site, &dir, "plain", &[], &[]).done();
    // Variables alone state nothing: the bytes are those of any other packer.
    pack(&site, &dir, "silent", &[], &GITHUB).done();
    let bytes = |name: &str| fs::read(site.path(name)).unwrap();
    assert_eq!(bytes("plain"), bytes("silent"));
    assert!(!String::from_utf8_lossy(&bytes("plain")).contains("\"source\""));
    ask(&site, "verify", "plain", &["--json"]).done();

    pack(&site, &dir, "ci", &["--source-from-ci"], &GITHUB).done();
    pack(&site, &dir, "again", &["--source-from-ci"], &GITHUB).done();
    assert_eq!(bytes("ci"), bytes("again"));
    let line = format!(
        "source {REPOSITORY}, commit {COMMIT}, built by {REPOSITORY}/.github/workflows/pgseal.yml@refs/tags/v1"
    );
    for command in ["verify", "inspect"] {
        ask(&site, command, "ci", &[]).done().says(&[&line]);
    }
    let document = ask(&site, "verify", "ci", &["--json"]).done().json();
    assert_eq!(document["source"]["repository"], REPOSITORY);
    let document = ask(&site, "verify", "plain", &["--json"]).done().json();
    assert!(document["source"].is_null());
    ask(&site, "diff", "plain", &["ci"]).says(&["source"]);

    // A flag precedes the variables, which precede the file.
    let toml = "\n[source]\nrepository = \"https://git.example/other\"\n";
    let dir = directory(&site, &release.clone().target(toml));
    pack(&site, &dir, "file", &[], &[]).done();
    ask(&site, "inspect", "file", &[]).says(&["source https://git.example/other"]);
    pack(&site, &dir, "both", &["--source-commit", COMMIT], &[]).done();
    let both = format!("source https://git.example/other, commit {COMMIT}");
    ask(&site, "inspect", "both", &[]).says(&[&both]);
    let flag = [
        "--source-from-ci",
        "--source-repository",
        "https://git.example/mine",
    ];
    pack(&site, &dir, "flag", &flag, &GITHUB).done();
    ask(&site, "inspect", "flag", &[]).says(&["source https://git.example/mine, commit"]);
}

#[test]
fn what_names_no_source_is_refused() {
    let (_db, release, site) = small("source_refused");
    let dir = directory(&site, &release);
    let refused = |more: &[&str], variables: &[(&str, &str)], words: &[&str]| {
        pack(&site, &dir, "no", more, variables).fails_saying(2, words);
        assert!(!site.path("no").exists());
    };
    refused(
        &["--source-from-ci"],
        &[],
        &["neither GITHUB_ACTIONS nor GITLAB_CI"],
    );
    refused(
        &["--source-from-ci"],
        &GITHUB[..4],
        &["GITHUB_WORKFLOW_REF"],
    );
    refused(&["--source-commit", "main"], &[], &["is no commit"]);
    let secret = "https://ci:token@git.example/shop";
    refused(&["--source-repository", secret], &[], &["has a password"]);
    for (toml, why) in [
        ("branch = \"main\"", "branch"),
        ("", "names a repository, a commit or a builder"),
        ("commit = \"abc\"", "is no commit"),
    ] {
        let toml = format!("\n[source]\n{toml}\n");
        let dir = directory(&site, &release.clone().target(&toml));
        let answer = pack(&site, &dir, "no", &[], &[]);
        answer.fails_saying(2, &["release.toml:", why]);
    }
}

/// A trust root that demands a repository refuses other releases, and no rollback.
#[test]
fn a_trust_root_demands_a_repository() {
    let (db, release, site) = small("source_policy");
    let dir = directory(&site, &release);
    pack(&site, &dir, "plain", &[], &[]).done();
    let other = ["--source-repository", "https://git.example/acme/shopping"];
    pack(&site, &dir, "other", &other, &[]).done();
    pack(&site, &dir, "right", &["--source-from-ci"], &GITHUB).done();
    let (plain, other, right) = (site.path("plain"), site.path("other"), site.path("right"));
    // A run from before the demand is undone after it.
    let before = site.operator(&plain, &db.url());
    before.run().done();
    let demand = ["--source-repository", "https://git.example/acme/shop"];
    site.policy(&demand);
    site.pgseal(["trust", "show", "trust.json"])
        .says(&["releases of this repository may run: https://git.example/acme/shop"]);
    before.rollback().done();
    let writer = Writer::start(
        &db,
        "insert into public.approvals values (gen_random_uuid()::text)",
    );
    let words = ["wants a release of the repository", REPOSITORY];
    before
        .run()
        .fails_saying(11, &[&words[..], &["names none"]].concat());
    let elsewhere = site.operator(&other, &db.url());
    elsewhere
        .run()
        .fails_saying(11, &[&words[..], &["acme/shopping"]].concat());
    assert_eq!(elsewhere.plan().code, 11);
    let gate = elsewhere.ask_with("gate", &["--json"]);
    let missing = gate.json()["missing"].to_string();
    assert!(missing.contains("source-not-allowed"), "{missing}");
    let report = elsewhere.ask("report");
    assert_eq!(report.code, 11, "{report}");
    report.says(&["wants a release of the repository"]);
    assert_eq!(db.ask("select to_regclass('widgets') is null"), "t");
    // Looking inside is not running.
    ask(&site, "verify", "other", &[]).done();
    let allowed = site.operator(&right, &db.url());
    allowed.run().done();
    let report = allowed.ask_with("report", &["--format", "md"]);
    report.says(&[REPOSITORY]);
    allowed.rollback().done();
    writer.stop();
    site.policy(&["--source-repository", "https://git.example/acme/*"]);
    elsewhere.run().done();
    elsewhere.rollback().done();
    site.policy(&["--any-source"]);
    before.run().done();
}
