//! Conformance to `schemas/`: every `--json` document, and every document that is stored.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use jsonschema::Registry;
use pgseal_testkit::cluster::{Cluster, TestDatabase};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Prefix of each schema's `$id`; nothing is fetched from there.
const BASE: &str = "https://pgseal.invalid/schemas/";

static SCHEMAS: LazyLock<Registry<'static>> = LazyLock::new(|| {
    let mut registry = Registry::new();
    for name in names() {
        let schema = read_json(&folder("schemas").join(&name));
        registry = registry
            .add(format!("{BASE}{name}"), schema)
            .expect("a schema with an address of its own");
    }
    registry.prepare().expect("references inside schemas/ only")
});

/// A directory with keys, a trust root and a release, in which pgseal runs.
struct Desk {
    dir: TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self {
            dir: tempfile::tempdir().expect("a temporary directory"),
        };
        for key in ["root", "release", "host", "owner", "notary"] {
            desk.ok("keygen", &["keygen", key, "--no-passphrase"]);
        }
        let roles = [
            "release:1=release.pub",
            "receipt:1=host.pub",
            "l4:1=owner.pub",
            "notary:1=notary.pub",
        ];
        let roles = roles.iter().flat_map(|role| ["--role", role]);
        let init = |file| {
            ["trust", "init", file, "--root-key", "root.key"]
                .into_iter()
                .chain(roles.clone())
        };
        desk.ok("trust", &init("trust.json").collect::<Vec<_>>());
        // The same trust root, except that runs require an approval.
        desk.ok(
            "trust",
            &init("strict.json")
                .chain(["--require", "l4"])
                .collect::<Vec<_>>(),
        );
        desk.ok("init", &["init", "example"]);
        let change = desk.path("migrations/1_greetings.up.sql");
        fs::create_dir(desk.path("migrations")).expect("a directory");
        fs::write(change, "create table greetings (id integer);").expect("a file");
        let imported = ["import", "golang-migrate", "migrations", "-o", "imported"];
        desk.ok("import", &imported);
        desk.ok("new", &["new", "thanks", "-C", "imported"]);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Packs and signs a release for the given database.
    fn bundle(&self, database: &str) {
        let toml = self.path("example/release.toml");
        let text = fs::read_to_string(&toml).expect("init wrote it");
        let text = text.replace(
            "database = \"example\"",
            &format!("database = {database:?}"),
        );
        fs::write(&toml, text).expect("our own file");
        self.ok(
            "pack",
            &["pack", "example", "-o", "a.pgseal", "--key", "release.key"],
        );
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgseal"));
        command.env("PGSEAL_GATE_USER", "gate_reader");
        command
            .args(arguments)
            .arg("--json")
            .current_dir(self.dir.path());
        command
            .env("PGSEAL_TRUST", "trust.json")
            .env_remove("SOURCE_DATE_EPOCH");
        command.output().expect("the program starts")
    }

    /// Runs pgseal, asserts its exit code, and validates its document against a schema.
    fn expect(&self, exit: i32, schema: &str, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {stderr}");
        let document = serde_json::from_slice(&output.stdout).expect("one document");
        check(&format!("output/{schema}"), &document);
        document
    }

    fn ok(&self, schema: &str, arguments: &[&str]) -> Value {
        self.expect(0, schema, arguments)
    }
}

/// Whether the compiler had the target of the page.
fn has_page() -> bool {
    #[cfg(feature = "verifier")]
    return pgseal_page::html().is_some();
    #[cfg(not(feature = "verifier"))]
    return false;
}

#[test]
fn every_schema_is_a_schema_and_closed() {
    for name in names() {
        let schema = read_json(&folder("schemas").join(&name));
        assert!(jsonschema::meta::is_valid(&schema), "{name}");
        assert_eq!(schema["$id"], json!(format!("{BASE}{name}")));
        assert_closed(&schema, &name);
    }
}

#[test]
fn a_release_that_commits_more_than_once() {
    let desk = Desk::new();
    let toml = desk.path("example/release.toml");
    let text = fs::read_to_string(&toml).expect("init wrote it");
    let tier = "\n[[tier]]\nname = \"steps\"\nfile = \"tiers/steps.sql\"\ntransaction = \"none\"\n";
    fs::write(&toml, text + tier).expect("our own file");
    let sql =
        "set work_mem = '1MB';\nvacuum;\nalter type mood add value 'x';\ncall p();\nanalyze;\n";
    fs::write(desk.path("example/tiers/steps.sql"), sql).expect("our own file");
    for command in [
        &["lint", "example"][..],
        &["pack", "example", "-o", "b.pgseal"],
    ] {
        let points = desk.ok(command[0], command)["points"].clone();
        assert_eq!(points.as_array().map(Vec::len), Some(5), "{points}");
    }
}

