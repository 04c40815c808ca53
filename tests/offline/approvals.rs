//! Lifecycle of approvals, notarisations and timestamps, through the real program and without a database.

mod attacks;

use std::path::Path;
use std::process::{Command, Stdio};

use pgseal::record::receipt;
use pgseal::trust::SecretKey;
use pgseal_testkit::bundles::{Files, pack, small, statement};
use pgseal_testkit::keys::{Draft, key, key_file, seed};
use pgseal_testkit::people::{
    self, approval, authority, beside, id, notarisation, say, signature, stamp, token,
};
use pgseal_testkit::site::{Outcome, Site, outcome};
use pgseal_testkit::tar::{Member, Tar};
use pgseal_testkit::terminal::Terminal;
use pgseal_testkit::tsa::{P256, Tsa};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::receipt::Receipt;
use pgseal_verify::format::statement::{PAYLOAD_TYPE, ReleaseId};
use serde_json::{Value, json};

/// Names of the keys and their roles. `l2` requires two approvals, `l4` one.
const PEOPLE: [(&str, &str); 10] = [
    ("release", "release"),
    ("spare", "release"),
    ("ann", "l2"),
    ("bob", "l2"),
    ("cid", "l2"),
    ("eve", "l4"),
    ("zoe", "l4"),
    ("notary", "notary"),
    ("scribe", "notary"),
    ("host", "receipt"),
];

/// Returns the small release with a variable for the code of a change request.
fn release() -> Files {
    let mut files = small();
    let toml = files
        .get_mut("release.toml")
        .expect("every release has one");
    toml.extend(
        b"\n[variables.ratified_apr]\nrequired = true\npattern = \"^APR-[A-Z0-9-]+$\"\nabout = \"the ratified proposal\"\n",
    );
    files
}

/// Creates `small.pgseal`, signed by `release`, all secret keys, and a trust root that requires approvals.
fn desk() -> Site {
    let site = Site::empty();
    for (name, _) in PEOPLE
        .into_iter()
        .chain([("root", "root"), ("stranger", "")])
    {
        let public = key(name).public_key().to_pem();
        key_file(site.dir(), name);
        site.write(&format!("{name}.pub"), public);
    }
    trust(&site, |_| {});
    site.write("small.pgseal", bundle());
    site
}

fn bundle() -> Vec<u8> {
    pack(&release(), &[key("release")])
}

/// Modifies and rewrites the trust root.
fn trust(site: &Site, bend: impl FnOnce(&mut Draft<'_>)) {
    let root = key("root");
    let keys = PEOPLE.map(|(name, role)| (role, key(name)));
    let of = |wanted: &str| -> Vec<&SecretKey> {
        keys.iter()
            .filter(|(role, _)| *role == wanted)
            .map(|(_, key)| key)
            .collect()
    };
    let members = ["release", "l2", "l4", "notary", "receipt"].map(|role| (role, of(role)));
    let roles: Vec<(&str, u8, &[&SecretKey])> = members
        .iter()
        .map(|(role, keys)| (*role, 1, keys.as_slice()))
        .collect();
    let mut draft = Draft::new(&root, &roles);
    draft.document["policy"] = json!({ "approvals": { "l2": 2, "l4": 1 } });
    for (name, _) in PEOPLE {
        draft.entry(&key(name))["owner"] = name.into();
    }
    bend(&mut draft);
    draft.write(site.dir());
}

/// Returns the arguments of a valid approval that is attached to the bundle.
fn approve<'a>(name: &'a str, role: &'a str) -> [&'a str; 10] {
    let key = match name {
        "ann" => "ann.key",
        "bob" => "bob.key",
        "eve" => "eve.key",
        other => panic!("{other} has no approval here"),
    };
    [
        "approve",
        "small.pgseal",
        "--key",
        key,
        "--role",
        role,
        "--apr",
        "APR-1",
        "--yes",
        "small",
    ]
}

fn with<'a>(args: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [args, more].concat()
}

/// Asserts this failure, with every file unchanged. The command may show the release before it fails.
fn refuses(site: &Site, exit: i32, why: &str, args: &[&str]) {
    let before = site.snapshot();
    fails(&site.run(args), exit, why);
    assert_eq!(
        site.snapshot(),
        before,
        "{args:?} left something behind, or changed it"
    );
}

fn fails(outcome: &Outcome, exit: i32, why: &str) {
    let errors: Vec<&str> = outcome
        .stderr
        .lines()
        .filter(|line| line.starts_with("pgseal: error: "))
        .collect();
    assert_eq!(
        outcome.code,
        exit,
        "{why}: {}{}",
        outcome.text(),
        outcome.stderr
    );
    assert!(
        errors.len() == 1 && errors[0].contains(why),
        "{why}: {}",
        outcome.stderr
    );
    outcome.is_harmless();
}

/// Returns the document of `verify --json`.
fn verified(site: &Site, more: &[&str]) -> Value {
    site.run(with(&["verify", "small.pgseal", "--json"], more))
        .done()
        .json()
}

/// Returns the counted approvals of `l2` and `l4`.
fn quorum(site: &Site, more: &[&str]) -> [u64; 2] {
    let verified = verified(site, more);
    ["l2", "l4"].map(|role| {
        verified["quorum"][role]["counted"]
            .as_u64()
            .expect("a number")
    })
}

#[test]
fn a_pipeline_may_require_the_approvals() {
    let site = desk();
    let verify = ["verify", "small.pgseal"];
    let requiring = [&verify[..], &["--require-approvals"]].concat();
    site.run(verify).done();
    let refused = || {
        let refused = site.run(&requiring);
        assert_eq!(refused.code, 11, "{}", refused.text());
        let words = "pgseal: error: approvals are missing: ";
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    };
    let document = site.run([&requiring[..], &["--json"]].concat()).json();
    assert_eq!(document["exit"], 11);
    assert_eq!(document["error"]["kind"], "approvals-missing");
    assert_eq!(document["quorum"]["l2"]["counted"], 0);
    for (who, role) in [("ann", "l2"), ("bob", "l2"), ("eve", "l4")] {
        refused();
        site.run(approve(who, role)).done();
    }
    site.run(&requiring).done();
}

/// Returns the reason for which the only approval does not count, or null.
fn why_not(site: &Site, more: &[&str]) -> Value {
    let verified = verified(site, more);
    assert_eq!(
        verified["approvals"].as_array().map(Vec::len),
        Some(1),
        "{verified}"
    );
    verified["approvals"][0]["why_not"].clone()
}

/// Asserts that a run is refused before it connects to the database, which does not exist.
fn run_is_refused(site: &Site, why: &str, more: &[&str]) {
    let run = [
        "run",
        "small.pgseal",
        "--db",
        "postgresql:///nowhere?host=/nonexistent",
        "-v",
        "ratified_apr=APR-1",
    ];
    refuses(site, 11, why, &with(&run, more));
}

fn openssl(site: &Site, args: &[&str]) {
    outcome(Command::new("openssl").current_dir(site.dir()).args(args)).done();
}

// --- who has said yes -------------------------------------------------------------------------------------------------

