//! The program as operators and scripts meet it: arguments in; exit codes, output and files out.

mod support;

use std::collections::BTreeSet;

use pgseal::trust::SecretKey;
use support::defects::{self, Good};
use support::keys::key;
use support::vectors;

#[test]
fn every_committed_vector_is_refused_as_it_says() {
    let dir = vectors::committed();
    let mut wrong = Vec::new();
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(&dir).expect("tests/vectors") {
        let folder = entry.expect("a readable folder").path();
        let name = folder.file_name().and_then(|name| name.to_str()).expect("a plain name").to_owned();
        if !folder.is_dir() || name == "trust.json.sigs" {
            continue;
        }
        assert!(folder.join("README.md").is_file(), "{name} says what is wrong");
        let expect = std::fs::read_to_string(folder.join("expect")).expect("expect");
        assert_eq!(expect.starts_with("exit: 0\n"), name.ends_with("_pass"), "{name}: {expect}");
        let is = vectors::run(&folder);
        if is != expect {
            wrong.push(format!("{name}\n--- expected\n{expect}--- is\n{is}"));
        }
        found.insert(name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut all: BTreeSet<String> = defects::all().iter().map(|defect| format!("{}_fail", defect.name)).collect();
    all.insert("good_pass".to_owned());
    assert_eq!(found, all, "run the ignored test regenerate_vectors");
}

#[test]
fn every_defect_made_anew_is_refused_for_its_own_reason() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let good = Good::new(["root", "release", "second", "receipt", "stranger"].map(key));
    let wrong = write_all(dir.path(), &good);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Not a test: writes tests/vectors anew, by keys that nobody keeps.
#[test]
#[ignore = "writes into the source tree"]
fn regenerate_vectors() {
    let dir = vectors::committed();
    for entry in std::fs::read_dir(&dir).expect("tests/vectors") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            std::fs::remove_dir_all(path).expect("the source tree is writable");
        }
    }
    let good = Good::new([(); 5].map(|()| SecretKey::generate().expect("random bytes")));
    let wrong = write_all(&dir, &good);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Writes all vectors with what the program says to them; those where that is not what the defect should bring about.
fn write_all(dir: &std::path::Path, good: &Good) -> Vec<String> {
    vectors::write_good(dir, good);
    let said = vectors::run(&dir.join("good_pass"));
    std::fs::write(dir.join("good_pass/expect"), &said).expect("the directory is writable");
    let mut wrong = Vec::new();
    if said != "exit: 0\n" {
        wrong.push(format!("good_pass: {said}"));
    }
    for defect in defects::all() {
        let folder = vectors::write(dir, &defect, good);
        let said = vectors::run(&folder);
        std::fs::write(folder.join("expect"), &said).expect("the directory is writable");
        let code = format!("exit: {}\n", defect.exit);
        if !said.starts_with(&code) || !said.contains(defect.error) || said.lines().count() != 2 {
            wrong.push(format!("{}: wanted {} {:?}, is {said}", defect.name, defect.exit, defect.error));
        }
    }
    wrong
}
