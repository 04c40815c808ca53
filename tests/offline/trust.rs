//! Updates of the trust root through the real program: each version follows, or the root stays unchanged.

mod every_subset;
mod kill;
mod refusals;
mod vectors;

use std::path::Path;
use std::process::{Command, Stdio};

use pgseal_testkit::site::{Site, outcome};
use serde_json::Value;

/// Creates a trust root with two of three root keys and one release key, and keys that are not in it yet.
pub fn desk() -> Site {
    let site = Site::empty();
    for name in [
        "root1", "root2", "root3", "root4", "release", "second", "third", "stranger",
    ] {
        site.run(["keygen", name, "--no-passphrase"]).done();
    }
    let roots = [
        "--root-key",
        "root1.key",
        "--root-key",
        "root2.key",
        "--root-key",
        "root3.key",
    ];
    let init = [
        "trust",
        "init",
        "trust.json",
        "--root-threshold",
        "2",
        "--role",
        "release:1=release.pub",
    ];
    site.run(init.iter().chain(&roots)).done();
    site
}

/// Splits a command line.
pub fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

/// Runs a command that must succeed.
pub fn done(site: &Site, line: &str) -> pgseal_testkit::site::Outcome {
    site.run(words(line)).done()
}

/// Runs a command that must fail with this exit code and message, change nothing and print a hint.
pub fn refused(site: &Site, exit: i32, why: &str, line: &str) {
    let outcome = site.refused(exit, why, words(line));
    assert!(
        outcome.stderr.contains("pgseal: hint: "),
        "{line}: {}",
        outcome.stderr
    );
}

/// Returns the installed version, which must be valid.
pub fn version(site: &Site) -> u64 {
    done(site, "trust show --json").json()["trust"]["version"]
        .as_u64()
        .expect("a number")
}

/// Creates `trust.2.json`, signed by two root keys.
pub fn second_version(site: &Site) {
    done(
        site,
        "trust add-key trust.json --key second.pub --role release",
    );
    done(
        site,
        "trust sign trust.2.json --key root1.key --key root2.key",
    );
}

/// Creates `trust.2.json` to `trust.4.json`, all signed, in `medium/`.
pub fn chain(site: &Site) {
    second_version(site);
    done(
        site,
        "trust add-key trust.2.json --key third.pub --role l2 --owner Third",
    );
    done(
        site,
        "trust sign trust.3.json --key root2.key --key root3.key --trust trust.2.json",
    );
    done(
        site,
        "trust set-policy trust.3.json --require l2 --target prod --minimum-sequence demo=7",
    );
    done(
        site,
        "trust sign trust.4.json --key root1.key --key root3.key --trust trust.3.json",
    );
    for version in 2..=4 {
        copy(site, &format!("trust.{version}.json"), "medium");
    }
}

/// Copies a document and its signatures into a directory.
pub fn copy(site: &Site, name: &str, to: &str) {
    let (sigs, to) = (format!("{name}.sigs"), site.path(to));
    std::fs::create_dir_all(to.join(&sigs)).expect("made");
    std::fs::copy(site.path(name), to.join(name)).expect("copied");
    for file in std::fs::read_dir(site.path(&sigs)).into_iter().flatten() {
        let file = file.expect("readable");
        std::fs::copy(file.path(), to.join(&sigs).join(file.file_name())).expect("copied");
    }
}

/// Returns the path of a key's signature.
pub fn signature(site: &Site, file: &str, version: u32, key: &str) -> String {
    let id = key_id(site, key);
    format!("{file}.sigs/{version}.{id}.sig")
}

/// Returns the id of a key.
pub fn key_id(site: &Site, key: &str) -> String {
    let pem = String::from_utf8(site.read(&format!("{key}.pub"))).expect("text");
    pgseal::trust::PublicKey::from_pem(&pem)
        .expect("a key")
        .id()
        .to_string()
}

/// Returns the changes of the only step.
fn changes(answer: &Value) -> Vec<&str> {
    let list = answer["steps"][0]["changes"].as_array().expect("a list");
    list.iter()
        .map(|change| change.as_str().expect("text"))
        .collect()
}