#[test]
fn commands_without_a_database() {
    let desk = Desk::new();
    desk.ok("keygen", &["keygen", "second", "--no-passphrase"]);
    desk.ok("trust", &["trust", "show"]);
    desk.ok(
        "trust",
        &[
            "trust",
            "add-key",
            "trust.json",
            "--key",
            "second.pub",
            "--role",
            "release",
            "--root-key",
            "root.key",
            "--not-before",
            "2020-01-01",
            "--not-after",
            "2100-01-01",
        ],
    );
    check("trust", &read_json(&desk.path("trust.json")));
    desk.ok(
        "trust",
        &[
            "trust",
            "set-policy",
            "trust.json",
            "--target",
            "prod",
            "--minimum-sequence",
            "demo=1",
        ],
    );
    desk.ok("trust", &["trust", "show", "trust.3.json"]);
    desk.ok(
        "trust",
        &["trust", "sign", "trust.3.json", "--tbs", "to-be-signed"],
    );
    desk.expect(11, "error", &["trust", "install", "trust.3.json"]);
    desk.ok(
        "trust",
        &["trust", "sign", "trust.3.json", "--key", "root.key"],
    );
    desk.ok("trust", &["trust", "install", "trust.3.json"]);
    desk.ok(
        "trust",
        &[
            "trust",
            "set-policy",
            "trust.json",
            "--any-target",
            "--root-key",
            "root.key",
        ],
    );

    desk.ok("config", &["config", "show"]);
    desk.ok("lint", &["lint", "example"]);
    desk.ok("lint", &["lint", "--rules"]);
    desk.ok("lint", &["lint", "--explain", "missing-rollback"]);
    desk.ok("pack", &["pack", "example", "-o", "a.pgseal"]);
    desk.ok("sign", &["sign", "a.pgseal", "--key", "release.key"]);
    for format in ["--dsse", "--sigstore"] {
        desk.ok(
            "export",
            &["export", "a.pgseal", format, "-o", &format[2..]],
        );
    }
    for format in ["--allowed-signers", "--public-keys"] {
        desk.ok("export", &["export", format, "-o", &format[2..]]);
    }
    let page = ["verifier", "-o", "verify.html"];
    match has_page() {
        true => desk.ok("verifier", &page),
        false => desk.expect(2, "error", &page),
    };
    let verified = desk.ok("verify", &["verify", "a.pgseal"]);
    assert_eq!(verified["files"], json!(9));
    desk.ok(
        "verify",
        &["verify", "a.pgseal", "--contents", "--as-of", "2026-12-01"],
    );
    desk.ok("inspect", &["inspect", "a.pgseal"]);
    desk.ok("cat", &["cat", "a.pgseal", "release.toml"]);
    desk.ok("runbook", &["runbook", "a.pgseal", "operator"]);
    desk.ok("unpack", &["unpack", "a.pgseal", "-C", "unpacked"]);
    desk.ok("audit", &["audit", "."]);
    check("statement", &statement(&desk.path("a.pgseal")));

    desk.ok(
        "pack",
        &["pack", &one_roof(), "-o", "b.pgseal", "--key", "second.key"],
    );
    check("statement", &statement(&desk.path("b.pgseal")));
    desk.ok("diff", &["diff", "a.pgseal", "b.pgseal"]);
    for audience in ["owner", "operator", "auditor"] {
        desk.ok("runbook", &["runbook", "b.pgseal", audience]);
    }
}

#[test]
fn what_people_add() {
    let desk = Desk::new();
    desk.ok("pack", &["pack", "example", "-o", "a.pgseal"]);
    desk.ok("tbs", &["sign", "a.pgseal", "--tbs", "release.tbs"]);
    openssl(
        &desk,
        &[
            "pkeyutl",
            "-sign",
            "-rawin",
            "-inkey",
            "release.key",
            "-in",
            "release.tbs",
            "-out",
            "release.sig",
        ],
    );
    let attached = desk.ok(
        "attach",
        &["attach", "a.pgseal", "release.sig", "--trust", "trust.json"],
    );
    assert_eq!(attached["added"][0]["kind"], "signature");

    let approve = [
        "approve",
        "a.pgseal",
        "--role",
        "l4",
        "--key",
        "owner.key",
        "--yes",
        "example",
    ];
    let reasoned = [
        &approve[..],
        &[
            "--apr",
            "APR-1",
            "--reason",
            "as agreed",
            "-o",
            "a.approval",
        ],
    ]
    .concat();
    desk.ok("approve", &reasoned);
    assert_eq!(
        desk.ok("attach", &["attach", "a.pgseal", "a.approval"])["added"][0]["kind"],
        "statement"
    );
    check("approval", &member(&desk.path("a.pgseal"), 3));
    desk.ok(
        "tbs",
        &[
            "approve",
            "a.pgseal",
            "--role",
            "l4",
            "--yes",
            "example",
            "--tbs",
            "approval.tbs",
        ],
    );
    desk.ok(
        "tbs",
        &[
            "withdraw",
            "a.pgseal",
            "--role",
            "l4",
            "--tbs",
            "withdrawal.tbs",
        ],
    );
    let verified = desk.ok("verify", &["verify", "a.pgseal", "--trust", "strict.json"]);
    assert_eq!(
        verified["quorum"]["l4"],
        json!({ "needed": 1, "counted": 1 })
    );
    assert_eq!(verified["approvals"][0]["reason"], "as agreed");
    desk.expect(
        20,
        "report",
        &["report", "a.pgseal", "--trust", "strict.json"],
    );

    desk.ok("notarise", &["notarise", "a.pgseal", "--key", "notary.key"]);
    let members = [3, 5].map(|at| member(&desk.path("a.pgseal"), at));
    for statement in members {
        let kind = if statement["predicateType"] == "urn:pgseal:approval:v1" {
            "approval"
        } else {
            "notarisation"
        };
        check(kind, &statement);
    }
    let verified = desk.ok("verify", &["verify", "a.pgseal"]);
    assert_eq!(verified["signers"][0]["evidence"]["level"], "notarised");
    let audited = desk.ok("audit", &["audit", "."]);
    let kinds: Vec<&Value> = audited["files"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|found| &found["kind"])
        .collect();
    assert_eq!(kinds, ["approval", "bundle", "trust-root"]);

    desk.ok("withdraw", &["withdraw", "a.pgseal", "--key", "owner.key"]);
    let verified = desk.ok("verify", &["verify", "a.pgseal", "--trust", "strict.json"]);
    assert_eq!(
        verified["quorum"]["l4"],
        json!({ "needed": 1, "counted": 0 })
    );
    assert!(verified["approvals"][0]["why_not"].is_string());
    desk.ok("audit", &["audit", "."]);
    desk.ok("approve", &approve);
    for wrong in [
        &approve[..6],
        &[&approve[..6], &["--yes", "other"]].concat(),
    ] {
        desk.expect(2, "error", wrong);
    }
    desk.expect(2, "error", &["notarise", "a.pgseal", "--key", "owner.key"]);
    desk.expect(10, "error", &["attach", "a.pgseal", "example/release.toml"]);
}

