//! What stands in the way of reading: nothing of it stops the rest. And tar files, with whatever other programs write.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::vault::{ARCHIVE, Vault, approved, bundle, ran, set, yes};
use pgseal_testkit::people::{self};
use pgseal_testkit::site::outcome;
use pgseal_testkit::tar::{Member, Tar};

#[test]
fn what_can_not_be_read_stops_nothing_else() {
    let vault = Vault::new();
    let good = bundle("shop", "1.0.0", 1, &vault.keys.release);
    vault.put("good.pgseal", &good);
    let at = |name: &str| vault.archive().join(name);
    symlink("nowhere", at("link.pgseal")).expect("our own directory");
    let fifo = Command::new("mkfifo").arg(at("pipe.pgseal")).status().expect("mkfifo is there");
    assert!(fifo.success());
    symlink("/dev/zero", at("zero.receipt.json")).expect("our own directory");
    std::fs::create_dir(at("dir.pgseal")).expect("our own directory");
    let huge = std::fs::File::create(at("huge.receipt.json")).expect("our own directory");
    huge.set_len(1 << 40).expect("sparse");
    std::fs::File::create(at("huge.pgseal")).and_then(|file| file.set_len(1 << 40)).expect("sparse");
    std::fs::File::create(at("huge.tar")).and_then(|file| file.set_len(1 << 40)).expect("sparse");
    std::fs::write(at("empty.tar"), "").expect("our own directory");
    std::fs::write(at("text.tar"), "no tar at all\n".repeat(100)).expect("our own directory");
    std::fs::write(vault.archive().join(std::ffi::OsStr::from_bytes(b"\xff\xfe.pgseal")), "x").expect("our own");
    let faults = set([
        ("link.pgseal", "unreadable"),
        ("pipe.pgseal", "unreadable"),
        ("zero.receipt.json", "unreadable"),
        ("huge.receipt.json", "unreadable"),
        ("huge.pgseal", "malformed"),
        ("empty.tar", "malformed"),
        ("text.tar", "malformed"),
        // Nobody looks through a terabyte of zeros for what follows the end.
        ("huge.tar", "malformed"),
        ("\\xff\\xfe.pgseal", "malformed"),
    ]);
    assert_eq!(vault.faults(&[ARCHIVE]), faults);
    let said = vault.audit(&[ARCHIVE]);
    assert_eq!(said.code, 50);
    said.is_harmless();
    assert!(said.text().contains("ok archive/good.pgseal: shop 1.0.0"), "{}", said.text());
    // Named by itself, a pipe is not waited for either, and a link to nothing is told.
    assert_eq!(vault.faults(&["archive/pipe.pgseal", "archive/link.pgseal", "archive/good.pgseal"]).len(), 2);
}

#[test]
fn a_path_that_is_mistyped_ends_it_before_anything_is_read() {
    let vault = Vault::new();
    vault.put("good.pgseal", bundle("shop", "1.0.0", 1, &vault.keys.release));
    for wrong in ["archvie", "archive/good.pgsael"] {
        vault.site.refused(1, "No such file or directory", ["audit", ARCHIVE, wrong, "-o", "answer.txt"]);
    }
}

#[test]
fn directories_that_may_not_be_listed() {
    let vault = Vault::new();
    vault.put("open/a.pgseal", bundle("shop", "1.0.0", 1, &vault.keys.release));
    vault.put("shut/b.pgseal", bundle("shop", "2.0.0", 2, &vault.keys.release));
    let shut = vault.archive().join("shut");
    std::fs::set_permissions(&shut, PermissionsExt::from_mode(0o000)).expect("our own directory");
    let may = std::fs::read_dir(&shut).is_ok();
    let faults = vault.faults(&[ARCHIVE]);
    std::fs::set_permissions(&shut, PermissionsExt::from_mode(0o700)).expect("our own directory");
    // Whoever may do everything lists it all the same.
    assert_eq!(faults, if may { set([]) } else { set([("shut", "unreadable")]) });
}

