//! Interchange with other tools: exports checked by openssl, ssh-keygen, jq and tar, and by in-toto's rules.

#[allow(dead_code)]
use std::path::{Path, PathBuf};
use std::process::Command;

use base64ct::{Base64, Encoding};
use pgseal::trust::{PublicKey, SecretKey};
use pgseal_testkit::cluster::Cluster;
use pgseal_testkit::keys::{Draft, key, key_file};
use pgseal_testkit::site::{Outcome, Site, outcome};
use pgseal_testkit::tar::Tar;
use pgseal_testkit::tsa::{P256, Tsa};
use pgseal_verify::digest::Digest;
use serde_json::{Value, json};

/// A site with a release that has two signatures, an approval and a notarisation, and timestamps for a signature of the
/// release and for the approval.
struct Desk {
    site: Site,
    tsa: Tsa,
}

impl Desk {
    fn new() -> Self {
        Self::for_database("example", |_| ())
    }

    fn for_database(database: &str, bend: impl FnOnce(&mut Draft)) -> Self {
        let desk = Self {
            site: Site::empty(),
            tsa: Tsa::new(P256),
        };
        let [root, release, second, approver, notary, host] =
            ["root", "release", "second", "approver", "notary", "host"].map(key);
        let members: [(&str, u8, &[&SecretKey]); 4] = [
            ("release", 2, &[&release, &second]),
            ("l2", 1, &[&approver]),
            ("notary", 1, &[&notary]),
            ("receipt", 1, &[&host]),
        ];
        let mut draft = Draft::new(&root, &members);
        draft.document["timestamp_authorities"] = json!([{
            "id": desk.tsa.authority().id(), "certificate": desk.tsa.authority().to_base64(),
            "owner": "Stamps", "status": "active",
        }]);
        bend(&mut draft);
        draft.write(desk.dir());
        for word in ["root", "release", "second", "approver", "notary", "host"] {
            key_file(desk.dir(), word);
            desk.site
                .write(&format!("{word}.pub"), key(word).public_key().to_pem());
        }
        desk.site.write("tsa.pem", desk.tsa.read("cert"));
        desk.site.run(["init", "example"]).done();
        let toml = String::from_utf8(desk.site.read("example/release.toml")).expect("UTF-8");
        let named = toml.replace(
            "database = \"example\"",
            &format!("database = {database:?}"),
        );
        desk.site.write("example/release.toml", named);
        desk.site
            .run([
                "pack",
                "example",
                "-o",
                BUNDLE,
                "--key",
                "release.key",
                "--key",
                "second.key",
            ])
            .done();
        let approve = [
            "approve",
            BUNDLE,
            "--key",
            "approver.key",
            "--role",
            "l2",
            "--apr",
            "OPS-1",
            "--yes",
            "example",
        ];
        desk.site.run(approve).done();
        for signed in [
            format!("signatures/{}.sig", id("release")),
            format!("approvals/{}.sig", id("approver")),
        ] {
            desk.stamp(&signed);
        }
        desk.site
            .run(["notarise", BUNDLE, "--key", "notary.key"])
            .done();
        desk
    }

    fn dir(&self) -> &Path {
        self.site.dir()
    }

    fn member(&self, name: &str) -> Vec<u8> {
        let mut tar = Tar::of(&self.site.read(BUNDLE));
        tar.member(name).content.clone()
    }

    fn stamp(&self, signed: &str) {
        self.tsa.write("data", &self.member(signed));
        self.site
            .write("stamp.tsr", self.tsa.response(&["-sha256", "-cert"]));
        self.site.run(["attach", BUNDLE, "stamp.tsr"]).done();
    }

    /// Exports the bundle and returns its JSON lines.
    fn lines(&self, format: &str) -> Vec<Value> {
        let text = self.site.run(["export", BUNDLE, format]).done().text();
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a document a line"))
            .collect()
    }

    fn tool(&self, program: &str, args: &[&str]) -> Outcome {
        outcome(Command::new(program).current_dir(self.dir()).args(args))
    }

