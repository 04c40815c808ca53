//! Tar files that pgseal does not know exactly: keys of extended headers, what stands behind those, links that later members
//! are written through, and signatures and journals that are no plain files.

use std::process::Command;

use crate::tar_doubts::{Desk, GNU, one, pax, typed};
use crate::tar_layout::{inner, is_extracted_by, is_extracted_by_python, long};
use crate::vault::{Vault, set};
use pgseal_testkit::tar::Member;

fn link(name: &str, kind: u8, target: &str) -> Member {
    let mut link = typed(name, kind, b"");
    link.set(157, target.as_bytes());
    link
}

#[test]
fn keys_of_extended_headers() {
    let desk = Desk::new();
    let readme = Member::new("README", &desk.bad);
    for key in [" path", "\tpath", " \t path"] {
        assert_eq!(desk.told(&[pax(b'x', &[(key, "evil.pgseal")]), readme.clone()]), one(""), "{key:?}");
        assert!(desk.is_extracted("evil.pgseal", &GNU), "{key:?}");
        assert_eq!(desk.told(&[readme.clone(), pax(b'g', &[(key, "evil.pgseal")])]), one(""), "{key:?}");
    }
    // The size of another program's content.
    let all = Member::new("a.txt", &inner("evil.pgseal", &desk.bad));
    let told = desk.told(&[pax(b'x', &[(" size", "0")]), all]);
    assert_eq!(told, one(""));
    assert!(desk.is_extracted("evil.pgseal", &GNU));
    for key in ["", "path\0", "pa\nth", "path/", "PATH", "GNU.volume.filename", "SCHILY.filetype"] {
        assert_eq!(desk.told(&[pax(b'x', &[(key, "evil.pgseal")]), readme.clone()]), one(""), "{key:?}");
    }
    let real = [
        ("mtime", "1700000000.123"),
        ("LIBARCHIVE.xattr.com.apple.metadata:_kMDItemUserTags", "YnBsaXN0"),
        ("SCHILY.xattr.user.a b", "\n\n"),
        ("SCHILY.acl.access", "user::rw-\ngroup::r--\n"),
        ("RHT.security.selinux", "a:b"),
    ];
    assert_eq!(desk.told(&[pax(b'x', &real), readme]), set([]));
}

/// Some programs read extended headers line by line.
#[test]
fn records_inside_of_records() {
    let desk = Desk::new();
    let readme = Member::new("README", &desk.bad);
    let members = [pax(b'x', &[("comment", "a\n20 path=evil.pgseal")]), readme];
    assert_eq!(desk.told(&members), one(""));
    let two_lines = pax(b'x', &[("path", "a\nb")]);
    assert_eq!(desk.told(&[two_lines, Member::new("evil.pgseal", &desk.bad)]), one("/evil.pgseal"));
}

/// Perl takes the name in the member's own header, whatever a PAX header says; others do where they can't read that.
#[test]
fn names_of_the_header_itself() {
    let desk = Desk::new();
    let hidden = |name: &str| [pax(b'x', &[("path", "README")]), Member::new(name, &desk.bad)];
    assert_eq!(desk.told(&hidden("evil.pgseal")), one("/evil.pgseal"));
    let perl = ["perl", "-MArchive::Tar", "-e", "Archive::Tar->extract_archive($ARGV[0])"];
    assert!(is_extracted_by(&desk, "evil.pgseal", &perl));
    assert_eq!(desk.told(&hidden("RUN.journal")), one(""));
    assert_eq!(desk.told(&[long("README"), Member::new("evil.pgseal", &desk.bad)]), one("/evil.pgseal"));
    // So it does with GNU's long names of links.
    let named = [typed("evil.pgseal", b'K', &desk.bad), Member::new("README", b"not ours")];
    assert_eq!(desk.told(&named), one("/evil.pgseal"));
    assert!(is_extracted_by(&desk, "evil.pgseal", &perl));
    // Long names that were cut off, or written with other letters.
    let deep = format!("{}/a.pgseal.txt", "d".repeat(89));
    let front = pax(b'x', &[("path", &deep)]);
    assert_eq!(desk.told(&[front, Member::new(&deep[..96], b"not ours")]), set([]));
    let unknown = set([("/gr\u{f6}\u{df}e.pgseal", "unknown-key")]);
    let front = pax(b'x', &[("path", "gr\u{f6}\u{df}e.pgseal")]);
    assert_eq!(desk.told(&[front, Member::new("gr??e.pgseal", &desk.bad)]), unknown);
}