#[test]
fn what_is_missing_is_named_by_role_and_count() {
    let site = desk();
    run_is_refused(&site, "approvals are missing: l2 0 of 2, l4 0 of 1", &[]);
    let said = site.run(["verify", "small.pgseal"]).done().text();
    assert!(
        said.contains("approvals: l2 0 of 2, l4 0 of 1: `pgseal run` would refuse"),
        "{said}"
    );
    site.run(approve("ann", "l2")).done();
    run_is_refused(&site, "approvals are missing: l2 1 of 2, l4 0 of 1", &[]);
    assert_eq!(quorum(&site, &[]), [1, 0]);
    site.run(approve("eve", "l4")).done();
    run_is_refused(&site, "approvals are missing: l2 1 of 2", &[]);
    // A second approval by the same key counts once.
    site.run(approve("ann", "l2")).done();
    assert_eq!(quorum(&site, &[]), [1, 1]);
    site.run(approve("bob", "l2")).done();
    let said = site.run(["verify", "small.pgseal"]).done().text();
    assert!(said.contains("approvals: l2 2 of 2, l4 1 of 1\n"), "{said}");
    assert!(
        said.contains("approved by ann as l2, APR-1, claimed 20"),
        "{said}"
    );
    // Only now does the run connect to the database.
    let run = site.run([
        "run",
        "small.pgseal",
        "--db",
        "postgresql:///x?host=/nonexistent",
        "-v",
        "ratified_apr=APR-1",
    ]);
    fails(&run, 1, "no connection to the database");
    // The other change request has no approvals.
    let other = [
        "run",
        "small.pgseal",
        "--db",
        "postgresql:///x?host=/nonexistent",
        "-v",
        "ratified_apr=APR-2",
    ];
    refuses(
        &site,
        11,
        "approvals are missing: l2 0 of 2, l4 0 of 1",
        &other,
    );
    refuses(&site, 11, "approved APR-1, not APR-2", &other);
    // The release itself is unchanged.
    assert_eq!(statement(&site.read("small.pgseal")), statement(&bundle()));
}

#[test]
fn what_is_not_approved() {
    let site = desk();
    let good = approve("ann", "l2");
    let but = |at: usize, value| {
        let mut args = good;
        args[at] = value;
        args.to_vec()
    };
    for (exit, why, args) in [
        (2, "has the role l2 in the trust root, not l4", but(5, "l4")),
        (2, "is not in the trust root", but(3, "stranger.key")),
        (
            2,
            "has the role release in the trust root, not l2",
            but(3, "release.key"),
        ),
        (
            2,
            "the release is small, not \"smal\": nothing was approved",
            but(9, "smal"),
        ),
        (
            2,
            "the release is small, not \"\": nothing was approved",
            but(9, ""),
        ),
        (2, "the release is small, not \"Small\"", but(9, "Small")),
        (
            2,
            "there is no terminal to type the release's name",
            good[..8].to_vec(),
        ),
        (
            2,
            "--apr NO-1 does not match ^APR-[A-Z0-9-]+$",
            but(7, "NO-1"),
        ),
        (
            2,
            "the release needs an APR code",
            [&good[..6], &good[8..]].concat(),
        ),
        (2, "is no APR code", but(7, "APR 1")),
        (
            2,
            "is in the past: nothing was approved",
            with(&good, &["--expires", "2020-01-01"]),
        ),
        (2, "is not a time", with(&good, &["--expires", "soon"])),
        (
            2,
            "required arguments were not provided: <--key",
            [&good[..2], &good[4..]].concat(),
        ),
        (2, "exists already", with(&good, &["-o", "ann.pub"])),
        (1, "No such file", but(1, "missing.pgseal")),
        (10, "not a pgseal bundle", but(1, "ann.pub")),
    ] {
        refuses(&site, exit, why, &args);
    }
    // Unsigned or changed releases are refused before anything is shown.
    site.write("unsigned.pgseal", pack(&release(), &[]));
    let mut changed = Tar::of(&bundle());
    changed.member("executor/01_table.sql").content[0] = b'C';
    site.write("changed.pgseal", changed.bytes());
    for (why, file) in [
        ("the bundle is not signed", "unsigned.pgseal"),
        ("was changed", "changed.pgseal"),
    ] {
        for args in [but(1, file), vec!["withdraw", file, "--key", "ann.key"]] {
            refuses(&site, 11, why, &args);
            assert!(site.run(&args).stdout.is_empty());
        }
    }
    refuses(
        &site,
        2,
        "is not in the trust root",
        &["withdraw", "small.pgseal", "--key", "stranger.key"],
    );
    refuses(
        &site,
        2,
        "a notary's key has the role notary",
        &["notarise", "small.pgseal", "--key", "ann.key"],
    );
    refuses(
        &site,
        2,
        "a notary's key has the role notary",
        &["notarise", "small.pgseal", "--key", "stranger.key"],
    );
    assert_eq!(quorum(&site, &[]), [0, 0]);
}