    /// Asserts by openssl that this signature of the envelope is by the given key.
    fn openssl_verifies(&self, envelope: &Value, signature: &Value, word: &str) {
        let body = decoded(&envelope["payload"]);
        let kind = envelope["payloadType"].as_str().expect("a text");
        assert_eq!(
            (kind, &signature["keyid"]),
            ("application/vnd.in-toto+json", &json!(id(word)))
        );
        let head = format!("DSSEv1 {} {kind} {} ", kind.len(), body.len());
        self.site
            .write("message", [head.as_bytes(), &body].concat());
        self.site.write("signature", decoded(&signature["sig"]));
        let public = format!("{word}.pub");
        let verify = [
            "pkeyutl", "-verify", "-pubin", "-inkey", &public, "-rawin", "-in", "message",
        ];
        self.tool(
            "openssl",
            &[&verify[..], &["-sigfile", "signature"]].concat(),
        )
        .done();
    }

    fn stock_tools(&self, args: &[&str]) -> Outcome {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stock-tools.sh");
        self.tool(script.to_str().expect("a plain path"), args)
    }

    /// Asserts that the script refuses, with its own message.
    fn stock_tools_refuse(&self, what: &str, why: &str, args: &[&str]) {
        let refused = self.stock_tools(args);
        assert_eq!(
            refused.code,
            1,
            "{what}: {}{}",
            refused.text(),
            refused.stderr
        );
        assert!(
            refused.stderr.starts_with("stock-tools: "),
            "{what}: {}",
            refused.stderr
        );
        assert!(refused.stderr.contains(why), "{what}: {}", refused.stderr);
    }
}

const BUNDLE: &str = "example-1.0.0.pgseal";

fn id(word: &str) -> String {
    key(word).public_key().id().to_string()
}

fn decoded(base64: &Value) -> Vec<u8> {
    Base64::decode_vec(base64.as_str().expect("a text")).expect("base64 with padding")
}

// --- DSSE and Sigstore --------------------------------------------------------------------------------------------

#[test]
fn a_dsse_envelope_is_the_statement_and_all_its_signatures() {
    let desk = Desk::new();
    let envelopes = desk.lines("--dsse");
    assert_eq!(
        envelopes.len(),
        3,
        "the release, the approval, the notarisation"
    );
    assert_eq!(
        decoded(&envelopes[0]["payload"]),
        desk.member("statement.json")
    );
    let of = |envelope: &Value| envelope["signatures"].as_array().expect("a list").clone();
    assert_eq!(of(&envelopes[0]).len(), 2);
    for (signature, word) in of(&envelopes[0])
        .iter()
        .zip(ascending(["release", "second"]))
    {
        desk.openssl_verifies(&envelopes[0], signature, word);
    }
    for (envelope, word) in envelopes[1..].iter().zip(ascending(["approver", "notary"])) {
        assert_eq!(
            decoded(&envelope["payload"]),
            desk.member(&format!("approvals/{}.json", id(word)))
        );
        assert_eq!(of(envelope).len(), 1);
        desk.openssl_verifies(envelope, &envelope["signatures"][0], word);
    }
    // The export of a release without approvals is one document.
    desk.site
        .run([
            "pack",
            "example",
            "-o",
            "b.pgseal",
            "--key",
            "release.key",
            "--key",
            "second.key",
        ])
        .done();
    desk.site
        .run(["export", "b.pgseal", "--dsse"])
        .done()
        .json();
}

#[test]
fn a_sigstore_bundle_has_one_signature_and_its_time_stamps() {
    let desk = Desk::new();
    let bundles = desk.lines("--sigstore");
    let words = [
        ascending(["release", "second"]),
        ascending(["approver", "notary"]),
    ]
    .concat();
    assert_eq!(bundles.len(), words.len());
    for (bundle, word) in bundles.iter().zip(words) {
        assert_eq!(
            bundle["mediaType"],
            "application/vnd.dev.sigstore.bundle.v0.3+json"
        );
        let (material, envelope) = (&bundle["verificationMaterial"], &bundle["dsseEnvelope"]);
        assert_eq!(
            (&material["publicKey"], &material["tlogEntries"]),
            (&json!({ "hint": id(word) }), &json!([]))
        );
        assert_eq!(
            envelope["signatures"].as_array().map(Vec::len),
            Some(1),
            "the specification wants one"
        );
        desk.openssl_verifies(envelope, &envelope["signatures"][0], word);
        let stamps = &material["timestampVerificationData"]["rfc3161Timestamps"];
        if !["release", "approver"].contains(&word) {
            assert_eq!(material.get("timestampVerificationData"), None);
            continue;
        }
        // The file is a TimeStampResp, so there is no -token_in.
        desk.site
            .write("stamp.tsr", decoded(&stamps[0]["signedTimestamp"]));
        let verify = [
            "ts",
            "-verify",
            "-in",
            "stamp.tsr",
            "-CAfile",
            "tsa.pem",
            "-untrusted",
            "tsa.pem",
        ];
        desk.tool("openssl", &[&verify[..], &["-data", "signature"]].concat())
            .done();
        assert_ne!(
            desk.tool("openssl", &[&verify[..], &["-data", "message"]].concat())
                .code,
            0
        );
        assert!(
            desk.tool("openssl", &["ts", "-reply", "-in", "stamp.tsr", "-text"])
                .text()
                .contains("Status: Granted.")
        );
    }
}

