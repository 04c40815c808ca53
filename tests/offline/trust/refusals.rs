//! Every invalid update ends with an error, a hint, and an unchanged trust root.

use std::fs;
use std::process::Command;

use super::{
    bend, chain, copy, desk, done, refused, second_version, sign_unchecked, signature, version,
    words,
};
use pgseal_testkit::site::{Site, outcome};

#[test]
fn skip() {
    let site = desk();
    chain(&site);
    refused(
        &site,
        11,
        "skip: version 2 comes next, and version 3 was brought",
        "trust install trust.3.json",
    );
    refused(
        &site,
        11,
        "skip: version 3 comes next",
        "trust install trust.2.json trust.4.json",
    );
    // Old versions may start the list only if they lead through the installed one.
    done(&site, "trust install trust.2.json trust.3.json");
    refused(
        &site,
        11,
        "skip: version 3 comes next",
        "trust install trust.4.json trust.2.json",
    );
    done(&site, "trust install trust.4.json");
    assert_eq!(version(&site), 4);
}

#[test]
fn rollback_and_replay() {
    let site = desk();
    chain(&site);
    let first = site.read("trust.json");
    refused(
        &site,
        11,
        "version 1 is installed already",
        "trust install trust.json",
    );
    done(&site, "trust install medium");
    for (file, older) in [
        ("trust.2.json", 2),
        ("trust.3.json", 3),
        ("trust.json.sigs/1.json", 1),
    ] {
        let why = format!("rollback: version 4 is installed, and version {older} is older");
        refused(&site, 11, &why, &format!("trust install {file}"));
    }
    refused(
        &site,
        11,
        "rollback: version 4",
        "trust install trust.2.json trust.3.json",
    );
    refused(
        &site,
        11,
        "version 4 is installed already",
        "trust install medium trust.4.json",
    );
    assert_ne!(site.read("trust.json"), first);
}

#[test]
fn fork() {
    let site = desk();
    second_version(&site);
    fs::create_dir(site.path("fork")).expect("made");
    done(
        &site,
        "trust add-key trust.json --key third.pub --role release -o fork/trust.2.json",
    );
    done(
        &site,
        "trust sign fork/trust.2.json --key root2.key --key root3.key",
    );
    refused(
        &site,
        11,
        "fork: there are two different documents of version 2",
        "trust install trust.2.json fork",
    );
    done(&site, "trust set-policy fork/trust.2.json --target prod");
    done(
        &site,
        "trust sign fork/trust.3.json --key root2.key --key root3.key --trust fork/trust.2.json",
    );
    // A chain through the other branch.
    refused(
        &site,
        11,
        "fork: version 3 follows a version 2",
        "trust install trust.2.json fork/trust.3.json",
    );
    done(&site, "trust install trust.2.json");
    refused(
        &site,
        11,
        "fork: there are two different documents of version 2",
        "trust install fork/trust.2.json",
    );
    refused(
        &site,
        11,
        "fork: there are two different documents of version 2",
        "trust install fork",
    );
    refused(
        &site,
        11,
        "fork: version 3 follows a version 2",
        "trust install fork/trust.3.json",
    );
    // Drafts of another branch cannot be signed where this branch is installed.
    refused(
        &site,
        11,
        "follows another version 2 than the one here",
        "trust sign fork/trust.3.json --key root1.key",
    );
}

#[test]
fn half_written() {
    let site = desk();
    second_version(&site);
    fs::create_dir(site.path("medium")).expect("made");
    let whole = site.read("trust.2.json");
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        copy(&site, "trust.2.json", "medium");
        site.write("medium/trust.2.json", &whole[..length]);
        refused(
            &site,
            11,
            "not a trust document",
            "trust install medium/trust.2.json",
        );
        refused(&site, 11, "not a trust document", "trust install medium");
    }
    copy(&site, "trust.2.json", "medium");
    let one = signature(&site, "medium/trust.2.json", 2, "root1");
    let bytes = site.read(&one);
    for length in [0, 63] {
        site.write(&one, &bytes[..length]);
        refused(
            &site,
            11,
            "it is cut off or no signature",
            "trust install medium",
        );
    }
    let mut flipped = bytes.clone();
    flipped[7] ^= 1;
    site.write(&one, flipped);
    refused(&site, 11, "is not valid", "trust install medium");
    refused(
        &site,
        11,
        "is not valid",
        "trust sign medium/trust.2.json --key root3.key",
    );
    fs::remove_file(site.path(&one)).expect("removed");
    refused(
        &site,
        11,
        "not agreed to by version 1: 1 of 2",
        "trust install medium",
    );
    fs::remove_dir_all(site.path("medium/trust.2.json.sigs")).expect("removed");
    refused(
        &site,
        11,
        "not agreed to by version 1: 0 of 2",
        "trust install medium",
    );
    // One changed byte of the document.
    let mut changed = whole.clone();
    let at = String::from_utf8_lossy(&whole)
        .find("\"owner\":\"second\"")
        .expect("there")
        + 10;
    changed[at] = b'S';
    copy(&site, "trust.2.json", "medium");
    site.write("medium/trust.2.json", changed);
    refused(&site, 11, "is not valid", "trust install medium");
}

