//! Signed answers of the commands that only read: in archives, in audits, in `receipt verify`.

use serde_json::{Value, json};

use pgseal::trust::SecretKey;
use pgseal_testkit::keys::{Draft, key, key_file};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::json;
use pgseal_verify::format::statement::PAYLOAD_TYPE;

use crate::cross_checks::Well;
use crate::vault::{ARCHIVE, id, lines, ran, set};

/// The answer of a closed gate of a release.
fn gate(bundle: &[u8]) -> Value {
    let run = ran(bundle, Digest::of(b"trust"), "2026-11-21T08:00:00Z", "gate");
    let of = |key: &str| run["predicate"][key].clone();
    json!({
        "_type": run["_type"], "subject": run["subject"], "predicateType": "urn:pgseal:evidence:gate:v1",
        "predicate": {
            "format": 1, "evidence_id": of("run_id"), "kind": "gate", "release": of("release"), "at": of("started"),
            "exit": 20, "target": of("target"), "trust": of("trust"), "operator": of("operator"), "pgseal": "0.1.0",
            "answer": { "verdict": "BLOCKED", "gates": [], "missing": [] },
        },
    })
}

/// A fingerprint, which is about no release.
fn fingerprint() -> Value {
    let sha256 = Digest::of(b"content").to_string();
    let mut said = gate(&crate::vault::bundle("x", "1", 1, &key("release")));
    said["subject"] = json!([{ "name": "app", "digest": { "sha256": sha256 } }]);
    said["predicateType"] = "urn:pgseal:evidence:fingerprint:v1".into();
    let predicate = said["predicate"].as_object_mut().expect("a predicate");
    predicate.remove("release");
    predicate.insert("kind".to_owned(), "fingerprint".into());
    predicate.insert("exit".to_owned(), 0.into());
    predicate.insert(
        "answer".to_owned(),
        json!({ "database": "app", "sha256": sha256 }),
    );
    said
}

/// Writes an answer that names one key and is signed by another.
fn put(well: &Well, stem: &str, said: &Value, named: &SecretKey, signs: &SecretKey) {
    let mut said = said.clone();
    said["predicate"]["signer"] = named.public_key().id().to_string().into();
    let bytes = json::to_canonical(&said).expect("only integers");
    let signature = signs.sign(PAYLOAD_TYPE, &bytes);
    well.vault.put(&format!("{stem}.evidence.sig"), signature);
    well.vault.put(&format!("{stem}.evidence.json"), bytes);
}

