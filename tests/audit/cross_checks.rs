//! Cross-checks of an archive: each case puts one fault into a small sound archive, and the audit reports exactly that
//! fault.

use pgseal_verify::digest::Digest;
use serde_json::{Value, json};

use crate::vault::{ARCHIVE, Vault, approved, bundle, files, id, ran, rolled_back, set, yes};
use pgseal_testkit::bundles::{bend, pack};
use pgseal_testkit::people::{self, approval, say};
use pgseal_testkit::tsa::{P256, Tsa};

/// Two releases that ran one after the other, with all their documents.
pub struct Well {
    pub vault: Vault,
    trust: Digest,
    pub one: Vec<u8>,
    pub two: Vec<u8>,
}

impl Well {
    pub fn new() -> Self {
        let vault = Vault::new();
        let trust = vault.trust(|_| {});
        let release = &vault.keys.release;
        let (one, two) = (
            bundle("shop", "1.0.0", 1, release),
            bundle("shop", "2.0.0", 2, release),
        );
        vault.put("one.pgseal", approved(&one, &vault.keys.ann));
        vault.put("two.pgseal", &two);
        vault.put("two.approval", yes(&two, &vault.keys.ann));
        vault.receipt("one", &ran(&one, trust, "2026-11-21T08:00:00Z", "one"));
        vault.receipt("two", &ran(&two, trust, "2026-11-21T09:00:00Z", "two"));
        Self {
            vault,
            trust,
            one,
            two,
        }
    }

    /// Writes a modified receipt of the first release.
    fn receipt(&self, stem: &str, at: &str, bend: impl FnOnce(&mut Value)) {
        let mut said = ran(&self.one, self.trust, at, stem);
        bend(&mut said["predicate"]);
        self.vault.receipt(stem, &said);
    }

    /// Removes a file; of a receipt, also its signature.
    pub fn remove(&self, name: &str) {
        let path = self.vault.archive().join(name);
        if name.ends_with(".receipt.json") {
            std::fs::remove_file(path.with_extension("sig")).expect("it is there");
        }
        std::fs::remove_file(path).expect("it is there");
    }

    #[track_caller]
    fn has<const N: usize>(&self, faults: [(&str, &str); N]) {
        assert_eq!(self.vault.faults(&[ARCHIVE]), set(faults));
        assert_eq!(
            self.vault.audit(&[ARCHIVE]).code,
            if N == 0 { 0 } else { 50 }
        );
    }

    #[track_caller]
    fn notes<const N: usize>(&self, notes: [(&str, &str); N]) {
        assert_eq!(self.vault.notes(&[ARCHIVE]), set(notes));
    }
}

#[test]
fn what_is_well_has_no_fault_and_no_note() {
    let well = Well::new();
    well.has([]);
    well.notes([]);
    let said = well.vault.audit(&[ARCHIVE]).text();
    assert!(
        said.ends_with("2 bundles, 1 approval, 2 receipts, 5 authentic, 0 faulty, 0 faults\n"),
        "{said}"
    );
    // Copies are not a fault, in any directory.
    for name in [
        "one.pgseal",
        "two.approval",
        "one.receipt.json",
        "one.receipt.sig",
    ] {
        let bytes = well.vault.site.read(&format!("archive/{name}"));
        well.vault.put(&format!("copy/{name}"), bytes);
    }
    well.has([]);
}

#[test]
fn two_releases_of_one_name_and_version() {
    let well = Well::new();
    let mut other = files("shop", "1.0.0", 1);
    other.insert(
        "gate/open.sql".to_owned(),
        b"select true as ready, 'other' as reason;\n".to_vec(),
    );
    well.vault.put(
        "other.pgseal",
        pack(&other, std::slice::from_ref(&well.vault.keys.release)),
    );
    well.has([("other.pgseal", "equivocation")]);
    // The audit cannot know which release is the right one, so the other one gets a note.
    well.notes([("one.pgseal", "equivocation")]);
    let said = well.vault.audit(&[ARCHIVE]).text();
    for line in [
        "FAULT archive/other.pgseal: shop 1.0.0 is another release in archive/one.pgseal: two of one name and version",
        "note archive/one.pgseal: shop 1.0.0 is another release in archive/other.pgseal: two of one name and version",
    ] {
        assert!(said.contains(line), "{said}");
    }
}

