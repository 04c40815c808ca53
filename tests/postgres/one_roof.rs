//! The reference release, from BLOCKED to READY, finalized, and back.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};

use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::release::{Operator, Site, assert_same, dump, psql};
use pgseal_testkit::writer::Writer;

pub const APR: &str = "APR-BOOT-AUTHMODEL-1";

/// Daily work: another open issue.
pub const ISSUE: &str = "insert into public.system_issues (id, collection, kind, severity, status, opened_on, title)
    select max(id) + 1, 'kg_entities', 'duplicate', 'high', 'open', date '2026-07-01', 'daily' from public.system_issues";

/// The database of the reference release. The release fixes its name, so only one test at a time has it.
pub struct Directus {
    pub db: TestDatabase<'static>,
    _alone: MutexGuard<'static, ()>,
}

impl Directus {
    /// Creates the database empty.
    pub fn empty() -> Self {
        let alone = Self::alone();
        Self {
            db: Cluster::shared().database_named("directus"),
            _alone: alone,
        }
    }

    fn alone() -> MutexGuard<'static, ()> {
        static ALONE: Mutex<()> = Mutex::new(());
        // A test that failed with the lock has still dropped its database.
        ALONE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn at_baseline() -> Self {
        let alone = Self::alone();
        let cluster = Cluster::shared();
        let template = cluster.template("one_roof_baseline", |db| {
            let loaded = psql(db, &["-f", "one-roof-baseline.sql"], &sources());
            assert!(
                loaded.status.success(),
                "{}",
                String::from_utf8_lossy(&loaded.stderr)
            );
        });
        Self {
            db: TestDatabase::from_template_named(cluster, template, "directus"),
            _alone: alone,
        }
    }

    /// Writes the rows of a human ratification.
    pub fn ratify(&self) {
        let apr = format!("ratified_apr={APR}");
        let ratified = psql(
            &self.db,
            &["-v", &apr, "-f", "one-roof-ratify.sql"],
            &sources(),
        );
        assert!(
            ratified.status.success(),
            "{}",
            String::from_utf8_lossy(&ratified.stderr)
        );
    }
}

/// The directory of the reference release and its fixtures.
pub fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bundle")
}

pub fn pack(site: &Site) -> PathBuf {
    let bundle = site.path("one-roof-1.0.0.pgseal");
    site.pack_dir(&sources().join("one-roof"), &bundle).done();
    bundle
}

fn baseline() -> Value {
    json!({
        "gap": "210", "ospa": "1", "ownership": "0", "conflict": "0", "gov_emit": "0", "inventory": "35", "scopes": "6",
        "axis": "absent", "one_roof": "f", "emit": "unset", "idle": "0", "system_issues": "204556",
    })
}

fn finalized() -> Value {
    json!({
        "gap": "0", "ospa": "1", "ownership": "210", "conflict": "0", "gov_emit": "0", "inventory": "35", "scopes": "6",
        "axis": "responsibility", "containment_ok": "35", "containment_bad": "0", "divergent": "0", "critical": "0",
        "emit": "fail-closed", "tiers": "8", "sealed": "t", "system_issues": "204556",
    })
}

const CHECKS: [(&str, u64); 6] = [
    ("ui_read_contract", 8),
    ("clone_revalidate", 12),
    ("regression", 26),
    ("axis_rehearsal", 7),
    ("issue_event_rehearsal", 9),
    ("dot_boundary_rehearsal", 3),
];

#[test]
fn the_story() {
    let directus = Directus::at_baseline();
    let db = &directus.db;
    let site = Site::new();
    let bundle = pack(&site);
    let operator = site
        .operator(&bundle, &db.url())
        .variable("ratified_apr", APR);
    let untouched = dump(db);

    blocked(&operator, &site);
    assert_same(&untouched, &dump(db));

    directus.ratify();
    let ratified = dump(db);
    operator.gate().done().says(&["READY", "3 L2 votes", APR]);
    let plan = operator.json("plan");
    assert_eq!(
        (&plan["would_run"], &plan["now"]),
        (&json!(true), &baseline()),
        "{plan}"
    );
    assert_eq!(plan["tiers"].as_array().unwrap().len(), 8);
    // Gate, plan and status write nothing.
    assert_same(&ratified, &dump(db));

    run(&operator, &site, &bundle);
    let applied = dump(db);
    assert_ne!(ratified, applied);

    operator
        .run()
        .fails_saying(22, &["already applied here", "pgseal rollback FILE"]);
    assert_eq!(operator.json("run")["error"]["kind"], "already-in-effect");
    operator.check().done().says(&[
        "regression 26/26",
        "ui_read_contract 8/8",
        "axis_rehearsal 7/7",
        "ok 65/65 checks",
    ]);
    let checked = operator.json("check");
    assert_eq!(
        (&checked["state"], &checked["observed"]),
        (&json!("finalized"), &finalized())
    );
    // A refused run, and a check that rehearses writes, leave no residue.
    assert_same(&applied, &dump(db));

    let (answer, status) = operator.status();
    answer.done();
    assert_eq!(status["in_effect"][0]["release"], "one-roof");
    assert_eq!(status["unfinished"], json!([]));

    roll_back(&operator);
    assert_same(&ratified, &dump(db));
    operator.rollback().done().says(&["nothing to do"]);
    let (_, status) = operator.status();
    assert_eq!(
        (
            &status["in_effect"],
            status["ledger"].as_array().unwrap().len()
        ),
        (&json!([]), 2)
    );
    operator.check().done().says(&["state baseline"]);

    operator.run().done();
    assert_same(&applied, &dump(db));
    operator.rollback().done();
    assert_same(&ratified, &dump(db));
}