/// Everything of a small archive in one tar file, as tar itself writes it in each of its formats.
#[test]
fn tar_files_of_bundles() {
    let vault = Vault::new();
    let trust = vault.trust(|_| {});
    let (one, two) = (bundle("shop", "1.0.0", 1, &vault.keys.release), bundle("shop", "2.0.0", 2, &vault.keys.release));
    let long = format!("{0}/{0}/{1}", "directory".repeat(6), "name".repeat(20));
    vault.put("one.pgseal", approved(&one, &vault.keys.ann));
    vault.put(&format!("{long}/two.pgseal"), &two);
    vault.put("two.approval", yes(&two, &vault.keys.ann));
    vault.receipt("one", &ran(&one, trust, "2026-11-21T08:00:00Z", "one"));
    vault.put("other/README", "not ours");
    let draft = vault.draft();
    vault.put("trust.json", draft.bytes());
    for (key, signature) in draft.signatures(&draft.bytes()) {
        vault.put(&format!("trust.json.sigs/1.{key}.sig"), signature);
    }
    for format in ["gnu", "pax", "ustar"] {
        let file = format!("{format}.tar");
        let tar = |name: &str, dir: &str| {
            let mut command = Command::new("tar");
            command.current_dir(vault.site.path(dir)).arg(format!("--format={format}")).arg("-cf");
            let made = command.arg(vault.site.path(name)).arg(".").output().expect("tar is there");
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        };
        tar(&file, "archive");
        let said = vault.audit(&[&file]).done().text();
        assert!(said.contains(&format!("ok {format}.tar/one.pgseal: shop 1.0.0, 5 files")), "{said}");
        assert!(said.contains(&format!("ok {format}.tar/{long}/two.pgseal: ")), "{said}");
        assert!(said.contains(&format!("ok {format}.tar/trust.json: version 1")), "{said}");
        assert!(
            said.ends_with("2 bundles, 1 approval, 1 receipt, 1 trust root, 5 authentic, 0 faulty, 0 faults\n"),
            "{said}"
        );
        // A tar file in a tar file.
        std::fs::create_dir_all(vault.site.path("outer")).expect("our own directory");
        std::fs::rename(vault.site.path(&file), vault.site.path(&format!("outer/{file}"))).expect("our own directory");
        tar("outer.tar", "outer");
        let said = vault.audit(&["outer.tar"]).done().text();
        assert!(said.contains(&format!("ok outer.tar/{format}.tar/one.pgseal")), "{said}");
        std::fs::remove_dir_all(vault.site.path("outer")).expect("our own directory");
        // Cut off: what comes before is audited all the same.
        let whole = vault.site.read("outer.tar");
        vault.site.write("cut.tar", &whole[..whole.len() / 2]);
        let cut = vault.faults(&["cut.tar"]);
        assert!(cut.iter().any(|(path, word)| path == "cut.tar" && word == "malformed"), "{cut:?}");
    }
}

#[test]
fn members_of_one_name_are_both_audited() {
    let vault = Vault::new();
    let good = bundle("shop", "1.0.0", 1, &vault.keys.release);
    let mut bad = Tar::of(&good);
    bad.member("gate/open.sql").content[0] ^= 1;
    let members = vec![Member::new("./a.pgseal", &bad.bytes()), Member::new("a.pgseal", &good)];
    vault.put("two.tar", Tar { members, end: vec![0; 1024] }.bytes());
    assert_eq!(vault.faults(&[ARCHIVE]), set([("two.tar/a.pgseal", "file-changed")]));
    let said = vault.audit(&[ARCHIVE]).text();
    assert!(said.contains("ok archive/two.tar/a.pgseal#2: shop 1.0.0"), "{said}");
    // Programs extract the first or the last: that is said, and it is a fault where these are two releases.
    let two = |first: &[u8], last: &[u8]| {
        let members = vec![Member::new("./a.pgseal", first), Member::new("a.pgseal", last)];
        vault.put("two.tar", Tar { members, end: vec![0; 1024] }.bytes());
        (vault.faults(&[ARCHIVE]), vault.notes(&[ARCHIVE]))
    };
    let differs = set([("two.tar", "name-twice")]);
    let later = bundle("shop", "2.0.0", 2, &vault.keys.release);
    let approved = approved(&good, &vault.keys.ann);
    assert_eq!(vault.notes(&[ARCHIVE]), differs);
    assert_eq!(two(&good, &approved), (set([]), differs));
    vault.audit(&[ARCHIVE, "--jsonl", "-o", "noted.jsonl"]);
    assert_eq!(two(&good, &later), (set([("two.tar", "malformed")]), set([])));
    let said = vault.audit(&[ARCHIVE]).text();
    let why = "a.pgseal is there more than once, as different releases; which one is extracted depends on the program";
    assert!(said.contains(&format!("FAULT archive/two.tar: malformed: {why} (malformed)")), "{said}");
    vault.audit(&[ARCHIVE, "--jsonl", "-o", "faulty.jsonl"]);
    // What was wrong with it isn't any more, and it is not gone.
    assert_eq!(two(&good, &good), (set([]), set([])));
    for earlier in ["noted.jsonl", "faulty.jsonl"] {
        let merged = [ARCHIVE, "--merge", earlier];
        assert_eq!((vault.faults(&merged), vault.notes(&merged)), (set([]), set([])), "{earlier}");
    }
}

