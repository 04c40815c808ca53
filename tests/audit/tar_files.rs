//! Tar files: plain ustar is read in place; any other construction makes the audit refuse the whole file.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;

use pgseal::audit::Place;
use pgseal::audit::place::tar_file::TarFile;
use pgseal_verify::archive::source::InMemory;

use crate::vault::{ARCHIVE, Vault, approved, bundle, ran, set, yes};
use pgseal_testkit::tar::{Member, Tar};

/// A change to a tar file with two good bundles, with a name for its defect.
type Change<'a> = (&'a str, &'a dyn Fn(&mut Tar));

fn typed(name: &str, kind: u8, content: &[u8]) -> Member {
    let mut member = Member::new(name, content);
    member.set(156, &[kind]);
    member
}

fn bent(at: usize, bytes: &[u8]) -> Member {
    let mut member = Member::new("README", b"");
    member.set(at, bytes);
    member
}

/// Creates a vault, and a tar file with two good bundles.
fn two() -> (Vault, Tar) {
    let vault = Vault::new();
    let good = bundle("shop", "1.0.0", 1, &vault.keys.release);
    let members = ["first.pgseal", "last.pgseal"]
        .map(|name| Member::new(name, &good))
        .to_vec();
    (
        vault,
        Tar {
            members,
            end: vec![0; 1024],
        },
    )
}

fn names(vault: &Vault) -> BTreeSet<String> {
    let document = vault.audit(&[ARCHIVE, "--json"]).json();
    let files = document["files"].as_array().expect("a list").iter();
    files
        .map(|file| file["path"].as_str().expect("text").to_owned())
        .collect()
}

fn refused(vault: &Vault, what: &str, bytes: &[u8], why: &str) {
    vault.put("a.tar", bytes);
    assert_eq!(
        vault.faults(&[ARCHIVE]),
        set([("a.tar", "malformed")]),
        "{what}"
    );
    assert_eq!(
        names(vault),
        ["archive/a.tar".to_owned()].into(),
        "{what}: no member is read"
    );
    let said = vault.audit(&[ARCHIVE]).text();
    assert!(said.contains(why), "{what}: {said}");
    assert!(
        said.contains("; extract it first, then audit the directory (malformed)"),
        "{what}: {said}"
    );
}

fn accepted(vault: &Vault, what: &str, tar: &Tar) {
    vault.put("a.tar", tar.bytes());
    assert_eq!(vault.faults(&[ARCHIVE]), set([]), "{what}");
    let both = [
        "archive/a.tar/first.pgseal".to_owned(),
        "archive/a.tar/last.pgseal".to_owned(),
    ];
    assert_eq!(names(vault), both.into(), "{what}");
}