#[test]
fn a_draft_is_signed_by_two_and_installed() {
    let site = desk();
    let installed = site.read("trust.json");
    let drafted = done(
        &site,
        "trust add-key trust.json --key second.pub --role release --json",
    )
    .json();
    assert_eq!(
        site.read("trust.json"),
        installed,
        "a draft changes nothing"
    );
    assert_eq!(
        (&drafted["signed"], &drafted["file"]),
        (&false.into(), &"trust.2.json".into())
    );
    let id = key_id(&site, "second");
    assert_eq!(
        changes(&drafted),
        [format!("new key {id} (second, role release)")]
    );
    assert!(drafted["trust"]["issued"].is_string());
    let again = site.refused(
        2,
        "exists already",
        words("trust add-key trust.json --key third.pub --role release"),
    );
    let hint = "draft from it instead (pgseal trust add-key trust.2.json ...) when it is signed and installed";
    assert!(again.stderr.contains(hint), "{}", again.stderr);

    let shown = done(&site, "trust show trust.2.json");
    assert!(
        shown
            .text()
            .contains("draft, signed by 0 of 2 root keys of version 2\n"),
        "{}",
        shown.text()
    );
    refused(
        &site,
        11,
        "0 of 2 signatures of role",
        "trust install trust.2.json",
    );
    let once = done(&site, "trust sign trust.2.json --key root1.key");
    let said = "signed by 1 of 2 root keys of version 2, 1 of 2 root keys of version 1";
    assert!(once.text().contains(said), "{}", once.text());
    assert!(
        once.stderr.contains("new key "),
        "what changes is said before: {}",
        once.stderr
    );
    refused(
        &site,
        11,
        "1 of 2 signatures of role",
        "trust install trust.2.json",
    );
    let again = done(&site, "trust sign trust.2.json --key root1.key");
    assert!(
        again.text().contains(said),
        "one key counts once: {}",
        again.text()
    );
    let twice = done(&site, "trust sign trust.2.json --key root3.key --json").json();
    assert_eq!(twice["signed"], true);
    assert_eq!(
        twice["signatures"]["before"],
        serde_json::json!({ "counted": 2, "threshold": 2 })
    );

    let answer = done(&site, "trust install trust.2.json --json").json();
    assert_eq!(
        (version(&site), &answer["trust"]["version"]),
        (2, &2.into())
    );
    assert_eq!(changes(&answer), changes(&drafted));
    assert_eq!(site.read("trust.json"), site.read("trust.2.json"));
    assert_eq!(
        site.read("trust.json.sigs/1.json"),
        installed,
        "what was replaced is kept"
    );
    refused(
        &site,
        11,
        "version 2 is installed already",
        "trust install trust.2.json",
    );
}

#[test]
fn without_signatures_of_two_nothing_is_installed_in_place() {
    let site = desk();
    let add = "trust add-key trust.json --key second.pub --role release --root-key root1.key";
    refused(&site, 2, "1 of 2 signatures of role", add);
    done(&site, &format!("{add} --root-key root2.key"));
    assert_eq!(version(&site), 2);
    let third = "trust add-key trust.json --key third.pub --role release";
    done(&site, &format!("{third} --root-key root1.key -o next.json"));
    assert_eq!(version(&site), 2, "with -o it is a draft");
    done(&site, "trust sign next.json --key root2.key");
    done(&site, "trust install next.json");
    refused(
        &site,
        2,
        "is not a root key",
        &format!(
            "{} --root-key stranger.key",
            third.replace("third", "root4")
        ),
    );
}

#[test]
fn two_people_sign_in_different_places() {
    let site = desk();
    done(
        &site,
        "trust add-key trust.json --key second.pub --role release",
    );
    for place in ["here", "there"] {
        copy(&site, "trust.2.json", place);
    }
    done(&site, "trust sign here/trust.2.json --key root1.key");
    done(&site, "trust sign there/trust.2.json --key root2.key");
    refused(&site, 11, "1 of 2 signatures", "trust install here");
    refused(
        &site,
        11,
        "1 of 2 signatures",
        "trust install there/trust.2.json",
    );
    done(&site, "trust install here there/trust.2.json");
    assert_eq!(version(&site), 2);
}