/// Any byte of any header of a tar file may be wrong: nothing panics, nothing waits.
#[test]
fn every_byte_of_a_header_may_be_wrong() {
    use pgseal::audit::Place;
    use pgseal::audit::place::tar_file::TarFile;
    use pgseal_verify::archive::source::InMemory;
    let good = Tar { members: vec![Member::new("a.pgseal", b"x"), Member::new("b.pgseal", b"y")], end: vec![0; 1024] };
    let bytes = good.bytes();
    let list = |bytes: &[u8]| {
        let (mut found, mut failed) = (0, 0);
        let place = TarFile::read("a.tar".as_ref(), std::sync::Arc::new(InMemory(bytes.into())), None);
        place.list(&mut |told| match told {
            Ok(file) => {
                place.open(&file).expect("a member is there");
                found += 1;
            }
            Err(_) => failed += 1,
        });
        (found, failed)
    };
    assert_eq!(list(&bytes), (2, 0));
    for at in 0..512 {
        for byte in [0, 0x80, 0xff, b'0', b'7', b'x', b'L'] {
            let mut bent = bytes.clone();
            bent[at] = byte;
            list(&bent);
            let mut member = good.clone();
            member.members[0].set(at.min(500), &[byte]);
            list(&member.bytes());
        }
    }
    for cut in 0..bytes.len() {
        let (found, failed) = list(&bytes[..cut]);
        assert!(found <= 2 && failed <= 1);
        assert!(failed == 1 || cut >= 2560, "cut off after {cut} bytes: {found} found");
    }
}

#[test]
fn all_faults_of_one_file() {
    let vault = Vault::new();
    let good = bundle("shop", "1.0.0", 1, &vault.keys.release);
    let mut tar = Tar::of(&good);
    tar.member("gate/open.sql").content[0] ^= 1;
    tar.member("executor/01_table.sql").content[0] ^= 1;
    tar.add(Member::new("verify/extra.sql", b""));
    vault.put("a.pgseal", tar.bytes());
    let faults = set([("a.pgseal", "file-changed"), ("a.pgseal", "file-changed+"), ("a.pgseal", "file-extra")]);
    assert_eq!(vault.faults(&[ARCHIVE]), faults);
    let other = bundle("other", "1.0.0", 1, &vault.keys.release);
    let mut mixed = Tar::of(&yes(&good, &vault.keys.ann));
    let foreign = Tar::of(&yes(&other, &vault.keys.bob));
    foreign.members.into_iter().skip(1).for_each(|member| mixed.add(member));
    let unknown = Tar::of(&people::beside(&vault.keys.stranger, &people::approval(&good, "l2")));
    unknown.members.into_iter().skip(1).for_each(|member| mixed.add(member));
    vault.put("mixed.approval", mixed.bytes());
    let words: Vec<String> = vault.faults(&["archive/mixed.approval"]).into_iter().map(|(_, word)| word).collect();
    assert_eq!(words, ["mixed-approvals", "unknown-key"]);
}

/// A name that two files have in the answer hides neither.
#[test]
fn names_that_look_alike_hide_nothing() {
    let vault = Vault::new();
    let (good, other) =
        (bundle("shop", "1.0.0", 1, &vault.keys.release), bundle("shop", "1.0.0", 2, &vault.keys.release));
    let tar = |members: Vec<Member>| Tar { members, end: vec![0; 1024] }.bytes();
    let nested = tar(vec![Member::new("a.pgseal", &other)]);
    let outer =
        vec![Member::new("a.pgseal", &good), Member::new("n.tar/a.pgseal", &good), Member::new("n.tar", &nested)];
    let path = vault.put("outer.tar", tar(outer));
    let found = |vault: &Vault| vault.audit(&[ARCHIVE, "--json"]).json()["files"].as_array().expect("a list").len();
    for _ in 0..5 {
        assert_eq!((vault.audit(&[ARCHIVE]).code, found(&vault)), (50, 3));
        assert!(vault.faults(&[ARCHIVE]).iter().any(|(_, kind)| kind == "equivocation"));
    }
    std::fs::remove_file(path).expect("there");
    vault.put(r"a\xff.pgseal", &good);
    std::fs::write(vault.archive().join(std::ffi::OsStr::from_bytes(b"a\xff.pgseal")), "x").expect("our own");
    assert_eq!(vault.faults(&[ARCHIVE]), set([("a\\xff.pgseal", "malformed")]));
    assert_eq!(found(&vault), 2);
    // Thousands of one name are a few steps each.
    let many = (0..20_000).map(|_| Member::new("a.pgseal", b"")).collect();
    vault.put("many.tar", tar(many));
    assert_eq!(found(&vault), 20_002);
}