/// Python reads extended headers up to the end of their last block.
#[test]
fn bytes_behind_extended_headers() {
    let desk = Desk::new();
    let readme = Member::new("README", &desk.bad);
    let shorter = |mut member: Member, by: usize| {
        let size = member.content.len() - by;
        member.set(124, format!("{size:011o}\0").as_bytes());
        member
    };
    let records = pax(b'x', &[("comment", "c"), ("path", "evil.pgseal")]);
    for front in [shorter(records, "20 path=evil.pgseal\n".len()), shorter(long("evil.pgseal"), ".pgseal\0".len())] {
        assert_eq!(desk.told(&[front, readme.clone()]), one(""));
        assert!(is_extracted_by_python(&desk, "evil.pgseal"));
    }
    let behind_a_zero = typed("././@LongLink", b'L', b"README\0evil.pgseal\0");
    assert_eq!(desk.told(&[behind_a_zero, readme]), one(""));
}

#[test]
fn members_written_through_links() {
    let desk = Desk::new();
    let bad = |name: &str| Member::new(name, &desk.bad);
    let ok = || Member::new("ok.pgseal", &desk.good);
    for kind in [b'1', b'2'] {
        assert_eq!(desk.told(&[ok(), link("readme.txt", kind, "ok.pgseal"), bad("readme.txt")]), one(""));
        assert!(is_extracted_by_python(&desk, "ok.pgseal"));
        for name in ["./readme.txt", "//readme.txt", "README.TXT", "x/../readme.txt"] {
            assert_eq!(desk.told(&[ok(), link("readme.txt", kind, "ok.pgseal"), bad(name)]), one(""), "{name}");
        }
        let two = [pax(b'x', &[("path", "./readme.txt//")]), link("other", kind, "ok.pgseal"), bad("readme.txt")];
        assert_eq!(desk.told(&[&[ok()], two.as_slice()].concat()), one(""));
    }
    let below = [typed("e/", b'5', b""), link("d", b'2', "e"), bad("d/evil.txt"), bad("D//more.txt")];
    assert_eq!(desk.told(&below), one(""));
    assert!(desk.is_extracted("e/evil.txt", &GNU) && is_extracted_by_python(&desk, "e/evil.txt"));
    let up = [link("x/../d", b'2', "e"), bad("README")];
    assert_eq!(desk.told(&up), one(""));
    // Each link is one; those that nothing is written through are nobody's business, also where they follow.
    let two = [link("a", b'2', "ok.pgseal"), link("b", b'1', "ok.pgseal"), bad("a"), bad("b"), bad("a/c")];
    assert_eq!(desk.told(&two), set([("", "malformed"), ("", "malformed+")]));
    let fine = [bad("d/a.txt"), link("d/b", b'2', "a.txt"), bad("d/bc"), bad("b"), link("d/a", b'1', "d/a.txt")];
    assert_eq!(desk.told(&fine), set([]));
    // What Python takes for a directory.
    let mut timed = bad("evil.txt");
    timed.set(257, b"ustar  \0");
    timed.set(345, b"15000000000\x0015000000000\0");
    assert_eq!(desk.told(&[typed("e/", b'5', b""), link("15000000000", b'2', "e"), timed]), one(""));
    assert!(is_extracted_by_python(&desk, "e/evil.txt"));
}

/// Thousands of links and directories are a few steps each.
#[test]
fn many_links() {
    let desk = Desk::new();
    let deep = format!("{}x", "d/".repeat(100_000));
    let front = pax(b'x', &[("path", &deep)]);
    let mut members = vec![front.clone(), link("x", b'2', "y")];
    members.extend((0..5_000).map(|n| link(&format!("links/{n}"), b'2', "y")));
    (0..40).for_each(|_| members.extend([front.clone(), Member::new("README", b"")]));
    assert_eq!(desk.told(&members), one(""));
}