#[test]
fn sequences() {
    let well = Well::new();
    let release = &well.vault.keys.release;
    let other = approved(&bundle("shop", "2.0.1", 2, release), &well.vault.keys.ann);
    well.vault.put("z.pgseal", &other);
    well.has([("z.pgseal", "sequence-twice")]);
    // A rollback of one, for example on a scratch database, does not explain the other.
    let back = rolled_back(&well.two, well.trust, "2026-11-21T09:10:00Z", "back");
    well.vault.receipt("back", &back);
    well.has([("z.pgseal", "sequence-twice")]);
    // The other one ran on the same database behind it.
    let run = ran(&other, well.trust, "2026-11-21T09:20:00Z", "other");
    well.vault.receipt("other", &run);
    well.has([]);
    well.notes([("z.pgseal", "sequence-twice")]);
    well.remove("other.receipt.json");
    well.remove("back.receipt.json");
    well.remove("z.pgseal");
    well.vault
        .put("four.pgseal", bundle("shop", "4.0.0", 4, release));
    well.has([]);
    well.notes([("four.pgseal", "gap")]);
    // Sequences that are dates have no gaps.
    well.vault
        .put("later.pgseal", bundle("shop", "2026", 20_261_121, release));
    well.notes([]);
}

#[test]
fn what_has_no_bundle() {
    let well = Well::new();
    let third = bundle("shop", "3.0.0", 3, &well.vault.keys.release);
    well.vault
        .put("three.approval", yes(&third, &well.vault.keys.bob));
    let mut receipt = ran(&third, well.trust, "2026-11-21T10:00:00Z", "three");
    receipt["predicate"]["target"]["database"] = "other".into();
    well.vault.receipt("three", &receipt);
    let faults = [
        ("three.approval", "approval-without-bundle"),
        ("three.receipt.json", "receipt-without-bundle"),
    ];
    well.has(faults);
    // A receipt without its signature proves no fault either.
    let mut unsigned = receipt.clone();
    unsigned["predicate"]["run_id"] = "0".repeat(32).into();
    well.vault.put(
        "nobody.receipt.json",
        pgseal_verify::format::json::to_canonical(&unsigned).expect("only integers"),
    );
    well.has(faults);
    well.notes([
        ("nobody.receipt.json", "receipt-without-bundle"),
        ("nobody.receipt.json", "unsigned-receipt"),
    ]);
    // An audit of receipts alone reports no missing bundles.
    let receipts = ["archive/three.receipt.json", "archive/one.receipt.json"];
    assert!(well.vault.faults(&receipts).is_empty());
    assert_eq!(well.vault.notes(&receipts).len(), 2);
    well.vault.put("three.pgseal", third);
    well.has([]);
}

#[test]
fn what_names_its_release_otherwise() {
    let well = Well::new();
    well.receipt("bent", "2026-11-21T08:30:00Z", |said| {
        said["release"]["sequence"] = 9.into();
        said["target"]["database"] = "other".into();
    });
    let mut other = files("shop", "1.0.0", 1);
    other.insert(
        "gate/open.sql".to_owned(),
        b"select true as ready, 'other' as reason;\n".to_vec(),
    );
    let other = pack(&other, std::slice::from_ref(&well.vault.keys.release));
    well.vault
        .put("other.approval", yes(&other, &well.vault.keys.bob));
    well.has([
        ("bent.receipt.json", "receipt-differs"),
        ("other.approval", "approval-differs"),
    ]);
    // A draft that was rehearsed was changed and packed again.
    well.remove("bent.receipt.json");
    well.remove("other.approval");
    for outcome in ["failed", "incomplete", "limited", "proved"] {
        let said = rehearsal(&other, well.trust, "2026-11-20T10:00:00Z", outcome);
        well.vault.signed_receipt("draft", &said, "rehearsal");
        well.has([]);
        well.notes([("draft.rehearsal.json", "receipt-differs")]);
        let text = well.vault.audit(&[ARCHIVE, "--all"]).text();
        let said = match outcome {
            "failed" => "a draft whose rehearsal failed",
            "incomplete" => "a draft whose rehearsal was not complete",
            _ => "a draft that was rehearsed",
        };
        assert!(text.contains(said), "{text}");
    }
}

/// A rehearsal permits nothing if it failed, or if no run is of its release: its bundle may go.
#[test]
fn rehearsals_of_drafts_without_a_bundle() {
    let well = Well::new();
    let draft = pack(
        &files("shop", "9.9.9", 99),
        std::slice::from_ref(&well.vault.keys.release),
    );
    for outcome in ["failed", "incomplete", "limited", "proved"] {
        let said = rehearsal(&draft, well.trust, "2026-11-20T10:00:00Z", outcome);
        well.vault.signed_receipt("draft", &said, "rehearsal");
        well.has([]);
        well.notes([("draft.rehearsal.json", "rehearsal-without-bundle")]);
    }
    well.remove("draft.rehearsal.json");
    well.remove("draft.rehearsal.sig");
    // Of a release that ran, only a rehearsal that failed is a note.
    let rehearsed = |outcome: &str| {
        let said = rehearsal(&well.two, well.trust, "2026-11-20T10:00:00Z", outcome);
        well.vault.signed_receipt("two", &said, "rehearsal");
    };
    well.remove("two.pgseal");
    rehearsed("failed");
    let of_two = [
        ("two.approval", "approval-without-bundle"),
        ("two.receipt.json", "receipt-without-bundle"),
    ];
    well.has(of_two);
    rehearsed("proved");
    let [one, two] = of_two;
    well.has([one, two, ("two.rehearsal.json", "rehearsal-without-bundle")]);
}