#[test]
fn two_people_sign_at_once() {
    let site = desk();
    for round in 2..6 {
        done(
            &site,
            &format!("trust set-policy trust.json --minimum-sequence demo={round}"),
        );
        let draft = format!("trust.{round}.json");
        let quiet =
            |mut command: Command| command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let sign = |key: &str| {
            quiet(site.command(["trust", "sign", &draft, "--key", key])).expect("it starts")
        };
        for mut signer in [sign("root1.key"), sign("root2.key"), sign("root3.key")] {
            assert!(signer.wait().expect("it ends").success());
        }
        assert_eq!(
            done(&site, &format!("trust show {draft} --json")).json()["signatures"]["own"]["counted"],
            3
        );
        let install =
            |_: &()| quiet(site.command(["trust", "install", &draft])).expect("it starts");
        let mut codes: Vec<_> = [(), ()]
            .iter()
            .map(install)
            .map(|mut child| child.wait().expect("it ends").code())
            .collect();
        codes.sort();
        assert_eq!(
            codes,
            [Some(0), Some(11)],
            "one installs it, the other finds it there"
        );
    }
    assert_eq!(version(&site), 5);
}

#[test]
fn a_chain_on_one_medium_is_walked_step_by_step() {
    let site = desk();
    chain(&site);
    let first = site.read("trust.json");
    let answer = done(&site, "trust install medium --json").json();
    assert_eq!(answer["steps"].as_array().map(Vec::len), Some(3));
    assert_eq!(version(&site), 4);
    for (version, document) in [
        (1, first),
        (2, site.read("trust.2.json")),
        (3, site.read("trust.3.json")),
    ] {
        assert_eq!(
            site.read(&format!("trust.json.sigs/{version}.json")),
            document,
            "kept for auditors"
        );
        let signed = |key| {
            site.path(&signature(&site, "trust.json", version, key))
                .exists()
        };
        assert!(
            ["root1", "root2", "root3"]
                .into_iter()
                .filter(|key| signed(key))
                .count()
                >= 2
        );
    }
    refused(
        &site,
        11,
        "version 4 is installed already",
        "trust install medium",
    );
    // A later medium still has the old versions.
    done(
        &site,
        "trust set-policy trust.json --any-target -o medium/trust.5.json --root-key root1.key --root-key root2.key",
    );
    done(&site, "trust install medium");
    assert_eq!(version(&site), 5);
    let said = done(&site, "trust show").text();
    assert!(
        said.contains("lowest sequence of demo that runs: 7\n") && !said.contains("prod"),
        "{said}"
    );
}

#[test]
fn a_root_key_goes_and_another_comes() {
    let site = desk();
    done(&site, "trust rotate trust.json --old root1 --new root4.pub");
    done(
        &site,
        "trust sign trust.2.json --key root1.key --key root2.key",
    );
    // Both keys sign for version 1; for version 2 only root2 counts.
    refused(
        &site,
        11,
        "not signed by its own root keys: 1 of 2",
        "trust install trust.2.json",
    );
    done(&site, "trust sign trust.2.json --key root4.key");
    done(&site, "trust install trust.2.json");
    // A retired key signs nothing new, whatever its role was.
    done(
        &site,
        "trust set-policy trust.json --minimum-sequence demo=2",
    );
    refused(
        &site,
        2,
        "is not an active root key",
        "trust sign trust.3.json --key root1.key",
    );
    done(&site, "trust sign trust.3.json --key root2.key");
    refused(
        &site,
        11,
        "not agreed to by version 2: 1 of 2",
        "trust install trust.3.json",
    );
    done(&site, "trust sign trust.3.json --key root4.key");
    done(&site, "trust install trust.3.json");
    assert_eq!(version(&site), 3);
}