#[test]
fn a_wrong_predecessor() {
    let site = desk();
    second_version(&site);
    copy(&site, "trust.2.json", "bent");
    bend(&site, "bent/trust.2.json", |document| {
        document["prev_sha256"] = "0".repeat(64).into()
    });
    sign_unchecked(&site, "bent/trust.2.json", &["root1", "root2"]);
    refused(
        &site,
        11,
        "fork: version 2 follows a version 1 with the digest 00000000",
        "trust install bent",
    );
    for issued in ["2020-01-01T00:00:00Z", ""] {
        copy(&site, "trust.2.json", "bent");
        bend(&site, "bent/trust.2.json", |document| match issued {
            "" => drop(
                document
                    .as_object_mut()
                    .expect("an object")
                    .remove("issued"),
            ),
            issued => document["issued"] = issued.into(),
        });
        sign_unchecked(&site, "bent/trust.2.json", &["root1", "root2"]);
        refused(
            &site,
            11,
            "before the version it follows",
            "trust install bent",
        );
        refused(
            &site,
            11,
            "before the version it follows",
            "trust sign bent/trust.2.json --key root3.key",
        );
    }
}

#[test]
fn a_strangers_signature() {
    let site = desk();
    second_version(&site);
    sign_unchecked(&site, "trust.2.json", &["stranger"]);
    refused(
        &site,
        11,
        "which neither it nor the version before it knows",
        "trust install trust.2.json",
    );
    refused(
        &site,
        11,
        "does not know",
        "trust sign trust.2.json --key root3.key",
    );
    refused(
        &site,
        2,
        "is not a root key",
        "trust sign trust.2.json --key stranger.key",
    );
    refused(
        &site,
        2,
        "is not a root key",
        "trust sign trust.2.json --key release.key",
    );
    fs::remove_file(site.path(&signature(&site, "trust.2.json", 2, "stranger"))).expect("removed");
    done(&site, "trust install trust.2.json");
}

/// A key that the next version adds cannot agree on behalf of the previous version.
#[test]
fn new_root_keys_do_not_vote_for_themselves() {
    let site = desk();
    done(
        &site,
        "trust add-key trust.json --key root4.pub --role root",
    );
    done(
        &site,
        "trust sign trust.2.json --key root4.key --key root1.key",
    );
    refused(
        &site,
        11,
        "not agreed to by version 1: 1 of 2",
        "trust install trust.2.json",
    );
    done(&site, "trust sign trust.2.json --key root2.key");
    done(&site, "trust install trust.2.json");
}

/// A different trust root with the same names is not accepted.
#[test]
fn a_chain_of_others() {
    let (site, other) = (desk(), desk());
    second_version(&other);
    copy(
        &other,
        "trust.2.json",
        site.path("theirs").to_str().expect("a plain path"),
    );
    refused(
        &site,
        11,
        "fork: version 2 follows a version 1",
        "trust install theirs",
    );
}

#[test]
fn nothing_to_begin_with() {
    let site = desk();
    second_version(&site);
    refused(
        &site,
        2,
        "no trust root is installed",
        "trust install trust.2.json --trust nowhere.json",
    );
    refused(&site, 2, "No such file", "trust install nowhere.json");
    fs::create_dir(site.path("empty")).expect("made");
    refused(&site, 2, "holds no trust document", "trust install empty");
    // Unrelated JSON files in the directory are ignored.
    site.write("empty/receipt.json", "{\"what\":1}");
    refused(&site, 2, "holds no trust document", "trust install empty");
    copy(&site, "trust.2.json", "empty");
    done(&site, "trust install empty");
}

#[test]
fn a_damaged_installed_root_is_not_followed() {
    let site = desk();
    second_version(&site);
    fs::remove_file(site.path(&signature(&site, "trust.json", 1, "root1"))).expect("removed");
    done(&site, "trust show"); // two of three are left
    fs::remove_file(site.path(&signature(&site, "trust.json", 1, "root2"))).expect("removed");
    site.refused(11, "1 of 2 signatures", words("trust install trust.2.json"));
    site.refused(11, "1 of 2 signatures", words("trust show"));
}