#[test]
fn runs_without_approvals() {
    let well = Well::new();
    well.remove("two.approval");
    well.has([("two.receipt.json", "run-without-approvals")]);
    // An approver whose only approval is later than the run.
    let late = |at: &str, expires: Option<&str>| {
        let mut said = approval(&well.two, "l2");
        said["predicate"]["at"] = at.into();
        if let Some(expires) = expires {
            said["predicate"]["expires"] = expires.into();
        }
        people::beside(&well.vault.keys.bob, &said)
    };
    well.vault
        .put("two.approval", late("2026-11-21T09:10:00Z", None));
    well.has([("two.receipt.json", "run-without-approvals")]);
    well.vault.put(
        "two.approval",
        late("2026-11-20T00:00:00Z", Some("2026-11-21T00:00:00Z")),
    );
    well.has([("two.receipt.json", "run-without-approvals")]);
    well.vault.put(
        "two.approval",
        late("2026-11-20T00:00:00Z", Some("2026-11-21T10:00:00Z")),
    );
    well.has([]);
    // An approval of another change request than the one in the run's variables.
    let mut receipt = ran(&well.two, well.trust, "2026-11-21T09:00:00Z", "two");
    receipt["predicate"]["variables"]["ratified_apr"] = "APR-2".into();
    well.vault.receipt("two", &receipt);
    well.has([("two.receipt.json", "run-without-approvals")]);
    // An unknown version of the trust root may have required no approval.
    receipt["predicate"]["trust"]["sha256"] = "1".repeat(64).into();
    well.vault.receipt("two", &receipt);
    well.has([]);
    well.notes([("two.receipt.json", "run-without-approvals")]);
}

#[test]
fn an_approval_that_was_taken_back_after_the_run() {
    let well = Well::new();
    let mut said = approval(&well.two, "l2");
    said["predicate"]["decision"] = "withdraw".into();
    said["predicate"]["at"] = "2026-11-21T20:00:00Z".into();
    well.vault
        .put("two.approval", people::beside(&well.vault.keys.ann, &said));
    well.has([]);
    well.notes([("two.receipt.json", "run-without-approvals")]);
    said["predicate"]["decision"] = "approve".into();
    well.vault
        .put("two.approval", people::beside(&well.vault.keys.ann, &said));
    well.has([]);
    well.notes([("two.receipt.json", "run-without-approvals")]);
    said["predicate"]["decision"] = "withdraw".into();
    said["predicate"]["at"] = "2026-11-21T07:30:00Z".into();
    well.vault
        .put("two.approval", people::beside(&well.vault.keys.ann, &said));
    well.has([("two.receipt.json", "run-without-approvals")]);
}

/// The receipt of a rehearsal.
fn rehearsal(bundle: &[u8], trust: Digest, finished: &str, outcome: &str) -> Value {
    let mut said = ran(bundle, trust, "2026-11-20T09:00:00Z", "rehearsal");
    let clone = said["predicate"]["target"].clone();
    said["predicateType"] = "urn:pgseal:rehearsal:v1".into();
    said["predicate"] = json!({
        "format": 1, "rehearsal_id": "0".repeat(32), "outcome": outcome, "clone": clone, "kept": false,
        "source": { "method": "template", "database": "app" }, "steps": [], "fingerprints": {}, "rollback": [],
        "locks": [], "started": "2026-11-20T09:00:00Z", "finished": finished,
        "release": said["predicate"]["release"], "operator": said["predicate"]["operator"], "pgseal": "0.1.0",
        "signers": [], "trust": said["predicate"]["trust"], "variables": {}, "gates": [], "tiers": [], "verify": [],
    });
    said
}

