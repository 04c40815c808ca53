//! Parts of an audit: lines, shards, times, and how they are put together.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::vault::{ARCHIVE, Vault, approved, bundle, lines, ran, set};
use pgseal_testkit::tar::{Member, Tar};

/// Twelve releases that ran, one of them changed since.
fn vault() -> Vault {
    let vault = Vault::new();
    let trust = vault.trust(|_| {});
    for n in 1..=12_u32 {
        let plain = bundle("shop", &format!("{n}.0"), n, &vault.keys.release);
        vault.put(&format!("{n}.pgseal"), approved(&plain, &vault.keys.ann));
        vault.receipt(&format!("{n}"), &ran(&plain, trust, &format!("2026-11-21T{:02}:00:00Z", 8 + n), &n.to_string()));
    }
    let mut tar = Tar::of(&vault.site.read("archive/7.pgseal"));
    tar.member("gate/open.sql").content[0] ^= 1;
    vault.put("7.pgseal", tar.bytes());
    vault
}

fn paths(lines: &[String]) -> Vec<String> {
    let path = |line: &String| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        line["path"].as_str().expect("a path").to_owned()
    };
    lines.iter().map(path).collect()
}

#[test]
fn one_finding_a_line() {
    let vault = vault();
    let answer = vault.audit(&[ARCHIVE, "--jsonl"]);
    assert_eq!(answer.code, 50);
    let lines: Vec<String> = answer.text().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 24);
    assert!(paths(&lines).is_sorted());
    for line in &lines {
        let finding: pgseal::audit::Finding = serde_json::from_str(line).expect("a finding");
        assert_eq!(serde_json::to_string(&finding).expect("JSON"), *line);
    }
    let both = vault.audit(&[ARCHIVE, "--jsonl", "--json"]);
    assert_eq!(both.code, 2);
}

#[test]
fn an_answer_goes_to_a_file_whole() {
    let vault = vault();
    let answer = vault.audit(&[ARCHIVE, "-o", "answer.txt"]);
    assert_eq!(answer.code, 50);
    let sum = "12 bundles, 12 receipts, 23 authentic, 1 faulty, 1 fault";
    assert_eq!(answer.text(), format!("{sum}; written to answer.txt\n"));
    let text = String::from_utf8(vault.site.read("answer.txt")).expect("text");
    assert!(text.ends_with(&format!("{sum}\n")) && text.contains("FAULT archive/7.pgseal"), "{text}");
    vault.audit(&[ARCHIVE, "--json", "-o", "answer.json"]);
    let document: Value = serde_json::from_slice(&vault.site.read("answer.json")).expect("JSON");
    assert_eq!(document["faults"], 1);
    vault.audit(&[ARCHIVE, "-o", "nowhere/answer.txt"]).is_error(1, "nowhere/answer.txt");
}

#[test]
fn shards_are_parts_and_together_the_whole() {
    let vault = vault();
    // A shard doesn't ask across: half of an archive would miss the other half.
    std::fs::remove_file(vault.archive().join("3.pgseal")).expect("there");
    let mut all = BTreeSet::new();
    let mut merge = Vec::new();
    for part in 1..=4 {
        let file = format!("{part}.jsonl");
        let code = vault.audit(&[ARCHIVE, "--shard", &format!("{part}/4"), "--jsonl", "-o", &file]).code;
        let lines = lines(&vault.site.path(&file));
        assert!(!lines.iter().any(|line| line.contains("receipt-without-bundle")));
        assert_eq!(code == 50, lines.iter().any(|line| line.contains("file-changed")));
        for path in paths(&lines) {
            assert!(all.insert(path.clone()), "{path} is in two parts");
        }
        merge.extend(["--merge".to_owned(), file]);
    }
    // And a line for each part.
    assert_eq!(all.len(), 27);
    let merge: Vec<&str> = merge.iter().map(String::as_str).collect();
    let faults = set([("7.pgseal", "file-changed"), ("3.receipt.json", "receipt-without-bundle")]);
    assert_eq!(vault.faults(&merge), faults);
    // Without one of the parts it is no audit.
    vault.site.refused(2, "part 4/4 is not among what is merged", [&["audit"], &merge[..6]].concat());
    // What was put together can be put together again: no fault is told twice.
    vault.audit(&[&merge[..], &["--jsonl", "-o", "all.jsonl"]].concat());
    assert_eq!(vault.faults(&["--merge", "all.jsonl", "--merge", "1.jsonl"]), faults);
    for wrong in ["0/4", "5/4", "x", "1"] {
        assert_eq!(vault.audit(&[ARCHIVE, "--shard", wrong]).code, 2);
    }
    assert_eq!(vault.audit(&[ARCHIVE, "--shard", "1/2", "--merge", "1.jsonl"]).code, 2);
    assert_eq!(vault.audit(&[]).code, 2);
}