#[test]
fn what_an_archive_says() {
    let desk = Desk::new();
    desk.ok("keygen", &["keygen", "log", "--no-passphrase"]);
    let add_key = [
        "trust",
        "add-key",
        "trust.json",
        "--key",
        "log.pub",
        "--role",
        "log",
        "--root-key",
        "root.key",
    ];
    desk.ok("trust", &add_key);
    desk.ok(
        "pack",
        &["pack", "example", "-o", "a.pgseal", "--key", "release.key"],
    );
    let key = ["--key", "log.key"];
    desk.ok(
        "archive",
        &[
            &["archive", "init", "kept", "--origin", "example.com/kept"],
            &key[..],
        ]
        .concat(),
    );
    fs::copy(desk.path("kept/checkpoint"), desk.path("empty")).expect("our own file");
    let add = [
        &["archive", "add", "kept", "a.pgseal", "trust.json"],
        &key[..],
    ]
    .concat();
    let added = desk.ok("archive", &add);
    for one in added["added"].as_array().expect("a list") {
        check("log-entry", &one["entry"]);
    }
    assert_eq!(desk.ok("archive", &add)["checkpoint"], Value::Null);
    desk.ok("archive", &["archive", "checkpoint", "kept"]);
    desk.ok(
        "archive",
        &["archive", "consistency", "kept", "--since", "empty"],
    );
    desk.ok("archive", &["archive", "prove", "kept", "a.pgseal"]);
    desk.ok(
        "archive",
        &[
            "archive",
            "prove",
            "kept",
            "a.pgseal",
            "-o",
            "a.pgseal.tlog-proof",
        ],
    );
    assert_eq!(
        desk.ok("verify", &["verify", "a.pgseal"])["log"]["origin"],
        "example.com/kept"
    );
    desk.ok(
        "archive",
        &["archive", "verify", "kept", "--since", "empty"],
    );
    fs::remove_file(desk.path("kept/a.pgseal")).expect("it was there");
    assert_eq!(desk.ok("archive", &add)["restored"], json!(["a.pgseal"]));
    fs::remove_file(desk.path("kept/a.pgseal")).expect("it was there");
    fs::write(desk.path("kept/checkpoint"), "none").expect("our own file");
    let verified = desk.expect(
        50,
        "archive",
        &["archive", "verify", "kept", "--since", "empty"],
    );
    assert_eq!(verified["checkpoint"], Value::Null);
    desk.expect(10, "error", &["archive", "checkpoint", "kept"]);
}