#[test]
fn runs_without_rehearsals() {
    let well = Well::new();
    let trust = well
        .vault
        .trust(|draft| draft.document["policy"]["require_rehearsal"] = true.into());
    well.has([]);
    well.vault
        .receipt("two", &ran(&well.two, trust, "2026-11-21T09:00:00Z", "two"));
    well.has([("two.receipt.json", "run-without-rehearsal")]);
    let rehearsed = |finished: &str, outcome: &str| {
        let said = rehearsal(&well.two, trust, finished, outcome);
        well.vault.signed_receipt("two", &said, "rehearsal");
    };
    rehearsed("2026-11-20T10:00:00Z", "failed");
    well.has([("two.receipt.json", "run-without-rehearsal")]);
    rehearsed("2026-11-21T10:00:00Z", "proved");
    well.has([("two.receipt.json", "run-without-rehearsal")]);
    rehearsed("2026-11-20T10:00:00Z", "proved");
    well.has([]);
    let said = well.vault.audit(&[ARCHIVE]).text();
    let chain = [
        "    rehearsal, 2026-11-20T09:00:00Z, proved: archive/two.rehearsal.json",
        "    run on app, 2026-11-21T09:00:00Z, committed: archive/two.receipt.json",
    ];
    assert!(said.contains(&chain.join("\n")), "{said}");
    well.remove("two.pgseal");
    let faults = [
        ("two.approval", "approval-without-bundle"),
        ("two.receipt.json", "receipt-without-bundle"),
        ("two.rehearsal.json", "rehearsal-without-bundle"),
    ];
    well.has(faults);
}

/// Runs at places and times that the trust root did not permit.
#[test]
fn runs_that_a_policy_forbids() {
    let well = Well::new();
    let runs = ["one.receipt.json", "two.receipt.json"];
    let policy = |key: &str, value: Value| {
        let trust = well
            .vault
            .trust(|draft| draft.document["policy"][key] = value);
        for (stem, bundle, at) in [
            ("one", &well.one, "2026-11-21T08:00:00Z"),
            ("two", &well.two, "2026-11-21T09:00:00Z"),
        ] {
            well.vault.receipt(stem, &ran(bundle, trust, at, stem));
        }
        trust
    };
    // On the database itself nothing has to come first.
    policy("require_run_on", json!(["app"]));
    well.has([]);
    let trust = policy("require_run_on", json!(["staging*"]));
    well.has(runs.map(|run| (run, "run-without-staging")));
    let stage = |at: &str, outcome: &str| {
        let mut said = ran(&well.one, trust, at, "stage");
        said["predicate"]["target"]["database"] = "staging1".into();
        said["predicate"]["outcome"] = outcome.into();
        well.vault.receipt("stage", &said);
    };
    stage("2026-11-21T07:00:00Z", "committed");
    well.has([("two.receipt.json", "run-without-staging")]);
    stage("2026-11-21T08:30:00Z", "committed");
    well.has(runs.map(|run| (run, "run-without-staging")));
    // Another host's clock may be ahead.
    stage("2026-11-21T08:03:00Z", "committed");
    well.has([("two.receipt.json", "run-without-staging")]);
    // An audit of the newer files only does not know the older ones.
    let newer = [ARCHIVE, "--since", "2026-11-21T08:30:00Z"];
    assert!(well.vault.faults(&newer).is_empty());
    // A resumed run goes on with what began.
    let mut resumed = ran(&well.two, trust, "2026-11-21T09:00:00Z", "two");
    resumed["predicate"]["resumes"] = Digest::of(b"begun").to_string()[..32].into();
    well.vault.receipt("two", &resumed);
    well.has([]);
    let two = ran(&well.two, trust, "2026-11-21T09:00:00Z", "two");
    well.vault.receipt("two", &two);
    stage("2026-11-21T07:00:00Z", "partial");
    well.has(runs.map(|run| (run, "run-without-staging")));
    well.remove("stage.receipt.json");
    well.vault.trust(|draft| {
        let policy = draft.document["policy"].as_object_mut().expect("an object");
        policy.remove("require_run_on");
    });
    policy("windows", json!(["Sat 08:30-10:00 UTC"]));
    well.has([("one.receipt.json", "run-outside-window")]);
}

#[test]
fn runs_of_blocked_releases() {
    let well = Well::new();
    let block = |draft: &mut pgseal_testkit::keys::Draft<'_>| {
        draft.document["policy"]["blocked_releases"] = json!([id(&well.two)]);
    };
    let trust = well.vault.trust(block);
    // As far as the receipt shows, the release was blocked after its run.
    well.has([]);
    well.notes([("two.receipt.json", "run-of-blocked")]);
    well.vault
        .receipt("two", &ran(&well.two, trust, "2026-11-21T09:00:00Z", "two"));
    well.has([("two.receipt.json", "run-of-blocked")]);
}