/// Sorts names by the ids of their keys, as in a bundle.
fn ascending(mut words: [&'static str; 2]) -> [&'static str; 2] {
    words.sort_by_key(|word| id(word));
    words
}

#[test]
fn nothing_that_is_not_authentic_is_exported() {
    let desk = Desk::new();
    let good = desk.site.read(BUNDLE);
    let [approval, stamp] = ["approvals", "timestamps"].map(|dir| (dir, id("approver")));
    for (name, why) in [
        ("statement.json".to_owned(), "the signature by key"),
        (
            format!("{}/{}.json", approval.0, approval.1),
            "is not valid",
        ),
        (format!("{}/{}.tsr", stamp.0, stamp.1), "the time stamp for"),
        (
            "tiers/01_greetings.sql".to_owned(),
            "tiers/01_greetings.sql",
        ),
    ] {
        let mut tar = Tar::of(&good);
        let content = &mut tar.member(&name).content;
        let middle = content.len() / 2;
        content[middle] ^= 1;
        desk.site.write("bent.pgseal", tar.bytes());
        for format in ["--dsse", "--sigstore", "--sha256sums"] {
            desk.site
                .refused(11, why, ["export", "bent.pgseal", format, "-o", "out"]);
            desk.site
                .refused(11, why, ["export", "bent.pgseal", format]);
        }
    }
    for (why, args) in [
        (
            "required arguments were not provided",
            &["export", BUNDLE][..],
        ),
        ("<FILE>", &["export", "--sigstore"]),
        (
            "cannot be used with",
            &["export", BUNDLE, "--dsse", "--sigstore"],
        ),
        ("<FILE>", &["export", "--sha256sums"]),
        ("cannot be used with", &["export", BUNDLE, "--public-keys"]),
        (
            "cannot be used with",
            &["export", "--allowed-signers", "--as-of", "2026-01-01"],
        ),
        (
            "no trust root",
            &["export", "--public-keys", "--trust", "missing.json"],
        ),
    ] {
        desk.site.refused(2, why, args);
    }
    desk.site.refused(
        1,
        "File exists",
        ["export", BUNDLE, "--dsse", "-o", "root.pub"],
    );
    let told = desk
        .site
        .run(["export", BUNDLE, "--dsse", "-o", "out.jsonl", "--json"])
        .done()
        .json();
    let written = desk.site.read("out.jsonl");
    assert_eq!(
        told,
        json!({ "file": "out.jsonl", "format": "dsse", "bytes": written.len(), "exit": 0, "error": null })
    );
    assert_eq!(
        written,
        desk.site
            .run(["export", BUNDLE, "--dsse", "--json"])
            .done()
            .stdout,
        "--json changes no bytes"
    );
}

// --- keys ---------------------------------------------------------------------------------------------------------

/// Generates a key by ssh-keygen and adds it to the trust root.
fn list_ssh_key(dir: &Path, draft: &mut Draft, name: &str, more: Value) {
    let secret = dir.join(name);
    let mut make = Command::new("ssh-keygen");
    outcome(
        make.args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&secret),
    )
    .done();
    let line = std::fs::read_to_string(secret.with_extension("pub")).expect("ssh-keygen writes it");
    let public = PublicKey::from_text(&line).expect("a public key");
    let mut entry = json!({
        "id": public.id(), "public_key": public.to_base64(), "role": "l2", "status": "active",
        "owner": format!("{name}, \"\u{fc}\"*\nroot"),
    });
    entry
        .as_object_mut()
        .expect("an object")
        .extend(more.as_object().expect("an object").clone());
    let keys = draft.document["keys"].as_array_mut().expect("a list");
    keys.push(entry);
    keys.sort_by_key(|key| key["id"].to_string());
}