#[test]
fn mistakes_of_the_drafter() {
    let site = desk();
    let release = super::key_id(&site, "release");
    for (why, line) in [
        (
            "is in the trust root already",
            "add-key trust.json --key release.pub --role l2",
        ),
        ("has no key \"nobody\"", "retire trust.json --key nobody"),
        (
            "has no key",
            &format!("retire trust.json --key {}", &release[..7]),
        ),
        ("has no key", "revoke trust.json --key second.pub"),
        ("No such file", "revoke trust.json --key nowhere.pub"),
        (
            "role \"release\" has threshold 1 and 0 keys",
            "revoke trust.json --key release",
        ),
        (
            "there is no role l9",
            "set-policy trust.json --threshold l9=1",
        ),
        ("there is no role l9", "set-policy trust.json --require l9"),
        (
            "has threshold 4 and 3 keys",
            "set-policy trust.json --threshold root=4",
        ),
        (
            "has threshold 0",
            "set-policy trust.json --threshold root=0",
        ),
        (
            "approvals of \"release\"",
            "set-policy trust.json --require release=1",
        ),
        (
            "approvals of \"root\"",
            "set-policy trust.json --require root",
        ),
        (
            "is not blocked",
            &format!("set-policy trust.json --unblock {release}"),
        ),
        ("nothing would change", "set-policy trust.json"),
        ("nothing would change", "set-policy trust.json --any-target"),
        (
            "not after it was issued",
            "set-policy trust.json --any-target --expires 2020-01-01",
        ),
        (
            "its window ends before it begins",
            "add-key trust.json --key second.pub --role l2 --not-before 2030-01-01 --not-after 2029-01-01",
        ),
        ("No such file", "set-policy nowhere.json --any-target"),
        ("", "set-policy trust.json --threshold root"),
        ("", "set-policy trust.json --block 1234"),
        ("", "set-policy trust.json --target a --any-target"),
        ("", "sign trust.json"),
    ] {
        let line = format!("trust {line}");
        // Usage errors of the command line have no hint.
        if why.is_empty() {
            site.refused(2, why, words(&line));
        } else {
            refused(&site, 2, why, &line);
        }
    }
    let roots = "--root-key root1.key --root-key root2.key";
    done(
        &site,
        &format!(
            "trust add-key trust.json --key second.pub --role release --owner release {roots}"
        ),
    );
    refused(
        &site,
        2,
        "not one key but several",
        "trust retire trust.json --key release",
    );
    done(
        &site,
        &format!("trust retire trust.json --key release.pub --not-after 2027-01-01 {roots}"),
    );
    refused(
        &site,
        2,
        "would lengthen",
        "trust retire trust.json --key release.pub --not-after 2028-01-01",
    );
    done(
        &site,
        &format!("trust revoke trust.json --key release.pub {roots}"),
    );
    refused(
        &site,
        2,
        "is revoked",
        "trust retire trust.json --key release.pub",
    );
    // A draft that lacks signatures cannot be the start.
    done(&site, "trust set-policy trust.json --target prod");
    let lacks = "trust.5.json is a draft that lacks root signatures (0 of 2)";
    let early = site.refused(
        2,
        lacks,
        words("trust set-policy trust.5.json --any-target"),
    );
    assert!(
        early
            .stderr
            .contains("hint: one command makes one version: collect its signatures"),
        "{}",
        early.stderr
    );
}

/// Signatures left by an earlier draft of the same name, or by a killed install.
#[test]
fn stale_signatures() {
    let site = desk();
    second_version(&site);
    let stale = site.read(&signature(&site, "trust.2.json", 2, "root1"));
    fs::remove_file(site.path("trust.2.json")).expect("removed");
    refused(
        &site,
        2,
        "trust.2.json.sigs exists already",
        "trust add-key trust.json --key third.pub --role release",
    );
    fs::remove_dir_all(site.path("trust.2.json.sigs")).expect("removed");
    done(
        &site,
        "trust add-key trust.json --key third.pub --role release",
    );
    done(
        &site,
        "trust sign trust.2.json --key root2.key --key root3.key",
    );
    site.write(&signature(&site, "trust.json", 2, "root1"), stale);
    done(&site, "trust install trust.2.json");
    assert_eq!(version(&site), 2);
}