/// The answer takes the place of nothing that an audit reads, and nothing is read before that is known.
#[test]
fn answers_take_the_place_of_no_evidence() {
    let vault = Vault::new();
    let good = bundle("shop", "1.0.0", 1, &vault.keys.release);
    vault.put("good.pgseal", &good);
    vault.put("evidence", &good);
    vault.site.write("kept", "a checkpoint\n");
    std::os::unix::fs::symlink("archive/evidence", vault.site.path("link")).expect("our own directory");
    let names = ["good.pgseal", "new.approval", "a.receipt.json", "a.receipt.sig", "a.journal", "trust.json", "a.tar"];
    for flag in ["-o", "--html", "--parquet"] {
        for name in names {
            let file = format!("archive/{name}");
            vault.site.refused(2, "has the name of what an audit reads", ["audit", ARCHIVE, flag, &file]);
        }
        for file in ["archive/evidence", "./archive/../archive/evidence", "link", "kept"] {
            let args = ["audit", ARCHIVE, "archive/evidence", "--checkpoint", "kept", flag, file];
            vault.site.refused(2, "is what this audit reads", args);
        }
        vault.site.refused(1, "can't be written", ["audit", ARCHIVE, flag, "nowhere/x"]);
    }
    vault.put("log/checkpoint", "a log\n");
    vault.site.refused(2, "has the name of what", ["audit", ARCHIVE, "-o", "archive/log/checkpoint"]);
    vault.site.refused(2, "has the name of what", ["audit", ARCHIVE, "-o", "archive/log/tile/0/000"]);
    for (one, other) in [("x", "./x"), ("archive/x", "archive/../archive/x")] {
        vault.site.refused(2, "is to be written twice", ["audit", ARCHIVE, "-o", one, "--html", other]);
        vault.site.refused(2, "is to be written twice", ["audit", ARCHIVE, "--parquet", one, "--html", other]);
    }
    assert!(std::fs::read(vault.archive().join("good.pgseal")).expect("there") == good);
    assert!(std::fs::read(vault.archive().join("evidence")).expect("there") == good);
    for file in ["x", "archive/x", "archive/new.approval"] {
        assert!(!vault.site.path(file).exists(), "{file}");
    }
}

/// Wherever a relative path or a link leads.
#[test]
fn answers_take_the_place_of_no_evidence_by_another_path() {
    let vault = Vault::new();
    let entries = vault.put("tile/entries/000.p/3", b"entries").parent().expect("it has one").to_owned();
    let sigs = vault.put("trust.json.sigs/1.json", b"{}").parent().expect("it has one").to_owned();
    symlink(vault.archive().join("tile"), vault.site.path("tl")).expect("our own directory");
    symlink("archive/tile/entries/000.p/3", vault.site.path("answer.txt")).expect("our own directory");
    symlink("trust.json", vault.site.path("root")).expect("our own directory");
    vault.site.write("roots.of.trust", vault.site.read("trust.json"));
    vault.site.write("host.key", b"a key");
    vault.site.write("part.jsonl", b"");
    let before = vault.site.snapshot();
    let refused = |dir: &Path, why: &str, args: &[&str]| {
        for flag in ["-o", "--html", "--parquet"] {
            let outcome = outcome(vault.site.command(["audit", flag].iter().chain(args)).current_dir(dir));
            outcome.is_error(2, why);
            assert!(vault.site.snapshot() == before, "{flag} {args:?}");
        }
    };
    let (evidence, read, site) = ("has the name of what an audit reads", "is what this audit reads", vault.site.dir());
    let trust = "--trust=../../../../trust.json";
    refused(&entries, evidence, &["3", trust, "../../.."]);
    refused(&entries, evidence, &["4", trust, "../../.."]);
    refused(&sigs, evidence, &["1.json", "--trust=../../trust.json", ".."]);
    for file in ["tl/entries/000.p/3", "answer.txt", "root"] {
        refused(site, evidence, &[file, ARCHIVE]);
    }
    refused(site, read, &["roots.of.trust", "--trust=roots.of.trust", ARCHIVE]);
    refused(site, read, &["./part.jsonl", ARCHIVE, "--merge", "part.jsonl"]);
    refused(site, "has the name of a secret key", &["host.key", ARCHIVE]);
    refused(site, "has the name of a secret key", &["new.key", ARCHIVE]);
}

#[test]
fn what_is_looked_for_is_named() {
    let vault = Vault::new();
    vault.put("notes.txt", "nothing\n");
    let nothing = vault.audit(&[ARCHIVE]);
    assert_eq!(nothing.code, 2);
    for name in ["*.pgseal", "*.approval", "*.receipt.json", "trust.json", "*.tar"] {
        assert!(nothing.stderr.contains(name), "{name}: {}", nothing.stderr);
    }
    vault.put("empty.approval", "");
    let said = vault.audit(&[ARCHIVE]).text();
    assert!(said.contains("malformed: not an approval file: the file is empty (malformed)"), "{said}");
}