#[test]
fn ssh_keygen_takes_the_allowed_signers() {
    let keys = tempfile::tempdir().expect("a temporary directory");
    let desk = Desk::for_database("example", |draft| {
        for (name, more) in [
            ("plain", json!({})),
            (
                "window",
                json!({ "not_before": "2026-01-01T00:00:00Z", "not_after": "2026-02-01T00:00:00Z" }),
            ),
            (
                "retired",
                json!({ "status": "retired", "not_after": "2026-02-01T00:00:00Z" }),
            ),
            ("ended", json!({ "status": "retired" })),
            ("revoked", json!({ "status": "revoked" })),
            (
                "second",
                json!({ "not_before": "2026-01-01T00:00:00Z", "not_after": "2026-01-01T00:00:00Z" }),
            ),
            ("epoch", json!({ "not_after": "1970-01-01T00:00:00Z" })),
            (
                "far",
                json!({ "not_before": "1970-01-01T00:00:00Z", "not_after": "9999-01-01T00:00:00Z" }),
            ),
        ] {
            list_ssh_key(keys.path(), draft, name, more);
        }
    });
    desk.site
        .run(["export", "--allowed-signers", "-o", "allowed"])
        .done();
    let allowed = String::from_utf8(desk.site.read("allowed")).expect("UTF-8");
    assert!(allowed.contains(
        "l2/window%2C%20%22%C3%BC%22%2A%0Aroot valid-after=\"20260101000000Z\",valid-before"
    ));
    assert!(
        allowed.contains("release/release%20key ssh-ed25519 AAAA"),
        "{allowed}"
    );
    desk.site.write("file", "a text");
    let signed_by = |name: &str| {
        let _ = std::fs::remove_file(desk.site.path("file.sig"));
        let secret = keys.path().join(name);
        let secret = secret.to_str().expect("a plain path");
        desk.tool(
            "ssh-keygen",
            &["-q", "-Y", "sign", "-f", secret, "-n", "file", "file"],
        )
        .done();
    };
    let verified = |name: &str, at: &str| {
        signed_by(name);
        let time = format!("-Overify-time={at}");
        let find = [
            "-Y",
            "find-principals",
            "-s",
            "file.sig",
            "-f",
            "allowed",
            &time,
        ];
        let found = desk.tool("ssh-keygen", &find);
        assert!(!found.stderr.contains("bad options"), "{}", found.stderr);
        let principal = found.text().trim().to_owned();
        let mut verify = Command::new("ssh-keygen");
        verify.current_dir(desk.dir()).args([
            "-Y", "verify", "-f", "allowed", "-n", "file", "-s", "file.sig", &time,
        ]);
        let file = std::fs::File::open(desk.site.path("file")).expect("our own file");
        let holds = outcome(verify.args(["-I", &principal]).stdin(file)).code == 0;
        assert_eq!(
            holds,
            principal == format!("l2/{name}%2C%20%22%C3%BC%22%2A%0Aroot"),
            "{name}: {principal}"
        );
        holds
    };
    assert!(verified("plain", "20260115000000Z"));
    assert!(verified("far", "20260115000000Z"));
    // The window includes both of its ends.
    for (at, holds) in [
        ("20251231235959Z", false),
        ("20260101000000Z", true),
        ("20260201000000Z", true),
        ("20260201000001Z", false),
    ] {
        assert_eq!(verified("window", at), holds, "{at}");
    }
    assert!(verified("retired", "20260201000000Z") && !verified("retired", "20260201000001Z"));
    for name in ["ended", "revoked", "second", "epoch"] {
        assert!(!verified(name, "20260101000000Z"), "{name}");
    }
}