#[test]
fn only_what_is_new() {
    let vault = vault();
    let age = |name: &str, days: u64| {
        let file = File::options().write(true).open(vault.archive().join(name)).expect("there");
        file.set_modified(SystemTime::now() - Duration::from_secs(days * 86_400)).expect("our own file");
    };
    for n in 1..=12 {
        age(&format!("{n}.pgseal"), 3000);
        age(&format!("{n}.receipt.json"), 3000);
    }
    vault.audit(&[ARCHIVE, "--jsonl", "-o", "earlier.jsonl"]);
    let since = ["--since", "2020-01-01"];
    // Nothing new, and that is no error.
    let nothing = vault.audit(&[&[ARCHIVE][..], &since].concat());
    assert_eq!((nothing.code, nothing.text().as_str()), (0, "0 bundles, 0 authentic, 0 faulty, 0 faults\n"));
    let with_earlier = [&[ARCHIVE][..], &since, &["--merge", "earlier.jsonl"]].concat();
    let known = set([("7.pgseal", "file-changed")]);
    assert_eq!(vault.faults(&with_earlier), known);
    // What is new is found, also what came here with an old time; a part alone misses nothing.
    let thirteen = bundle("shop", "13.0", 13, &vault.keys.release);
    let trust = vault.trust(|_| {});
    vault.receipt("13", &ran(&thirteen, trust, "2026-11-21T22:00:00Z", "13"));
    assert_eq!(vault.faults(&[&[ARCHIVE][..], &since].concat()), set([]));
    let missing = set([("7.pgseal", "file-changed"), ("13.receipt.json", "receipt-without-bundle")]);
    assert_eq!(vault.faults(&with_earlier), missing);
    vault.put("13.pgseal", approved(&thirteen, &vault.keys.ann));
    age("13.pgseal", 3000);
    assert_eq!(vault.faults(&with_earlier), known);
    // What an earlier audit knew, and is gone.
    std::fs::remove_file(vault.archive().join("12.pgseal")).expect("there");
    let gone = set([("7.pgseal", "file-changed"), ("12.pgseal", "gone")]);
    assert_eq!(vault.faults(&with_earlier), gone);
    // Not asked about where nothing was listed.
    assert_eq!(vault.faults(&["--merge", "earlier.jsonl"]), known);
}