/// Small archives in one tar file, as GNU tar and Python write them.
#[test]
fn tar_files_of_other_programs() {
    let vault = Vault::new();
    let trust = vault.trust(|_| {});
    let (one, two) = (
        bundle("shop", "1.0.0", 1, &vault.keys.release),
        bundle("shop", "2.0.0", 2, &vault.keys.release),
    );
    vault.put("one.pgseal", approved(&one, &vault.keys.ann));
    vault.put("below/two.pgseal", &two);
    vault.put("below/two.approval", yes(&two, &vault.keys.ann));
    vault.receipt("one", &ran(&one, trust, "2026-11-21T08:00:00Z", "one"));
    vault.put("other/README", "not ours");
    let draft = vault.draft();
    vault.put("trust.json", draft.bytes());
    for (key, signature) in draft.signatures(&draft.bytes()) {
        vault.put(&format!("trust.json.sigs/1.{key}.sig"), signature);
    }
    let make = |program: &[&str], dir: &str, file: &str| {
        let file = vault.site.path(file);
        let mut command = Command::new(program[0]);
        command
            .current_dir(vault.site.path(dir))
            .args(&program[1..])
            .arg(file)
            .arg(".");
        let made = command.output().expect("the program is there");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
    };
    let python = "import sys, tarfile; t = tarfile.open(sys.argv[1], 'w', format=FORMAT); t.add(sys.argv[2]); t.close()";
    let [ustar, gnu] = ["tarfile.USTAR_FORMAT", "tarfile.GNU_FORMAT"]
        .map(|format| python.replace("FORMAT", format));
    let programs: [&[&str]; 5] = [
        &["tar", "-cf"],
        &["tar", "--format=gnu", "-cf"],
        &["tar", "--format=ustar", "-cf"],
        &["python3", "-c", &ustar],
        &["python3", "-c", &gnu],
    ];
    for program in programs {
        make(program, "archive", "a.tar");
        let said = vault.audit(&["a.tar"]).done().text();
        assert!(
            said.contains("ok a.tar/one.pgseal: shop 1.0.0, 5 files"),
            "{said}"
        );
        assert!(
            said.contains("ok a.tar/below/two.pgseal: ")
                && said.contains("ok a.tar/trust.json: version 1"),
            "{said}"
        );
        let sum =
            "2 bundles, 1 approval, 1 receipt, 1 trust root, 5 authentic, 0 faulty, 0 faults\n";
        assert!(said.ends_with(sum), "{said}");
    }
    // A nested tar file, and a truncated one, of which nothing is read.
    std::fs::create_dir(vault.site.path("outer")).expect("our own directory");
    std::fs::rename(vault.site.path("a.tar"), vault.site.path("outer/a.tar"))
        .expect("our own directory");
    make(&["tar", "-cf"], "outer", "outer.tar");
    let said = vault.audit(&["outer.tar"]).done().text();
    assert!(said.contains("ok outer.tar/a.tar/one.pgseal"), "{said}");
    let whole = vault.site.read("outer.tar");
    vault.site.write("cut.tar", &whole[..whole.len() / 2]);
    assert_eq!(vault.faults(&["cut.tar"]), set([("cut.tar", "malformed")]));
    // Long names: ustar has a prefix field, GNU tar and PAX write other headers; links are not files.
    let long = format!("{}/{}", "directory".repeat(6), "name".repeat(20));
    vault.put(&format!("{long}/three.pgseal"), &two);
    make(&["tar", "--format=ustar", "-cf"], "archive", "long.tar");
    let said = vault.audit(&["long.tar"]).done().text();
    assert!(
        said.contains(&format!("ok long.tar/{long}/three.pgseal: ")),
        "{said}"
    );
    for format in ["gnu", "pax"] {
        make(
            &["tar", &format!("--format={format}"), "-cf"],
            "archive",
            "long.tar",
        );
        assert_eq!(
            vault.faults(&["long.tar"]),
            set([("long.tar", "malformed")]),
            "{format}"
        );
    }
    std::fs::hard_link(
        vault.archive().join("one.pgseal"),
        vault.archive().join("hard.pgseal"),
    )
    .expect("our own");
    make(&["tar", "--format=ustar", "-cf"], "archive", "hard.tar");
    assert_eq!(
        vault.faults(&["hard.tar"]),
        set([("hard.tar", "malformed")])
    );
}

/// Includes members that an audit does not read: other programs may find more members inside them.
#[test]
fn every_other_type_is_refused() {
    let (vault, tar) = two();
    for kind in b"\x001234678AKLDMNSVXZgx\xff" {
        for (name, content) in [
            ("README", &b""[..]),
            ("evil.pgseal", &tar.members[0].content),
        ] {
            let mut tar = tar.clone();
            tar.members.insert(1, typed(name, *kind, content));
            let why = "a member is neither a plain file nor a directory";
            refused(&vault, &format!("type {kind} of {name}"), &tar.bytes(), why);
        }
    }
    let mut tar = tar;
    tar.members.insert(1, typed("d/", b'5', b""));
    tar.members.insert(1, typed("d", b'5', b""));
    accepted(&vault, "a directory, twice", &tar);
}