/// A document is signed only if its predecessor is known and it is of the installed branch.
#[test]
fn signing_blind() {
    let site = desk();
    chain(&site);
    // Version 1 has no predecessor.
    done(&site, "trust sign trust.json --key root1.key");
    let blind = |line: &str, why: &str| {
        let before = site.snapshot();
        let outcome = outcome(site.command(words(line)).env("PGSEAL_TRUST", ""));
        outcome.is_error(2, why);
        assert!(
            outcome
                .stderr
                .contains("hint: name version 2 by --trust FILE; nothing was signed"),
            "{}",
            outcome.stderr
        );
        assert_eq!(site.snapshot(), before);
    };
    if !std::path::Path::new("/etc/pgseal/trust.json").exists() {
        let why = "what this draft changes can't be shown: no trust root is named";
        blind("trust sign trust.3.json --key root1.key", why);
        blind("trust sign trust.3.json --tbs to-be-signed", why);
    }
    blind(
        "trust sign trust.3.json --key root1.key --trust trust.json",
        "the trust root here is version 1",
    );
    blind(
        "trust sign trust.3.json --tbs to-be-signed --trust trust.json",
        "the trust root here is version 1",
    );
    blind(
        "trust sign trust.3.json --key root1.key --trust trust.3.json",
        "is this very version",
    );
    let signed = done(
        &site,
        "trust sign trust.3.json --key root1.key --trust trust.2.json",
    );
    assert!(
        signed.stderr.contains("version 2 -> 3:\n  new key "),
        "{}",
        signed.stderr
    );

    done(
        &site,
        "trust set-policy trust.json --any-target --expires 2099-01-01 -o other.json",
    );
    done(&site, "trust install trust.2.json");
    for rest in ["--key root1.key", "--tbs to-be-signed"] {
        let why = "this draft is version 2, and another version 2 is installed (";
        refused(&site, 11, why, &format!("trust sign other.json {rest}"));
        let later = "this draft is version 2, and version 4 is installed (";
        refused(
            &site,
            11,
            later,
            &format!("trust sign other.json {rest} --trust trust.4.json"),
        );
    }
}

/// A key has one role, and is given once.
#[test]
fn one_key_in_two_places() {
    let site = desk();
    let init = "trust init new.json --root-key root1.key";
    for (why, rest) in [
        (
            "root1.pub has the role root already: a key has one role",
            "--role release:1=root1.pub",
        ),
        (
            "release.pub has the role release already: a key",
            "--role release:1=release.pub --role l2:1=release.pub",
        ),
        (
            "release.pub is there twice",
            "--role release:1=release.pub,release.pub",
        ),
        (
            "root1.key is there twice",
            "--root-key root1.key --role release:1=release.pub",
        ),
    ] {
        refused(&site, 2, why, &format!("{init} {rest}"));
    }
}

