//! The medium of journal and receipt: full, failing, occupied. Predictable errors are reported before the run begins;
//! after later ones database and files agree.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::small;
use pgseal_testkit::release::{Answer, Operator, assert_same, dump, wait_until};

/// A small file system in memory, removed on drop. Only root can mount one, as in `./test`'s container.
struct Medium {
    path: PathBuf,
}

impl Medium {
    fn of(path: PathBuf, size: &str) -> Self {
        fs::create_dir(&path).unwrap();
        let options = format!("size={size},mode=777");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(
            mounted.status.success(),
            "{}",
            String::from_utf8_lossy(&mounted.stderr)
        );
        Self { path }
    }

    /// Fills the remaining space.
    fn fill(&self) {
        let path = self.path.join("filling");
        assert!(
            fs::write(&path, vec![0; 64 << 20]).is_err(),
            "it is too large to be filled"
        );
        assert!(
            fs::write(self.path.join("more"), "x").is_err(),
            "some room is left"
        );
        fs::remove_file(self.path.join("more")).unwrap();
    }
}

impl Drop for Medium {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

#[test]
fn full_before() {
    let (db, release, site) = small("full");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    // Too small for the journal, and for the receipt.
    for (size, what) in [("64k", "journal"), ("1200k", "receipt")] {
        let medium = Medium::of(site.path("receipts"), size);
        let words = [
            &format!("can't write the {what}: No space left"),
            "nothing was run",
            "--receipts DIR",
        ];
        operator.run().fails_saying(1, &words);
        assert_eq!(operator.records("").len(), 0, "nothing is left behind");
        drop(medium);
        fs::remove_dir(site.path("receipts")).unwrap();
    }
    assert_same(&before, &dump(&db));
    assert_eq!(db.ask("select to_regclass('pgseal.ledger') is null"), "t");
}

/// The medium fills up while the tiers run; the space was reserved before.
#[test]
fn full_meanwhile() {
    let (db, release, site) = small("fills");
    let bundle = site.pack(&release.tier("slow", "select pg_sleep(2);\n"));
    let operator = site.operator(&bundle, &db.url());
    let medium = Medium::of(site.path("receipts"), "4m");
    let mut command = operator.command("run");
    let run = pgseal_testkit::release::Running::of(command.args(["--receipt-key", "receipt.key"]));
    wait_until("it is at work", || {
        db.ask("select count(*) from pg_stat_activity where query like 'select pg_sleep(2)%'")
            != "0"
    });
    medium.fill();
    run.end().done();
    assert_eq!(operator.receipt()["outcome"], "committed");
    assert_eq!(operator.unfinished(), [""; 0]);
    fs::remove_file(medium.path.join("filling")).unwrap();
    assert_eq!(operator.records("").len(), 3, "journal, receipt, signature");
    let receipt = operator.records(".receipt.json").remove(0);
    site.pgseal([
        "receipt".as_ref(),
        "verify".as_ref(),
        receipt.as_os_str(),
        "--trust".as_ref(),
        "trust.json".as_ref(),
    ])
    .done();
}

#[test]
fn read_only() {
    let (db, release, site) = small("readonly");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let medium = Medium::of(site.path("receipts"), "8m");
    let remount = Command::new("mount")
        .args(["-o", "remount,ro"])
        .arg(&medium.path)
        .status()
        .unwrap();
    assert!(remount.success());
    operator.run().fails_saying(
        1,
        &[
            "can't write the journal: Read-only file system",
            "nothing was run",
        ],
    );
    assert_eq!(db.ask("select to_regclass('public.widgets') is null"), "t");
    // `status` writes nothing.
    operator.status().0.done();
}

/// Fails each system call on journal and receipt in turn.
#[test]
fn every_call_fails_once() {
    let (db, release, site) = small("calls");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    fs::create_dir(site.path("receipts")).unwrap();
    let log = site.path("calls");
    traced(&operator, &log, None).done();
    // Each run starts with an empty directory, so that calls have stable numbers.
    let back = || operator.clone().receipts_in("back").rollback().done().code;
    back();
    operator
        .records("")
        .into_iter()
        .for_each(|path| fs::remove_file(path).unwrap());
    let calls = calls(&fs::read_to_string(&log).unwrap(), &site.path("receipts"));
    assert!(calls.len() >= 20, "{calls:?}");
    let (mut seen, mut missed) = (BTreeMap::<i32, usize>::new(), 0);
    let receipts = site.path("receipts").to_string_lossy().into_owned();
    for (call, nth) in calls {
        for error in ["ENOSPC", "EIO"] {
            let rows = db.ask("select count(*) from pgseal.ledger");
            let answer = traced(
                &operator,
                &log,
                Some(&format!("inject={call}:error={error}:when={nth}")),
            );
            // The fault may hit other files: the number of writes to the connection's own descriptors differs from run
            // to run.
            let struck = fs::read_to_string(&log).unwrap();
            let struck = struck
                .lines()
                .any(|line| line.contains("(INJECTED)") && line.contains(&*receipts));
            if !struck {
                missed += 1;
            }
            let at = format!("{call} {nth} {error}: {answer:?}");
            let new: Vec<PathBuf> = operator.records("");
            let applied = db.ask("select to_regclass('public.widgets') is not null") == "t";
            let recorded = db.ask("select count(*) from pgseal.ledger") != rows;
            assert_eq!(applied, recorded, "{at}");
            let hidden = |path: &PathBuf| {
                path.file_name()
                    .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
            };
            assert!(!new.iter().any(hidden), "{at}: {new:?}");
            match answer.code {
                _ if !struck => {}
                0 | 40 => assert!(applied, "{at}"),
                1 => assert!(!applied && new.is_empty(), "{at}: {new:?}"),
                30 => assert!(!applied, "{at}"),
                _ => panic!("{at}"),
            }
            // The ledger resolves a journal without a recorded outcome; no journal is damaged.
            for ending in operator.unfinished() {
                assert!(!struck || ending == "it was committed", "{at}: {ending}");
            }
            if struck {
                *seen.entry(answer.code).or_default() += 1;
            }
            for left in new {
                fs::remove_file(left).unwrap();
            }
            if applied {
                back();
            }
        }
    }
    // Failures before the run begins, before COMMIT, after it, and without consequence.
    assert!(
        [0, 1, 30, 40].iter().all(|code| seen.contains_key(code)),
        "{seen:?}"
    );
    let struck: usize = seen.values().sum();
    assert!(
        struck >= 50 && missed * 4 < struck,
        "{struck} struck, {missed} missed"
    );
    println!("{seen:?}, {missed} missed");
}

const CALLS: &str = "openat,mkdir,write,fsync,fdatasync,fallocate,ftruncate,linkat,renameat2";

/// Executes a signed run under strace, which logs to `log` and may inject a fault.
fn traced(operator: &Operator<'_>, log: &Path, inject: Option<&str>) -> Answer {
    let run = operator.command("run");
    let mut strace = Command::new("strace");
    strace
        .args(["-qq", "-y", "-s", "8", "-o"])
        .arg(log)
        .args(["-e", &format!("trace={CALLS}")]);
    strace.args(inject.iter().flat_map(|inject| ["-e", inject]));
    strace
        .arg(run.get_program())
        .args(run.get_args())
        .args(["--receipt-key", "receipt.key"]);
    for (name, value) in run.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    strace
        .current_dir(run.get_current_dir().unwrap())
        .stdin(std::process::Stdio::null());
    Answer::of(strace.output().unwrap())
}

/// Extracts the calls on files below `dir`: the name, and the count among calls of this name.
fn calls(log: &str, dir: &Path) -> Vec<(String, usize)> {
    let mut counted = BTreeMap::<&str, usize>::new();
    let mut found = Vec::new();
    for line in log.lines() {
        let Some((call, rest)) = line.split_once('(') else {
            continue;
        };
        let nth = counted.entry(call).or_default();
        *nth += 1;
        if rest.contains(&*dir.to_string_lossy()) {
            found.push((call.to_owned(), *nth));
        }
    }
    found
}