fn openssl(desk: &Desk, arguments: &[&str]) {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(desk.dir.path())
        .output()
        .expect("openssl");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_full_manifest() {
    let desk = Desk::new();
    let toml = desk.path("example/release.toml");
    let text = fs::read_to_string(&toml).expect("init wrote it");
    let text = text.replace(
        "server = \">=13\"",
        "server = \">=13.2,<19\"\nrole = \"app\"\nsystem_identifiers = [\"1\"]",
    );
    let text = text.replace(
        "transaction = \"release\"",
        "transaction = \"release\"\ndispatch = [\"NOTIFY\"]",
    );
    let text = text.replace("{ min = 1 }", "{ min = 1, max = 3 }, a = \"t\", b = -1");
    let lists = "requires = [\"small>=1.0,<2\", \"x\"]\nconflicts = [\"y=1-a\"]\n\n[target]";
    let text = text.replace("[target]", lists);
    let more = "[variables.note]\ndefault = \"none\"\n[[acknowledge]]\nrule = \"syntax\"\n\
                file = \"tiers/01_greetings.sql\"\nline = 1\nreason = \"None.\"\n";
    fs::write(&toml, format!("{text}\n{more}")).expect("our own file");
    let linted = desk.ok("lint", &["lint", "example"]);
    assert_eq!(linted["problems"][0]["rule"], "stale-acknowledgement");
    let tier = desk.path("example/tiers/01_greetings.sql");
    let sql = fs::read_to_string(&tier).expect("init wrote it");
    fs::write(
        &tier,
        format!("{sql}notify greetings;\n{}", "-- filling\n".repeat(8_000)),
    )
    .expect("our own file");
    desk.ok(
        "pack",
        &["pack", "example", "-o", "a.pgseal", "--key", "release.key"],
    );
    let statement = statement(&desk.path("a.pgseal"));
    check("statement", &statement);
    assert!(
        statement["predicate"]["files"]
            .as_array()
            .is_some_and(|files| { files.iter().any(|file| file["stored"] == "gzip") })
    );
    let verified = desk.ok("verify", &["verify", "a.pgseal"]);
    assert_eq!(verified["dispatch"], json!(["NOTIFY"]));
    desk.ok("inspect", &["inspect", "a.pgseal"]);
}

#[test]
fn errors_and_problems() {
    let desk = Desk::new();
    desk.expect(10, "error", &["verify", "example"]);
    let document = desk.expect(
        2,
        "error",
        &["verify", "a.pgseal", "--trust", "missing.json"],
    );
    assert_eq!(document["error"]["kind"], "no-trust-root");
    desk.expect(1, "error", &["verify", "missing.pgseal"]);
    for wrong in [
        &["verify"][..],
        &["verify", "a.pgseal", "--force"],
        &["gate", "a.pgseal", "--interval", "x"],
    ] {
        let document = desk.expect(2, "error", wrong);
        assert_eq!(document["error"]["exit"], json!(2));
    }
    desk.ok("pack", &["pack", "example", "-o", "unsigned.pgseal"]);
    assert_eq!(
        desk.expect(11, "error", &["verify", "unsigned.pgseal"])["error"]["kind"],
        "unsigned"
    );
    desk.expect(11, "report", &["report", "unsigned.pgseal"]);
    desk.expect(10, "report", &["report", "example/release.toml"]);
    desk.expect(1, "error", &["report", "missing.pgseal"]);
    std::os::unix::fs::symlink("nowhere", desk.path("missing")).expect("our own directory");
    desk.expect(
        50,
        "audit",
        &[
            "audit",
            "unsigned.pgseal",
            "example/release.toml",
            "missing",
        ],
    );
    fs::write(
        desk.path("example/tiers/01_greetings.sql"),
        "begin;\ninsert into t values (:nothing);",
    )
    .expect("ours");
    let linted = desk.expect(2, "lint", &["lint", "example"]);
    assert_eq!(linted["problems"].as_array().map(Vec::len), Some(2));
    fs::remove_file(desk.path("example/release.toml")).expect("init wrote it");
    desk.expect(2, "lint", &["lint", "example"]);
    desk.expect(2, "error", &["pack", "example", "-o", "b.pgseal"]);
}

#[test]
fn what_the_policy_binds() {
    // FORMAT.md 9.5. The policy refuses before any database connection.
    let desk = Desk::new();
    let vectors = folder("tests/vectors");
    let bundle = vectors
        .join("good_pass/bundle.pgseal")
        .to_string_lossy()
        .into_owned();
    for vector in [
        "trust_sequence_too_low_fail",
        "trust_release_blocked_fail",
        "trust_expired_fail",
    ] {
        let trust = vectors
            .join(vector)
            .join("trust.json")
            .to_string_lossy()
            .into_owned();
        desk.expect(11, "error", &["verify", &bundle, "--trust", &trust]);
        for command in ["gate", "run"] {
            desk.expect(
                11,
                "error",
                &[
                    command,
                    &bundle,
                    "--trust",
                    &trust,
                    "--db",
                    "postgresql:///nowhere",
                ],
            );
        }
        desk.expect(11, "report", &["report", &bundle, "--trust", &trust]);
        desk.ok("inspect", &["inspect", &bundle, "--trust", &trust]);
    }
}

#[test]
fn a_script_is_a_line_for_each_statement() {
    let desk = Desk::new();
    fs::write(
        desk.path("s.sql"),
        "select 1;\n\\echo x\ncopy t from stdin;\n1\n\\.\n",
    )
    .expect("our own file");
    let output = desk.run(&["script", "s.sql"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a document a line"))
        .collect();
    assert_eq!(lines.len(), 2);
    lines.iter().for_each(|line| check("output/script", line));
    assert_eq!(
        (&lines[0]["copy_bytes"], &lines[1]["copy_bytes"]),
        (&Value::Null, &json!(2))
    );
    fs::create_dir_all(desk.path("r/sub")).expect("our own directory");
    fs::write(desk.path("r/a.sql"), "select 1;\n").expect("our own file");
    fs::write(desk.path("r/sub/b.sql"), "\\i a.sql\n").expect("our own file");
    let output = desk.run(&["script", "r/sub/b.sql", "--root", "r"]);
    let line: Value = serde_json::from_slice(&output.stdout).expect("one document");
    check("output/script", &line);
    assert_eq!(line["file"], "r/a.sql", "as the caller names it");
}

#[test]
fn commands_on_a_database() {
    let desk = Desk::new();
    let database = Cluster::shared().database("schemas");
    desk.bundle(database.name());
    let url = database.url();
    let with = |command: &str| -> Vec<String> {
        [command, "a.pgseal", "--db", &url, "-v", "ticket=OPS-1"]
            .map(str::to_owned)
            .to_vec()
    };
    let expect = |exit, schema: &str, command: &str, more: &[&str]| {
        let arguments = with(command);
        let arguments: Vec<&str> = arguments
            .iter()
            .map(String::as_str)
            .chain(more.iter().copied())
            .collect();
        desk.expect(exit, schema, &arguments)
    };
    let mut client = database.client();
    let freeze = format!("comment on database {} is 'freeze'", database.name());
    client.batch_execute(&freeze).expect("a comment");
    desk.ok("status", &["status", "--db", &url]);
    expect(20, "gate", "gate", &[]);
    expect(20, "gate", "gate", &["--only"]);
    expect(20, "plan", "plan", &[]);
    expect(20, "report", "report", &[]);
    assert_eq!(
        expect(20, "error", "run", &[])["error"]["kind"],
        "gate-blocked"
    );
    let thaw = format!("comment on database {} is null", database.name());
    client.batch_execute(&thaw).expect("no comment");
    expect(0, "gate", "gate", &[]);
    assert_eq!(expect(0, "plan", "plan", &[])["gate"]["verdict"], "READY");
    expect(0, "check", "check", &[]);
    let elsewhere = Cluster::shared().database("schemas_elsewhere");
    let elsewhere = elsewhere.url();
    let plan = desk.expect(
        22,
        "plan",
        &["plan", "a.pgseal", "--db", &elsewhere, "-v", "ticket=OPS-1"],
    );
    assert_eq!(plan["gate"], Value::Null, "the gates were not asked");
    assert_eq!(plan["obstacles"][0]["kind"], "wrong-target");
    let key = ["--receipt-key", "host.key"];
    expect(0, "gate", "gate", &key);
    expect(0, "plan", "plan", &key);
    expect(0, "check", "check", &key);
    expect(20, "report", "report", &key);
    let answers = desk.path("pgseal-receipts");
    let answers = fs::read_dir(answers).expect("they were stored");
    let answers = answers.map(|entry| entry.expect("an entry").path());
    let answers: Vec<_> = answers
        .filter(|path| path.to_string_lossy().ends_with(".evidence.json"))
        .collect();
    assert_eq!(answers.len(), 4);
    for path in &answers {
        check("evidence", &read_json(path));
        let path = path.to_str().expect("our own name");
        desk.ok("receipt", &["receipt", "verify", path]);
    }
    expect(2, "error", "run", &["--receipt-key", "release.key"]);

    // Failed runs have a document and a receipt like successful ones.
    client
        .batch_execute("create domain public.greetings as int")
        .expect("DDL");
    let events = ["--events", "events.jsonl"];
    let failed = expect(30, "run", "run", &events);
    assert_eq!(failed["result"]["outcome"], "unchanged");
    let lines = fs::read_to_string(desk.path("events.jsonl")).expect("they were written");
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    lines.iter().for_each(|line| check("output/event", line));
    assert_eq!(lines.last().expect("lines")["exit"], 30);
    client
        .batch_execute("drop domain public.greetings")
        .expect("DDL");
    expect(11, "error", "run", &["--trust", "strict.json"]);
    assert_eq!(
        expect(11, "plan", "plan", &["--trust", "strict.json"])["obstacles"][0]["exit"],
        11
    );
    desk.ok(
        "approve",
        &[
            "approve",
            "a.pgseal",
            "--role",
            "l4",
            "--key",
            "owner.key",
            "--yes",
            "example",
            "--apr",
            "A-1",
            "-o",
            "a.approval",
        ],
    );
    let approved = [
        "--trust",
        "strict.json",
        "--approval",
        "a.approval",
        "--receipt-key",
        "host.key",
        "--wait",
        "--interval",
        "1",
    ];
    client.batch_execute(&freeze).expect("a comment");
    let done = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_secs(2));
            client.batch_execute(&thaw).expect("no comment");
        });
        expect(0, "run", "run", &approved)
    });
    assert_eq!(done["result"]["outcome"], "committed");
    assert_eq!(done["result"]["waited"][0]["for"], "gate-blocked");
    assert_eq!(done["result"]["approvals"][0]["apr"], "A-1");
    assert_eq!(
        expect(22, "error", "run", &[])["error"]["kind"],
        "already-in-effect"
    );
    assert_eq!(
        expect(22, "plan", "plan", &[])["obstacles"][0]["kind"],
        "already-in-effect"
    );
    client
        .batch_execute("update public.greetings set text = ''")
        .expect("an update");
    expect(22, "check", "check", &[]);
    desk.ok("status", &["status", "--db", &url]);
    expect(0, "run", "rollback", &[]);
    expect(0, "run", "rollback", &[]);
    let status = desk.ok("status", &["status", "--db", &url]);
    assert_eq!(status["ledger"].as_array().map(Vec::len), Some(2));
    // A run that failed in its transaction, a run, a rollback: begin, end; twice begin, commit, end.
    assert_eq!(check_receipts(&desk.path("pgseal-receipts")), (3, 8));

    // The receipt of the signed run, and an unsigned receipt.
    for entry in fs::read_dir(desk.path("pgseal-receipts")).expect("runs made it") {
        let path = entry.expect("an entry").path();
        if !path.to_string_lossy().ends_with(".receipt.json") {
            continue;
        }
        let path = path.to_str().expect("a path of letters");
        let shown = desk.run(&["receipt", "show", path]);
        check(
            "receipt",
            &serde_json::from_slice(&shown.stdout).expect("one document"),
        );
        let is_signed = Path::new(path).with_extension("sig").exists();
        let exit = if is_signed { 0 } else { 11 };
        let verified = desk.expect(
            exit,
            "receipt",
            &["receipt", "verify", path, "--bundle", "a.pgseal"],
        );
        assert_eq!(verified["receipts"][0]["journal"], "agrees");
        assert_eq!(verified["receipts"][0]["signer"].is_object(), is_signed);
    }
    desk.expect(10, "receipt", &["receipt", "verify", "a.pgseal"]);
    desk.expect(10, "error", &["receipt", "show", "a.pgseal"]);

    let admin = Cluster::shared().server().url("postgres");
    let rehearse = [
        "rehearse",
        "a.pgseal",
        "--db",
        &admin,
        "--from",
        database.name(),
        "-v",
        "ticket=OPS-1",
    ];
    let rehearsed = desk.ok(
        "rehearse",
        &[&rehearse[..], &["--receipt-key", "host.key"]].concat(),
    );
    let path = rehearsed["receipt"].as_str().expect("it was stored");
    check("rehearsal", &read_json(&desk.path(path)));
    let shown = desk.run(&["receipt", "show", path]);
    check(
        "rehearsal",
        &serde_json::from_slice(&shown.stdout).expect("one document"),
    );
    let verified = desk.ok(
        "receipt",
        &["receipt", "verify", path, "--bundle", "a.pgseal"],
    );
    assert_eq!(verified["receipts"][0]["action"], "rehearsal");
    desk.ok("audit", &["audit", path]);
    let made = desk.ok(
        "clone",
        &[
            "clone",
            "make",
            "--db",
            &admin,
            "--from",
            database.name(),
            "--receipt-key",
            "host.key",
        ],
    );
    let clone = made["clone"]["database"].as_str().expect("its name");
    desk.ok("clone", &["clone", "list", "--db", &admin]);
    desk.ok("clone", &["clone", "check", clone, "--db", &admin]);
    let reset = ["clone", "reset", clone, "--db", &admin];
    desk.ok(
        "clone",
        &[&reset[..], &["--receipt-key", "host.key"]].concat(),
    );
    desk.ok("clone", &["clone", "drop", clone, "--db", &admin]);
    client
        .batch_execute("create domain public.greetings as int")
        .expect("DDL");
    let failed = desk.expect(30, "rehearse", &rehearse);
    let dev = Cluster::shared().database("schemas_dev");
    let url = dev.url();
    desk.ok("try", &["try", "init", "--db", &url]);
    let open = format!("comment on database {} is 'approved OPS-1'", dev.name());
    client.batch_execute(&open).expect("DDL");
    let tried = ["try", "example", "--db", &url, "-v", "ticket=OPS-1"];
    desk.ok("try", &tried);
    desk.expect(2, "error", &tried[..4]);
    let no_trial = ["try", "example", "--db", &admin, "-v", "ticket=OPS-1"];
    desk.expect(22, "error", &no_trial);
    assert_eq!(failed["rehearsal"]["outcome"], "failed");
}