#[test]
fn runs_and_rollbacks_of_a_database() {
    let well = Well::new();
    well.receipt("again", "2026-11-21T08:30:00Z", |_| {});
    well.has([("again.receipt.json", "run-twice")]);
    // Another database, another server, or a restored one.
    well.receipt("again", "2026-11-21T08:30:00Z", |said| {
        said["target"]["database"] = "other".into()
    });
    well.has([]);
    well.receipt("again", "2026-11-21T08:30:00Z", |said| {
        said["target"]["system_identifier"] = "7".into()
    });
    well.has([]);
    well.receipt("again", "2026-11-21T08:30:00Z", |said| {
        said["target"]["timeline"] = 2.into()
    });
    well.has([]);
    well.notes([("again.receipt.json", "run-twice")]);
    // Rolled back between the two runs.
    well.receipt("again", "2026-11-21T08:30:00Z", |_| {});
    well.receipt("back", "2026-11-21T08:20:00Z", |said| {
        said["action"] = "rollback".into()
    });
    well.has([]);
    // The host had no key for receipts when it rolled back.
    well.remove("back.receipt.json");
    let back = rolled_back(&well.one, well.trust, "2026-11-21T08:20:00Z", "back");
    let back = pgseal_verify::format::json::to_canonical(&back).expect("only integers");
    well.vault.put("back.receipt.json", &back);
    well.has([("again.receipt.json", "run-twice")]);
    let said = well.vault.audit(&[ARCHIVE]).text();
    let names = "archive/back.receipt.json says it was, and is not signed: `pgseal receipt sign`";
    assert!(said.contains(names), "{said}");
    // Of another time, it explains nothing.
    let late = rolled_back(&well.one, well.trust, "2026-11-21T08:40:00Z", "back");
    let late = pgseal_verify::format::json::to_canonical(&late).expect("only integers");
    well.vault.put("back.receipt.json", &late);
    well.has([("again.receipt.json", "run-twice")]);
    let said = well.vault.audit(&[ARCHIVE]).text();
    assert!(!said.contains("says it was"), "{said}");
    std::fs::remove_file(well.vault.archive().join("back.receipt.json")).expect("it is there");
    well.remove("again.receipt.json");
    // An earlier release runs while a later one is in effect.
    let earlier = bundle("shop", "0.9.0", 0, &well.vault.keys.release);
    well.vault
        .put("earlier.pgseal", approved(&earlier, &well.vault.keys.ann));
    well.vault.receipt(
        "earlier",
        &ran(&earlier, well.trust, "2026-11-21T09:30:00Z", "earlier"),
    );
    well.has([("earlier.receipt.json", "sequence-back")]);
    well.vault.receipt(
        "back1",
        &rolled_back(&well.two, well.trust, "2026-11-21T09:10:00Z", "back1"),
    );
    well.vault.receipt(
        "back2",
        &rolled_back(&well.one, well.trust, "2026-11-21T09:20:00Z", "back2"),
    );
    well.has([]);
    // A rollback requires a run before it.
    well.remove("one.receipt.json");
    let lost = ("back2.receipt.json", "rollback-without-run");
    well.has([lost]);
    // The report names the file that may be the missing receipt.
    let says = |words: &str| {
        let said = well.vault.audit(&[ARCHIVE]).text();
        assert!(
            said.contains(&format!(
                "back2.receipt.json: it rolled shop 1.0.0 back, and {words}"
            )),
            "{said}"
        );
    };
    says("no receipt here says that it ran (");
    let name = "shop-1.0.0-run-20261121T080000Z-00000000.receipt.json";
    well.vault.put(name, "{");
    well.has([lost, (name, "malformed")]);
    says(&format!(
        "the receipt of its run is not here, or is archive/{name}, which can't be read ("
    ));
    let receipt = ran(&well.one, well.trust, "2026-11-21T08:00:00Z", "one");
    let unsigned = pgseal_verify::format::json::to_canonical(&receipt).expect("only integers");
    well.vault.put(name, unsigned);
    well.has([lost]);
    says(&format!(
        "no signed receipt here says that it ran: archive/{name} is not signed ("
    ));
}

#[test]
fn one_id_of_two_runs() {
    let well = Well::new();
    let mut receipt = ran(&well.two, well.trust, "2026-11-21T09:00:00Z", "one");
    receipt["predicate"]["target"]["role"] = "other".into();
    well.vault.receipt("two", &receipt);
    well.has([("two.receipt.json", "run-id-twice")]);
}

#[test]
fn runs_that_did_not_end_well_are_notes() {
    let well = Well::new();
    for (outcome, word) in [
        ("unchanged", "run-failed"),
        ("partial", "run-unfinished"),
        ("unknown", "run-unknown"),
    ] {
        well.receipt("bad", "2026-11-21T07:30:00Z", |said| {
            said["outcome"] = outcome.into()
        });
        well.has([]);
        well.notes([("bad.receipt.json", word)]);
    }
    // The failed run was resumed.
    let mut receipt = ran(&well.one, well.trust, "2026-11-21T08:00:00Z", "one");
    receipt["predicate"]["resumes"] = Digest::of(b"bad").to_string()[..32].into();
    well.vault.receipt("one", &receipt);
    well.receipt("bad", "2026-11-21T07:30:00Z", |said| {
        said["outcome"] = "partial".into()
    });
    well.notes([]);
}

