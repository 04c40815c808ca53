//! Tar files out of which another tar extracts files that are not plainly there: each is a fault, and hides nothing else.

use std::collections::BTreeSet;
use std::process::Command;

use crate::vault::{ARCHIVE, Vault, bundle, lines, set};
use pgseal_testkit::tar::{Member, Tar};

/// A tar file of a good bundle, then what is in doubt, then another good bundle.
pub struct Desk {
    pub vault: Vault,
    pub good: Vec<u8>,
    pub bad: Vec<u8>,
}

impl Desk {
    pub fn new() -> Self {
        let vault = Vault::new();
        let good = bundle("shop", "1.0.0", 1, &vault.keys.release);
        let bad = bundle("shop", "1.0.0", 1, &vault.keys.stranger);
        Self { vault, good, bad }
    }

    /// What is told of a tar file with these members in the middle, by the paths in it.
    pub fn told(&self, members: &[Member]) -> BTreeSet<(String, String)> {
        let first = Member::new("first.pgseal", &self.good);
        let last = Member::new("last.pgseal", &self.good);
        let members = [&[first], members, &[last]].concat();
        self.whole(&Tar { members, end: vec![0; 1024] }.bytes())
    }

    pub fn whole(&self, tar: &[u8]) -> BTreeSet<(String, String)> {
        self.vault.put("a.tar", tar);
        self.read()
    }

    /// What is told of the tar file that is there.
    pub fn read(&self) -> BTreeSet<(String, String)> {
        let said = self.vault.audit(&[ARCHIVE]);
        said.is_harmless();
        for name in ["first", "last"] {
            assert!(said.text().contains(&format!("ok archive/a.tar/{name}.pgseal: ")), "{}", said.text());
        }
        let faults = self.vault.faults(&[ARCHIVE]);
        faults.into_iter().map(|(path, word)| (path.replacen("a.tar", "", 1), word)).collect()
    }

    /// Whether GNU's tar extracts a file of that name.
    pub fn is_extracted(&self, name: &str, args: &[&str]) -> bool {
        let into = tempfile::tempdir().expect("a temporary directory");
        let tar = self.vault.archive().join("a.tar");
        // It may find something to complain about as well.
        let made = Command::new("tar").args(args).arg(tar).current_dir(into.path()).output();
        made.is_ok() && std::fs::read(into.path().join(name)).is_ok_and(|bytes| bytes == self.bad)
    }
}

pub const GNU: [&str; 1] = ["-xf"];

pub fn typed(name: &str, kind: u8, content: &[u8]) -> Member {
    let mut member = Member::new(name, content);
    member.set(156, &[kind]);
    member
}

/// Records with the lengths that they say.
pub fn pax(kind: u8, records: &[(&str, &str)]) -> Member {
    let record = |(key, value): &(&str, &str)| {
        let rest = format!(" {key}={value}\n");
        let length = (1..).find(|length: &usize| length.to_string().len() + rest.len() == *length);
        format!("{}{rest}", length.expect("a number"))
    };
    typed("extended", kind, records.iter().map(record).collect::<String>().as_bytes())
}

pub fn one(path: &str) -> BTreeSet<(String, String)> {
    set([(path, "malformed")])
}

#[test]
fn types_that_programs_extract_as_files() {
    let desk = Desk::new();
    for kind in [b'Z', b'A', b'8', b'V', b'M', b'D', 0xff] {
        let told = desk.told(&[typed("evil.pgseal", kind, &desk.bad), typed("README", kind, b"")]);
        assert_eq!(told, set([("", "malformed"), ("/evil.pgseal", "malformed")]), "{kind}");
        assert!([b'V', b'M', b'D'].contains(&kind) || desk.is_extracted("evil.pgseal", &GNU), "{kind}");
    }
}