/// What was changed and got an old time is seen by its size, or by a time that is not the one of its line.
#[test]
fn what_is_old_and_not_as_it_was_is_read_again() {
    let vault = vault();
    let at = |name: &str| vault.archive().join(name);
    let age = |name: &str, days: u64| {
        let file = File::options().write(true).open(at(name)).expect("there");
        file.set_modified(UNIX_EPOCH + Duration::from_secs(days * 86_400)).expect("our own file");
    };
    (1..=12).flat_map(|n| [format!("{n}.pgseal"), format!("{n}.receipt.json")]).for_each(|name| age(&name, 16_000));
    vault.audit(&[ARCHIVE, "--jsonl", "-o", "earlier.jsonl"]);
    let again = [ARCHIVE, "--since", "2020-01-01", "--merge", "earlier.jsonl"];
    let known = set([("7.pgseal", "file-changed")]);
    assert_eq!(vault.faults(&again), known);
    // Cut off, at the time that it had.
    let whole = vault.site.read("archive/1.pgseal");
    vault.put("1.pgseal", &whole[..whole.len() - 512]);
    age("1.pgseal", 16_000);
    // Another one of the same size, at an earlier time, as `mv` leaves it.
    let mut tar = Tar::of(&vault.site.read("archive/2.pgseal"));
    tar.member("gate/open.sql").content[0] ^= 1;
    vault.put("2.pgseal", tar.bytes());
    age("2.pgseal", 15_999);
    let lost = ("1.receipt.json", "receipt-without-bundle");
    let changed = set([("1.pgseal", "malformed"), lost, ("2.pgseal", "file-changed"), ("7.pgseal", "file-changed")]);
    assert_eq!(vault.faults(&again), changed);
    // A receipt is as it was; what it is judged with is not.
    std::fs::remove_file(at("3.receipt.sig")).expect("there");
    let stripped = set([("3.receipt.json", "stripped")]);
    assert_eq!(vault.faults(&again), &changed | &stripped);
    assert_eq!(vault.faults(&again), vault.faults(&[ARCHIVE]));
}

/// Two files by one path (a member `a.tar/b`, and `b` in the member `a.tar`): what is read now doesn't hide what is not.
#[test]
fn a_path_of_two_files_is_two_files_next_time() {
    let vault = Vault::new();
    let tar = |members: Vec<Member>| Tar { members, end: vec![0; 1024] }.bytes();
    let good = bundle("shop", "1.0.0", 1, &vault.keys.release);
    let cut = &good[..good.len() - 512];
    let put = |members: Vec<Member>| {
        let outer = File::options().write(true).open(vault.put("outer.tar", tar(members))).expect("there");
        outer.set_modified(UNIX_EPOCH).expect("our own file");
    };
    let lone = || Member::new("a.tar/b.pgseal", cut);
    put(vec![lone()]);
    vault.audit(&[ARCHIVE, "--jsonl", "-o", "1.jsonl"]);
    put(vec![lone(), Member::new("a.tar", &tar(vec![Member::new("b.pgseal", &good)]))]);
    let faults = set([("outer.tar/a.tar/b.pgseal", "malformed")]);
    let answer = vault.audit(&[ARCHIVE, "--since", "2020-01-01", "--merge", "1.jsonl", "--jsonl", "-o", "2.jsonl"]);
    assert_eq!(answer.code, 50);
    assert_eq!(vault.faults(&["--merge", "2.jsonl"]), faults);
    put(vec![lone(), Member::new("a.tar", &tar(vec![Member::new("b.pgseal", &good), Member::new("README", b"")]))]);
    assert_eq!(vault.faults(&[ARCHIVE, "--since", "2020-01-01", "--merge", "2.jsonl"]).len(), 1);
}