fn blocked(operator: &Operator<'_>, site: &Site) {
    let gate = operator.gate();
    assert_eq!(gate.code, 20, "{gate}");
    gate.says(&[
        "BLOCKED",
        "has 0 ratified approvals",
        "os_proposal_approvals = 0",
    ]);
    operator.run().fails_saying(
        20,
        &[
            "ratification is BLOCKED",
            "not ratified",
            "no flag opens it",
        ],
    );
    let plan = operator.plan();
    assert_eq!(plan.code, 20, "{plan}");
    operator.check().done().says(&["state baseline"]);
    assert!(
        !site.path("receipts").exists(),
        "a refused run leaves no file"
    );
    let other = operator
        .clone()
        .variable("ratified_apr", "APR-NOBODY-KNOWS-1")
        .gate();
    assert_eq!(other.code, 20, "{other}");
    operator
        .clone()
        .variable("ratified_apr", "APR' OR 'a'='a")
        .gate()
        .fails_saying(2, &["does not match the pattern"]);
}

fn run(operator: &Operator<'_>, site: &Site, bundle: &Path) {
    let mut command = operator.command("run");
    let answer = command
        .args(["--receipt-key", "receipt.key", "--json"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&answer.stderr);
    assert!(answer.status.success(), "{text}");
    for (at, tier) in ["structure", "responsibility_axis", "ownership_seed"]
        .iter()
        .enumerate()
    {
        assert!(text.contains(&format!("{}/8 {tier}", at + 1)), "{text}");
    }
    let document: Value = serde_json::from_slice(&answer.stdout).unwrap();
    let receipt = operator.receipt();
    assert_eq!(document["result"]["run_id"], receipt["run_id"]);
    assert_eq!(
        (&receipt["before"], &receipt["after"]),
        (&baseline(), &finalized())
    );
    assert_eq!(
        (&receipt["outcome"], &receipt["error"]),
        (&json!("committed"), &Value::Null)
    );
    assert_eq!(receipt["tiers"].as_array().unwrap().len(), 8);
    assert_eq!(receipt["variables"], json!({ "ratified_apr": APR }));
    // Two gates, before the transaction, at its beginning, at its end.
    let gates = receipt["gates"].as_array().unwrap();
    assert_eq!(
        gates.iter().filter(|gate| gate["ready"] == true).count(),
        6,
        "{gates:?}"
    );
    let verified: Vec<_> = receipt["verify"].as_array().unwrap().iter().collect();
    for ((name, checks), record) in CHECKS.iter().zip(&verified) {
        assert_eq!(
            **record,
            json!({ "name": name, "held": checks, "checks": checks })
        );
    }
    assert_eq!(verified.len(), CHECKS.len());
    journal_is_a_chain(operator, &receipt);
    signature_holds(operator, site, bundle);
}

/// Verifies the hash chain without the code that wrote it.
fn journal_is_a_chain(operator: &Operator<'_>, receipt: &Value) {
    let journal = fs::read_to_string(operator.records(".journal").pop().unwrap()).unwrap();
    let mut before = String::new();
    let mut steps = Vec::new();
    for text in journal.lines() {
        let line: Value = serde_json::from_str(text).unwrap();
        assert_eq!(line["prev_sha256"], sha256(before.as_bytes()));
        before = text.to_owned();
        steps.push(line["step"].clone());
    }
    assert_eq!(steps.len(), 3, "{journal}");
    assert_eq!(steps[0]["begin"]["run_id"], receipt["run_id"]);
    assert_eq!(
        steps[1]["commit"]["transaction_id"],
        receipt["transaction_id"]
    );
    assert_eq!(steps[2]["end"]["outcome"], "committed");
}

/// Verifies with openssl, over the DSSE pre-authentication encoding of the receipt's bytes.
fn signature_holds(operator: &Operator<'_>, site: &Site, bundle: &Path) {
    let path = operator.records(".receipt.json").pop().unwrap();
    let bytes = fs::read(&path).unwrap();
    let statement: Value = serde_json::from_slice(&bytes).unwrap();
    let inspected = site
        .pgseal([
            "verify",
            "--json",
            "--trust",
            "trust.json",
            bundle.to_str().unwrap(),
        ])
        .json();
    assert_eq!(
        statement["subject"][0]["digest"]["sha256"], inspected["release_id"],
        "{inspected}"
    );
    let pae = [
        format!("DSSEv1 28 application/vnd.in-toto+json {} ", bytes.len()).as_bytes(),
        &bytes,
    ]
    .concat();
    fs::write(site.path("pae"), pae).unwrap();
    let signature = operator.records(".receipt.sig").pop().unwrap();
    assert_eq!(fs::metadata(&signature).unwrap().len(), 64);
    let mut openssl = Command::new("openssl");
    openssl
        .args(["pkeyutl", "-verify", "-pubin", "-rawin", "-inkey"])
        .arg(site.path("receipt.pub"));
    let verified = openssl
        .arg("-in")
        .arg(site.path("pae"))
        .arg("-sigfile")
        .arg(&signature)
        .output()
        .unwrap();
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stderr)
    );
}

