//! Tar files in which programs see headers at different places: the tar file itself is at fault, whatever its members are
//! called, since another program may extract out of a content what nobody audited.

use std::process::Command;

use crate::tar_doubts::{Desk, GNU, one, pax, typed};
use crate::vault::set;
use pgseal_testkit::tar::{Member, Tar};

/// A member as it stands in a tar file.
pub fn inner(name: &str, content: &[u8]) -> Vec<u8> {
    Tar { members: vec![Member::new(name, content)], end: Vec::new() }.bytes()
}

/// A member of no bytes by its header, and what stands behind it.
fn sized(mut member: Member, field: &[u8]) -> Member {
    member.set(124, &[0; 12]);
    member.set(124, field);
    member
}

fn octal(size: usize) -> Vec<u8> {
    format!("{size:011o}\0").into_bytes()
}

pub fn long(name: &str) -> Member {
    typed("././@LongLink", b'L', format!("{name}\0").as_bytes())
}

/// Whether Python extracts the bad bundle by that name.
pub fn is_extracted_by_python(desk: &Desk, name: &str) -> bool {
    let script = "import sys, tarfile; tarfile.open(sys.argv[1]).extractall('.')";
    is_extracted_by(desk, name, &["python3", "-c", script])
}

/// Whether a program does, which gets the tar file as its last argument.
pub fn is_extracted_by(desk: &Desk, name: &str, program: &[&str]) -> bool {
    let into = tempfile::tempdir().expect("a temporary directory");
    let tar = desk.vault.archive().join("a.tar");
    let made = Command::new(program[0]).args(&program[1..]).arg(tar).current_dir(into.path()).output();
    made.expect("the program is there");
    std::fs::read(into.path().join(name)).is_ok_and(|bytes| bytes == desk.bad)
}

#[test]
fn files_with_the_name_of_a_directory() {
    let desk = Desk::new();
    let evil = inner("evil.pgseal", &desk.bad);
    for kind in [0, b'0', b'7'] {
        assert_eq!(desk.told(&[typed("d/", kind, &evil)]), one(""), "{kind}");
        assert!(desk.is_extracted("evil.pgseal", &GNU), "{kind}");
        for front in [pax(b'x', &[("path", "d/")]), long("d/")] {
            assert_eq!(desk.told(&[front, typed("a.txt", kind, &evil)]), one(""), "{kind}");
            assert!(desk.is_extracted("evil.pgseal", &GNU), "{kind}");
        }
    }
    // Another name does not make a file of it for everybody.
    for front in [pax(b'x', &[("path", "a.txt")]), long("a.txt")] {
        assert_eq!(desk.told(&[front, typed("d/", 0, &evil)]), one(""));
        assert!(is_extracted_by_python(&desk, "evil.pgseal"));
    }
    // What old programs write for a directory, and a long name that was cut off at a slash.
    let (deep, cut) = (format!("{}/README", "d".repeat(99)), format!("{}/", "d".repeat(99)));
    let fine = [typed("d/", 0, b""), pax(b'x', &[("path", &deep)]), Member::new(&cut, b"not ours")];
    assert_eq!(desk.told(&fine), set([]));
}

#[test]
fn several_extended_headers() {
    let desk = Desk::new();
    let evil = Member::new("evil.pgseal", &desk.bad);
    let x = |records: &[(&str, &str)]| pax(b'x', records);
    for second in [x(&[("comment", "c")]), x(&[]), pax(b'X', &[])] {
        let told = desk.told(&[x(&[("path", "a.txt")]), second, evil.clone()]);
        assert_eq!(told, set([("", "malformed"), ("/evil.pgseal", "malformed")]));
        assert!(desk.is_extracted("evil.pgseal", &GNU));
    }
    assert_eq!(desk.told(&[long("a.txt"), long("a.txt"), Member::new("b.txt", b"")]), one(""));
    // One each is what programs write.
    assert_eq!(
        desk.told(&[long("a.txt"), Member::new("b.txt", b""), long("c.txt"), Member::new("d.txt", b"")]),
        set([])
    );
    assert_eq!(desk.told(&[x(&[("path", "a.txt")]), Member::new("b", b""), x(&[]), Member::new("c", b"")]), set([]));
}

#[test]
fn two_sizes() {
    let desk = Desk::new();
    let evil = inner("evil.pgseal", &desk.bad);
    let (no, all) = (512.to_string(), (512 + evil.len()).to_string());
    let x = |records: &[(&str, &str)]| pax(b'x', records);
    let content = [vec![b' '; 512], evil.clone()].concat();
    let a_txt = || Member::new("a.txt", &content);
    for front in [vec![x(&[("size", &all)]), x(&[("comment", "c")])], vec![x(&[("size", &no)]), x(&[("size", &all)])]] {
        let members = [front, vec![sized(a_txt(), &octal(512))]].concat();
        // Each is told, and so is that the header says something else.
        assert!(desk.told(&members).contains(&(String::new(), "malformed".to_owned())));
        assert!(desk.is_extracted("evil.pgseal", &GNU) || is_extracted_by_python(&desk, "evil.pgseal"));
    }
    let again = desk.told(&[x(&[("size", &all), ("size", &all)]), a_txt()]);
    assert_eq!(again, one(""));
    // A program that knows no such records reads on behind 512 bytes.
    assert_eq!(desk.told(&[x(&[("size", &all)]), sized(a_txt(), &octal(512))]), one(""));
    assert_eq!(desk.told(&[x(&[("size", &all)]), a_txt()]), set([]));
}

