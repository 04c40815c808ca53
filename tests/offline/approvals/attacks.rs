//! Attacks on approvals, and mistakes of careless operators.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use pgseal_verify::format::timestamp::Timestamp;

use super::{approve, desk, quorum, refuses};
use pgseal_testkit::people::{notarisation, say};

fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    Timestamp::from_seconds(since.as_secs() as i64).expect("before 9999")
}

/// An attacker who can open the bundle can make a notary wait. Signatures made meanwhile are not backdated to the start
/// of the wait.
#[test]
fn a_notary_that_waits_dates_nothing_back() {
    let site = desk();
    std::fs::copy(site.path("small.pgseal"), site.path("later.pgseal")).expect("copied");
    let held = File::open(site.path("small.pgseal")).expect("readable");
    held.lock().expect("nobody else has it");
    let mut notarise = site.command(["notarise", "small.pgseal", "--key", "notary.key", "--json"]);
    let notarise = notarise
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    std::thread::sleep(Duration::from_secs(2));
    let signed = now();
    site.run(["sign", "later.pgseal", "--key", "spare.key"])
        .done();
    site.write("small.pgseal", site.read("later.pgseal"));
    drop(held);
    let output = notarise.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one document");
    let seen = said["signatures"].as_array().expect("a list");
    assert_eq!(seen.len(), 2);
    for entry in seen {
        let at: Timestamp = entry["at"].as_str().expect("text").parse().expect("a time");
        assert!(at >= signed, "{entry} was signed at {signed}");
    }
}

/// A decision written next to the bundle is later than the one in it, even after several decisions within one second.
#[test]
fn a_withdrawal_beside_comes_after_what_it_withdraws() {
    let site = desk();
    for _ in 0..4 {
        site.run(approve("ann", "l2")).done();
        site.run(["withdraw", "small.pgseal", "--key", "ann.key"])
            .done();
    }
    site.run(approve("ann", "l2")).done();
    assert_eq!(quorum(&site, &[]), [1, 0]);
    site.run([
        "withdraw",
        "small.pgseal",
        "--key",
        "ann.key",
        "-o",
        "ann.approval",
    ])
    .done();
    assert_eq!(quorum(&site, &["--approval", "ann.approval"]), [0, 0]);
}

/// A directory of approvals is read as a whole: a withdrawal under another file name is not ignored.
#[test]
fn a_directory_of_approvals_holds_nothing_else() {
    let site = desk();
    site.run(approve("ann", "l2")).done();
    std::fs::create_dir(site.path("said")).expect("our own directory");
    refuses(
        &site,
        2,
        "holds no approval",
        &["verify", "small.pgseal", "--approval", "said"],
    );
    site.run([
        "withdraw",
        "small.pgseal",
        "--key",
        "ann.key",
        "-o",
        "said/ann.withdrawal",
    ])
    .done();
    refuses(
        &site,
        2,
        "is not named *.approval",
        &["verify", "small.pgseal", "--approval", "said"],
    );
    std::fs::rename(
        site.path("said/ann.withdrawal"),
        site.path("said/ann.approval"),
    )
    .expect("renamed");
    assert_eq!(quorum(&site, &["--approval", "said"]), [0, 0]);
}

#[test]
fn keys_of_other_roles_say_nothing() {
    let site = desk();
    let release = [
        "approve",
        "small.pgseal",
        "--key",
        "release.key",
        "--apr",
        "APR-1",
        "--yes",
        "small",
    ];
    refuses(
        &site,
        2,
        "a key of the role release doesn't approve",
        &release,
    );
    let notary = ["withdraw", "small.pgseal", "--key", "notary.key"];
    refuses(
        &site,
        2,
        "a key of the role notary doesn't approve",
        &notary,
    );
}

/// Attachments keep the permissions of the bundle.
#[test]
fn adding_keeps_the_mode() {
    let site = desk();
    for mode in [0o600, 0o640] {
        std::fs::set_permissions(
            site.path("small.pgseal"),
            std::fs::Permissions::from_mode(mode),
        )
        .expect("our own file");
        site.run(approve("ann", "l2")).done();
        let metadata = site.path("small.pgseal").metadata().expect("there");
        assert_eq!(metadata.permissions().mode() & 0o777, mode);
    }
}

/// A key occurs once in a notary's list, so no signature has two times.
#[test]
fn a_notarys_list_is_in_order() {
    let site = desk();
    let (release, notary) = (super::key("release"), super::key("notary"));
    let mut said = notarisation(
        &super::bundle(),
        &[&release, &release],
        "2026-11-21T07:00:00Z",
    );
    site.write("small.pgseal", say(&super::bundle(), &notary, &said));
    refuses(
        &site,
        11,
        "doesn't list keys in ascending order",
        &["verify", "small.pgseal"],
    );
    said["predicate"]["signatures"]
        .as_array_mut()
        .expect("a list")
        .pop();
    site.write("small.pgseal", say(&super::bundle(), &notary, &said));
    assert!(
        site.run(["verify", "small.pgseal"])
            .done()
            .text()
            .contains("notarised 2026-11-21T07:00:00Z")
    );
}

/// A revoked key may be in a thief's hands: its later decisions do not cancel the ones from the time when it counted.
#[test]
fn a_thief_takes_no_proven_word_away() {
    let site = desk();
    site.run(approve("ann", "l2")).done();
    site.run(["notarise", "small.pgseal", "--key", "notary.key"])
        .done();
    pgseal_testkit::next_second();
    let since = now().to_string();
    super::trust(&site, |draft| {
        let entry = draft.entry(&super::key("ann"));
        entry["status"] = "revoked".into();
        entry["compromised_since"] = since.into();
    });
    assert_eq!(quorum(&site, &[]), [1, 0]);
    let thief = [
        "approve",
        "small.pgseal",
        "--key",
        "ann.key",
        "--role",
        "l2",
        "--apr",
        "APR-1",
        "--yes",
        "small",
    ];
    refuses(&site, 2, "does not count now", &thief);
    // Without a trust root, the program cannot know that the key is revoked.
    let mut elsewhere = site.command(thief.into_iter().chain(["-o", "thief.approval"]));
    assert!(
        elsewhere
            .env_remove("PGSEAL_TRUST")
            .status()
            .expect("it starts")
            .success()
    );
    assert_eq!(quorum(&site, &["--approval", "thief.approval"]), [1, 0]);
    refuses(
        &site,
        2,
        "is revoked: what it said before stays",
        &["attach", "small.pgseal", "thief.approval"],
    );
}