#[test]
fn good_and_bad_answers_are_evidence() {
    let well = Well::new();
    well.vault.signed_receipt("a", &gate(&well.one), "evidence");
    well.vault.signed_receipt("b", &fingerprint(), "evidence");
    assert_eq!(well.vault.faults(&[ARCHIVE]), set([]));
    let told = well.vault.audit(&[ARCHIVE, "--html", "page.html"]).text();
    for line in [
        "ok archive/a.evidence.json: shop 1.0.0, an answer of gate (exit 20) signed by ",
        "    gate, 2026-11-21T08:00:00Z, exit 20: archive/a.evidence.json",
        "ok archive/b.evidence.json: app, an answer of fingerprint (exit 0) signed by ",
        ", 2 signed answers, ",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    let page = String::from_utf8(well.vault.site.read("page.html")).expect("text");
    assert!(page.contains("signed answer"), "{page}");
    well.vault
        .audit(&[ARCHIVE, "--jsonl", "-o", "lines.jsonl"])
        .done();
    let facts = |name: &str| -> Value {
        let all = lines(&well.vault.site.path("lines.jsonl"));
        let mut all = all
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let of = all.find(|line| line["path"] == format!("archive/{name}"));
        of.expect("a line")["facts"].clone()
    };
    let (of_gate, of_database) = (facts("a.evidence.json"), facts("b.evidence.json"));
    assert_eq!(of_gate["evidence"]["exit"], 20);
    assert_eq!(of_gate["release"]["id"], id(&well.one));
    assert_eq!(of_database["evidence"]["kind"], "fingerprint");
    assert_eq!(of_database["release"], Value::Null);
    let verify = |more: &[&str]| {
        let files = ["archive/a.evidence.json", "archive/b.evidence.json"];
        let site = &well.vault.site;
        site.run([&["receipt", "verify"][..], &files, more].concat())
    };
    verify(&[]).done();
    // Only one of them is about the release.
    let of_bundle = verify(&["--bundle", "archive/one.pgseal"]);
    assert_eq!(of_bundle.code, 11);
    assert!(
        of_bundle.text().contains("1 authentic, 1 faulty"),
        "{}",
        of_bundle.text()
    );
    let shown = well
        .vault
        .site
        .run(["receipt", "show", "archive/a.evidence.json"]);
    assert!(
        shown.text().contains("gate of shop 1.0.0: exit 20"),
        "{}",
        shown.text()
    );
    assert!(shown.text().contains("BLOCKED"), "the answer itself");
}

#[test]
fn each_forgery_has_its_fault() {
    let well = Well::new();
    let keys = &well.vault.keys;
    let good = gate(&well.one);
    let bent = |bend: &dyn Fn(&mut Value)| {
        let mut said = good.clone();
        bend(&mut said);
        said
    };
    let host = &keys.host;
    put(&well, "forged", &good, host, &keys.stranger);
    put(&well, "stranger", &good, &keys.stranger, &keys.stranger);
    put(&well, "other-role", &good, &keys.ann, &keys.ann);
    put(&well, "changed", &good, host, host);
    let changed = String::from_utf8(well.vault.site.read("archive/changed.evidence.json"));
    let changed = changed.expect("text").replace("BLOCKED", "READY");
    well.vault.put("changed.evidence.json", changed);
    let name = bent(&|said| said["subject"][0]["name"] = "shop 1.0.1".into());
    put(&well, "subject", &name, host, host);
    let kind = bent(&|said| said["predicateType"] = "urn:pgseal:evidence:check:v1".into());
    put(&well, "kind", &kind, host, host);
    let nothing = bent(&|said| {
        let predicate = said["predicate"].as_object_mut().expect("a predicate");
        predicate.remove("release");
    });
    put(&well, "no-release", &nothing, host, host);
    let elsewhere = bent(&|said| {
        said["subject"][0]["digest"]["sha256"] = Digest::of(b"other").to_string().into();
    });
    put(&well, "other-release", &elsewhere, host, host);
    let mut content = fingerprint();
    content["subject"][0]["digest"]["sha256"] = Digest::of(b"other").to_string().into();
    put(&well, "content", &content, host, host);
    put(&well, "alone", &good, host, host);
    let signature = well.vault.archive().join("alone.evidence.sig");
    std::fs::remove_file(signature).expect("it is there");
    put(&well, "left", &good, host, host);
    let document = well.vault.archive().join("left.evidence.json");
    std::fs::remove_file(document).expect("it is there");
    assert_eq!(
        well.vault.faults(&[ARCHIVE]),
        set([
            ("forged.evidence.json", "invalid-signature"),
            ("stranger.evidence.json", "unknown-key"),
            ("other-role.evidence.json", "too-few-signatures"),
            ("changed.evidence.json", "invalid-signature"),
            ("subject.evidence.json", "malformed"),
            ("kind.evidence.json", "malformed"),
            ("no-release.evidence.json", "malformed"),
            ("other-release.evidence.json", "receipt-differs"),
            ("content.evidence.json", "malformed"),
            ("alone.evidence.json", "stripped"),
            ("left.evidence.json", "receipt-missing"),
        ])
    );
}

#[test]
fn a_key_counts_within_its_window() {
    let well = Well::new();
    well.vault.signed_receipt("a", &gate(&well.one), "evidence");
    well.vault.trust(|draft| {
        draft.entry(&well.vault.keys.host)["not_after"] = "2026-01-01T00:00:00Z".into();
    });
    let faults = well.vault.faults(&[ARCHIVE]);
    let expired = (
        "a.evidence.json".to_owned(),
        "too-few-signatures".to_owned(),
    );
    assert!(faults.contains(&expired), "{faults:?}");
}

#[test]
fn an_answer_about_a_release_that_is_not_here() {
    let well = Well::new();
    well.vault.signed_receipt("a", &gate(&well.two), "evidence");
    well.remove("two.pgseal");
    let faults = well.vault.faults(&[ARCHIVE]);
    let missing = (
        "a.evidence.json".to_owned(),
        "evidence-without-bundle".to_owned(),
    );
    assert!(faults.contains(&missing), "{faults:?}");
}

/// A directory of receipts is added as it is: answers with their signatures; definitions, which the receipt's digest
/// binds, stay outside.
#[test]
fn a_directory_of_receipts_is_added() {
    let well = Well::new();
    let (vault, site) = (&well.vault, &well.vault.site);
    let keys = &vault.keys;
    let roles: [(&str, u8, &[&SecretKey]); 4] = [
        ("release", 1, &[&keys.release]),
        ("l2", 1, &[&keys.ann]),
        ("receipt", 1, &[&keys.host]),
        ("log", 1, &[&key("log")]),
    ];
    Draft::new(&keys.root, &roles).write(site.dir());
    key_file(site.dir(), "log");
    vault.signed_receipt("a", &gate(&well.one), "evidence");
    vault.signed_receipt("b", &fingerprint(), "evidence");
    vault.put("one.before.fingerprint.json", "{}");
    vault.put("one.after.fingerprint.json", "{}");
    let init = ["archive", "init", "logged", "--key", "log.key"];
    site.run([&init[..], &["--origin", "example.org/log"]].concat())
        .done();
    let add = |files: &[&str]| {
        let add = ["archive", "add", "logged", "--key", "log.key", "--json"];
        site.run([&add[..], files].concat())
    };
    let added = add(&[ARCHIVE]).done().json();
    let entry = |name: &str| {
        let mut added = added["added"].as_array().expect("a list").iter();
        let entry = added.find(|entry| entry["entry"]["path"] == name);
        entry.map(|entry| entry["entry"].clone())
    };
    for name in ["a.evidence.json", "a.evidence.sig"] {
        let entry = entry(name).expect("it was added");
        assert_eq!(entry["release_id"], id(&well.one), "{name}");
    }
    let answer = entry("b.evidence.json").expect("it was added");
    assert_eq!(answer["kind"], "evidence");
    assert_eq!(answer.get("release_id"), None);
    for name in ["one.before.fingerprint.json", "one.after.fingerprint.json"] {
        assert_eq!(entry(name), None, "{name}");
    }
    site.run(["archive", "verify", "logged"]).done();
    let audited = site.run(["audit", "logged"]).done().text();
    assert!(audited.contains("2 signed answers"), "{audited}");
    // By its name a fingerprint is refused, and nothing is added.
    assert_ne!(add(&["archive/one.after.fingerprint.json"]).code, 0);
    put(
        &well,
        "c",
        &gate(&well.one),
        &vault.keys.host,
        &vault.keys.stranger,
    );
    let refused = add(&["archive/c.evidence.json"]);
    assert_eq!(refused.code, 11, "{}", refused.stderr);
    put(
        &well,
        "d",
        &gate(&well.one),
        &vault.keys.ann,
        &vault.keys.ann,
    );
    assert_eq!(add(&["archive/d.evidence.json"]).code, 11);
}