/// What is too long for the header's own field has a zero or the largest number there, and nothing that some programs go by.
#[test]
fn a_size_that_does_not_fit() {
    let desk = Desk::new();
    let huge: u64 = 8 << 30;
    let file = |name: &str| inner(name, &desk.good);
    for (field, faults) in [(octal(0), set([])), (b"77777777777\0".to_vec(), set([])), (octal(512), one(""))] {
        let member = sized(Member::new("disk.img", b""), &field);
        let front = [pax(b'x', &[("size", &huge.to_string())]), member];
        let front = Tar { members: front.to_vec(), end: Vec::new() }.bytes();
        let end = [file("last.pgseal"), vec![0; 1024]].concat();
        desk.vault.put("a.tar", [file("first.pgseal"), front].concat());
        let tar = std::fs::OpenOptions::new().write(true).open(desk.vault.archive().join("a.tar")).expect("written");
        let length = tar.metadata().expect("written").len() + huge;
        tar.set_len(length).expect("sparse");
        std::os::unix::fs::FileExt::write_all_at(&tar, &end, length).expect("written");
        assert_eq!(desk.read(), faults, "{field:?}");
    }
}

#[test]
fn a_map_of_a_sparse_file() {
    let desk = Desk::new();
    let mut map = typed("a.txt", b'S', b"");
    map.set(482, &[1]);
    let good = ["first.pgseal", "last.pgseal"].map(|name| Member::new(name, &desk.good));
    let members = [good.as_slice(), &[map, Member::new("evil.pgseal", &desk.bad)]].concat();
    let told = desk.whole(&Tar { members, end: vec![0; 1024] }.bytes());
    assert!(told.contains(&(String::new(), "malformed".to_owned())), "{told:?}");
}

#[test]
fn numbers_that_are_nothing_to_others() {
    let desk = Desk::new();
    let evil = inner("evil.pgseal", &desk.bad);
    let good = ["first.pgseal", "last.pgseal"].map(|name| Member::new(name, &desk.good));
    let told = |field: &[u8]| {
        let member = sized(Member::new("a.txt", &evil), field);
        let members = [good.as_slice(), &[member]].concat();
        desk.whole(&Tar { members, end: vec![0; 1024] }.bytes())
    };
    let size = evil.len();
    for field in [format!("\0\0{size:09o}\0"), format!(" \0{size:09o}\0")] {
        assert_eq!(told(field.as_bytes()), one(""), "{field:?}");
        assert!(desk.is_extracted("evil.pgseal", &GNU), "{field:?}");
        assert!(is_extracted_by_python(&desk, "evil.pgseal"), "{field:?}");
    }
    let field = format!("\0{size:010o}\0");
    assert_eq!(told(field.as_bytes()), one(""));
    assert!(is_extracted_by_python(&desk, "evil.pgseal"));
    for field in [format!("\t{size:o}\0"), format!("{size:o}\x000"), format!("{size:o}x")] {
        assert_eq!(told(field.as_bytes()), one(""), "{field:?}");
    }
    for field in [format!("{size:>11o} "), format!("{size:012o}"), format!("{size:o}\0 \0"), format!("  {size:o} \0")] {
        assert_eq!(told(field.as_bytes()), set([]), "{field:?}");
    }
}

#[test]
fn prefixes_without_their_magic() {
    let desk = Desk::new();
    for magic in [&b"ustar  \0"[..], b"ustarX00"] {
        let mut member = Member::new("3.json", &desk.bad);
        member.set(257, magic);
        // GNU tar has times there.
        let mut timed = Member::new("README", b"not ours");
        timed.set(257, b"ustar  \0");
        timed.set(345, b"15000000000\x0015000000000\0");
        assert_eq!(desk.told(&[member.clone(), timed]), set([]));
        // What is no such pair of times is a name to some.
        for no_times in [&b"777"[..], b"15000000000", b"15000000000\x001500000000\0"] {
            let mut named = Member::new("evil.pgseal", &desk.bad);
            named.set(257, magic);
            named.set(345, no_times);
            let first = no_times.split(|byte| *byte == 0).next().expect("a piece");
            let name = format!("{}/evil.pgseal", String::from_utf8_lossy(first));
            assert_eq!(desk.told(&[named]), one(&format!("/{name}")));
            assert!(is_extracted_by_python(&desk, &name));
        }
        member.set(345, b"trust.json.sigs");
        assert_eq!(desk.told(&[member]), one("/trust.json.sigs/3.json"));
        assert!(is_extracted_by_python(&desk, "trust.json.sigs/3.json"));
    }
}

/// A signature is judged with what it stands beside, so that only one can be judged.
#[test]
fn signatures_and_journals_that_are_there_twice() {
    let desk = Desk::new();
    // What they stand beside is missing, too, and told.
    let told = |members: &[Member]| {
        let mut told = desk.told(members);
        told.retain(|(path, _)| path.is_empty());
        told
    };
    for name in ["a.receipt.sig", "a.receipt.tsr", "trust.json.sigs/1.0.sig", "a.journal"] {
        let member = |name: &str| Member::new(name, &desk.bad);
        assert_eq!(told(&[member(name)]), set([]));
        assert_eq!(told(&[member(name), member(&format!("other/{name}"))]), set([]));
        for again in [name.to_owned(), format!("./{name}"), format!("/{name}")] {
            assert_eq!(told(&[member(name), member(&again)]), one(""), "{again}");
        }
        assert_eq!(told(&[member(name), typed(name, b'2', b"")]), one(""), "{name}");
        assert_eq!(told(&[member(&format!("x/../{name}"))]), one(""), "{name}");
    }
    desk.told(&[Member::new("a.receipt.sig", b"judged"), Member::new("a.receipt.sig", &desk.bad)]);
    assert!(desk.is_extracted("a.receipt.sig", &GNU));
    assert_eq!(desk.told(&[Member::new("README", b"1"), Member::new("README", b"2")]), set([]));
}
