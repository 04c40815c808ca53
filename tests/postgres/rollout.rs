//! `rollout`: one release over many databases. Every database is exactly before or exactly after, and
//! none runs twice.

mod fleet;
mod interrupted;
mod led;
mod plans;
mod shards;

use std::fs;

use pgseal_testkit::release::{assert_same, dump};
use pgseal_testkit::writer::Writer;
use serde_json::Value;

use fleet::{Failure, Fleet, numbers};

/// Twenty databases with failures of three kinds in the last wave, mended, resumed, audited and rolled
/// back, while an application writes.
#[test]
fn twenty_databases() {
    let fleet = Fleet::of(20, "twenty");
    fleet.site.add_key("log", "log");
    let dumped = [0, 7, 12, 15, 19].map(|at| (at, dump(&fleet.databases[at])));
    let write = "insert into public.written select count(*) from public.written";
    let make = "create table public.written (n bigint)";
    fleet.databases[15].client().batch_execute(make).unwrap();
    let writer = Writer::start(&fleet.databases[15], write);
    fleet.plant(7, Failure::BeforeCommit);
    fleet.plant(12, Failure::Gate);
    fleet.plant(19, Failure::State);
    fleet.plan("waves = [1, \"15%\", \"rest\"]\nparallel = 3\nmax_failures = 3\n");
    let answer = fleet.rollout(&["--json"]);
    assert_eq!(answer.code, 30, "{answer}");
    let document = answer.json();
    assert_eq!(document["error"]["kind"], "failed", "{document}");
    let summary = "17 of 20 done; 3 failed before COMMIT, unchanged";
    assert_eq!(document["summary"], summary, "{document}");
    let waves = document["waves"].as_array().unwrap();
    assert_eq!(numbers(waves, "databases"), [1, 3, 16]);
    assert_eq!(numbers(waves, "failed"), [0, 0, 3]);
    let kinds = [(7, "failed"), (12, "gate-blocked"), (19, "not-baseline")];
    for (at, kind) in kinds {
        let one = &document["databases"][at];
        assert_eq!(one["kind"], kind, "{one}");
        assert_eq!(one["outcome"], "unchanged", "{one}");
        fleet.is_before(at);
    }
    (0..20)
        .filter(|at| !kinds.iter().any(|(failed, _)| failed == at))
        .for_each(|at| fleet.is_after(at));
    let receipt = fleet.newest(".rollout.json");
    assert_eq!(
        document["receipt"],
        format!(
            "receipts/{}",
            receipt.file_name().unwrap().to_str().unwrap()
        )
    );
    fleet
        .pgseal(&[
            "receipt",
            "verify",
            receipt.to_str().unwrap(),
            "--trust",
            "trust.json",
        ])
        .done()
        .says(&[
            "rollout of small 1.0.0: 17 of 20 done; 3 failed before COMMIT, unchanged, signed by",
        ]);
    let status = fleet.status(&[]);
    assert_eq!(status.code, 31, "{status}");
    status.says(&[summary, "unchanged host=", "ended"]);
    // Mended, it goes on: the three are run, and no other runs again.
    for (at, _) in kinds {
        fleet.mend(at);
    }
    let answer = fleet.rollout(&["--resume", "--json"]);
    answer.done();
    let document = answer.json();
    let all = document["databases"].as_array().unwrap();
    let of = |outcome| all.iter().filter(|one| one["outcome"] == outcome).count();
    assert_eq!((of("already"), of("committed")), (17, 3), "{document}");
    (0..20).for_each(|at| fleet.is_after(at));
    fleet.status(&[]).done().says(&["20 of 20 done"]);
    audited(&fleet);
    // Back, the last database first.
    let answer = fleet.pgseal(&fleet.arguments(&["rollback"], &["--json"]));
    answer.done();
    let document = answer.json();
    assert_eq!(document["action"], "rollback");
    let back = document["databases"].as_array().unwrap();
    let names = |all: &[Value]| -> Vec<String> {
        all.iter()
            .map(|one| one["database"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut reversed = names(back);
    reversed.reverse();
    assert_eq!(reversed, names(all));
    writer.wait_for(1);
    writer.stop();
    let drop = "drop table public.written";
    fleet.databases[15].client().batch_execute(drop).unwrap();
    for (at, before) in &dumped {
        assert_same(before, &dump(&fleet.databases[*at]));
    }
    (0..20).for_each(|at| fleet.is_rolled_back(at));
    // Once more, there is nothing to do.
    let again = fleet.pgseal(&fleet.arguments(&["rollback"], &["--json"]));
    again.done();
    assert!(
        again.json()["databases"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["outcome"] == "already")
    );
}

/// An archive of bundle and receipts has no fault, until a receipt of a run is missing or another.
#[track_caller]
fn audited(fleet: &Fleet) {
    let dir = fleet.site.path("receipts");
    fs::copy(&fleet.bundle, dir.join("small.pgseal")).unwrap();
    let audit = || fleet.pgseal(&["audit", "receipts", "--trust", "trust.json"]);
    audit().done().says(&[
        "17 of 20 done",
        "20 of 20 done",
        "a rollout receipt signed by",
    ]);
    let named: Value =
        serde_json::from_slice(&fs::read(fleet.newest(".rollout.json")).unwrap()).unwrap();
    let run_id = named["predicate"]["databases"][3]["run_id"]
        .as_str()
        .unwrap();
    let of_run = fleet.find(&format!("-{}.receipt.json", &run_id[..8]));
    let aside = fleet.site.path("aside");
    let rest = [
        of_run.with_extension("sig"),
        of_run
            .to_string_lossy()
            .replace(".receipt.json", ".journal")
            .into(),
    ];
    let all: Vec<_> = [of_run.clone()].into_iter().chain(rest).collect();
    fs::create_dir(&aside).unwrap();
    for path in &all {
        fs::rename(path, aside.join(path.file_name().unwrap())).unwrap();
    }
    let missing = audit();
    assert_eq!(missing.code, 50, "{missing}");
    missing.says(&["receipts that it names are not here: "]);
    let receipt = fleet.newest(".rollout.json");
    let verify = || {
        fleet.pgseal(&[
            "receipt",
            "verify",
            receipt.to_str().unwrap(),
            "--trust",
            "trust.json",
        ])
    };
    let refused = verify();
    assert_eq!(refused.code, 11, "{refused}");
    refused.says(&[&format!("the receipt of run {run_id}"), "is not beside it"]);
    // An unsigned forgery of the run's receipt, under the same id.
    let forged = fs::read_to_string(aside.join(of_run.file_name().unwrap())).unwrap();
    let signer = forged.find("\"signer\":").unwrap();
    let end = signer + forged[signer..].find(",\"").unwrap() + 1;
    fs::write(&of_run, format!("{}{}", &forged[..signer], &forged[end..])).unwrap();
    let refused = verify();
    assert_eq!(refused.code, 11, "{refused}");
    refused.says(&["differs from the one that it names"]);
    let differs = audit();
    assert_eq!(differs.code, 50, "{differs}");
    differs.says(&["are not those that it names: "]);
    for path in &all {
        fs::rename(aside.join(path.file_name().unwrap()), path).unwrap();
    }
    fs::remove_dir(&aside).unwrap();
    verify().done();
    audit().done();
    archived(fleet);
    fs::remove_file(dir.join("small.pgseal")).unwrap();
}

/// An archive takes the receipt, and audits it.
#[track_caller]
fn archived(fleet: &Fleet) {
    let log = ["--trust", "trust.json", "--key", "log.key"];
    let init = ["archive", "init", "archive", "--origin", "example.org/log"];
    fleet.pgseal(&[&init, &log[..]].concat()).done();
    for files in ["trust.json", "receipts"] {
        let add = ["archive", "add", "archive", files];
        fleet.pgseal(&[&add, &log[..]].concat()).done();
    }
    assert_eq!(
        fs::read_dir(fleet.site.path("archive"))
            .unwrap()
            .filter(|entry| {
                entry
                    .as_ref()
                    .unwrap()
                    .path()
                    .to_string_lossy()
                    .ends_with(".rollout.sig")
            })
            .count(),
        2
    );
    fleet
        .pgseal(&["audit", "archive", "--trust", "trust.json"])
        .done();
}

#[test]
fn max_failures() {
    let fleet = Fleet::of(8, "max");
    fleet.plan("max_failures = 1\n");
    for at in [2, 4, 6] {
        fleet.plant(at, Failure::BeforeCommit);
    }
    let answer = fleet.rollout(&["--json"]);
    assert_eq!(answer.code, 30, "{answer}");
    let document = answer.json();
    assert_eq!(
        document["summary"],
        "3 of 8 done; 2 failed before COMMIT, unchanged; 3 not begun"
    );
    assert_eq!(
        document["stopped"],
        "2 databases failed, and max_failures is 1"
    );
    (5..8).for_each(|at| fleet.is_before(at));
    let text = fleet.status(&[]);
    text.says(&["no further database was begun: 2 databases failed"]);
}

#[test]
fn soak() {
    let question = "select coalesce(min(who), '') <> 'ill' as ready, 'health of ' || current_database() as reason
        from public.approvals;\n";
    let fleet = Fleet::with(6, "soak", |release| {
        release.file("checks/soak.sql", question)
    });
    fleet.plan("waves = [2, \"rest\"]\nsoak = \"checks/soak.sql\"\n");
    fleet.databases[1]
        .client()
        .batch_execute("insert into public.approvals values ('ill')")
        .unwrap();
    let answer = fleet.rollout(&["--json"]);
    assert_eq!(answer.code, 20, "{answer}");
    let document = answer.json();
    assert_eq!(document["error"]["kind"], "gate-blocked", "{document}");
    assert_eq!(
        (&document["done"], &document["left"]),
        (&2.into(), &4.into()),
        "{document}"
    );
    fleet.is_after(1);
    fleet.is_before(2);
    let stopped = document["stopped"].as_str().unwrap();
    assert!(
        stopped.contains(&format!("health of {}", fleet.databases[1].name())),
        "{stopped}"
    );
    fleet.databases[1]
        .client()
        .batch_execute("delete from public.approvals where who = 'ill'")
        .unwrap();
    let events = ["--resume", "--events", "events"];
    fleet.rollout(&events).done();
    (0..6).for_each(|at| fleet.is_after(at));
    let lines = fs::read_to_string(fleet.site.path("events")).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |event| lines.iter().filter(|line| line["event"] == event).count();
    assert_eq!(
        (of("wave"), of("database"), of("soak"), of("ended")),
        (2, 6, 6, 1)
    );
}