#[test]
fn what_revoked_keys_signed() {
    let well = Well::new();
    let keys = &well.vault.keys;
    let stolen = bundle("old", "1.0.0", 1, &keys.stolen);
    well.vault.put("old.pgseal", &stolen);
    well.has([("old.pgseal", "revoked-key")]);
    assert!(
        well.vault
            .audit(&[ARCHIVE])
            .text()
            .contains("compromised since 2026-06-01T00:00:00Z")
    );
    // A second signature, by a valid key, makes it a note.
    let both = pack(
        &files("old", "1.0.0", 1),
        &[key_again("stolen"), key_again("release")],
    );
    well.vault.put("old.pgseal", both);
    well.has([]);
    well.notes([("old.pgseal", "revoked-key-work")]);
    // A timestamp proves that the signature predates the compromise.
    let tsa = Tsa::new(P256);
    let stamped = people::stamp(
        &stolen,
        &keys.stolen,
        &people::token(&tsa, &people::signature(&stolen, &keys.stolen)),
    );
    well.vault.put("old.pgseal", stamped);
    let trust = well.vault.trust(|draft| {
        draft.entry(&keys.stolen)["compromised_since"] = "2999-01-01T00:00:00Z".into();
        draft.document["timestamp_authorities"] = json!([people::authority(&tsa)]);
    });
    for (stem, bytes, at) in [
        ("one", &well.one, "2026-11-21T08:00:00Z"),
        ("two", &well.two, "2026-11-21T09:00:00Z"),
    ] {
        well.vault.receipt(stem, &ran(bytes, trust, at, stem));
    }
    well.has([]);
    well.notes([("old.pgseal", "revoked-key-work")]);
}

fn key_again(word: &str) -> pgseal::trust::SecretKey {
    pgseal_testkit::keys::key(word)
}

#[test]
fn a_statement_that_contradicts_itself() {
    let well = Well::new();
    let bent = bend(&well.two, &well.vault.keys.release, |statement| {
        statement["subject"].as_array_mut().expect("a list").pop();
    });
    well.vault.put("bent.pgseal", bent);
    let other = bundle("other", "1.0.0", 1, &well.vault.keys.release);
    well.vault.put(
        "said.pgseal",
        say(&other, &well.vault.keys.ann, &approval(&well.one, "l2")),
    );
    let faults = well.vault.faults(&[ARCHIVE]);
    assert!(
        faults.is_superset(&set([
            ("bent.pgseal", "bad-statement"),
            ("said.pgseal", "bad-approval")
        ])),
        "{faults:?}"
    );
}

/// Times have a resolution of a second: events of the same second are sound if any order of them is.
#[test]
fn what_was_done_within_one_second() {
    let well = Well::new();
    let back = |of: &[u8], stem: &str, at: &str| {
        well.vault
            .receipt(stem, &rolled_back(of, well.trust, at, stem))
    };
    let run =
        |of: &[u8], stem: &str, at: &str| well.vault.receipt(stem, &ran(of, well.trust, at, stem));
    // Rolled back and run again within the second, while the release was in effect.
    let second = "2026-11-21T08:30:00Z";
    back(&well.one, "back", second);
    run(&well.one, "again", second);
    well.has([]);
    // The same once more.
    back(&well.one, "back2", second);
    run(&well.one, "again2", second);
    well.has([]);
    // With one run too many, no order is sound.
    run(&well.one, "again3", second);
    assert_eq!(well.vault.faults(&[ARCHIVE]).len(), 1);
    ["again", "again2", "again3", "back", "back2"]
        .iter()
        .for_each(|stem| well.remove(&format!("{stem}.receipt.json")));
    // Both are rolled back, the later one first, and both run again.
    let second = "2026-11-21T09:30:00Z";
    for (of, number) in [(&well.two, 2), (&well.one, 1)] {
        back(of, &format!("back{number}"), second);
        run(of, &format!("again{number}"), second);
    }
    well.has([]);
    // The earlier release runs again while the later one stays.
    well.remove("back2.receipt.json");
    well.remove("again2.receipt.json");
    well.has([("again1.receipt.json", "sequence-back")]);
}

/// Puts a run or rollback of the first release on a database of its own into the archive.
fn on_own(well: &Well, stem: &str, at: &str, bend: impl FnOnce(&mut Value)) {
    well.receipt(stem, at, |said| {
        said["target"]["database"] = "own".into();
        if stem.starts_with("undo") {
            said["action"] = "rollback".into();
        }
        said["approvals"][0]["sha256"] = approval_digest(&well.one).into();
        bend(said);
    });
}

