//! Trust roots of any age in an archive: each must be in the chain of the installed one.

use pgseal_verify::digest::Digest;
use serde_json::json;

use crate::vault::{ARCHIVE, Vault, approved, bundle, ran, set};
use pgseal_testkit::keys::{Draft, key};
use pgseal_testkit::people::id;

/// Creates versions 1, 2 and 3 in `archive/`, and installs version 3.
fn chain(vault: &Vault) -> Vec<Digest> {
    let mut digests: Vec<Digest> = Vec::new();
    for version in 1..=3_u32 {
        let mut draft = vault.draft();
        bent(&mut draft, version, digests.last());
        if version == 1 {
            draft.document["policy"] = json!({});
        }
        keep(vault, &draft, &format!("trust.{version}.json"));
        digests.push(Digest::of(&draft.bytes()));
        if version == 3 {
            draft.write(vault.site.dir());
        }
    }
    digests
}

fn bent(draft: &mut Draft<'_>, version: u32, before: Option<&Digest>) {
    draft.document["version"] = version.into();
    if let Some(before) = before {
        draft.document["prev_sha256"] = before.to_string().into();
    }
}

fn keep(vault: &Vault, draft: &Draft<'_>, name: &str) {
    let bytes = draft.bytes();
    for (key, signature) in draft.signatures(&bytes) {
        vault.put(
            &format!("{name}.sigs/{}.{key}.sig", draft.document["version"]),
            signature,
        );
    }
    vault.put(name, bytes);
}

#[test]
fn a_chain_is_well() {
    let vault = Vault::new();
    let digests = chain(&vault);
    assert_eq!(
        (vault.faults(&[ARCHIVE]), vault.notes(&[ARCHIVE])),
        (set([]), set([]))
    );
    let said = vault.audit(&[ARCHIVE]).done().text();
    assert!(
        said.contains("ok archive/trust.2.json: version 2 of a trust root, signed by root key"),
        "{said}"
    );
    assert!(
        said.ends_with("0 bundles, 3 trust roots, 3 authentic, 0 faulty, 0 faults\n"),
        "{said}"
    );
    // The version that admitted a run defines the approvals that it needed.
    let plain = bundle("shop", "1.0.0", 1, &vault.keys.release);
    vault.put("one.pgseal", &plain);
    let mut receipt = ran(&plain, digests[0], "2026-11-21T08:00:00Z", "one");
    vault.receipt("one", &receipt);
    assert_eq!(vault.faults(&[ARCHIVE]), set([]));
    receipt["predicate"]["trust"] = json!({ "version": 2, "sha256": digests[1].to_string() });
    vault.receipt("one", &receipt);
    assert_eq!(
        vault.faults(&[ARCHIVE]),
        set([("one.receipt.json", "run-without-approvals")])
    );
    vault.put("one.pgseal", approved(&plain, &vault.keys.ann));
    assert_eq!(vault.faults(&[ARCHIVE]), set([]));
}

#[test]
fn what_install_keeps_of_earlier_versions_is_found() {
    let vault = Vault::new();
    chain(&vault);
    let archive = vault.archive();
    for version in 1..=3 {
        let name = format!("trust.{version}.json");
        let dir = archive.join(format!("{name}.sigs"));
        std::fs::create_dir_all(archive.join("host/trust.json.sigs")).expect("our own directory");
        for entry in std::fs::read_dir(&dir).expect("there") {
            let entry = entry.expect("there");
            let to = archive.join("host/trust.json.sigs").join(entry.file_name());
            std::fs::rename(entry.path(), to).expect("our own directory");
        }
        std::fs::remove_dir(dir).expect("empty");
        let to = if version == 3 {
            "host/trust.json".to_owned()
        } else {
            format!("host/trust.json.sigs/{version}.json")
        };
        std::fs::rename(archive.join(name), archive.join(to)).expect("our own directory");
    }
    let said = vault.audit(&[ARCHIVE]).done().text();
    assert!(said.contains("3 trust roots, 3 authentic"), "{said}");
    std::fs::remove_file(archive.join("host/trust.json.sigs/2.json")).expect("there");
    assert_eq!(
        vault.faults(&[ARCHIVE]),
        set([("host/trust.json.sigs/1.json", "trust-version-missing")])
    );
}