#[test]
fn a_rollout_over_two_databases() {
    let desk = Desk::new();
    let cluster = Cluster::shared();
    let databases = [
        cluster.database("schemas_roll"),
        cluster.database("schemas_roll"),
    ];
    let toml = desk.path("example/release.toml");
    let text = fs::read_to_string(&toml).expect("init wrote it");
    let text = text.replace("database = \"example\"", "databases = [\"schemas_roll*\"]");
    fs::write(&toml, text).expect("our own file");
    desk.ok(
        "pack",
        &["pack", "example", "-o", "a.pgseal", "--key", "release.key"],
    );
    let urls = databases.each_ref().map(|database| database.url());
    let plan = format!("databases = {urls:?}\nsoak = \"gate/no_freeze.sql\"\n");
    fs::write(desk.path("plan.toml"), plan).expect("our own file");
    let comment = |database: &TestDatabase<'_>, text: &str| {
        let name = database.name();
        let sql = format!("comment on database {name} is {text}");
        database.client().batch_execute(&sql).expect("a comment");
    };
    let rollout = [
        "rollout",
        "a.pgseal",
        "--plan",
        "plan.toml",
        "-v",
        "ticket=OPS-1",
    ];
    let more = ["--receipt-key", "host.key", "--events", "events.jsonl"];
    let rollout = [&rollout[..], &more[..]].concat();
    comment(&databases[1], "'freeze'");
    let failed = desk.expect(20, "rollout", &rollout);
    assert_eq!((&failed["done"], &failed["failed"]), (&1.into(), &1.into()));
    desk.expect(31, "rollout", &["rollout", "status"]);
    comment(&databases[1], "null");
    let done = desk.ok("rollout", &[&rollout[..], &["--resume"]].concat());
    let path = done["receipt"].as_str().expect("it was stored");
    check("rollout", &read_json(&desk.path(path)));
    let verified = desk.ok(
        "receipt",
        &["receipt", "verify", path, "--bundle", "a.pgseal"],
    );
    assert_eq!(verified["receipts"][0]["action"], "rollout");
    let shown = desk.run(&["receipt", "show", path]);
    let shown = serde_json::from_slice(&shown.stdout).expect("one document");
    check("rollout", &shown);
    let audited = desk.ok("audit", &["audit", "pgseal-receipts"]);
    let files = audited["files"].as_array().expect("a list");
    assert_eq!(
        files
            .iter()
            .filter(|file| file["kind"] == "rollout")
            .count(),
        2
    );
    let mut audit = Command::new(env!("CARGO_BIN_EXE_pgseal"));
    audit.args([
        "audit",
        "pgseal-receipts",
        "--jsonl",
        "--trust",
        "trust.json",
    ]);
    let lines = audit
        .current_dir(desk.dir.path())
        .output()
        .expect("it starts");
    assert!(lines.status.success());
    for line in String::from_utf8_lossy(&lines.stdout).lines() {
        let line = serde_json::from_str(line).expect("a document a line");
        check("output/audit-line", &line);
    }
    let merge = ["rollout", "merge", path, "--receipt-key", "host.key"];
    let merged = desk.ok("rollout", &merge);
    let merged = merged["receipt"].as_str().expect("it was stored");
    check("rollout", &read_json(&desk.path(merged)));
    let back = [
        "rollout",
        "rollback",
        "a.pgseal",
        "--receipt-key",
        "host.key",
    ];
    desk.ok(
        "rollout",
        &[&back[..], &["--events", "events.jsonl"]].concat(),
    );
    desk.ok("rollout", &["rollout", "status"]);
    let lines = fs::read_to_string(desk.path("events.jsonl")).expect("they were written");
    for line in lines.lines() {
        let line = serde_json::from_str(line).expect("a document a line");
        check("output/event", &line);
    }
}