/// Digest of Ann's approval of a release.
fn approval_digest(bundle: &[u8]) -> String {
    let body = pgseal_verify::format::json::to_canonical(&approval(bundle, "l2"));
    Digest::of(&body.expect("only integers")).to_string()
}

const USED: [(&str, &str); 1] = [("run2.receipt.json", "approvals-used")];

#[test]
fn more_runs_than_an_approval_allows() {
    let well = Well::new();
    on_own(&well, "run1", "2026-11-21T08:10:00Z", |_| {});
    on_own(&well, "undo1", "2026-11-21T08:20:00Z", |_| {});
    // A failed run used none.
    on_own(&well, "run0", "2026-11-21T08:15:00Z", |said| {
        said["outcome"] = "unchanged".into();
    });
    well.has([]);
    let second = |bend: fn(&mut Value)| on_own(&well, "run2", "2026-11-21T08:30:00Z", bend);
    second(|_| {});
    well.has(USED);
    // The signed approval says how many, not the receipt.
    second(|said| said["approvals"][0]["runs"] = 9.into());
    well.has(USED);
    // A run that stopped half way has committed something.
    second(|said| said["outcome"] = "partial".into());
    well.has(USED);
    // A new approval, and another database, whose ledger counts by itself.
    second(|said| said["approvals"][0]["sha256"] = "1".repeat(64).into());
    well.has([]);
    second(|said| said["target"]["database"] = "elsewhere".into());
    well.has([]);
    second(|said| said["target"]["system_identifier"] = "7000000000000000002".into());
    well.has([]);
    // A restored database has lost the first run, and an unknown outcome may be none.
    for bend in [
        |said: &mut Value| said["target"]["timeline"] = 2.into(),
        |said: &mut Value| said["outcome"] = "unknown".into(),
    ] {
        second(bend);
        well.has([]);
        assert!(notes(&well).contains("approvals-used"), "{}", notes(&well));
    }
    // A third run is one more fault.
    second(|_| {});
    on_own(&well, "undo2", "2026-11-21T08:40:00Z", |_| {});
    on_own(&well, "run3", "2026-11-21T08:50:00Z", |_| {});
    well.has([USED[0], ("run3.receipt.json", "approvals-used")]);
}

/// The page tells the history of each database, with the values that changed, and foreign text escaped.
#[test]
fn the_page_tells_the_history() {
    let well = Well::new();
    on_own(&well, "run1", "2026-11-21T08:10:00Z", |said| {
        said["before"] = serde_json::json!({ "gap": "210", "same": "1", "note": null });
        said["after"] = serde_json::json!({ "gap": "0", "same": "1", "note": "<b>\u{202e}" });
    });
    on_own(&well, "undo1", "2026-11-21T08:20:00Z", |said| {
        said["outcome"] = "unchanged".into();
    });
    well.vault.audit(&[ARCHIVE, "--html", "page.html"]);
    let page = String::from_utf8(well.vault.site.read("page.html")).expect("text");
    let history = page
        .split("Runs and rollbacks")
        .nth(1)
        .expect("the section");
    for words in [
        "own<span class=\"below\">system ",
        "run of shop 1.0.0</td>",
        "archive/run1.receipt.json<span class=\"below\">signed by ",
        "committed",
        "rollback of shop 1.0.0",
        "nothing changed",
        "gap 210 -&gt; 0, note NULL -&gt; &lt;b&gt;\\u{202e}",
    ] {
        assert!(history.contains(words), "{words}: {history}");
    }
    assert!(!history.contains("same 1"));
}