#[test]
fn forks_and_strangers() {
    let vault = Vault::new();
    let digests = chain(&vault);
    let mut fork = vault.draft();
    bent(&mut fork, 2, Some(&digests[0]));
    fork.document["policy"]["approvals"] = json!({ "l2": 2 });
    keep(&vault, &fork, "fork.trust.json");
    assert_eq!(
        vault.faults(&[ARCHIVE]),
        set([("fork.trust.json", "trust-fork")])
    );
    std::fs::remove_file(vault.archive().join("fork.trust.json")).expect("there");

    let mut newer = vault.draft();
    bent(&mut newer, 4, Some(&digests[2]));
    keep(&vault, &newer, "newer.trust.json");
    let (root, release) = (key("other root"), key("other"));
    keep(
        &vault,
        &Draft::new(&root, &[("release", 1, &[&release])]),
        "foreign.trust.json",
    );
    assert_eq!(vault.faults(&[ARCHIVE]), set([]));
    let notes = set([
        ("newer.trust.json", "trust-newer"),
        ("foreign.trust.json", "trust-foreign"),
    ]);
    assert_eq!(vault.notes(&[ARCHIVE]), notes);
}

/// The real version is the one that its successor names, whether it is in the archive or not.
#[test]
fn a_fork_in_place_of_the_real_version() {
    let vault = Vault::new();
    let digests = chain(&vault);
    let fork = |version: u32, before: &Digest, name: &str| {
        let mut fork = vault.draft();
        bent(&mut fork, version, Some(before));
        fork.document["policy"]["approvals"] = json!({ "l2": 2 });
        keep(&vault, &fork, name);
    };
    fork(2, &digests[0], "trust.2.json");
    assert_eq!(
        vault.faults(&[ARCHIVE]),
        set([("trust.2.json", "trust-fork")])
    );
    let said = vault.audit(&[ARCHIVE]).text();
    let why = "version 2 of the trust root is another document than the one that archive/trust.3.json follows, which is not here";
    assert!(said.contains(why), "{said}");
    // Now only the installed version names its predecessor.
    std::fs::remove_file(vault.archive().join("trust.3.json")).expect("there");
    assert_eq!(
        vault.faults(&[ARCHIVE]),
        set([("trust.2.json", "trust-fork")])
    );
    // A later version must follow the installed one.
    std::fs::remove_file(vault.archive().join("trust.2.json")).expect("there");
    fork(4, &digests[1], "trust.4.json");
    assert_eq!(
        vault.faults(&[ARCHIVE]),
        set([("trust.4.json", "trust-fork")])
    );
    // With a gap in the chain from the installed version, the versions in the archive must still agree with each other.
    let mut judge = vault.draft();
    bent(&mut judge, 9, Some(&digests[0]));
    judge.write(vault.site.dir());
    let mut third = vault.draft();
    bent(&mut third, 3, Some(&digests[1]));
    keep(&vault, &third, "trust.3.json");
    fork(2, &digests[0], "trust.2.json");
    std::fs::remove_file(vault.archive().join("trust.4.json")).expect("there");
    assert_eq!(
        vault.faults(&[ARCHIVE]),
        set([("trust.2.json", "trust-fork")])
    );
}

/// An archive without the newest versions is sound.
#[test]
fn what_the_archive_has_not_yet_got() {
    let vault = Vault::new();
    chain(&vault);
    for version in [2, 3] {
        std::fs::remove_file(vault.archive().join(format!("trust.{version}.json"))).expect("there");
    }
    assert_eq!(vault.audit(&[ARCHIVE]).code, 0);
    assert_eq!(
        vault.notes(&[ARCHIVE]),
        set([("trust.1.json", "trust-version-missing")])
    );
}

#[test]
fn trust_roots_that_do_not_hold() {
    let vault = Vault::new();
    chain(&vault);
    let signature = |version: u32| {
        format!(
            "trust.{version}.json.sigs/{version}.{}.sig",
            id(&vault.keys.root)
        )
    };
    std::fs::remove_file(vault.archive().join(signature(3))).expect("there");
    vault.put(&signature(2), [7; 64]);
    vault.put("trust-draft.json", "{}");
    let faults = set([
        ("trust.3.json", "unsigned"),
        ("trust.2.json", "invalid-signature"),
        ("trust-draft.json", "malformed"),
    ]);
    assert_eq!(vault.faults(&[ARCHIVE]), faults);
    assert_eq!(
        vault.notes(&[ARCHIVE]),
        set([("trust.1.json", "trust-version-missing")])
    );
}