#[test]
fn a_run_that_commits_more_than_once() {
    let desk = Desk::new();
    let database = Cluster::shared().database("schemas_mixed");
    let toml = desk.path("example/release.toml");
    let text = fs::read_to_string(&toml).expect("init wrote it");
    let tier = "\n[[tier]]\nname = \"steps\"\nfile = \"tiers/steps.sql\"\ntransaction = \"none\"\n";
    fs::write(&toml, text + tier).expect("our own file");
    let sql = "create index concurrently greetings_text on public.greetings (text);\nvacuum public.missing;\n";
    fs::write(desk.path("example/tiers/steps.sql"), sql).expect("our own file");
    desk.bundle(database.name());
    let url = database.url();
    let run = ["run", "a.pgseal", "--db", &url, "-v", "ticket=OPS-1"];
    let plan = desk.ok("plan", &[&["plan"], &run[1..]].concat());
    assert_eq!(plan["phases"].as_array().map(Vec::len), Some(2), "{plan}");
    assert_eq!(plan["points"].as_array().map(Vec::len), Some(2), "{plan}");
    assert_eq!(desk.expect(31, "run", &run)["result"]["outcome"], "partial");
    let status = desk.expect(31, "status", &["status", "--db", &url]);
    assert!(
        status["stopped"]["steps"]
            .as_array()
            .is_some_and(|steps| steps.len() > 2),
        "{status}"
    );
    database
        .client()
        .batch_execute("create table public.missing ()")
        .expect("DDL");
    let resumed = desk.ok("run", &[&run[..], &["--resume"]].concat());
    assert_eq!(
        resumed["result"]["resumes"],
        status["stopped"]["run"]["run_id"]
    );
    assert_eq!(
        desk.ok("status", &["status", "--db", &url])["stopped"],
        Value::Null
    );
    let status = desk.ok(
        "status",
        &["status", "--db", &url, "--receipts", "example/release.toml"],
    );
    assert_eq!(status["unread"].as_array().map(Vec::len), Some(1));
    let (receipts, lines) = check_receipts(&desk.path("pgseal-receipts"));
    assert_eq!(receipts, 2);
    // Begin, commit, committed, statement, and so on to the end, for both.
    assert!(lines >= 10, "{lines}");
}