#[test]
fn links_devices_and_pipes() {
    let desk = Desk::new();
    for kind in [b'1', b'2', b'3', b'4', b'6'] {
        let mut links = ["evil.pgseal", "trust.json", "n.tar", "README"].map(|name| typed(name, kind, b""));
        links.iter_mut().for_each(|link| link.set(157, b"first.pgseal"));
        let told = desk.told(&links);
        let faults = set([("/evil.pgseal", "malformed"), ("/trust.json", "malformed"), ("/n.tar", "malformed")]);
        assert_eq!(told, faults, "{}", char::from(kind));
    }
    // As tar itself writes them.
    let dir = desk.vault.site.path("linked");
    std::fs::create_dir(&dir).expect("our own directory");
    for name in ["first.pgseal", "last.pgseal"] {
        std::fs::write(dir.join(name), &desk.good).expect("our own directory");
    }
    std::fs::hard_link(dir.join("first.pgseal"), dir.join("hard.pgseal")).expect("our own directory");
    std::os::unix::fs::symlink("/dev/null", dir.join("soft.pgseal")).expect("our own directory");
    let (tar, names) =
        (desk.vault.archive().join("a.tar"), ["first.pgseal", "hard.pgseal", "soft.pgseal", "last.pgseal"]);
    let made = Command::new("tar").arg("-cf").arg(&tar).args(names).current_dir(&dir).status();
    assert!(made.expect("tar is there").success());
    let faults = set([("/hard.pgseal", "malformed"), ("/soft.pgseal", "malformed")]);
    assert_eq!(desk.whole(&std::fs::read(tar).expect("written")), faults);
}

/// Some programs skip what a link says that it has, others see members there.
#[test]
fn members_inside_of_what_has_no_content() {
    let desk = Desk::new();
    let inner = Tar { members: vec![Member::new("evil.pgseal", &desk.bad)], end: Vec::new() }.bytes();
    for kind in [b'2', b'5', b'1'] {
        let mut outer = typed("README", kind, &inner);
        outer.set(157, b"first.pgseal");
        assert_eq!(desk.told(&[outer]), set([("", "malformed"), ("/evil.pgseal", "unknown-key")]));
    }
    assert!(desk.is_extracted("evil.pgseal", &GNU));
    assert_eq!(desk.told(&[typed("README", b'5', &[1; 700])]), one(""));
}

#[test]
fn headers_for_all_that_follow() {
    let desk = Desk::new();
    assert_eq!(desk.told(&[pax(b'g', &[("comment", "what git writes")])]), set([]));
    let evil = Member::new("README", &desk.bad);
    for (key, value) in [("path", "evil.pgseal"), ("size", "1000"), ("linkpath", "x"), ("GNU.sparse.major", "1")] {
        assert_eq!(desk.told(&[evil.clone(), pax(b'g', &[(key, value)])]), one(""), "{key}");
    }
    desk.told(&[pax(b'g', &[("path", "evil.pgseal")]), evil.clone(), pax(b'g', &[("path", "last.pgseal")])]);
    assert!(desk.is_extracted("evil.pgseal", &GNU));
    // All of them are told, once each.
    let twice = [pax(b'g', &[("path", "a")]), pax(b'g', &[("path", "b")]), typed("g", b'g', b"no record")];
    assert_eq!(desk.told(&twice), set([("", "malformed"), ("", "malformed+"), ("", "malformed++")]));
}