#[test]
fn openssl_reads_every_public_key() {
    let keys = tempfile::tempdir().expect("a temporary directory");
    let desk = Desk::for_database("example", |draft| {
        list_ssh_key(
            keys.path(),
            draft,
            "revoked",
            json!({ "status": "revoked" }),
        );
    });
    let pem = desk.site.run(["export", "--public-keys"]).done().text();
    desk.site.write("keys.pem", &pem);
    let stored = desk
        .tool("openssl", &["storeutl", "-noout", "keys.pem"])
        .done();
    assert!(
        stored.text().contains("Total found: 7"),
        "{}",
        stored.text()
    );
    let mut lines = pem.lines();
    while let Some(about) = lines.next() {
        let words: Vec<&str> = about.split(' ').collect();
        let [_, id, owner, role, status] = words[..] else {
            panic!("{about}")
        };
        let block: String = lines
            .by_ref()
            .take(3)
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(
            PublicKey::from_text(&block)
                .expect("a key")
                .id()
                .to_string(),
            id
        );
        let is = if status == "revoked" {
            "revoked%2C%20%22%C3%BC%22%2A%0Aroot".into()
        } else {
            format!("{role}%20key")
        };
        assert_eq!(owner, is);
    }
}

// --- in-toto ------------------------------------------------------------------------------------------------------