/// Drafts of this program list a key for ever. Other tools may omit it, and the key must still be able to agree to
/// that.
#[test]
fn a_root_key_that_the_next_version_leaves_out_still_agrees() {
    let site = desk();
    done(
        &site,
        "trust set-policy trust.json --minimum-sequence demo=2",
    );
    let id = key_id(&site, "root1");
    bend(&site, "trust.2.json", |document| {
        document["keys"]
            .as_array_mut()
            .expect("a list")
            .retain(|key| key["id"] != id.as_str());
    });
    done(&site, "trust sign trust.2.json --tbs to-be-signed");
    let openssl = "pkeyutl -sign -rawin -inkey root1.key -in to-be-signed -out one.sig";
    outcome(
        Command::new("openssl")
            .current_dir(site.dir())
            .args(words(openssl)),
    )
    .done();
    let attach = "trust attach trust.2.json one.sig --key root1.pub";
    let unknown = outcome(site.command(words(attach)).env("PGSEAL_TRUST", ""));
    unknown.is_error(2, "is not a root key of version 2");
    assert!(
        unknown.stderr.contains("name that one by --trust"),
        "{}",
        unknown.stderr
    );
    let signed = done(
        &site,
        "trust sign trust.2.json --key root1.key --trust trust.json",
    );
    assert!(
        signed
            .text()
            .contains("signed by 0 of 2 root keys of version 2, 1 of 2 root keys of version 1")
    );
    done(
        &site,
        "trust sign trust.2.json --key root2.key --key root3.key",
    );
    done(&site, "trust install trust.2.json");
    assert_eq!(version(&site), 2);
    // A copy of an installed trust root serves as a medium like the draft.
    std::fs::create_dir(site.path("other")).expect("made");
    for name in [
        "1.json",
        &format!("1.{}.sig", key_id(&site, "root2")),
        &format!("1.{}.sig", key_id(&site, "root3")),
    ] {
        std::fs::create_dir_all(site.path("other/trust.json.sigs")).expect("made");
        site.write(
            &format!("other/trust.json.sigs/{name}"),
            site.read(&format!("trust.json.sigs/{name}")),
        );
    }
    site.write("other/trust.json", site.read("trust.json.sigs/1.json"));
    done(&site, "trust install trust.json --trust other/trust.json");
}

#[test]
fn thresholds_go_up_and_down() {
    let site = desk();
    done(
        &site,
        "trust set-policy trust.json --threshold root=3 --root-key root1.key --root-key root2.key -o up.json",
    );
    refused(
        &site,
        11,
        "not signed by its own root keys: 2 of 3",
        "trust install up.json",
    );
    done(&site, "trust sign up.json --key root3.key");
    done(&site, "trust install up.json");
    // To lower the threshold, the higher one must be met once more.
    let down =
        "trust set-policy trust.json --threshold root=1 --root-key root1.key --root-key root2.key";
    refused(&site, 2, "not agreed to by version 2: 2 of 3", down);
    done(&site, &format!("{down} --root-key root3.key"));
    let one = "trust set-policy trust.json --target prod --root-key root3.key";
    assert!(
        done(&site, one)
            .text()
            .contains("releases may run on prod; before: any database")
    );
    assert_eq!(version(&site), 4);
}

#[test]
fn every_task_says_what_changes() {
    let site = desk();
    let roots = "--root-key root1.key --root-key root2.key";
    let block = "0".repeat(64);
    let release = key_id(&site, "release");
    for (task, says) in [
        (
            "add-key trust.json --key third.pub --role l2 --owner Ann".to_owned(),
            "new role l2: threshold 1",
        ),
        (
            "add-key trust.json --key second.pub --role l2 --not-after 2100-01-01".to_owned(),
            ", until 2100-01-01T00:00:00Z",
        ),
        (
            "set-policy trust.json --threshold l2=2".to_owned(),
            "threshold of role l2: 1 -> 2",
        ),
        (
            "set-policy trust.json --require l2".to_owned(),
            "a run needs 2 approvals of l2; it needed none",
        ),
        (
            "set-policy trust.json --require l2=1".to_owned(),
            "a run needs 1 approval of l2; it needed 2",
        ),
        (
            "set-policy trust.json --require l2=0".to_owned(),
            "a run needs no approval of l2 any more",
        ),
        (
            "set-policy trust.json --threshold l2=1".to_owned(),
            "threshold of role l2: 2 -> 1",
        ),
        (
            format!("set-policy trust.json --block {block}"),
            "0000 is blocked",
        ),
        (
            format!("set-policy trust.json --unblock {block}"),
            "0000 is no longer blocked",
        ),
        (
            "set-policy trust.json --minimum-sequence demo=3".to_owned(),
            "lowest sequence of demo that runs: 3; any before",
        ),
        (
            "set-policy trust.json --minimum-sequence demo=0".to_owned(),
            "any sequence of demo runs again",
        ),
        (
            "set-policy trust.json --expires 2101-01-01".to_owned(),
            "-> 2101-01-01T00:00:00Z",
        ),
        (
            "retire trust.json --key Ann --not-after 2030-01-01".to_owned(),
            "(Ann, role l2): retired, until 2030-01-01T00:00:00Z",
        ),
        (
            "revoke trust.json --key Ann --compromised-since 2026-01-01".to_owned(),
            "revoked, until 2030-01-01T00:00:00Z, compromised since 2026-01-01T00:00:00Z",
        ),
        (
            format!("rotate trust.json --old {} --new root4.pub", &release[..8]),
            "(release, role release): retired, until 2",
        ),
    ] {
        let answer = done(&site, &format!("trust {task} {roots}"));
        assert!(answer.text().contains(says), "{task}: {}", answer.text());
    }
    assert_eq!(version(&site), 16);
    let said = done(&site, "trust show").text();
    assert!(said.contains("Ann, revoked, until 2030"), "{said}");
}