#[test]
fn doubtful_names_sizes_and_fields_are_refused() {
    let (vault, tar) = two();
    let (twice, name, fields) = (
        "is in it twice",
        "the name of a member",
        "a header has fields that plain",
    );
    let (size, format) = (
        "the size of a member is not",
        "a header is not of the ustar format",
    );
    let kind = "a member is neither";
    for (why, members) in [
        (twice, vec![Member::new("last.pgseal", b"")]),
        (
            twice,
            vec![Member::new("./first.pgseal", &tar.members[0].content)],
        ),
        (
            twice,
            vec![
                Member::new("a.receipt.sig", b"1"),
                Member::new(".//a.receipt.sig", b"2"),
            ],
        ),
        (
            twice,
            vec![Member::new("README", b"1"), typed("README/", b'5', b"")],
        ),
        (
            "is below a file",
            vec![
                Member::new("README", b"1"),
                Member::new("README/first.pgseal", b""),
            ],
        ),
        (name, vec![Member::new("", b"x")]),
        (name, vec![Member::new("/README", b"x")]),
        (name, vec![Member::new("d/../README", b"x")]),
        (name, vec![typed("..", b'5', b"")]),
        (kind, vec![Member::new("d/", b"x")]),
        (kind, vec![Member::new("./", b"x")]),
        (kind, vec![typed("d", b'5', b"content")]),
        (size, vec![bent(124, b"\x80\0\0\0\0\0\0\0\0\0\0\x00")]),
        (size, vec![bent(124, b"         0 \0")]),
        (size, vec![bent(124, b"0\0\0\0\0\0\0\0\0\0\0\0")]),
        (size, vec![bent(124, b"000000000000")]),
        (size, vec![bent(124, b"0000000000x\0")]),
        (format, vec![bent(257, &[0; 8])]),
        (format, vec![bent(257, b"ustarX00")]),
        (format, vec![bent(257, b"ustar\x0001")]),
        (fields, vec![bent(157, b"first.pgseal")]),
        (fields, vec![bent(508, b"tar\0")]),
    ] {
        let mut tar = tar.clone();
        tar.members.extend(members);
        refused(&vault, why, &tar.bytes(), why);
    }
    // GNU tar stores times in the bytes of the ustar prefix.
    let mut gnu = Member::new("evil.pgseal", b"");
    gnu.set(257, b"ustar  \0");
    let mut prefixed = tar.clone();
    gnu.set(345, b"15000000000\0");
    prefixed.members.push(gnu);
    refused(
        &vault,
        "a prefix with GNU's magic",
        &prefixed.bytes(),
        fields,
    );
    let mut unsummed = tar.clone();
    unsummed.members[1].header[148] ^= 1;
    refused(
        &vault,
        "a wrong checksum",
        &unsummed.bytes(),
        "the checksum of a header is wrong",
    );
    let fine: [Change<'_>; 6] = [
        ("the magic of GNU tar", &|tar| {
            tar.members
                .iter_mut()
                .for_each(|member| member.set(257, b"ustar  \0"))
        }),
        ("a dot in front", &|tar| {
            tar.members[0].rename("./first.pgseal")
        }),
        ("a size that ends with a blank", &|tar| {
            tar.members[1].set(135, b" ")
        }),
        ("an owner", &|tar| {
            tar.members[1].set(108, b"\x80\0\0\0\0\0\0\x01")
        }),
        ("a time", &|tar| tar.members[1].set(136, b"14371573000\0")),
        ("padding", &|tar| tar.end.resize(1 << 20, 0)),
    ];
    for (what, change) in fine {
        let mut tar = tar.clone();
        change(&mut tar);
        accepted(&vault, what, &tar);
    }
    let mut prefixed = tar;
    prefixed.members[0].set(345, b"2026/11");
    vault.put("a.tar", prefixed.bytes());
    assert!(names(&vault).contains("archive/a.tar/2026/11/first.pgseal"));
}

#[test]
fn doubtful_ends_are_refused() {
    let (vault, tar) = two();
    let behind = Tar {
        members: vec![Member::new("evil.pgseal", b"x")],
        end: vec![0; 1024],
    }
    .bytes();
    let whole = tar.bytes();
    let start = whole.len() - 1024;
    for (why, length, end) in [
        ("the file is cut off", 0, &b""[..]),
        ("does not end with two", 512, b""),
        ("content behind its end", 1024, &behind),
        ("content behind its end", 10 << 10, &behind),
        ("content behind its end", 1024, b"x"),
        ("does not end with two", (16 << 20) + 1, b""),
    ] {
        refused(
            &vault,
            why,
            &[&whole[..start], &vec![0; length], end].concat(),
            why,
        );
    }
    refused(
        &vault,
        "inside of a member",
        &whole[..start - 512],
        "the file is cut off",
    );
}

/// Headers with any single byte changed cause neither a panic nor a hang.
#[test]
fn every_byte_of_a_header_may_be_wrong() {
    let good = Tar {
        members: vec![Member::new("a.pgseal", b"x"), Member::new("b.pgseal", b"y")],
        end: vec![0; 1024],
    };
    let bytes = good.bytes();
    let list = |bytes: &[u8]| {
        let (mut found, mut failed) = (0, 0);
        let place = TarFile::read("a.tar".as_ref(), Arc::new(InMemory(bytes.into())), None);
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
            // The checksum fails for every other byte, except that its own field has more than one valid spelling.
            assert!(
                bent == bytes || list(&bent) == (0, 1) || (148..156).contains(&at),
                "byte {at}: {byte}"
            );
            let mut member = good.clone();
            member.members[0].set(at.min(500), &[byte]);
            list(&member.bytes());
        }
    }
    for cut in 0..bytes.len() {
        assert_eq!(list(&bytes[..cut]), (0, 1), "cut off after {cut} bytes");
    }
}