#[test]
fn names_and_sizes_that_are_read_otherwise() {
    let desk = Desk::new();
    let (readme, named) = (Member::new("README", &desk.bad), Member::new("evil.pgseal", &desk.bad));
    let long = |name: &[u8]| typed("././@LongLink", b'L', name);
    let x = |records: &[(&str, &str)]| pax(b'x', records);
    for members in [
        vec![x(&[("path", "evil.pgseal\0.txt")]), readme.clone()],
        vec![x(&[("path", "evil.pgseal"), ("path", "README")]), readme.clone()],
        vec![long(b"README\0"), x(&[("path", "evil.pgseal")]), readme.clone()],
        vec![x(&[("path", "README")]), long(b"evil.pgseal\0"), readme.clone()],
        vec![x(&[("path", "")]), named.clone()],
    ] {
        assert_eq!(desk.told(&members), one("/evil.pgseal"));
    }
    // What follows a sparse file may be read otherwise too.
    let sparse = set([("", "malformed"), ("/evil.pgseal", "malformed")]);
    for members in [
        vec![x(&[("GNU.sparse.major", "1"), ("GNU.sparse.name", "evil.pgseal")]), readme.clone()],
        vec![x(&[("SCHILY.realsize", "9")]), named.clone()],
        vec![x(&[("SUN.holesdata", " 0 9")]), named.clone()],
        vec![typed("evil.pgseal", b'S', &desk.bad)],
    ] {
        assert_eq!(desk.told(&members), sparse);
    }
    assert_eq!(desk.told(&[typed("disk.img", b'S', b"")]), one(""));
    // Not even the name is known.
    for members in [
        vec![typed("x", b'x', b"020 path=evil.pgseal\n, and more"), readme.clone()],
        vec![x(&[("size", "+5")]), readme.clone()],
        vec![typed("x", b'x', &vec![b'9'; (1 << 20) + 1]), readme.clone()],
        vec![Member::new("", &desk.bad)],
    ] {
        assert_eq!(desk.told(&members), one(""));
    }
    // Sun's letter for it; and what is nobody's business stays so.
    assert_eq!(
        desk.told(&[pax(b'X', &[("path", "evil.pgseal")]), readme.clone()]),
        set([("/evil.pgseal", "unknown-key")])
    );
    assert_eq!(desk.told(&[x(&[("path", "a"), ("path", "b")]), readme]), set([]));
    // A sparse file as tar itself writes it, in each of the formats.
    let file = std::fs::File::create(desk.vault.site.path("evil.pgseal")).expect("our own directory");
    file.set_len(8 << 20).expect("sparse");
    for name in ["first.pgseal", "last.pgseal"] {
        desk.vault.site.write(name, &desk.good);
    }
    for format in ["gnu", "posix"] {
        let mut command = Command::new("tar");
        command.args([
            "-S",
            &format!("--format={format}"),
            "-cf",
            "s.tar",
            "first.pgseal",
            "evil.pgseal",
            "last.pgseal",
        ]);
        assert!(command.current_dir(desk.vault.site.dir()).status().expect("tar is there").success());
        assert_eq!(desk.whole(&desk.vault.site.read("s.tar")), sparse, "{format}");
    }
}

#[test]
fn what_follows_the_end() {
    let desk = Desk::new();
    let good = ["first.pgseal", "last.pgseal"].map(|name| Member::new(name, &desk.good)).to_vec();
    let evil = Tar { members: vec![Member::new("evil.pgseal", &desk.bad)], end: vec![0; 1024] }.bytes();
    let with = |end: Vec<u8>| Tar { members: good.clone(), end }.bytes();
    for zeros in [512, 1024, 10 << 10, 1 << 20] {
        assert_eq!(desk.whole(&with([vec![0; zeros], evil.clone()].concat())), one(""), "{zeros}");
        assert!(desk.is_extracted("evil.pgseal", &["--ignore-zeros", "-xf"]));
        assert_eq!(desk.whole(&with(vec![0; zeros])), set([]));
        assert_eq!(desk.whole(&with([vec![0; zeros], vec![7]].concat())), one(""));
    }
    // More than is looked through.
    assert_eq!(desk.whole(&with(vec![0; (16 << 20) + 1])), one(""));
}

/// What is told of a tar file is merged and told again as it was.
#[test]
fn faults_of_tar_files_travel_as_lines() {
    let desk = Desk::new();
    let evil = typed("evil.pgseal", b'Z', b"");
    let told = desk.told(&[pax(b'g', &[("path", "a")]), pax(b'g', &[("size", "1")]), evil.clone(), evil]);
    let faults =
        set([("", "malformed"), ("", "malformed+"), ("/evil.pgseal", "malformed"), ("/evil.pgseal#2", "malformed")]);
    assert_eq!(told, faults);
    desk.vault.audit(&[ARCHIVE, "--jsonl", "-o", "all.jsonl"]);
    assert_eq!(lines(&desk.vault.site.path("all.jsonl")).len(), 5);
    assert_eq!(desk.vault.faults(&["--merge", "all.jsonl"]), desk.vault.faults(&[ARCHIVE]));
}