/// Asserts that a document is an in-toto Statement v1.
fn is_in_toto(document: &Value, predicate_type: &str) {
    let schema = include_str!("in-toto-statement-v1.schema.json");
    let schema: Value = serde_json::from_str(schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let faults: Vec<String> = validator
        .iter_errors(document)
        .map(|error| error.to_string())
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(document["predicateType"], predicate_type);
    let names: Vec<&Value> = document["subject"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|subject| &subject["name"])
        .collect();
    let mut unique = names.clone();
    unique.sort_by_key(ToString::to_string);
    unique.dedup();
    assert_eq!(unique.len(), names.len(), "names SHOULD be unique");
    for (field, bent) in [
        ("_type", json!("https://in-toto.io/Statement/v0.1")),
        ("subject", json!([])),
        ("subject", json!([{ "name": "a" }])),
        ("subject", json!([{ "digest": { "sha256": "AB" } }])),
        ("predicateType", json!("Urn:x")),
        ("predicate", json!([])),
    ] {
        let mut document = document.clone();
        document[field] = bent;
        assert!(
            !validator.is_valid(&document),
            "the schema takes any {field}"
        );
    }
}

#[test]
fn every_statement_is_in_totos() {
    let desk = Desk::new();
    let json = |name: &str| serde_json::from_slice::<Value>(&desk.member(name)).expect("JSON");
    is_in_toto(&json("statement.json"), "urn:pgseal:release:v1");
    is_in_toto(
        &json(&format!("approvals/{}.json", id("approver"))),
        "urn:pgseal:approval:v1",
    );
    is_in_toto(
        &json(&format!("approvals/{}.json", id("notary"))),
        "urn:pgseal:notarisation:v1",
    );
    desk.site
        .run(["withdraw", BUNDLE, "--key", "approver.key", "--role", "l2"])
        .done();
    is_in_toto(
        &json(&format!("approvals/{}.json", id("approver"))),
        "urn:pgseal:approval:v1",
    );
}

// --- stock tools --------------------------------------------------------------------------------------------------

#[test]
fn stock_tools_verify_approvals_and_time_stamps_and_see_every_tampering() {
    let desk = Desk::new();
    let keys = [
        "release.pub",
        "second.pub",
        "--added",
        "approver.pub",
        "notary.pub",
        "--tsa",
        "tsa.pem",
    ];
    let with = |file: &'static str| [&[file], &keys[..]].concat();
    let told = desk.stock_tools(&with(BUNDLE)).done().text();
    assert!(
        told.contains(&format!(
            "approve by {} {{\"role\":\"l2\",\"apr\":\"OPS-1\"",
            id("approver")
        )),
        "{told}"
    );
    assert_eq!(
        told.matches(&format!(" by {}\n", id("notary"))).count(),
        3,
        "{told}"
    );
    assert_eq!(told.matches(" stamped at ").count(), 2, "{told}");

    let other = Tsa::new(P256);
    desk.site.write("other.pem", other.read("cert"));
    for (what, why, args) in [
        (
            "an approver less",
            "not signed",
            &[
                "release.pub",
                "second.pub",
                "--added",
                "notary.pub",
                "--tsa",
                "tsa.pem",
            ][..],
        ),
        (
            "a stranger",
            "no approval or notarisation by root.pub",
            &[&keys[..5], &["root.pub", "--tsa", "tsa.pem"]].concat(),
        ),
        (
            "an approver as releaser",
            "not signed by approver.pub",
            &["release.pub", "second.pub", "approver.pub"],
        ),
        (
            "a releaser as approver",
            "no approval",
            &[
                "release.pub",
                "--added",
                "second.pub",
                "approver.pub",
                "notary.pub",
            ],
        ),
        ("no authority", "of no given authority", &keys[..5]),
        (
            "another authority",
            "of no given authority",
            &[&keys[..6], &["other.pem"]].concat(),
        ),
    ] {
        desk.stock_tools_refuse(what, why, &[&[BUNDLE], args].concat());
    }

    let good = desk.site.read(BUNDLE);
    let [approval, notarisation] =
        ["approver", "notary"].map(|word| format!("approvals/{}", id(word)));
    let (json, sig) = (format!("{approval}.json"), format!("{approval}.sig"));
    // An approval of another release, signed by the right key.
    let toml = String::from_utf8(desk.site.read("example/release.toml")).expect("UTF-8");
    desk.site.write(
        "example/release.toml",
        toml.replace("sequence = 1", "sequence = 2"),
    );
    desk.site
        .run([
            "pack",
            "example",
            "-o",
            "other.pgseal",
            "--key",
            "release.key",
            "--key",
            "second.key",
        ])
        .done();
    let approve = [
        "approve",
        "other.pgseal",
        "--key",
        "approver.key",
        "--role",
        "l2",
        "--apr",
        "OPS-1",
        "--yes",
        "example",
    ];
    desk.site.run(approve).done();
    let mut elsewhere = Tar::of(&desk.site.read("other.pgseal"));
    let bent = |change: &mut dyn FnMut(&mut Tar)| {
        let mut tar = Tar::of(&good);
        change(&mut tar);
        tar.bytes()
    };
    let copy = |tar: &mut Tar, name: &str, content: Vec<u8>| {
        *tar.member(name) = pgseal_testkit::tar::Member::new(name, &content);
    };
    for (what, why, bytes) in [
        (
            "an approval byte",
            "is not valid",
            bent(&mut |tar| tar.member(&json).content[40] ^= 1),
        ),
        (
            "an approval signature byte",
            "is not valid",
            bent(&mut |tar| tar.member(&sig).content[40] ^= 1),
        ),
        (
            "an approval of another release",
            "is not about this release",
            bent(&mut |tar| {
                for name in [&json, &sig] {
                    copy(tar, name, elsewhere.member(name).content.clone());
                }
            }),
        ),
        (
            "signatures swapped",
            "is not valid",
            bent(&mut |tar| {
                let other = format!("{notarisation}.sig");
                let (one, two) = (
                    tar.member(&sig).content.clone(),
                    tar.member(&other).content.clone(),
                );
                copy(tar, &sig, two);
                copy(tar, &other, one);
            }),
        ),
        (
            "no signature",
            "no approval or notarisation by",
            bent(&mut |tar| drop(tar.members.remove(tar.at(&sig)))),
        ),
        (
            "no approval",
            "no approval or notarisation by",
            bent(&mut |tar| {
                for name in [&json, &sig] {
                    tar.members.remove(tar.at(name));
                }
            }),
        ),
        (
            "a byte of a time stamp",
            "time stamp",
            bent(&mut |tar| {
                let content = &mut tar
                    .member(&format!("timestamps/{}.tsr", id("approver")))
                    .content;
                let last = content.len() - 1;
                content[last] ^= 1;
            }),
        ),
        (
            "a time stamp of another signature",
            "time stamp",
            bent(&mut |tar| {
                let content = tar
                    .member(&format!("timestamps/{}.tsr", id("release")))
                    .content
                    .clone();
                copy(tar, &format!("timestamps/{}.tsr", id("approver")), content);
            }),
        ),
    ] {
        desk.site.write("bent.pgseal", bytes);
        desk.stock_tools_refuse(what, why, &with("bent.pgseal"));
    }
}

#[test]
fn stock_tools_verify_a_trust_root_and_see_every_tampering() {
    let (root, third) = (key("root"), key("third"));
    let release = key("release");
    let site = Site::empty();
    let desk = Desk {
        site,
        tsa: Tsa::new(P256),
    };
    let make = |bend: &dyn Fn(&mut Value)| {
        let mut draft = Draft::new(&root, &[("release", 1, &[&release])]);
        let mut other = draft.entry(&root).clone();
        other["id"] = json!(third.public_key().id());
        other["public_key"] = json!(third.public_key().to_base64());
        let keys = draft.document["keys"].as_array_mut().expect("a list");
        keys.push(other);
        keys.sort_by_key(|key| key["id"].to_string());
        draft.document["roles"]["root"]["threshold"] = json!(2);
        bend(&mut draft.document);
        draft.root_keys.push(&third);
        draft.write(desk.dir());
    };
    for word in ["root", "third", "release"] {
        desk.site
            .write(&format!("{word}.pub"), key(word).public_key().to_pem());
    }
    desk.site.write("again.pub", root.public_key().to_pem());
    make(&|_| ());
    let both = ["--trust", "trust.json", "root.pub", "third.pub"];
    let told = desk.stock_tools(&both).done().text();
    assert!(
        told.contains(&Digest::of(&desk.site.read("trust.json")).to_string()),
        "{told}"
    );
    for (what, why, keys) in [
        (
            "one of two",
            "asks for the signatures of 2",
            &["root.pub"][..],
        ),
        (
            "one key twice",
            "asks for the signatures of 2",
            &["root.pub", "again.pub"],
        ),
        (
            "a release key",
            "is not an active root key",
            &["root.pub", "release.pub"],
        ),
    ] {
        desk.stock_tools_refuse(what, why, &[&both[..2], keys].concat());
    }
    type Bend = dyn Fn(&mut Value);
    let bends: [(&str, &str, &Bend); 8] = [
        ("a wrong id", "another key's", &|trust| {
            let last = trust["keys"].as_array().expect("a list").len() - 1;
            trust["keys"][last]["id"] = json!("f".repeat(64));
        }),
        ("out of order", "out of order", &|trust| {
            trust["keys"].as_array_mut().expect("a list").reverse()
        }),
        ("a revoked root key", "nobody can meet", &|trust| {
            let root = trust["keys"]
                .as_array_mut()
                .expect("a list")
                .iter_mut()
                .find(|key| key["role"] == "root");
            root.expect("a root key")["status"] = json!("revoked");
        }),
        ("no threshold", "nobody can meet", &|trust| {
            trust["roles"]["release"]["threshold"] = json!(0)
        }),
        ("no role release", "no known role", &|trust| {
            drop(trust["roles"].as_object_mut().map(|r| r.remove("release")))
        }),
        ("a version out of nowhere", "not a trust root", &|trust| {
            trust["version"] = json!(2)
        }),
        ("another format", "not a trust root", &|trust| {
            trust["format"] = json!(2)
        }),
        (
            "an authority's wrong id",
            "another certificate's",
            &|trust| {
                trust["timestamp_authorities"] =
                    json!([{ "id": "0".repeat(64), "certificate": "AAAA" }]);
            },
        ),
    ];
    for (what, why, bend) in bends {
        // The modified document is signed as it is.
        make(bend);
        desk.stock_tools_refuse(what, why, &both);
    }
    // FORMAT.md 9.4: a retired root key signs no new version.
    make(&|trust| {
        let id = json!(id("third"));
        let third = trust["keys"]
            .as_array_mut()
            .expect("a list")
            .iter_mut()
            .find(|key| key["id"] == id);
        third.expect("a root key")["status"] = json!("retired");
    });
    desk.stock_tools_refuse("a retired root key", "is not an active root key", &both);
    make(&|_| ());
    let good = desk.site.read("trust.json");
    let mut bent = good.clone();
    let at = good
        .windows(8)
        .position(|window| window == b"root key")
        .expect("an owner");
    bent[at] = b'R';
    desk.site.write("trust.json", bent);
    desk.stock_tools_refuse("a changed byte", "is not valid", &both);
    desk.site.write("trust.json", [&good[..], b"\n"].concat());
    desk.stock_tools_refuse("a line feed more", "not canonical", &both);
    desk.site.write("trust.json", good);
    let signature = |word: &str| {
        desk.site
            .path(&format!("trust.json.sigs/1.{}.sig", id(word)))
    };
    let swapped = std::fs::read(signature("third")).expect("a signature");
    std::fs::write(signature("root"), swapped).expect("our own file");
    desk.stock_tools_refuse("another key's signature", "is not valid", &both);
    std::fs::remove_file(signature("root")).expect("our own file");
    desk.stock_tools_refuse("no signature", "not signed by", &both);
}

/// Runs the commands of FORMAT.md 11 literally, on a release that ran.
#[test]
fn the_commands_of_the_format_hold() {
    let database = Cluster::shared().database("interchange");
    let desk = Desk::for_database(database.name(), |_| ());
    let url = database.url();
    desk.site
        .run([
            "run",
            BUNDLE,
            "--db",
            &url,
            "-v",
            "ticket=OPS-1",
            "--receipt-key",
            "host.key",
        ])
        .done();
    let receipts = walkdir::WalkDir::new(desk.site.path("pgseal-receipts"));
    let receipts = receipts
        .into_iter()
        .map(|entry| entry.expect("readable").into_path());
    let receipts: Vec<PathBuf> = receipts
        .filter(|path| path.to_string_lossy().ends_with(".receipt.json"))
        .collect();
    let receipt = std::fs::read(&receipts[0]).expect("a receipt");
    is_in_toto(
        &serde_json::from_slice(&receipt).expect("JSON"),
        "urn:pgseal:receipt:v1",
    );

    let format =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("bundle/FORMAT.md"))
            .expect("a text");
    let section = format
        .split("\n## ")
        .find(|section| section.starts_with("11. "))
        .expect("section 11");
    let blocks: Vec<&str> = section
        .split("```sh\n")
        .skip(1)
        .filter_map(|block| block.split("```").next())
        .collect();
    assert!(blocks.len() >= 9, "a block for each clause with commands");
    let script = format!("set -euo pipefail\n{}", blocks.concat());
    let ran = desk.tool("bash", &["-c", &script]).done();
    assert!(!ran.text().contains("broken"), "{}", ran.text());
    assert_eq!(
        ran.text()
            .matches("Signature Verified Successfully")
            .count(),
        4,
        "{}",
        ran.text()
    );
    // The same commands detect a change.
    let mut tar = Tar::of(&desk.site.read(BUNDLE));
    let json = format!("approvals/{}.json", id("approver"));
    tar.member(&json).content[40] ^= 1;
    desk.site.write(BUNDLE, tar.bytes());
    std::fs::remove_dir_all(desk.site.path("audit")).expect("the commands made it");
    assert_ne!(desk.tool("bash", &["-c", &script]).code, 0);
}

