//! Rollouts of one release in several plans, with one receipt for all of them.

use std::path::PathBuf;

use super::fleet::{Failure, Fleet};

#[test]
fn merge() {
    let fleet = Fleet::of(5, "shards");
    fleet.plant(3, Failure::BeforeCommit);
    let shard = |file: &str, of: std::ops::Range<usize>, more: &[&str]| -> (i32, PathBuf) {
        fleet.plan_of(file, of, "");
        let answer = fleet.rollout(&[more, &["--plan", file, "--json"]].concat());
        let receipt = answer.json()["receipt"].as_str().unwrap().to_owned();
        (answer.code, fleet.site.path(&receipt))
    };
    let (code, one) = shard("one.toml", 0..3, &[]);
    assert_eq!(code, 0);
    let (code, two) = shard("two.toml", 3..5, &[]);
    assert_eq!(code, 30);
    let merge = |parts: &[&PathBuf], more: &[&str]| {
        let parts = parts.iter().map(|part| part.to_str().unwrap());
        let common = [
            "--trust",
            "trust.json",
            "--receipts",
            "receipts",
            "--receipt-key",
            "receipt.key",
        ];
        let arguments: Vec<&str> = ["rollout", "merge"]
            .into_iter()
            .chain(parts)
            .chain(common)
            .collect();
        fleet.pgseal(&[&arguments[..], more].concat())
    };
    let merged = merge(&[&one, &two], &["--json"]);
    assert_eq!(merged.code, 31, "{merged}");
    assert_eq!(
        merged.json()["summary"],
        "3 of 5 done; 1 failed before COMMIT, unchanged; 1 not begun"
    );
    merge(&[&one, &one], &[]).fails_saying(2, &["it is named twice"]);
    fleet.mend(3);
    let (code, resumed) = shard("two.toml", 3..5, &["--resume"]);
    assert_eq!(code, 0);
    merge(&[&one, &two, &resumed], &[]).fails_saying(2, &["continues it"]);
    let merged = merge(&[&one, &resumed], &["--json"]);
    merged.done();
    let document = merged.json();
    assert_eq!(document["summary"], "5 of 5 done");
    let receipt = fleet.site.path(document["receipt"].as_str().unwrap());
    let verify = [
        "receipt",
        "verify",
        receipt.to_str().unwrap(),
        "--trust",
        "trust.json",
    ];
    fleet
        .pgseal(&verify)
        .done()
        .says(&["5 of 5 done, signed by"]);
    fleet
        .pgseal(&[
            "receipt",
            "show",
            receipt.to_str().unwrap(),
            "--trust",
            "trust.json",
        ])
        .done()
        .says(&["merged from ", "authentic"]);
    // A receipt without its signature is not merged.
    std::fs::remove_file(one.with_extension("sig")).unwrap();
    merge(&[&one, &resumed], &[]).fails(11);
}

/// The size of a real fleet, with failures in seven databases and kills at twenty moments. Prints
/// the time of each part.
#[test]
#[ignore = "minutes"]
fn five_hundred() {
    use std::time::Instant;
    let fleet = Fleet::of(500, "many");
    let began = Instant::now();
    let planted = [11, 60, 123, 200, 333, 404, 499];
    planted
        .iter()
        .for_each(|at| fleet.plant(*at, Failure::BeforeCommit));
    fleet.plan("waves = [1, \"5%\", \"rest\"]\nparallel = 2\nmax_failures = 7\n");
    for kill in 1..=20 {
        let resume: &[&str] = if kill == 1 { &[] } else { &["--resume"] };
        let run = fleet.start(resume);
        // Minutes, because every database is asked again.
        while fleet.receipts() < kill * 20 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        run.kill();
        eprintln!(
            "{:?} killed with {} receipts",
            began.elapsed(),
            fleet.receipts()
        );
    }
    let answer = fleet.rollout(&["--resume", "--json"]);
    assert_eq!(answer.code, 30, "{answer}");
    assert_eq!(
        answer.json()["summary"],
        "493 of 500 done; 7 failed before COMMIT, unchanged"
    );
    for at in 0..500 {
        match planted.contains(&at) {
            true => fleet.is_before(at),
            false => fleet.is_after(at),
        }
    }
    planted.iter().for_each(|at| fleet.mend(*at));
    let since = Instant::now();
    fleet.rollout(&["--resume"]).done();
    eprintln!(
        "a resumed rollout over 500 databases in effect: {:?}",
        since.elapsed()
    );
    (0..500).for_each(|at| fleet.is_after(at));
    eprintln!("{:?} all are after", began.elapsed());
    let since = Instant::now();
    fleet.pgseal(&fleet.arguments(&["rollback"], &[])).done();
    eprintln!("its rollback: {:?}", since.elapsed());
}

/// Prints the time of a rollout over 40 databases, two at a time, and of 40 single runs.
#[test]
#[ignore = "a measurement"]
fn time_against_single_runs() {
    use std::time::Instant;
    let (fleet, single) = (Fleet::of(40, "timed"), Fleet::of(40, "single"));
    fleet.plan("parallel = 2\n");
    let since = Instant::now();
    for db in &single.databases {
        let operator = single.site.operator(&single.bundle, &db.url());
        operator
            .ask_with("run", &["--receipt-key", "receipt.key"])
            .done();
    }
    let runs = since.elapsed();
    let since = Instant::now();
    fleet.rollout(&[]).done();
    let rollout = since.elapsed();
    let ratio = rollout.as_secs_f64() / (runs.as_secs_f64() / 2.0);
    eprintln!("40 runs {runs:?}, rollout by two {rollout:?}: {ratio:.2} of half of the runs");
}