/// Restrictions of the roles, and warnings about changes that are rarely intended.
#[test]
fn roles_and_warnings() {
    let site = desk();
    for key in ["ana", "ben", "cem", "host"] {
        site.run(["keygen", key, "--no-passphrase"]).done();
    }
    let init = "trust init t.json --root-key root1.key --role release:1=release.pub,second.pub --role receipt:1=host.pub";
    let said = done(
        &site,
        &format!("{init} --role l2:2=ana.pub,ben.pub,cem.pub --role l4:1=third.pub --require l2"),
    )
    .text();
    for line in [
        "role root: 1 of its keys must sign\n",
        "role release: 1 of its keys must sign\n",
        "role receipt: its key signs receipts\n",
        "role l2 (approves): a run needs 2 of its 3 keys\n",
        "role l4 (approves): no run needs it\n",
        "a run needs 2 approvals of l2\n",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let few = |role: &str, left: u8, needs: u8| {
        let keys = if left == 1 { "key" } else { "keys" };
        format!(
            "warning: role {role} has {left} active {keys} left and needs {needs}: it signs nothing new\n"
        )
    };
    let still = "warning: a run still needs 2 approvals of l2: give --require l2=3\n".to_owned();
    let ever =
        "warning: no signature of this key counts any more, not even proven older ones; --compromised-since TIME \
                would keep those\n"
            .to_owned();
    for (task, warning) in [
        ("set-policy t.json --threshold l2=3", Some(still)),
        ("set-policy t.json --threshold l2=2", None),
        (
            "revoke t.json --key third --compromised-since 2026-01-01 --new root4.pub",
            None,
        ),
        ("revoke t.json --key release", Some(ever)),
        ("retire t.json --key ana", None),
        ("retire t.json --key ben", Some(few("l2", 1, 2))),
        (
            "rotate t.json --old cem --new stranger.pub",
            Some(few("l2", 1, 2)),
        ),
        ("set-policy t.json --require l2=3", Some(few("l2", 1, 3))),
        ("set-policy t.json --target prod", None),
    ] {
        let stderr = done(&site, &format!("trust {task} --root-key root1.key")).stderr;
        match warning {
            Some(warning) => assert!(stderr.contains(&warning), "{task}: {stderr}"),
            None => assert!(!stderr.contains("warning"), "{task}: {stderr}"),
        }
    }
    let unknown = "trust revoke-authority t.json --authority Stamps";
    refused(
        &site,
        2,
        "no time stamping authority \"Stamps\"; it has none",
        unknown,
    );
    let certificate = "req -x509 -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.pem -subj /CN=t -addext \
                       extendedKeyUsage=critical,timeStamping -addext keyUsage=critical,digitalSignature";
    outcome(
        Command::new("openssl")
            .current_dir(site.dir())
            .args(words(certificate)),
    )
    .done();
    done(
        &site,
        "trust add-authority t.json --certificate tsa.pem --owner Clock --root-key root1.key",
    );
    refused(
        &site,
        2,
        "no time stamping authority \"Stamps\"; it has Clock (",
        unknown,
    );
}

/// An operator without write permission changes nothing, and the error names the owner of the trust root.
#[test]
fn installing_without_rights() {
    use std::os::unix::fs::PermissionsExt;
    let site = desk();
    second_version(&site);
    let mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
    };
    // Each of the two directories; root may write everywhere, so under root the program runs as another user.
    for locked in ["host", "host/trust.json.sigs"] {
        let _ = fs::remove_dir_all(site.path("host"));
        copy(&site, "trust.json", "host");
        for dir in [
            site.dir().to_owned(),
            site.path("host"),
            site.path("host/trust.json.sigs"),
        ] {
            mode(&dir, if dir == site.dir() { 0o755 } else { 0o777 });
        }
        mode(&site.path(locked), 0o555);
        // The other user may have no access to the built program, so this is a copy.
        fs::copy(env!("CARGO_BIN_EXE_pgseal"), site.path("pgseal")).expect("copied");
        let mut install = Command::new(site.path("pgseal"));
        install
            .current_dir(site.dir())
            .args(words("trust install trust.2.json --trust host/trust.json"));
        if std::os::unix::fs::MetadataExt::uid(&site.dir().metadata().expect("there")) == 0 {
            use std::os::unix::process::CommandExt;
            install.uid(65534).gid(65534);
        }
        let before = site.snapshot();
        let outcome = outcome(&mut install);
        outcome.is_error(1, "host/trust.json: Permission denied");
        assert!(
            !outcome.stderr.contains(".pgseal-") && !outcome.stderr.contains("at path"),
            "{}",
            outcome.stderr
        );
        let hint = "hint: run it as the owner of the trust root; nothing was changed\n";
        assert!(outcome.stderr.ends_with(hint), "{}", outcome.stderr);
        assert_eq!(site.snapshot(), before);
        mode(&site.path(locked), 0o777);
    }
}

/// A clock that was set back, and names with terminal control characters.
#[test]
fn clocks_and_owners() {
    let site = Site::empty();
    for key in ["root", "release"] {
        site.run(["keygen", key, "--no-passphrase"]).done();
    }
    done(
        &site,
        "trust init trust.json --root-key root.key --role release:1=release.pub",
    );
    bend(&site, "trust.json", |document| {
        document["expires"] = "9000-01-01T00:00:00Z".into()
    });
    bend(&site, "trust.json", |document| {
        document["issued"] = "8999-01-01T00:00:00Z".into()
    });
    sign_unchecked(&site, "trust.json", &["root"]);
    refused(
        &site,
        2,
        "this host's clock says",
        "trust set-policy trust.json --target prod",
    );

    done(
        &site,
        "trust init t.json --root-key root.key --role release:1=release.pub",
    );
    site.run(["keygen", "second", "--no-passphrase"]).done();
    let owner = "\u{1b}[2J\u{202e}";
    let add = [
        "trust",
        "add-key",
        "t.json",
        "--key",
        "second.pub",
        "--role",
        "l2",
        "--owner",
        owner,
    ];
    site.run(add).done().is_harmless();
    let sign = done(&site, "trust sign t.2.json --key root.key --trust t.json");
    assert!(sign.stderr.contains("\\u{1b}[2J"), "{}", sign.stderr);
    sign.is_harmless();
    done(&site, "trust install t.2.json --trust t.json").is_harmless();
}