fn roll_back(operator: &Operator<'_>) {
    operator
        .rollback()
        .done()
        .says(&["one-roof 1.0.0 is rolled back"]);
    let receipt = operator.receipt();
    assert_eq!(receipt["action"], "rollback");
    assert_eq!(
        (&receipt["before"], &receipt["after"]),
        (&finalized(), &baseline())
    );
}

/// What production does between a run and its rollback: issues all the time, a new collection with
/// owners of its own, and an owner who takes the ratification back.
#[test]
fn months_of_daily_work() {
    let directus = Directus::at_baseline();
    let db = &directus.db;
    directus.ratify();
    let site = Site::new();
    let bundle = pack(&site);
    let operator = site
        .operator(&bundle, &db.url())
        .variable("ratified_apr", APR);
    let writer = Writer::start(db, ISSUE);
    operator.run().done();
    writer.wait_for(50);
    operator.check().done().says(&["ok 65/65 checks"]);
    let start = &operator.receipt()["start"];
    assert_eq!(start["ownership"], "0");

    let mut client = db.client();
    client
        .batch_execute(
            "set role directus_reader; select body from one_roof.ui_overview; reset role",
        )
        .unwrap();
    let writable = "select count(*) from information_schema.views where table_schema = 'one_roof'
        and (is_updatable = 'YES' or is_insertable_into = 'YES')";
    assert_eq!(db.ask(writable), "0");

    client
        .batch_execute(
            "insert into public.governed_collections (collection, ordinal, domain, criticality, title)
                 values ('new_collection', 36, 'knowledge', 'standard', 'New');
             insert into public.ownership select 'new_collection', scope, 'GOV-KG-SYS', 'APR-BOOT-AUTHMODEL-1', 'by hand'
                 from public.governance_scopes;
             update public.os_proposal_approvals set decision = 'withdrawn'",
        )
        .unwrap();
    writer.wait_for(1_000);
    operator.rollback().done();
    let written = writer.stop();
    assert_eq!(
        db.ask("select count(*) from public.system_issues"),
        (204_556 + written).to_string()
    );
    assert_eq!(db.ask("select count(*) from public.ownership"), "6");
    assert_eq!(db.ask("select to_regnamespace('one_roof') is null"), "t");
    operator.check().done();
    operator.gate().says(&["BLOCKED"]);
}

#[test]
fn the_other_database_is_refused() {
    let site = Site::new();
    let bundle = pack(&site);
    // A twin under another name first, so that only the name can be the reason.
    let directus = Directus::at_baseline();
    directus.ratify();
    let twin = Cluster::shared().database("twin");
    let operator = site
        .operator(&bundle, &twin.url())
        .variable("ratified_apr", APR);
    for command in ["gate", "plan", "run", "rollback", "check"] {
        let answer = operator.ask(command);
        assert_eq!(answer.code, 22, "{command}: {answer}");
        answer.says(&["wrong target", "directus", twin.name()]);
    }
    assert!(!site.path("receipts").exists());
}

pub fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