#[test]
fn fingerprints() {
    let desk = Desk::new();
    let database = Cluster::shared().database("schemas_fingerprint");
    let url = database.url();
    let take = |file: &str, more: &[&str]| {
        desk.ok(
            "fingerprint",
            &[&["fingerprint", "--db", &url, "-o", file], more].concat(),
        );
        check("fingerprint", &read_json(&desk.path(file)));
    };
    take("before.json", &[]);
    let sql = "create table a (n serial); create materialized view m as select 1 with no data";
    database.client().batch_execute(sql).expect("DDL");
    take("after.json", &[]);
    take("some.json", &["--tables", "public.a"]);
    take("none.json", &["--schema-only"]);
    let key = ["--receipt-key", "host.key", "--receipts", "signed"];
    take("signed.json", &key);
    let signed = fs::read_dir(desk.path("signed")).expect("it was stored");
    let mut signed = signed.map(|entry| entry.expect("an entry").path());
    let signed = signed.find(|path| path.extension().is_some_and(|end| end == "json"));
    check("evidence", &read_json(&signed.expect("an answer")));
    desk.ok(
        "fingerprint",
        &["fingerprint", "diff", "after.json", "after.json"],
    );
    desk.expect(
        50,
        "fingerprint",
        &["fingerprint", "diff", "before.json", "after.json"],
    );
    desk.expect(
        2,
        "error",
        &["fingerprint", "diff", "some.json", "none.json"],
    );
    desk.expect(
        2,
        "error",
        &["fingerprint", "--db", &url, "--tables", "public.b"],
    );
}