/// However one names the archive, a file is the same, and one that is gone is gone.
#[test]
fn what_is_gone_is_gone_by_any_spelling() {
    let vault = vault();
    let whole = vault.archive().canonicalize().expect("it is there");
    let whole = whole.to_str().expect("text");
    symlink(vault.archive(), vault.site.path("link")).expect("our own directory");
    std::fs::create_dir(vault.site.path("way")).expect("our own directory");
    symlink("..", vault.site.path("way/up")).expect("our own directory");
    let dots = format!("{whole}/./");
    let links = ["link", "way/up/archive", "way/../archive"];
    let spellings = [&["archive", "./archive", "archive/", "archive//.", whole, &dots][..], &links].concat();
    for (at, spelling) in spellings.iter().enumerate() {
        vault.audit(&[spelling, "--jsonl", "-o", &format!("{at}.jsonl")]);
    }
    let gone = vault.archive().join("12.pgseal");
    let bytes = std::fs::read(&gone).expect("there");
    std::fs::remove_file(&gone).expect("there");
    let told = |now: &str, earlier: usize| {
        let answer = vault.audit(&[now, "--merge", &format!("{earlier}.jsonl"), "--json"]);
        assert_eq!(answer.stderr, "", "{now} after {}", spellings[earlier]);
        let found = answer.json()["files"].as_array().expect("a list").clone();
        let of = |word: &str| found.iter().filter(|file| file["faults"].to_string().contains(word)).count();
        (found.len(), of("\"gone\""), of("\"file-changed\""))
    };
    for earlier in 0..spellings.len() {
        for now in &spellings {
            assert_eq!(told(now, earlier), (24, 1, 1), "{now} after {}", spellings[earlier]);
        }
    }
    // What was old then is known now, and what lies elsewhere was not looked for: that is said.
    std::fs::write(&gone, bytes).expect("our own directory");
    let old = File::options().write(true).open(&gone).expect("there");
    old.set_modified(SystemTime::now() - Duration::from_secs(86_400 * 3000)).expect("our own file");
    let answer = vault.audit(&["./archive/", "--since", "2020-01-01", "--merge", "4.jsonl", "--json"]);
    assert_eq!((answer.stderr.as_str(), answer.json()["faults"].clone()), ("", 1.into()));
    let elsewhere = vault.audit(&["archive/1.pgseal", "--merge", "0.jsonl"]).stderr;
    assert_eq!(elsewhere, "not below the given paths, so not looked for: 23 files of --merge\n");
}

/// A directory on the way is gone with its files; and a link that is a file of the archive stays what it is.
#[test]
fn what_is_gone_behind_a_link() {
    let vault = vault();
    let good = vault.site.read("archive/1.pgseal");
    vault.put("2026/a.pgseal", &good);
    symlink("../1.pgseal", vault.archive().join("2026/linked.pgseal")).expect("our own directory");
    symlink("archive", vault.site.path("link")).expect("our own directory");
    vault.audit(&["link", "--jsonl", "-o", "earlier.jsonl"]);
    std::fs::remove_dir_all(vault.archive().join("2026")).expect("there");
    let answer = vault.audit(&[ARCHIVE, "--merge", "earlier.jsonl"]);
    assert_eq!(answer.stderr, "");
    for name in ["a", "linked"] {
        let line =
            format!("FAULT archive/2026/{name}.pgseal: it was here when it was audited earlier, and is gone (gone)");
        assert!(answer.text().contains(&line), "{}", answer.text());
    }
}

#[test]
fn lines_without_an_end_are_refused() {
    let vault = vault();
    vault.audit(&[ARCHIVE, "--jsonl", "-o", "all.jsonl"]);
    let all = File::options().write(true).open(vault.site.path("all.jsonl")).expect("written");
    // A terabyte of one line; none of it is on the disk.
    all.set_len(1 << 40).expect("sparse");
    vault.audit(&["--merge", "all.jsonl"]).is_error(2, "all.jsonl: line 25 has more than 64 MiB");
    vault.site.write("bytes.jsonl", b"\xff\n");
    vault.audit(&["--merge", "bytes.jsonl"]).is_error(2, "bytes.jsonl: line 1 is not a finding");
}

#[test]
fn times_that_are_not_yet() {
    let vault = vault();
    let refused = |why: &str, args: &[&str]| vault.audit(args).is_error(2, why);
    refused("--since 2222-01-01T00:00:00Z is in the future", &[ARCHIVE, "--since", "2222-01-01"]);
    vault.audit(&[ARCHIVE, "--as-of", "2222-01-01", "--jsonl", "-o", "later.jsonl"]);
    refused("line 1 was judged as of 2222-01-01T00:00:00Z, which is in the future", &["--merge", "later.jsonl"]);
    assert_eq!(vault.audit(&["--merge", "later.jsonl", "--as-of", "2222-01-01"]).code, 50);
}