#[test]
fn the_approver_sees_what_is_approved() {
    let site = desk();
    let shown = site
        .run(with(
            &approve("eve", "l4"),
            &["--expires", "2100-01-01", "-o", "eve.approval"],
        ))
        .done()
        .text();
    for words in [
        "small 1.0.0 (sequence 1)\nAdds one table.\nrelease id ",
        "target: database app",
        "tier 1/1 table",
        "there",
        "you approve as l4, for APR-1, until 2100-01-01T00:00:00Z",
        "approved by eve (",
        ") as l4, APR-1: eve.approval",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(shown.contains(&Digest::of(&statement(&bundle())).to_string()));
    let document = site
        .run(with(&approve("eve", "l4"), &["--json"]))
        .done()
        .json();
    let life = |document: &Value| {
        let time = |key: &str| {
            document[key].as_str().and_then(|at| {
                at.parse::<pgseal_verify::format::timestamp::Timestamp>()
                    .ok()
            })
        };
        time("expires").expect("a time").seconds() - time("at").expect("a time").seconds()
    };
    assert_eq!(
        life(&document),
        30 * 24 * 60 * 60,
        "without --expires it counts for 30 days"
    );
    // Without a trust root the approval works, with a warning that the signer was not checked.
    let mut alone = site.command(approve("eve", "l4"));
    let alone = outcome(alone.env_remove("PGSEAL_TRUST")).done();
    assert!(
        alone
            .stderr
            .contains("the signer of this release was not checked"),
        "{}",
        alone.stderr
    );
}

/// Warns an approver whose approval replaces one of the same key for another change request, and one whose change
/// request differs from other keys'; only where runs take a change request.
#[test]
fn another_code_is_told_by_who_said_it() {
    let warned = |site: &Site, name: &str, apr: &str| {
        let key = format!("{name}.key");
        let role = if name == "eve" { "l4" } else { "l2" };
        let args = [
            "approve",
            "small.pgseal",
            "--key",
            &key,
            "--role",
            role,
            "--apr",
            apr,
            "--yes",
            "small",
        ];
        let stderr = site.run(args).done().stderr;
        stderr
            .lines()
            .filter(|line| line.contains("warning: "))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let own = "pgseal: warning: you approved APR-1 before: this takes its place";
    let others = "pgseal: warning: another approver approved APR-2: a run is ordered with one code, and only its approvals count";
    let site = desk();
    assert_eq!(warned(&site, "ann", "APR-1"), [""; 0]);
    assert_eq!(warned(&site, "ann", "APR-1"), [""; 0]);
    assert_eq!(warned(&site, "ann", "APR-2"), [own]);
    assert_eq!(warned(&site, "bob", "APR-1"), [others]);
    assert_eq!(warned(&site, "bob", "APR-2"), [own]);
    assert_eq!(warned(&site, "eve", "APR-2"), [""; 0]);
    assert_eq!(
        verified(&site, &[])["approvals"].as_array().map(Vec::len),
        Some(3)
    );
    // A run without a change request counts every approval.
    site.write("small.pgseal", pack(&small(), &[key("release")]));
    assert_eq!(warned(&site, "ann", "APR-1"), [""; 0]);
    assert_eq!(warned(&site, "bob", "APR-2"), [""; 0]);
    assert_eq!(quorum(&site, &[]), [2, 0]);
    assert_eq!(warned(&site, "ann", "APR-2"), [own]);
}

#[test]
fn a_person_at_a_terminal_types_the_name() {
    let site = desk();
    let type_in = |text: &str| {
        let mut approve = Command::new(env!("CARGO_BIN_EXE_pgseal"));
        approve
            .args(["approve", "small.pgseal", "--key", "ann.key"])
            .args(["--role", "l2", "--apr", "APR-1"])
            .current_dir(site.dir());
        let mut terminal = Terminal::start(approve.env("PGSEAL_TRUST", "trust.json"), 80);
        terminal.type_in(text);
        terminal.end()
    };
    for wrong in ["smal\n", "\n", "y\n", "yes\n", "\u{4}"] {
        let (code, said) = type_in(wrong);
        assert_eq!(code, Some(2), "{wrong:?}: {said}");
        assert!(
            said.contains("type the release's name to approve it")
                && said.contains("nothing was approved"),
            "{said}"
        );
    }
    assert_eq!(site.read("small.pgseal"), bundle());
    let (code, said) = type_in("small\n");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(quorum(&site, &[]), [1, 0]);
}

#[test]
fn two_who_approve_at_once_are_both_there() {
    let site = desk();
    for _ in 0..4 {
        site.write("small.pgseal", bundle());
        let commands = [
            approve("ann", "l2").to_vec(),
            approve("bob", "l2").to_vec(),
            approve("eve", "l4").to_vec(),
            vec!["notarise", "small.pgseal", "--key", "notary.key"],
            vec!["sign", "small.pgseal", "--key", "spare.key"],
        ];
        let running = commands.map(|args| {
            site.command(args)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the program starts")
        });
        for running in running {
            let output = running.wait_with_output().expect("it ends");
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        assert_eq!(quorum(&site, &[]), [2, 1]);
        assert_eq!(
            verified(&site, &[])["signers"].as_array().map(Vec::len),
            Some(2)
        );
        assert_eq!(
            Tar::of(&site.read("small.pgseal")).members.len(),
            2 + 2 + 2 * 4 + 5
        );
    }
}

// --- beside the bundle, and into it -----------------------------------------------------------------------------------

#[test]
fn an_approval_travels_beside_the_bundle_or_in_it() {
    let site = desk();
    std::fs::create_dir(site.path("said")).expect("our own directory");
    site.run(with(&approve("ann", "l2"), &["-o", "said/ann.approval"]))
        .done();
    site.run(with(&approve("bob", "l2"), &["-o", "said/bob.approval"]))
        .done();
    site.write("notes.txt", "not an approval");
    assert_eq!(
        site.read("small.pgseal"),
        bundle(),
        "with -o the bundle stays as it is"
    );
    assert_eq!(quorum(&site, &[]), [0, 0]);
    assert_eq!(quorum(&site, &["--approval", "said/ann.approval"]), [1, 0]);
    assert_eq!(
        quorum(
            &site,
            &[
                "--approval",
                "said/ann.approval",
                "--approval",
                "said/ann.approval"
            ]
        ),
        [1, 0]
    );
    assert_eq!(quorum(&site, &["--approval", "said"]), [2, 0]);
    run_is_refused(
        &site,
        "approvals are missing: l4 0 of 1",
        &["--approval", "said"],
    );
    refuses(
        &site,
        10,
        "not a pgseal bundle",
        &["verify", "small.pgseal", "--approval", "notes.txt"],
    );
    refuses(
        &site,
        10,
        "it holds members of a bundle",
        &["verify", "small.pgseal", "--approval", "small.pgseal"],
    );

    site.run([
        "attach",
        "small.pgseal",
        "said/ann.approval",
        "said/bob.approval",
    ])
    .done();
    let attached = site.read("small.pgseal");
    assert_eq!(quorum(&site, &[]), [2, 0]);
    assert_eq!(quorum(&site, &["--approval", "said"]), [2, 0]);
    let added = site.run(["attach", "small.pgseal", "said/ann.approval"]);
    let added = added.done().text();
    let words = "said/ann.approval: approved as l2, APR-1, by ann (";
    assert!(added.contains(words), "{added}");
    assert_eq!(
        site.read("small.pgseal"),
        attached,
        "attached twice is attached"
    );
    for (exit, why, item) in [
        (10, "neither an approval file, nor a signature", "notes.txt"),
        (10, "it holds members of a bundle", "small.pgseal"),
        (1, "No such file", "missing.approval"),
        (10, "not a regular file", "said"),
    ] {
        refuses(&site, exit, why, &["attach", "small.pgseal", item]);
    }
}

#[test]
fn an_approval_dies_with_any_change_of_the_release() {
    let site = desk();
    site.run(with(&approve("ann", "l2"), &["-o", "ann.approval"]))
        .done();
    let mut files = release();
    files.insert(
        "executor/01_table.sql".to_owned(),
        b"create table t (id bigint);\n".to_vec(),
    );
    site.write("small.pgseal", pack(&files, &[key("release")]));
    refuses(
        &site,
        11,
        "is about another release",
        &["verify", "small.pgseal", "--approval", "ann.approval"],
    );
    refuses(
        &site,
        11,
        "is about another release",
        &["attach", "small.pgseal", "ann.approval"],
    );
    run_is_refused(
        &site,
        "is about another release",
        &["--approval", "ann.approval"],
    );
    // Another signature does not change the release.
    site.write("small.pgseal", bundle());
    site.run(["sign", "small.pgseal", "--key", "spare.key"])
        .done();
    assert_eq!(quorum(&site, &["--approval", "ann.approval"]), [1, 0]);
}

#[test]
fn what_would_spoil_a_bundle_is_not_attached() {
    let site = desk();
    let bundle = bundle();
    let mut elsewhere = approval(&bundle, "l2");
    elsewhere["predicate"]["target"]["database"] = "other".into();
    let mut changed = Tar::of(&beside(&key("ann"), &approval(&bundle, "l2")));
    changed.members[2].content[0] ^= 1;
    for (exit, why, bytes) in [
        (
            11,
            "names another release or target",
            beside(&key("ann"), &elsewhere),
        ),
        (
            11,
            "which the trust root does not know",
            beside(&key("stranger"), &approval(&bundle, "l2")),
        ),
        (11, "is not valid", changed.bytes()),
        (11, "the signature does not hold", vec![0; 64]),
    ] {
        site.write("item", bytes);
        refuses(&site, exit, why, &["attach", "small.pgseal", "item"]);
    }
}

// --- the last word ----------------------------------------------------------------------------------------------------

/// Writes Ann's decision at the given time as an approval file.
fn word(site: &Site, file: &str, decision: &str, at: &str) {
    let mut said = approval(&bundle(), "l2");
    said["predicate"]["decision"] = decision.into();
    said["predicate"]["at"] = at.into();
    site.write(file, beside(&key("ann"), &said));
}

#[test]
fn an_approval_is_withdrawn_and_given_again() {
    let site = desk();
    site.run(approve("ann", "l2")).done();
    let withdrawn = site
        .run([
            "withdraw",
            "small.pgseal",
            "--key",
            "ann.key",
            "--reason",
            "the clone failed",
        ])
        .done();
    assert!(withdrawn.text().contains("as l2"), "{}", withdrawn.text());
    assert!(
        !withdrawn.stderr.contains("no veto"),
        "{}",
        withdrawn.stderr
    );
    assert_eq!(quorum(&site, &[]), [0, 0]);
    // Bob never approved.
    let nothing = site
        .run(["withdraw", "small.pgseal", "--key", "bob.key"])
        .done();
    let said = &nothing.stderr;
    assert!(said.contains("and is no veto"), "{said}");
    let said = site.run(["verify", "small.pgseal"]).done().text();
    assert!(
        said.contains("approval withdrawn by ann as l2, claimed ")
            && said.contains("(the clone failed)"),
        "{said}"
    );
    run_is_refused(&site, "withdrew on", &[]);
    // The order also holds within the same second.
    for _ in 0..3 {
        site.run(approve("ann", "l2")).done();
        assert_eq!(quorum(&site, &[]), [1, 0]);
        site.run(["withdraw", "small.pgseal", "--key", "ann.key"])
            .done();
        assert_eq!(quorum(&site, &[]), [0, 0]);
    }
    // A withdrawal affects only the approvals of the same key.
    site.run(approve("bob", "l2")).done();
    assert_eq!(quorum(&site, &[]), [1, 0]);
}

#[test]
fn the_later_word_counts_wherever_it_is() {
    let site = desk();
    let (early, late) = ("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z");
    word(&site, "yes.approval", "approve", early);
    word(&site, "no.approval", "withdraw", late);
    word(&site, "again.approval", "approve", "2026-11-03T00:00:00Z");
    word(&site, "same.approval", "withdraw", early);
    // Approval files next to the bundle, in any order.
    let beside = |files: &[&str]| {
        let args: Vec<&str> = files.iter().flat_map(|file| ["--approval", file]).collect();
        quorum(&site, &args)[0]
    };
    for (files, counted) in [
        (&["yes.approval"][..], 1),
        (&["yes.approval", "no.approval"], 0),
        (&["no.approval", "yes.approval"], 0),
        (&["no.approval", "again.approval", "yes.approval"], 1),
        (&["again.approval", "no.approval"], 1),
        (&["yes.approval", "same.approval"], 0),
        (&["same.approval", "yes.approval"], 0),
    ] {
        assert_eq!(beside(files), counted, "{files:?}");
    }
    // One inside the bundle, the other next to it.
    site.run(["attach", "small.pgseal", "yes.approval"]).done();
    assert_eq!(beside(&["no.approval"]), 0);
    site.run(["attach", "small.pgseal", "no.approval"]).done();
    assert_eq!(beside(&["yes.approval"]), 0);
    assert_eq!(beside(&["again.approval"]), 1);
    // A later decision is not replaced by an older one.
    for older in ["yes.approval", "same.approval"] {
        refuses(
            &site,
            2,
            "at the same time or later, which stays",
            &["attach", "small.pgseal", older],
        );
    }
    // Several at once, in any order, give the same result as one after the other.
    for order in [
        ["yes.approval", "no.approval"],
        ["no.approval", "yes.approval"],
    ] {
        site.write("small.pgseal", bundle());
        let _ = site.run(with(&["attach", "small.pgseal"], &order));
        assert_eq!(quorum(&site, &[])[0], 0, "{order:?}");
    }
}

#[test]
fn the_number_of_runs_is_signed() {
    let site = desk();
    let runs = |site: &Site| verified(site, &[])["approvals"][0]["runs"].clone();
    let shown = site.run(approve("ann", "l2")).done();
    assert!(shown.text().contains(", for one run"));
    assert_eq!(runs(&site), 1);
    // A newer approval takes the place of the older one.
    let more = with(&approve("ann", "l2"), &["--runs", "3", "--json"]);
    assert_eq!(site.run(more).done().json()["runs"], 3);
    assert_eq!(runs(&site), 3);
    let shown = site.run(["verify", "small.pgseal"]).done().text();
    assert!(shown.contains(", for 3 runs"), "{shown}");
    site.run(["withdraw", "small.pgseal", "--key", "ann.key"])
        .done();
    site.run(approve("ann", "l2")).done();
    assert_eq!(runs(&site), 1);
    for none in ["0", "-1", "1.5", "many", "4294967296"] {
        let runs = format!("--runs={none}");
        refuses(&site, 2, none, &with(&approve("ann", "l2"), &[&runs]));
    }
    // What a key on a token signs has the number, too.
    let token = [
        "approve",
        "small.pgseal",
        "--role",
        "l2",
        "--apr",
        "APR-1",
        "--yes",
        "small",
        "--runs",
        "2",
        "--tbs",
        "tbs",
    ];
    site.run(token).done();
    let tbs = String::from_utf8(site.read("tbs")).expect("text");
    assert!(tbs.contains("\"runs\":2"), "{tbs}");
}

/// One has one encoding, so that a statement has one digest; and there is no approval of no run.
#[test]
fn a_number_of_runs_has_one_encoding() {
    let site = desk();
    for (runs, accepted) in [
        (json!(2), true),
        (json!(4_294_967_295_u32), true),
        (json!(1), false),
        (json!(0), false),
        (json!(-1), false),
        (json!("2"), false),
        (json!(null), false),
        (json!(4_294_967_296_u64), false),
    ] {
        let mut said = people::approval(&bundle(), "l2");
        said["predicate"]["runs"] = runs.clone();
        site.write("runs.approval", people::beside(&key("ann"), &said));
        let verify = ["verify", "small.pgseal", "--approval", "runs.approval"];
        match accepted {
            true => drop(site.run(verify).done()),
            false => refuses(&site, 11, "not one of a known format", &verify),
        }
    }
}

#[test]
fn an_approval_from_the_future_waits() {
    let site = desk();
    word(
        &site,
        "tomorrow.approval",
        "approve",
        "2999-01-01T00:00:00Z",
    );
    let why = why_not(&site, &["--approval", "tomorrow.approval"]);
    assert!(
        why.as_str()
            .is_some_and(|why| why.contains("in the future by this host's clock")),
        "{why}"
    );
    run_is_refused(
        &site,
        "in the future by this host's clock",
        &["--approval", "tomorrow.approval"],
    );
    // Withdrawals from the future count at once.
    word(&site, "never.approval", "withdraw", "2999-01-02T00:00:00Z");
    site.run(with(&approve("ann", "l2"), &["-o", "now.approval"]))
        .done();
    assert_eq!(
        quorum(
            &site,
            &["--approval", "now.approval", "--approval", "never.approval"]
        ),
        [0, 0]
    );
}

// --- keys in another room ---------------------------------------------------------------------------------------------

#[test]
fn openssl_approves_and_signs() {
    let site = desk();
    site.write("small.pgseal", pack(&release(), &[]));
    let sign = |who: &str, tbs: &str, out: &str| {
        // PKCS#8 without the public key, as openssl 3.0 requires.
        let prefix = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
        site.write("secret.der", [&prefix[..], &seed(who)].concat());
        let key = [
            "pkeyutl",
            "-sign",
            "-rawin",
            "-keyform",
            "DER",
            "-inkey",
            "secret.der",
        ];
        openssl(&site, &with(&key, &["-in", tbs, "-out", out]));
    };
    // Standard output and a file get the same bytes.
    let bytes = site.run(["sign", "small.pgseal", "--tbs"]).done().stdout;
    site.run(["sign", "small.pgseal", "--tbs", "release.tbs"])
        .done();
    assert_eq!(site.read("release.tbs"), bytes);
    refuses(
        &site,
        2,
        "exists already",
        &["sign", "small.pgseal", "--tbs", "release.tbs"],
    );
    refuses(
        &site,
        2,
        "cannot be used with",
        &[
            "sign",
            "small.pgseal",
            "--tbs",
            "x.tbs",
            "--key",
            "release.key",
        ],
    );
    sign("release", "release.tbs", "release.sig");
    sign("ann", "release.tbs", "ann.sig");
    refuses(
        &site,
        2,
        "does not have the role release",
        &["attach", "small.pgseal", "ann.sig"],
    );
    refuses(
        &site,
        11,
        "does not hold",
        &[
            "attach",
            "small.pgseal",
            "release.sig",
            "--key",
            "spare.pub",
        ],
    );
    site.run([
        "attach",
        "small.pgseal",
        "release.sig",
        "--key",
        "release.pub",
    ])
    .done();
    assert_eq!(
        site.read("small.pgseal"),
        bundle(),
        "the same bytes as signed here"
    );
    refuses(
        &site,
        2,
        "already signed by key",
        &["attach", "small.pgseal", "release.sig"],
    );

    let tbs = [
        "approve",
        "small.pgseal",
        "--role",
        "l2",
        "--apr",
        "APR-1",
        "--yes",
        "small",
        "--tbs",
        "ann.tbs",
    ];
    site.run(tbs).done();
    sign("ann", "ann.tbs", "ann.sig");
    refuses(
        &site,
        11,
        "does not hold",
        &["attach", "small.pgseal", "ann.sig"],
    );
    refuses(
        &site,
        11,
        "does not hold",
        &[
            "attach",
            "small.pgseal",
            "ann.sig",
            "--tbs",
            "ann.tbs",
            "--key",
            "bob.pub",
        ],
    );
    refuses(
        &site,
        10,
        "--tbs is not what",
        &["attach", "small.pgseal", "ann.sig", "--tbs", "ann.pub"],
    );
    let mut other = site.read("ann.tbs");
    let at = other
        .windows(5)
        .position(|window| window == b"APR-1")
        .expect("the code");
    other[at + 4] = b'2';
    site.write("other.tbs", other);
    refuses(
        &site,
        11,
        "does not hold",
        &["attach", "small.pgseal", "ann.sig", "--tbs", "other.tbs"],
    );
    site.run(["attach", "small.pgseal", "ann.sig", "--tbs", "ann.tbs"])
        .done();
    assert_eq!(quorum(&site, &[]), [1, 0]);

    pgseal_testkit::next_second();
    site.run([
        "withdraw",
        "small.pgseal",
        "--role",
        "l2",
        "--tbs",
        "no.tbs",
    ])
    .done();
    sign("ann", "no.tbs", "no.sig");
    site.run([
        "attach",
        "small.pgseal",
        "no.sig",
        "--tbs",
        "no.tbs",
        "--key",
        "ann.pub",
    ])
    .done();
    assert_eq!(quorum(&site, &[]), [0, 0]);
    refuses(
        &site,
        2,
        "at the same time or later, which stays",
        &["attach", "small.pgseal", "ann.sig", "--tbs", "ann.tbs"],
    );
    refuses(
        &site,
        2,
        "in which role?",
        &["withdraw", "small.pgseal", "--tbs", "x.tbs"],
    );
}

// --- since when -------------------------------------------------------------------------------------------------------

#[test]
fn a_notary_keeps_the_time_when_it_first_saw_a_signature() {
    let site = desk();
    site.run(approve("ann", "l2")).done();
    let notarise = || {
        site.run(["notarise", "small.pgseal", "--key", "notary.key", "--json"])
            .done()
            .json()
    };
    let at = |document: &Value, who: &str| {
        let seen = document["signatures"].as_array().expect("a list").iter();
        seen.filter(|seen| seen["key_id"] == id(&key(who)).as_str())
            .map(|seen| seen["at"].clone())
            .collect::<Vec<_>>()
    };
    let first = notarise();
    assert_eq!(
        (
            at(&first, "release").len(),
            at(&first, "ann").len(),
            at(&first, "notary").len()
        ),
        (1, 1, 0)
    );
    pgseal_testkit::next_second();
    site.run(approve("bob", "l2")).done();
    site.run(approve("ann", "l2")).done();
    let second = notarise();
    assert_eq!(at(&first, "release"), at(&second, "release"), "seen before");
    assert_ne!(
        at(&first, "ann"),
        at(&second, "ann"),
        "a new signature by the same key"
    );
    assert!(at(&second, "bob")[0].as_str() > at(&first, "release")[0].as_str());
    let verified = verified(&site, &[]);
    assert_eq!(
        verified["signers"][0]["evidence"],
        json!({ "level": "notarised", "at": at(&first, "release")[0] })
    );
    for approval in verified["approvals"].as_array().expect("a list") {
        assert_eq!(approval["evidence"]["level"], "notarised", "{approval}");
    }
}

/// Returns the bundle with a notarisation by `who` at the given time.
fn seen(bundle: &[u8], who: &str, signers: &[&str], at: &str) -> Vec<u8> {
    let signers: Vec<SecretKey> = signers.iter().map(|name| key(name)).collect();
    let said = notarisation(bundle, &signers.iter().collect::<Vec<_>>(), at);
    say(bundle, &key(who), &said)
}

fn evidence(site: &Site) -> Value {
    verified(site, &[])["signers"][0]["evidence"].clone()
}

#[test]
fn only_notaries_notarise_and_as_many_as_must() {
    let site = desk();
    let (early, late) = ("2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z");
    site.write("small.pgseal", seen(&bundle(), "ann", &["release"], early));
    assert_eq!(
        evidence(&site)["level"],
        "claimed",
        "an approver is no notary"
    );
    let by_one = seen(&bundle(), "notary", &["release"], early);
    let by_two = seen(&by_one, "scribe", &["release"], late);
    site.write("small.pgseal", &by_two);
    assert_eq!(
        evidence(&site),
        json!({ "level": "notarised", "at": early })
    );
    // With a threshold of two notaries, the second one's time is the proof.
    let two = |draft: &mut Draft<'_>| draft.document["roles"]["notary"] = json!({ "threshold": 2 });
    trust(&site, two);
    assert_eq!(evidence(&site), json!({ "level": "notarised", "at": late }));
    site.write("small.pgseal", &by_one);
    assert_eq!(evidence(&site)["level"], "claimed");
    // Notaries that are revoked or outside of their window prove nothing.
    for (field, value) in [
        ("not_before", "2026-10-15T00:00:00Z"),
        ("not_after", "2026-09-01T00:00:00Z"),
        ("status", "revoked"),
    ] {
        trust(&site, |draft| {
            draft.entry(&key("notary"))[field] = value.into()
        });
        assert_eq!(evidence(&site)["level"], "claimed", "{field}");
    }
    // Notarisations of an older signature prove nothing about this one.
    trust(&site, |_| {});
    let mut said = notarisation(&bundle(), &[&key("release")], early);
    said["predicate"]["signatures"][0]["sha256"] = Digest::of(b"older").to_string().into();
    site.write("small.pgseal", say(&bundle(), &key("notary"), &said));
    assert_eq!(evidence(&site)["level"], "claimed");
}

#[test]
fn a_compromise_beats_claims_and_not_what_is_proven_before() {
    let site = desk();
    let tsa = Tsa::new(P256);
    let compromised = |since: &str| {
        trust(&site, |draft| {
            let entry = draft.entry(&key("release"));
            entry["status"] = "revoked".into();
            entry["compromised_since"] = since.into();
            draft.document["timestamp_authorities"] = json!([authority(&tsa)]);
        });
    };
    let refused = |why: &str| site.refused(11, why, ["verify", "small.pgseal"]);
    let (before, since, after) = (
        "2026-10-01T00:00:00Z",
        "2026-10-02T00:00:00Z",
        "2026-10-03T00:00:00Z",
    );
    compromised(since);
    refused("nothing proves its signature older");
    // The release's own date is only a claim: a thief would write it too.
    let dated = pgseal_testkit::bundles::bend(&bundle(), &key("release"), |statement| {
        statement["predicate"]["created"] = before.into();
    });
    site.write("small.pgseal", dated);
    refused("nothing proves its signature older");
    site.write(
        "small.pgseal",
        seen(&bundle(), "notary", &["release"], before),
    );
    assert_eq!(
        evidence(&site),
        json!({ "level": "notarised", "at": before })
    );
    for at in [since, after] {
        site.write("small.pgseal", seen(&bundle(), "notary", &["release"], at));
        refused("its signature is proven only since");
    }
    // The timestamp has the current time, which is after the compromise.
    let stamped = stamp(
        &bundle(),
        &key("release"),
        &token(&tsa, &signature(&bundle(), &key("release"))),
    );
    site.write("small.pgseal", &stamped);
    refused("its signature is proven only since");
    compromised("2999-01-01T00:00:00Z");
    assert_eq!(evidence(&site)["level"], "timestamped");
    let said = site.run(["verify", "small.pgseal"]).done().text();
    assert!(said.contains(", timestamped 20"), "{said}");
    // The older of two proofs counts.
    site.write(
        "small.pgseal",
        seen(&stamped, "notary", &["release"], before),
    );
    assert_eq!(
        evidence(&site),
        json!({ "level": "notarised", "at": before })
    );
    // Authorities that are revoked, or whose window ended, prove nothing.
    for (field, value) in [("status", "revoked"), ("not_after", "2026-01-01T00:00:00Z")] {
        trust(&site, |draft| {
            let entry = draft.entry(&key("release"));
            entry["status"] = "revoked".into();
            entry["compromised_since"] = "2999-01-01T00:00:00Z".into();
            let mut authority = authority(&tsa);
            authority[field] = value.into();
            draft.document["timestamp_authorities"] = json!([authority]);
        });
        site.write("small.pgseal", &stamped);
        refused("nothing proves its signature older");
    }
}

#[test]
fn an_approval_by_a_revoked_key_counts_only_with_proof() {
    let site = desk();
    let revoked = |since: Option<&str>| {
        trust(&site, |draft| {
            let entry = draft.entry(&key("eve"));
            entry["status"] = "revoked".into();
            if let Some(since) = since {
                entry["compromised_since"] = since.into();
            }
        });
    };
    let approved = say(&bundle(), &key("eve"), &approval(&bundle(), "l4"));
    let notarised = seen(&approved, "notary", &["release", "eve"], people::AT);
    for (bundle, since, counts, why) in [
        (&approved, None, false, "is revoked"),
        (&notarised, None, false, "is revoked"),
        (
            &approved,
            Some("2026-11-22T00:00:00Z"),
            false,
            "nothing proves its signature older",
        ),
        (
            &notarised,
            Some("2026-11-21T00:00:00Z"),
            false,
            "is proven only since",
        ),
        (&notarised, Some("2026-11-22T00:00:00Z"), true, ""),
    ] {
        revoked(since);
        site.write("small.pgseal", bundle);
        let found = why_not(&site, &[]);
        assert_eq!(found.is_null(), counts, "{since:?}: {found}");
        assert!(
            counts || found.as_str().is_some_and(|found| found.contains(why)),
            "{since:?}: {found}"
        );
        assert_eq!(quorum(&site, &[]), [0, u64::from(counts)]);
    }
}

#[test]
fn a_time_stamp_is_attached_as_openssl_gives_it() {
    let site = desk();
    let tsa = Tsa::new(P256);
    trust(&site, |draft| {
        draft.document["timestamp_authorities"] = json!([authority(&tsa)])
    });
    site.run(approve("ann", "l2")).done();
    let answer = |who: &str| {
        tsa.write("data", &signature(&site.read("small.pgseal"), &key(who)));
        tsa.response(&["-sha256", "-cert"])
    };
    site.write("release.tsr", answer("release"));
    site.write("ann.tsr", answer("ann"));
    site.run(["attach", "small.pgseal", "release.tsr", "ann.tsr"])
        .done();
    let verified_ = verified(&site, &[]);
    assert_eq!(verified_["signers"][0]["evidence"]["level"], "timestamped");
    assert_eq!(
        verified_["approvals"][0]["evidence"]["level"],
        "timestamped"
    );
    // Attaching the same approval again removes nothing.
    let attached = site.read("small.pgseal");
    let mut again = Tar {
        members: vec![Member::new("pgseal", b"pgseal 1\n")],
        end: vec![0; 1024],
    };
    again.members.extend(
        Tar::of(&attached)
            .members
            .into_iter()
            .filter(|member| member.name().starts_with("approvals/")),
    );
    site.write("again.approval", again.bytes());
    site.run(["attach", "small.pgseal", "again.approval"])
        .done();
    assert_eq!(site.read("small.pgseal"), attached);
    // Another decision of the same key is another signature, which has no timestamp.
    site.run(approve("ann", "l2")).done();
    assert_eq!(
        verified(&site, &[])["approvals"][0]["evidence"]["level"],
        "claimed"
    );
    refuses(
        &site,
        11,
        "is about none of the signatures",
        &["attach", "small.pgseal", "ann.tsr"],
    );
    // A decision and its timestamp can be attached at once; a timestamp of the previous decision cannot.
    site.run(with(&approve("bob", "l2"), &["-o", "bob.approval"]))
        .done();
    let bobs = Tar::of(&site.read("bob.approval")).members[2]
        .content
        .clone();
    site.write("bob.tsr", token(&tsa, &bobs));
    site.run(["attach", "small.pgseal", "bob.approval", "bob.tsr"])
        .done();
    assert_eq!(
        verified(&site, &[])["approvals"]
            .as_array()
            .expect("a list")
            .len(),
        2
    );
    pgseal_testkit::next_second();
    site.run(with(&approve("bob", "l2"), &["-o", "bob2.approval"]))
        .done();
    let both = ["attach", "small.pgseal", "bob2.approval", "bob.tsr"];
    refuses(&site, 11, "is about none of the signatures", &both);
    // A timestamp by an authority that this host does not know.
    let other = Tsa::new(P256);
    other.write("data", &signature(&site.read("small.pgseal"), &key("ann")));
    site.write("other.tsr", other.response(&["-sha256"]));
    refuses(
        &site,
        11,
        "is of another authority",
        &["attach", "small.pgseal", "other.tsr"],
    );
}

// --- judged by time ---------------------------------------------------------------------------------------------------

#[test]
fn keys_are_judged_by_their_windows() {
    let site = desk();
    let tsa = Tsa::new(P256);
    trust(&site, |draft| {
        let entry = draft.entry(&key("release"));
        entry["not_before"] = "2026-01-01T00:00:00Z".into();
        entry["not_after"] = "2026-06-30T00:00:00Z".into();
        draft.document["timestamp_authorities"] = json!([authority(&tsa)]);
    });
    site.refused(
        11,
        "counted until 2026-06-30T00:00:00Z",
        ["verify", "small.pgseal"],
    );
    let as_of = |time: &str| site.run(["verify", "small.pgseal", "--as-of", time]);
    fails(
        &as_of("2025-12-31"),
        11,
        "counts from 2026-01-01T00:00:00Z on",
    );
    assert_eq!(as_of("2026-01-01").code, 0);
    assert_eq!(as_of("2026-06-30").code, 0);
    fails(
        &as_of("2026-06-30T00:00:01Z"),
        11,
        "counted until 2026-06-30T00:00:00Z",
    );
    // A signature that is proven to be of its time stays valid for an archive, but not for a run.
    site.write(
        "small.pgseal",
        seen(&bundle(), "notary", &["release"], "2026-03-01T00:00:00Z"),
    );
    assert_eq!(as_of("2030-01-01").code, 0);
    assert_eq!(
        as_of("2026-02-01").code,
        0,
        "before the proof it is judged by that time"
    );
    site.run(["audit", "small.pgseal", "--as-of", "2030-01-01"])
        .done();
    run_is_refused(&site, "counted until 2026-06-30T00:00:00Z", &[]);
    // The proof is later than the window.
    site.write(
        "small.pgseal",
        seen(&bundle(), "notary", &["release"], "2026-07-01T00:00:00Z"),
    );
    fails(
        &as_of("2030-01-01"),
        11,
        "counted until 2026-06-30T00:00:00Z",
    );
}

#[test]
fn approvals_are_judged_by_their_time() {
    let site = desk();
    let mut said = approval(&bundle(), "l4");
    said["predicate"]["at"] = "2026-11-01T00:00:00Z".into();
    said["predicate"]["expires"] = "2026-11-10T00:00:00Z".into();
    site.write("small.pgseal", say(&bundle(), &key("eve"), &said));
    for (time, why) in [
        (
            "2026-10-31T23:59:59Z",
            "approved later, at 2026-11-01T00:00:00Z",
        ),
        ("2026-11-01T00:00:00Z", ""),
        ("2026-11-10T00:00:00Z", ""),
        (
            "2026-11-10T00:00:01Z",
            "approved until 2026-11-10T00:00:00Z",
        ),
    ] {
        let found = why_not(&site, &["--as-of", time]);
        assert_eq!(found.as_str().unwrap_or_default(), why, "{time}");
    }
    assert_eq!(why_not(&site, &[]), "approved until 2026-11-10T00:00:00Z");
    run_is_refused(&site, "approved until 2026-11-10T00:00:00Z", &[]);
    let text = site.run(["verify", "small.pgseal"]).done().text();
    assert!(text.contains("does not count: it approved until"), "{text}");
}

#[test]
fn a_trust_root_is_judged_by_its_time() {
    let site = desk();
    let as_of = |time: &str| site.run(["verify", "small.pgseal", "--as-of", time]);
    trust(&site, |draft| {
        draft.document["expires"] = "2026-06-30T00:00:00Z".into()
    });
    run_is_refused(&site, "expired on 2026-06-30T00:00:00Z", &[]);
    site.refused(
        11,
        "expired on 2026-06-30T00:00:00Z",
        ["verify", "small.pgseal"],
    );
    assert_eq!(
        (as_of("2026-06-29").code, as_of("2026-06-30").code),
        (0, 11)
    );
    site.run(["audit", "small.pgseal"]).done();
    // The clock of this host is behind an existing document, by more than the tolerance.
    let now = || jiff::Timestamp::now();
    let issued = |seconds: i64| {
        let at = jiff::Timestamp::from_second(now().as_second() + seconds).expect("in range");
        let at = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        trust(&site, |draft| draft.document["issued"] = at.clone().into());
    };
    issued(240);
    assert_eq!(site.run(["verify", "small.pgseal"]).code, 0);
    issued(360);
    let refused = site.refused(
        11,
        "when version 1 of the trust root was issued",
        ["verify", "small.pgseal"],
    );
    assert!(
        refused.stderr.contains("hint: set this host's clock"),
        "{}",
        refused.stderr
    );
    run_is_refused(&site, "this host's clock", &[]);
    site.run(["audit", "small.pgseal"]).done();
}

// --- archives ---------------------------------------------------------------------------------------------------------

/// Returns a receipt of a successful run.
fn a_receipt() -> Receipt {
    let text = "2026-11-21T08:00:00Z";
    serde_json::from_value(json!({
        "run_id": "0".repeat(32), "action": "run", "outcome": "committed", "started": text, "finished": text,
        "pgseal": "0.1.0", "release": { "name": "small", "version": "1.0.0", "sequence": 1, "summary": "Adds one table." },
        "signers": [id(&key("release"))], "trust": { "version": 1, "sha256": "0".repeat(64) },
        "target": { "database": "app", "server_version": "15.1", "server_version_num": 150_001, "role": "app" },
        "variables": {}, "gates": [], "tiers": [], "verify": [], "operator": { "user": "u", "host": "h" },
    }))
    .expect("a receipt")
}

fn write_receipt(dir: &Path, stem: &str, signer: Option<&str>) {
    let key = signer.map(key);
    receipt::write(
        dir,
        stem,
        ReleaseId::of(&statement(&bundle())),
        a_receipt(),
        key.as_ref(),
    )
    .expect("a new file");
}

#[test]
fn an_audit_knows_receipts() {
    let site = desk();
    let dir = site.path("receipts");
    std::fs::create_dir(&dir).expect("our own directory");
    for (stem, signer) in [("a", Some("host")), ("b", None)] {
        write_receipt(&dir, stem, signer);
    }
    let said = site.run(["audit", "receipts"]).done().text();
    assert!(
        said.contains(
            "a.receipt.json: small 1.0.0, a receipt signed by host, claimed 2026-11-21T08:00:00Z"
        ),
        "{said}"
    );
    assert!(
        said.contains(
            "unsigned receipts/b.receipt.json: small 1.0.0, a receipt that anybody can have written: it proves nothing"
        ),
        "{said}"
    );
    assert!(
        said.contains("2 receipts, 1 authentic, 1 not signed, 0 faulty, 0 faults"),
        "{said}"
    );

    type Harm = fn(&Path);
    let harms: [(&str, Harm); 8] = [
        (
            "it says that it is signed, and its signature is missing",
            |dir| {
                std::fs::remove_file(dir.join("a.receipt.sig")).expect("there");
            },
        ),
        (
            "it says that it is not signed, and there is a signature",
            |dir| {
                std::fs::copy(dir.join("a.receipt.sig"), dir.join("b.receipt.sig")).expect("there");
            },
        ),
        ("is not valid", |dir| {
            let path = dir.join("a.receipt.json");
            let text = std::fs::read_to_string(&path)
                .expect("text")
                .replace("\"committed\"", "\"unchanged\"");
            std::fs::write(path, text).expect("ours");
        }),
        ("is not valid", |dir| {
            let document = std::fs::read(dir.join("a.receipt.json")).expect("there");
            std::fs::write(
                dir.join("a.receipt.sig"),
                key("ann").sign(PAYLOAD_TYPE, &document),
            )
            .expect("ours");
        }),
        ("its signature has 63 bytes, expected 64", |dir| {
            std::fs::write(dir.join("a.receipt.sig"), [0; 63]).expect("ours");
        }),
        ("not a receipt: ", |dir| {
            std::fs::write(dir.join("a.receipt.json"), "{}").expect("ours")
        }),
        ("0 of 1 signatures of role \"receipt\"", |dir| {
            for end in ["json", "sig"] {
                std::fs::remove_file(dir.join(format!("a.receipt.{end}"))).expect("there");
            }
            write_receipt(dir, "a", Some("release"));
        }),
        ("which the trust root does not know", |dir| {
            for end in ["json", "sig"] {
                std::fs::remove_file(dir.join(format!("a.receipt.{end}"))).expect("there");
            }
            write_receipt(dir, "a", Some("stranger"));
        }),
    ];
    for (why, harm) in harms {
        std::fs::remove_dir_all(&dir).expect("ours");
        std::fs::create_dir(&dir).expect("ours");
        write_receipt(&dir, "a", Some("host"));
        write_receipt(&dir, "b", None);
        harm(&dir);
        let audit = site.run(["audit", "receipts"]);
        assert_eq!(audit.code, 50, "{why}: {}", audit.text());
        assert!(
            audit
                .text()
                .lines()
                .any(|line| line.starts_with("FAULT") && line.contains(why)),
            "{why}: {}",
            audit.text()
        );
        assert!(
            audit.text().contains(" 1 faulty, 1 fault\n"),
            "{why}: {}",
            audit.text()
        );
    }
}

#[test]
fn an_audit_judges_receipts_by_time_and_proof() {
    let site = desk();
    let tsa = Tsa::new(P256);
    let dir = site.path("receipts");
    std::fs::create_dir(&dir).expect("our own directory");
    write_receipt(&dir, "a", Some("host"));
    let bent =
        |field: &'static str, value: &'static str, more: Option<(&'static str, &'static str)>| {
            trust(&site, |draft| {
                // The role continues with another key.
                let entry = draft.entry(&key("host"));
                entry[field] = value.into();
                if let Some((field, value)) = more {
                    entry[field] = value.into();
                }
                draft.entry(&key("cid"))["role"] = "receipt".into();
                draft.document["timestamp_authorities"] = json!([authority(&tsa)]);
            });
        };
    let audit = |time: &str| site.run(["audit", "receipts", "--as-of", time]);
    bent("not_after", "2026-12-31T00:00:00Z", None);
    assert_eq!(
        (audit("2026-12-30").code, audit("2027-01-01").code),
        (0, 50)
    );
    bent(
        "status",
        "revoked",
        Some(("compromised_since", "2999-01-01T00:00:00Z")),
    );
    let claimed = audit("2026-12-01");
    assert!(
        claimed.code == 50
            && claimed
                .text()
                .contains("nothing proves its signature older"),
        "{}",
        claimed.text()
    );
    std::fs::write(
        dir.join("a.receipt.tsr"),
        token(&tsa, &site.read("receipts/a.receipt.sig")),
    )
    .expect("ours");
    let proven = audit("2026-12-01").done().text();
    assert!(
        proven.contains("a receipt signed by host, timestamped 20"),
        "{proven}"
    );
    std::fs::write(dir.join("a.receipt.tsr"), token(&tsa, b"other")).expect("ours");
    let other = audit("2026-12-01");
    assert!(
        other.code == 50 && other.text().contains("the token is over other data"),
        "{}",
        other.text()
    );
}

#[test]
fn an_audit_knows_approvals_beside_and_inside() {
    let site = desk();
    site.run(approve("ann", "l2")).done();
    site.run(with(&approve("eve", "l4"), &["-o", "eve.approval"]))
        .done();
    let said = site.run(["audit", "."]).done().text();
    assert!(
        said.contains("eve.approval: small 1.0.0, approvals beside the bundle"),
        "{said}"
    );
    assert!(
        said.contains("    approved by ann as l2, APR-1, claimed 20"),
        "{said}"
    );
    assert!(
        said.contains("    approved by eve as l4, APR-1, claimed 20"),
        "{said}"
    );
    assert!(
        said.contains("1 bundle, 1 approval, 1 trust root, 3 authentic, 0 faulty, 0 faults"),
        "{said}"
    );
    let good = Tar::of(&site.read("eve.approval"));
    let bent = |change: &dyn Fn(&mut Tar)| {
        let mut tar = good.clone();
        change(&mut tar);
        tar.bytes()
    };
    let two_releases = {
        let mut files = release();
        files.insert("x.sql".to_owned(), b"--\n".to_vec());
        let mut tar = good.clone();
        let other = Tar::of(&beside(&key("ann"), &approval(&pack(&files, &[]), "l2")));
        other
            .members
            .into_iter()
            .skip(1)
            .for_each(|member| tar.add(member));
        tar.bytes()
    };
    for (why, bytes) in [
        ("is not valid", bent(&|tar| tar.members[2].content[0] ^= 1)),
        ("holds only half", bent(&|tar| drop(tar.members.pop()))),
        ("it is empty", bent(&|tar| tar.members.truncate(1))),
        (
            "it holds members of a bundle",
            bent(&|tar| tar.members.push(Member::new("x.sql", b""))),
        ),
        (
            "it holds members of a bundle",
            bent(&|tar| {
                tar.members
                    .push(Member::new(&format!("timestamps/{:064x}.tsr", 1), b""))
            }),
        ),
        ("the file is empty", Vec::new()),
        ("is about another release", two_releases),
        (
            "which the trust root does not know",
            beside(&key("stranger"), &approval(&bundle(), "l2")),
        ),
    ] {
        site.write("eve.approval", bytes);
        let audit = site.run(["audit", "."]);
        assert_eq!(audit.code, 50, "{why}: {}", audit.text());
        assert!(audit.text().contains(why), "{why}: {}", audit.text());
        assert!(
            audit.text().contains("2 authentic, 1 faulty, 1 fault\n"),
            "{why}: {}",
            audit.text()
        );
    }
}

#[test]
fn every_flipped_bit_of_an_approval_file_is_a_fault() {
    use pgseal::bundle::Attestations;
    use pgseal_verify::archive::source::InMemory;
    let root = {
        let (root, ann) = (key("root"), key("ann"));
        Draft::new(
            &root,
            &[("release", 1, &[&key("release")]), ("l2", 1, &[&ann])],
        )
        .load()
        .expect("a trust root")
    };
    let bytes = beside(&key("ann"), &approval(&bundle(), "l2"));
    let holds = |bytes: Vec<u8>| {
        let added = Attestations::parse(Box::new(InMemory(bytes.into())));
        added.is_ok_and(|added| {
            added
                .statements
                .iter()
                .all(|claimed| root.added_to_any(claimed).is_ok())
        })
    };
    assert!(holds(bytes.clone()));
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(
            !holds(flipped),
            "bit {} of byte {} can be flipped",
            bit % 8,
            bit / 8
        );
    }
    for cut in 0..bytes.len() {
        assert!(!holds(bytes[..cut].to_vec()), "cut off after {cut} bytes");
    }
}

#[test]
fn what_people_write_can_not_reach_the_terminal() {
    let site = desk();
    let reason = "\u{1b}]0;owned\u{7}\u{1b}[2J\nsigned by root\u{202e}";
    site.run(with(&approve("ann", "l2"), &["--reason", reason]))
        .done();
    for args in [&["verify", "small.pgseal"][..], &["audit", "small.pgseal"]] {
        let said = site.run(args).done();
        said.is_harmless();
        assert!(
            !said
                .text()
                .lines()
                .any(|line| line.starts_with("signed by root")),
            "{}",
            said.text()
        );
    }
    assert_eq!(verified(&site, &[])["approvals"][0]["reason"], reason);
}