#[test]
fn the_reference_trust_root_holds() {
    let keys = folder("keys");
    check("trust", &read_json(&keys.join("trust.json")));
    let desk = Desk::new();
    let trust = keys.join("trust.json");
    let shown = desk.ok(
        "trust",
        &[
            "trust",
            "show",
            "--trust",
            trust.to_str().expect("a path of letters"),
        ],
    );
    let public = fs::read_dir(&keys)
        .expect("keys/")
        .map(|entry| entry.expect("an entry").path());
    let public = public.filter(|path| path.extension().is_some_and(|extension| extension == "pub"));
    for path in public {
        let pem = fs::read_to_string(&path).expect("a text");
        let line = pem.lines().nth(1).expect("PEM has three lines");
        let listed = shown["trust"]["keys"]
            .as_array()
            .is_some_and(|keys| keys.iter().any(|key| key["public_key"] == line));
        assert!(listed, "{} is not in the trust root", path.display());
    }
}

#[test]
fn keys_holds_no_secret() {
    for entry in walkdir::WalkDir::new(folder("keys")) {
        let entry = entry.expect("keys/ can be read");
        if entry.file_type().is_file() {
            let bytes = fs::read(entry.path()).expect("a file");
            assert!(
                !bytes.windows(11).any(|window| window == b"PRIVATE KEY"),
                "{}",
                entry.path().display()
            );
        }
    }
}

/// Validates every receipt and every line of every journal against its schema; returns their numbers.
fn check_receipts(dir: &Path) -> (usize, usize) {
    let (mut receipts, mut lines) = (0, 0);
    for entry in fs::read_dir(dir).expect("runs made it") {
        let path = entry.expect("an entry").path();
        let name = path.to_string_lossy().into_owned();
        if name.ends_with(".receipt.json") {
            check("receipt", &read_json(&path));
            receipts += 1;
        } else if name.ends_with(".journal") {
            for line in fs::read_to_string(&path).expect("a text").lines() {
                check(
                    "journal",
                    &serde_json::from_str(line).expect("a document a line"),
                );
                lines += 1;
            }
        }
    }
    (receipts, lines)
}

/// Asserts that a document fits the schema of this name, and that the schema rejects an additional key.
fn check(name: &str, document: &Value) {
    let schema = read_json(&folder("schemas").join(format!("{name}.schema.json")));
    let options = jsonschema::options().with_registry(&SCHEMAS).offline();
    let validator = options.build(&schema).expect("a schema");
    let faults: Vec<String> = validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(
        faults.is_empty(),
        "{name}: {}\n{document:#}",
        faults.join("\n")
    );
    let mut more = document.clone();
    more["one_key_too_many"] = Value::Null;
    assert!(!validator.is_valid(&more), "{name} accepts unknown keys");
}

/// Asserts that every object of a schema either lists its keys and allows no others, or is a map with one kind of
/// value.
fn assert_closed(schema: &Value, at: &str) {
    match schema {
        Value::Object(map) => {
            if map.get("type") == Some(&json!("object")) {
                assert!(map.contains_key("additionalProperties"), "{at}");
            }
            map.iter()
                .for_each(|(key, value)| assert_closed(value, &format!("{at}/{key}")));
        }
        Value::Array(items) => items.iter().for_each(|item| assert_closed(item, at)),
        _ => {}
    }
}

/// Returns `statement.json` of a bundle.
fn statement(bundle: &Path) -> Value {
    member(bundle, 1)
}

/// Reads a member of a bundle as a tar archive.
fn member(bundle: &Path, at: usize) -> Value {
    let bytes = fs::read(bundle).expect("a bundle");
    let mut archive = tar::Archive::new(bytes.as_slice());
    let entry = archive
        .entries()
        .expect("a tar")
        .nth(at)
        .expect("so many members")
        .expect("a member");
    serde_json::from_reader(entry).expect("JSON")
}

fn names() -> Vec<String> {
    let schemas = folder("schemas");
    let files = walkdir::WalkDir::new(&schemas)
        .into_iter()
        .map(|entry| entry.expect("schemas/ can be read").into_path());
    let files = files.filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    files
        .map(|path| {
            path.strip_prefix(&schemas)
                .expect("below it")
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

fn one_roof() -> String {
    folder("bundle/one-roof").to_string_lossy().into_owned()
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
}