#[test]
fn signatures_and_journals_that_are_no_plain_files() {
    let desk = Desk::new();
    for name in ["RUN.journal", "e2.receipt.sig", "e2.receipt.tsr", "trust.json.sigs/1.0.sig"] {
        for kind in [b'1', b'2', b'Z'] {
            assert_eq!(desk.told(&[link(name, kind, "first.pgseal")]), one(""), "{name} {kind}");
        }
    }
    desk.told(&[link("RUN.journal", b'1', "first.pgseal")]);
    let said = desk.vault.audit(&["archive/a.tar"]).text();
    assert!(said.contains("the signature or journal RUN.journal is no plain file: at byte "), "{said}");
}

/// What has a type that is not read has no content that is known.
#[test]
fn unknown_types_with_a_content() {
    let desk = Desk::new();
    for kind in [b'V', b'M', b'D', b'N', b'Z', b'8', 0xff] {
        let evil = inner("evil.pgseal", &desk.bad);
        assert_eq!(desk.told(&[typed("label", kind, &evil)]), one(""), "{kind}");
        assert_eq!(desk.told(&[typed("label", kind, b"")]), set([]), "{kind}");
    }
}

/// As GNU tar itself writes incremental archives, long names, and whatever else it can.
#[test]
fn what_gnu_tar_writes() {
    let desk = Desk::new();
    let site = &desk.vault.site;
    std::fs::create_dir_all(site.path("linked/to")).expect("our own directory");
    for name in ["first.pgseal", "last.pgseal"] {
        site.write(name, &desk.good);
    }
    let deep = format!("linked/{}.txt", "n".repeat(200));
    site.write(&deep, "not ours");
    std::os::unix::fs::symlink("to", site.path("linked/soft")).expect("our own directory");
    std::fs::hard_link(site.path(&deep), site.path("linked/hard")).expect("our own directory");
    for format in ["gnu", "oldgnu", "posix", "ustar"] {
        for more in [vec![], vec!["--xattrs", "--acls"], vec!["-V", "label"], vec!["-g", "snapshot"]] {
            let names = match more.first() {
                // A directory is a list of names then, of a type of its own.
                Some(&"-g") => vec!["first.pgseal", &deep, "last.pgseal"],
                _ => vec!["first.pgseal", "linked", "last.pgseal"],
            };
            let names: Vec<&str> = names.into_iter().filter(|name| format != "ustar" || *name != deep).collect();
            let mut tar = Command::new("tar");
            tar.arg(format!("--format={format}")).args(&more).args(["-cf", "a.tar"]).args(&names);
            // The long name is left out where it can't be written.
            tar.current_dir(site.dir()).output().expect("tar is there");
            let _ = std::fs::remove_file(site.path("snapshot"));
            assert_eq!(desk.whole(&site.read("a.tar")), set([]), "{format} {more:?}");
        }
    }
}

/// A directory is no receipt, and no signature of one.
#[test]
fn directories_in_the_place_of_receipts() {
    let vault = Vault::new();
    vault.put("one.receipt.sig", [7; 64]);
    vault.put("two.journal", "a journal\n");
    vault.put("ok.pgseal", crate::vault::bundle("shop", "1.0.0", 1, &vault.keys.release));
    let faults = set([("one.receipt.json", "receipt-missing")]);
    let missing = ("two.receipt.json", "receipt-missing");
    let archive = vault.archive();
    for name in ["one.receipt.json", "two.receipt.json", "two.receipt.sig", "two.receipt.tsr"] {
        assert_eq!(vault.faults(&["archive"]), faults);
        assert_eq!(vault.notes(&["archive"]), set([missing]));
        std::fs::create_dir(archive.join(name)).expect("our own directory");
    }
    assert_eq!(vault.faults(&["archive"]), faults);
    std::fs::remove_dir(archive.join("two.receipt.sig")).expect("our own directory");
    std::os::unix::fs::symlink("two.receipt.tsr", archive.join("two.receipt.sig")).expect("our own directory");
    assert_eq!(vault.notes(&["archive"]), set([missing, ("two.receipt.sig", "passed-over")]));
    // A link that leads nowhere is told itself.
    std::fs::remove_file(archive.join("two.receipt.sig")).expect("our own link");
    std::os::unix::fs::symlink("nowhere", archive.join("two.receipt.sig")).expect("our own directory");
    assert_eq!(vault.faults(&["archive"]), set([("one.receipt.json", "receipt-missing"), missing]));
    assert_eq!(vault.notes(&["archive"]), set([]));
}