#[test]
fn a_signature_made_elsewhere_is_attached() {
    let site = desk();
    done(
        &site,
        "trust add-key trust.json --key second.pub --role release",
    );
    done(&site, "trust sign trust.2.json --tbs to-be-signed");
    refused(
        &site,
        2,
        "exists already",
        "trust sign trust.2.json --tbs to-be-signed",
    );
    let openssl = |key: &str, input: &str, out: &str| {
        let args = [
            "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", input, "-out", out,
        ];
        outcome(Command::new("openssl").current_dir(site.dir()).args(args)).done()
    };
    openssl("root1.key", "to-be-signed", "one.sig");
    openssl("root2.key", "trust.2.json", "other.sig");
    openssl("stranger.key", "to-be-signed", "stranger.sig");
    site.write("short.sig", &site.read("one.sig")[..63]);
    refused(
        &site,
        11,
        "is not valid",
        "trust attach trust.2.json other.sig --key root2.pub",
    );
    refused(
        &site,
        11,
        "is not valid",
        "trust attach trust.2.json one.sig --key root2.pub",
    );
    refused(
        &site,
        2,
        "is not a root key",
        "trust attach trust.2.json stranger.sig --key stranger.pub",
    );
    refused(
        &site,
        2,
        "64 raw bytes",
        "trust attach trust.2.json short.sig --key root1.pub",
    );
    done(&site, "trust attach trust.2.json one.sig --key root1.pub");
    done(&site, "trust sign trust.2.json --key root2.key");
    done(&site, "trust install trust.2.json");
}

#[test]
fn an_expired_version_is_installed_with_a_warning() {
    let site = desk();
    let soon =
        pgseal_verify::format::timestamp::Timestamp::from_seconds(now() + 2).expect("a time");
    done(
        &site,
        &format!("trust set-policy trust.json --expires {soon}"),
    );
    done(
        &site,
        "trust sign trust.2.json --key root1.key --key root2.key",
    );
    while now() <= soon.seconds() {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let installed = done(&site, "trust install trust.2.json");
    assert!(
        installed.stderr.contains("warning: version 2 expired on"),
        "{}",
        installed.stderr
    );
    // An expired version can be followed: rotation is the way out.
    done(
        &site,
        "trust set-policy trust.json --expires 2100-01-01 --root-key root1.key --root-key root3.key",
    );
}

/// Modifies a draft as no tool would, keeping its form.
pub fn bend(site: &Site, name: &str, change: impl FnOnce(&mut Value)) {
    let mut document: Value = serde_json::from_slice(&site.read(name)).expect("JSON");
    change(&mut document);
    site.write(
        name,
        pgseal_verify::format::json::to_canonical(&document).expect("only integers"),
    );
}

/// Signs any bytes as a draft, without validating them.
pub fn sign_unchecked(site: &Site, name: &str, keys: &[&str]) {
    for key in keys {
        let read = pgseal::trust::SecretKey::read(&site.path(&format!("{key}.key")), || {
            unreachable!("no passphrase")
        });
        let signature = read.expect("a key").sign(
            pgseal_verify::format::trust_document::PAYLOAD_TYPE,
            &site.read(name),
        );
        let version =
            serde_json::from_slice::<Value>(&site.read(name)).expect("JSON")["version"].to_string();
        let path = self::signature(site, name, version.parse().expect("a number"), key);
        std::fs::create_dir_all(site.path(&path).parent().unwrap_or(Path::new("."))).expect("made");
        site.write(&path, signature);
    }
}

fn now() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    since.as_secs() as i64
}