/// sha256sum accepts the unpacked archive, also its compressed files, and no other.
#[test]
fn sums_of_every_signed_file() {
    let desk = Desk::new();
    desk.site.write(
        "example/tiers/long.sql",
        "insert into greetings (text) values ('x');\n".repeat(4000),
    );
    let toml = String::from_utf8(desk.site.read("example/release.toml")).expect("UTF-8");
    let tier =
        "\n[[tier]]\nname = \"long\"\nfile = \"tiers/long.sql\"\ntransaction = \"release\"\n";
    desk.site.write("example/release.toml", toml + tier);
    desk.site
        .run([
            "pack",
            "example",
            "-o",
            "long.pgseal",
            "--key",
            "release.key",
        ])
        .done();
    desk.site
        .run(["sign", "long.pgseal", "--key", "second.key"])
        .done();
    desk.site
        .run(["export", "long.pgseal", "--sha256sums", "-o", "SHA256SUMS"])
        .done();
    let sums = String::from_utf8(desk.site.read("SHA256SUMS")).expect("text");
    let script =
        "mkdir there && tar -xf long.pgseal -C there && cd there && sha256sum -c ../SHA256SUMS";
    let check = |script: &str| {
        let mut shell = Command::new("sh");
        let output = shell.args(["-c", script]).current_dir(desk.dir()).output();
        let output = output.expect("a shell");
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (holds, said) = check(script);
    assert!(holds, "{said}");
    for name in [
        "statement.json",
        "tiers/01_greetings.sql",
        "tiers/long.sql.gz",
    ] {
        assert!(said.contains(&format!("{name}: OK")), "{name}: {said}");
    }
    assert_eq!(sums.lines().count(), said.lines().count());
    let (holds, said) =
        check("cd there && echo x >> tiers/01_greetings.sql && sha256sum -c ../SHA256SUMS");
    assert!(
        !holds && said.contains("tiers/01_greetings.sql: FAILED"),
        "{said}"
    );
}