#[test]
fn how_far_it_is_moves_on_a_terminal() {
    let vault = vault();
    let good = vault.site.read("archive/1.pgseal");
    for n in 0..500 {
        vault.put(&format!("more/{n}.pgseal"), &good);
    }
    let line = format!("'{}' audit archive", env!("CARGO_BIN_EXE_pgseal"));
    let mut script = std::process::Command::new("script");
    let script =
        script.current_dir(vault.site.dir()).args(["-qec", &line, "/dev/null"]).env("PGSEAL_TRUST", "trust.json");
    let said = script.env("TERM", "xterm").env("COLUMNS", "120").output().expect("util-linux has script");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let moved = said.split(['\r', '\n']).find(|line| line.contains(" a second")).unwrap_or_default();
    let files = moved.split(" files, ").next().and_then(|before| before.rsplit(' ').next()).unwrap_or_default();
    assert!(files.parse::<usize>().is_ok_and(|files| files >= 64 && files.is_multiple_of(64)), "{said:?}");
    assert!(moved.contains(" files, 0 faults, ") || moved.contains(" files, 1 fault, "), "{moved:?}");
    // It is gone when the answer comes, and not there where nobody looks.
    assert!(said.trim_end().ends_with("523 authentic, 1 faulty, 1 fault"), "{said:?}");
    assert_eq!(vault.audit(&[ARCHIVE]).stderr, "");
}

#[test]
fn lines_of_another_judge_are_refused() {
    let vault = vault();
    vault.audit(&[ARCHIVE, "--jsonl", "--as-of", "2026-12-01", "-o", "lines.jsonl"]);
    let refused = |why: &str, args: &[&str]| vault.audit(args).is_error(2, why);
    assert_eq!(vault.audit(&["--merge", "lines.jsonl", "--as-of", "2026-12-01"]).code, 50);
    refused("line 1 was judged as of 2026-12-01T00:00:00Z", &["--merge", "lines.jsonl", "--as-of", "2026-12-02"]);
    vault.site.write("bad.jsonl", "{}\n");
    refused("bad.jsonl: line 1 is not a finding", &["--merge", "bad.jsonl"]);
    vault.audit(&["--merge", "missing.jsonl"]).is_error(1, "missing.jsonl");
    refused("not a regular file", &["--merge", "archive"]);
    vault.trust(|draft| draft.document["policy"]["approvals"] = serde_json::json!({ "l2": 2 }));
    refused("line 1 was judged by another trust root", &["--merge", "lines.jsonl"]);
}

#[test]
fn then_and_now() {
    let vault = Vault::new();
    vault.put("a.pgseal", bundle("shop", "1.0.0", 1, &vault.keys.release));
    vault.trust(|draft| draft.entry(&vault.keys.release)["not_after"] = "2026-01-01T00:00:00Z".into());
    let then = vault.audit(&[ARCHIVE, "--as-of", "2025-06-01", "--json"]).done().json();
    let finding = &then["files"][0];
    assert_eq!((&finding["then"]["authentic"], &finding["now"]["authentic"]), (&true.into(), &false.into()));
    assert_eq!(finding["now"]["why_not"], "its key counted until 2026-01-01T00:00:00Z");
    let said = vault.audit(&[ARCHIVE, "--as-of", "2025-06-01"]).done().text();
    assert!(said.contains("    not authentic now: its key counted until 2026-01-01T00:00:00Z\n"), "{said}");
    assert_eq!(vault.faults(&[ARCHIVE]), set([("a.pgseal", "too-few-signatures")]));
}

#[test]
fn of_many_files_only_what_is_wrong_is_shown() {
    let vault = Vault::new();
    let good = bundle("shop", "1.0.0", 1, &vault.keys.release);
    for n in 0..101 {
        vault.put(&format!("{n}.pgseal"), &good);
    }
    let sum = "101 bundles, 101 authentic, 0 faulty, 0 faults\n";
    assert_eq!(vault.audit(&[ARCHIVE]).done().text(), sum);
    let shown = |args: &[&str]| vault.audit(args).done().text().lines().filter(|line| line.starts_with("ok ")).count();
    assert_eq!(shown(&[ARCHIVE, "--all"]), 101);
    std::fs::remove_file(vault.archive().join("0.pgseal")).expect("there");
    assert_eq!(shown(&[ARCHIVE]), 100);
}