/// Digests of definitions are compared from receipt to receipt, and from a run to its rollback.
#[test]
fn definitions_along_receipts() {
    let well = Well::new();
    let receipt = |stem: &str, at: &str, before: u8, after: Option<u8>| {
        let digest = |digit: u8| Value::from(digit.to_string().repeat(64));
        on_own(&well, stem, at, |said| {
            said["schema"] = serde_json::json!({ "before": digest(before) });
            match after {
                Some(after) => said["schema"]["after"] = digest(after),
                None => said["outcome"] = "unchanged".into(),
            }
        });
    };
    let found = |kind: &str| notes(&well).matches(kind).count();
    receipt("run1", "2026-11-21T08:10:00Z", 1, Some(2));
    receipt("undo1", "2026-11-21T08:30:00Z", 2, Some(1));
    well.has([]);
    assert_eq!(
        (
            found("definitions-changed"),
            found("definitions-not-restored")
        ),
        (0, 0)
    );
    // A failed rollback before it: it found what the run left.
    receipt("undo0", "2026-11-21T08:20:00Z", 2, None);
    assert_eq!(
        (
            found("definitions-changed"),
            found("definitions-not-restored")
        ),
        (0, 0)
    );
    receipt("undo1", "2026-11-21T08:30:00Z", 3, Some(4));
    assert_eq!(
        (
            found("definitions-changed"),
            found("definitions-not-restored")
        ),
        (1, 1)
    );
    receipt("undo0", "2026-11-21T08:20:00Z", 3, None);
    assert_eq!(
        (
            found("definitions-changed"),
            found("definitions-not-restored")
        ),
        (1, 1)
    );
    // Of unknown outcome: the release may still be in effect.
    on_own(&well, "undo0", "2026-11-21T08:20:00Z", |said| {
        said["outcome"] = "unknown".into();
        said["schema"] = serde_json::json!({ "before": "2".repeat(64) });
    });
    assert_eq!(
        (
            found("definitions-changed"),
            found("definitions-not-restored")
        ),
        (0, 1)
    );
    receipt("undo0", "2026-11-21T08:20:00Z", 3, None);
    well.has([]);
    // Between them, a receipt without digests: nothing is known.
    on_own(&well, "undo0", "2026-11-21T08:20:00Z", |_| {});
    on_own(&well, "run2", "2026-11-21T08:25:00Z", |said| {
        said["approvals"][0]["sha256"] = "1".repeat(64).into();
    });
    assert_eq!(
        (
            found("definitions-changed"),
            found("definitions-not-restored")
        ),
        (0, 0)
    );
}

/// Receipts of one second follow their transactions.
#[test]
fn definitions_within_one_second() {
    let well = Well::new();
    let digest = |digit: u8| Value::from(digit.to_string().repeat(64));
    for (stem, transaction, before, after) in [
        ("run1", 7, 1, 3),
        ("run2", 5, 1, 2),
        ("undo1", 6, 2, 1),
        ("undo2", 8, 3, 1),
    ] {
        on_own(&well, stem, "2026-11-21T08:10:00Z", |said| {
            said["schema"] = json!({ "before": digest(before), "after": digest(after) });
            said["transaction_id"] = transaction.to_string().into();
            said["approvals"][0]["sha256"] = digest(transaction);
        });
    }
    assert!(!notes(&well).contains("definitions-"), "{}", notes(&well));
}

fn notes(well: &Well) -> String {
    format!("{:?}", well.vault.notes(&[ARCHIVE]))
}

/// An approval for one database is none for another.
#[test]
fn an_approval_for_another_database() {
    let well = Well::new();
    let only_on = |database: &str| {
        let mut said = approval(&well.two, "l2");
        said["predicate"]["at"] = "2026-11-20T00:00:00Z".into();
        said["predicate"]["only_on"] = database.into();
        let approval = people::beside(&well.vault.keys.bob, &said);
        well.vault.put("two.approval", approval);
    };
    only_on("*");
    well.has([]);
    only_on("elsewhere_*");
    well.has([("two.receipt.json", "run-without-approvals")]);
}

#[test]
fn an_approval_of_two_runs() {
    let well = Well::new();
    let mut said = approval(&well.one, "l2");
    said["predicate"]["runs"] = 2.into();
    let body = pgseal_verify::format::json::to_canonical(&said).expect("only integers");
    let digest = Digest::of(&body).to_string();
    well.vault
        .put("more.approval", people::beside(&well.vault.keys.ann, &said));
    let run = |stem: &str, at: &str| {
        on_own(&well, stem, at, |said| {
            said["approvals"][0]["sha256"] = digest.clone().into();
        });
    };
    run("run1", "2026-11-21T08:10:00Z");
    run("undo1", "2026-11-21T08:20:00Z");
    run("run2", "2026-11-21T08:30:00Z");
    well.has([]);
    // Without the approval, the lowest number of a receipt counts.
    well.remove("more.approval");
    well.has(USED);
}

/// Receipts of one run, before and after `--resume`, use one run together.
#[test]
fn a_resumed_run_uses_one() {
    let well = Well::new();
    let run_id = |unique: &str| Digest::of(unique.as_bytes()).to_string()[..32].to_owned();
    on_own(&well, "run1", "2026-11-21T08:10:00Z", |said| {
        said["outcome"] = "partial".into();
    });
    on_own(&well, "resumed", "2026-11-21T08:20:00Z", |said| {
        said["resumes"] = run_id("run1").into();
    });
    well.has([]);
    assert!(!notes(&well).contains("approvals-used"));
    on_own(&well, "undo1", "2026-11-21T08:25:00Z", |_| {});
    on_own(&well, "run2", "2026-11-21T08:30:00Z", |_| {});
    well.has(USED);
    // Only the resumed run has a receipt: its approvals may be newer than those of the run.
    well.remove("run1.receipt.json");
    well.has([]);
    assert!(notes(&well).contains("approvals-used"), "{}", notes(&well));
}
