//! Tests of cells and verdict for given facts.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::*;
use crate::record::ledger::Entry;
use crate::runbook::Known;
use crate::trust::policy::Tally;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::expectation::Expectation;
use pgseal_verify::format::manifest::{Manifest, ReleaseState};
use pgseal_verify::format::receipt::{
    Asked, GateAnswer, ObservedTarget, TrustReference, VerifyRecord,
};
use pgseal_verify::format::rehearsal::{Rehearsal, RehearsalOutcome};
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::window::Freeze;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn now() -> Timestamp {
    at("2026-11-21T12:00:00Z")
}

fn digest() -> Digest {
    Digest::of(b"a")
}

fn manifest() -> Manifest {
    let state = |value: u32| serde_json::json!({ "probe": "p.sql", "expect": { "gap": value } });
    let manifest = serde_json::json!({
        "minimum_pgseal": "0.1.0",
        "release": { "name": "small", "version": "1", "sequence": 1, "summary": "s" },
        "target": { "database": "shop" }, "variables": {},
        "gates": [{ "name": "ratified", "file": "g.sql" }],
        "states": { "baseline": state(210), "finalized": state(0) },
        "tiers": [{ "name": "one", "file": "t.sql", "about": "First.", "gates": ["ratified"], "transaction": "release" }],
        "rollback": [], "verify": [{ "name": "c", "file": "c.sql", "state": "any", "mode": "read-only" }], "runbooks": [],
        "limits": { "lock_timeout": "5s", "statement_timeout": "5min", "idle_timeout": "1min", "transaction_timeout": "1h" },
        "files": [],
    });
    serde_json::from_value(manifest).expect("a manifest")
}

fn rehearsal(finished: &str, outcome: RehearsalOutcome) -> Kept<Rehearsal> {
    let target = serde_json::json!({ "database": "c", "server_version": "15", "server_version_num": 150000, "role": "r" });
    let rehearsal = serde_json::json!({
        "rehearsal_id": "a", "outcome": outcome, "operator": { "user": "u", "host": "h" },
        "started": finished, "finished": finished, "pgseal": "0.1.0",
        "release": { "name": "small", "version": "1", "sequence": 1, "summary": "s" }, "signers": [],
        "trust": { "version": 1, "sha256": digest() }, "source": { "method": "template", "database": "shop" },
        "clone": target, "kept": false, "variables": {}, "gates": [], "steps": [], "fingerprints": {}, "tiers": [],
        "rollback": [], "locks": [], "verify": [],
    });
    let document = serde_json::from_value(rehearsal).expect("a rehearsal");
    Kept {
        name: "a.rehearsal.json".to_owned(),
        sha256: digest(),
        key: digest(),
        owner: "host".to_owned(),
        document,
    }
}

fn answers() -> Answers {
    let target = serde_json::json!({ "database": "shop", "server_version": "15", "server_version_num": 150000, "role": "r" });
    let target: ObservedTarget = serde_json::from_value(target).expect("a target");
    let name = "ratified".parse().expect("a name");
    let gate = GateAnswer {
        name,
        asked: Asked::Before,
        ready: true,
        reason: "voted".into(),
        evidence: BTreeMap::new(),
    };
    let check = VerifyRecord {
        name: "c".parse().expect("a name"),
        held: 3,
        checks: 3,
        failed: Vec::new(),
    };
    Answers {
        at: now(),
        target,
        in_effect: None,
        rows: 0,
        gates: Some(vec![gate]),
        observed: Some(BTreeMap::from([("gap".to_owned(), Some("210".to_owned()))])),
        too_few: None,
        checks: Some((ReleaseState::Baseline, vec![check])),
        denied_checks: Vec::new(),
    }
}

/// ReadinessFacts of a release that is READY.
fn ready() -> ReadinessFacts {
    let release = ReleaseFacts {
        manifest: manifest(),
        release_id: digest(),
        files: 25,
        signers: vec![Signer {
            key: digest(),
            owner: "Mia".to_owned(),
            at: None,
            evidence: "claimed",
        }],
        trust: TrustReference {
            version: 1,
            sha256: digest(),
        },
        trust_expires: at("2027-01-01T00:00:00Z"),
        tallies: Vec::new(),
        approvers: Vec::new(),
        receipts: Vec::new(),
        rehearsals: vec![rehearsal("2026-11-20T12:00:00Z", RehearsalOutcome::Proved)],
        values: None,
        requires_rehearsal: false,
        rehearsal_max_age_days: None,
        used: None,
        left: Vec::new(),
        uncounted: Vec::new(),
        database: Database::Answered(Box::new(answers())),
    };
    let (file, known) = (
        "small-1.pgseal".to_owned(),
        Known {
            file: "../small-1.pgseal".to_owned(),
            ..Known::default()
        },
    );
    ReadinessFacts {
        now: now(),
        file,
        known,
        blockers: Vec::new(),
        release: Some(Box::new(release)),
    }
}

fn with(change: impl FnOnce(&mut ReleaseFacts)) -> ReadinessFacts {
    let mut facts = ready();
    change(facts.release.as_mut().expect("a release"));
    facts
}

fn answered(change: impl FnOnce(&mut Answers)) -> ReadinessFacts {
    with(|release| {
        let Database::Answered(answers) = &mut release.database else {
            panic!("an answer")
        };
        change(answers);
    })
}

fn judged(facts: &ReadinessFacts) -> (Status, u8) {
    let verdict = verdict(facts, &Matrix::of(facts));
    (verdict.status, verdict.exit)
}

fn mark(facts: &ReadinessFacts, row: Row) -> CellStatus {
    Matrix::of(facts).cell(row).expect("every row").mark.clone()
}

fn blocker(exit: u8, waits: bool) -> Blocker {
    Blocker {
        exit,
        text: "it is wrong".to_owned(),
        excerpt: Vec::new(),
        hint: None,
        waits,
        is_denied: false,
        reason: None,
        until: None,
    }
}

/// ReadinessFacts with rehearsals that ended so, oldest first.
fn rehearsed<const N: usize>(rehearsals: [(&str, RehearsalOutcome); N]) -> ReadinessFacts {
    let rehearsals = rehearsals.map(|(finished, outcome)| rehearsal(finished, outcome));
    with(|release| release.rehearsals = rehearsals.into())
}

fn stops(row: Row, exit: u8) -> ReadinessFacts {
    ReadinessFacts {
        blockers: vec![(row, blocker(exit, false))],
        ..ready()
    }
}

#[test]
fn ready_needs_every_answer() {
    assert_eq!(judged(&ready()), (Status::Ready, 0));
    let lacking = [
        (with(|release| release.rehearsals.clear()), Row::Rehearsal),
        (answered(|answers| answers.gates = None), Row::Gate),
        (answered(|answers| answers.observed = None), Row::State),
        (answered(|answers| answers.checks = None), Row::Checks),
        (
            with(|release| release.database = Database::NotAsked),
            Row::Target,
        ),
    ];
    for (facts, row) in lacking {
        assert_eq!(
            (mark(&facts, row), judged(&facts)),
            (CellStatus::Unknown, (Status::Blocked, 20)),
            "{row:?}"
        );
    }
}

#[test]
fn what_waits_for_people_blocks() {
    let closed = answered(|answers| {
        answers
            .gates
            .iter_mut()
            .flatten()
            .for_each(|gate| gate.ready = false)
    });
    assert_eq!(
        (mark(&closed, Row::Gate), judged(&closed)),
        (CellStatus::NoGo, (Status::Blocked, 20))
    );
    let tally = Tally {
        role: "l4".parse().expect("a name"),
        needed: 2,
        counted: 1,
        why: Vec::new(),
        other_codes: Vec::new(),
    };
    let short = with(|release| release.tallies = vec![tally]);
    assert_eq!(
        (mark(&short, Row::Approvals), judged(&short)),
        (CellStatus::NoGo, (Status::Blocked, 20))
    );
    let verdict = verdict(&short, &Matrix::of(&short));
    assert_eq!(
        verdict.missing[0].what,
        "1 person of the role l4 still has to approve it."
    );
    assert_eq!(
        verdict.missing[0].command.as_deref(),
        Some("pgseal approve ../small-1.pgseal --key YOURS.key --role l4")
    );
    assert_eq!(verdict.sentence, "It can't run yet: approvals are missing.");
}

/// The headline names the freeze or the window, not a question without an answer.
#[test]
fn outside_of_a_window_the_next_one_is_named() {
    let freeze = Freeze {
        from: at("2026-11-20T00:00:00Z"),
        to: at("2026-12-01T00:00:00Z"),
    };
    let after = Some(at("2026-12-05T02:00:00Z"));
    let frozen = "a freeze lasts until 1 December 2026, 00:00 UTC";
    let later = "5 December 2026, 02:00 UTC";
    for (freeze, next, reason) in [
        (Some(&freeze), Some(freeze.to), frozen.to_owned()),
        (
            Some(&freeze),
            after,
            format!("{frozen}, and then no window is open until {later}"),
        ),
        (None, after, format!("no window is open until {later}")),
        (None, None, "no window opens any more".to_owned()),
    ] {
        let closed = blocker(11, false).closed(freeze, next);
        let mut facts = with(|release| release.rehearsals.clear());
        facts.blockers = vec![(Row::Signatures, closed)];
        let matrix = Matrix::of(&facts);
        let cell = matrix.cell(Row::Signatures).expect("every row");
        assert_eq!(
            (&cell.mark, cell.until),
            (&CellStatus::NoGo, next.or(cell.until))
        );
        let verdict = verdict(&facts, &matrix);
        assert_eq!((verdict.status, verdict.exit), (Status::Blocked, 20));
        let sentence = format!("It can't run yet: {reason} and no rehearsal of it counts.");
        assert_eq!(verdict.sentence, sentence);
        let command = verdict.missing[0].command.as_deref();
        let waits = command.is_some_and(|line| line.ends_with(" --wait"));
        assert_eq!(waits, next.is_some(), "{command:?}");
    }
}

#[test]
fn while_the_gate_is_closed_the_state_waits_with_it() {
    let with_gap = |ready: bool| {
        answered(|answers| {
            answers
                .gates
                .iter_mut()
                .flatten()
                .for_each(|gate| gate.ready = ready);
            answers.observed = Some(BTreeMap::from([("gap".to_owned(), Some("209".to_owned()))]));
        })
    };
    let (closed, open) = (with_gap(false), with_gap(true));
    assert_eq!(
        (mark(&closed, Row::State), judged(&closed)),
        (CellStatus::NoGo, (Status::Blocked, 20))
    );
    let missing = verdict(&closed, &Matrix::of(&closed)).missing;
    assert!(
        missing[1].what.contains("gap is 209 instead of 210") && missing.len() == 2,
        "{missing:?}"
    );
    assert_eq!(
        (mark(&open, Row::State), judged(&open)),
        (CellStatus::Stop(22), (Status::Stop, 22))
    );
}

#[test]
fn what_is_wrong_stops_with_its_code() {
    for (row, exit) in [
        (Row::Files, 11),
        (Row::Target, 22),
        (Row::Ledger, 31),
        (Row::Ledger, 32),
        (Row::Gate, 21),
    ] {
        assert_eq!(judged(&stops(row, exit)), (Status::Stop, exit));
    }
    // A partial run weighs more than a failure on a clone.
    let mut both = stops(Row::Ledger, 31);
    let failed = vec![rehearsal("2026-11-21T11:00:00Z", RehearsalOutcome::Failed)];
    both.release.as_mut().expect("a release").rehearsals = failed;
    assert_eq!(
        (mark(&both, Row::Rehearsal), judged(&both)),
        (CellStatus::Stop(11), (Status::Stop, 31))
    );
    // A failure takes precedence over a pending action, in either order.
    both.blockers.insert(0, (Row::Ledger, blocker(20, true)));
    assert_eq!(judged(&both), (Status::Stop, 31));
}

#[test]
fn nothing_of_a_file_that_is_not_authentic() {
    let facts = ReadinessFacts {
        release: None,
        ..stops(Row::Signatures, 11)
    };
    assert_eq!(judged(&facts), (Status::Stop, 11));
    let matrix = Matrix::of(&facts);
    assert!(
        matrix
            .cells
            .iter()
            .all(|cell| cell.row == Row::Signatures || cell.mark == CellStatus::Unknown)
    );
}

#[test]
fn a_rehearsal_is_stale_after_a_week_and_the_newest_counts() {
    use RehearsalOutcome::{Failed, Incomplete, Limited, Proved};
    let before = ("2026-11-19T12:00:00Z", Proved);
    let and_then = |outcome| rehearsed([before, ("2026-11-20T12:00:00Z", outcome)]);
    let limited = |days| {
        let mut facts = rehearsed([("2026-11-11T12:00:00Z", Proved)]);
        let release = facts.release.as_mut().expect("a release");
        release.rehearsal_max_age_days = NonZeroU32::new(days);
        facts
    };
    let stale = rehearsed([("2026-11-14T11:59:59Z", Proved)]);
    assert_eq!(judged(&stale), (Status::Blocked, 20));
    let mended = rehearsed([
        ("2026-11-19T12:00:00Z", Failed),
        ("2026-11-20T12:00:00Z", Proved),
    ]);
    assert_eq!(judged(&mended), (Status::Ready, 0));
    for (facts, expected) in [
        (
            rehearsed([("2026-11-14T12:00:00Z", Proved)]),
            CellStatus::Go,
        ),
        (stale, CellStatus::Unknown),
        (
            rehearsed([("2026-11-21T13:00:00Z", Proved)]),
            CellStatus::Unknown,
        ),
        (and_then(Failed), CellStatus::Stop(11)),
        (and_then(Incomplete), CellStatus::Unknown),
        // A limited rehearsal does not supersede the older one, which compared all rows.
        (and_then(Limited), CellStatus::Go),
        (limited(10), CellStatus::Go),
        (limited(9), CellStatus::Unknown),
    ] {
        let release = facts.release.as_ref().expect("a release");
        let finished = release.rehearsals[0].document.finished;
        assert_eq!(mark(&facts, Row::Rehearsal), expected, "{finished}");
    }
}

#[test]
fn a_rehearsal_that_failed_says_where_in_a_sentence() {
    let mut failed = rehearsal("2026-11-20T12:00:00Z", RehearsalOutcome::Failed);
    let step =
        serde_json::json!({ "name": "compare", "ok": false, "detail": "d", "milliseconds": 1 });
    failed.document.steps = vec![serde_json::from_value(step).expect("a step")];
    failed.document.error = Some("rehearsal, compare: index public.i is missing".to_owned());
    let facts = with(|release| release.rehearsals = vec![failed]);
    let sentence = verdict(&facts, &Matrix::of(&facts)).sentence;
    let said = "The rehearsal on a copy of shop failed at the step \u{201c}compare\u{201d}: index public.i is missing.";
    assert_eq!(sentence, format!("Something is wrong. {said}"));
}

#[test]
fn done_is_proved_now() {
    let row = Entry {
        id: 1,
        at: "2026-11-21T11:00:00Z".to_owned(),
        action: "run".to_owned(),
        release: "small".to_owned(),
        version: "1".to_owned(),
        sequence: 1,
        release_id: digest().to_string(),
        run_id: "r".to_owned(),
        transaction_id: "7".to_owned(),
        role: "r".to_owned(),
        variables: BTreeMap::new(),
        approvals: Some(Vec::new()),
        requires: Some(Vec::new()),
        conflicts: Some(Vec::new()),
        finished: true,
    };
    let in_effect = |gap: &str, checks: bool| {
        let observed = BTreeMap::from([("gap".to_owned(), Some(gap.to_owned()))]);
        answered(|answers| {
            (answers.in_effect, answers.gates, answers.observed) =
                (Some(row.clone()), None, Some(observed));
            if !checks {
                answers.checks = None;
            }
        })
    };
    // Without a receipt, the gate's result during the run is unknown, and irrelevant now.
    let done = in_effect("0", true);
    assert_eq!(
        (mark(&done, Row::Gate), judged(&done)),
        (CellStatus::Unknown, (Status::Done, 0))
    );
    let changed = in_effect("1", true);
    assert_eq!(judged(&changed), (Status::Stop, 22));
    let advice =
        |facts: &ReadinessFacts| verdict(facts, &Matrix::of(facts)).missing[0].what.clone();
    assert!(advice(&changed).contains("`pgseal rollback` with its bundle leads back"));
    // A rollback that would end in 30 is not advised.
    let mut pinned = in_effect("0", true);
    let release = pinned.release.as_mut().expect("a release");
    let states = &mut release.manifest.states;
    for state in [&mut states.baseline, &mut states.finalized] {
        let rows = ("rows".to_owned(), Expectation::Integer(3));
        state.expect.extend([rows]);
    }
    let Database::Answered(answers) = &mut release.database else {
        panic!("an answer")
    };
    let observed = answers.observed.as_mut().expect("a row");
    observed.insert("rows".to_owned(), Some("4".to_owned()));
    let advice = advice(&pinned);
    assert!(
        advice.contains("The rollback would refuse as well")
            && advice.contains("rows is 4 instead of 3"),
        "{advice}"
    );
    assert_eq!(judged(&in_effect("0", false)), (Status::Blocked, 20));
    let release = done.release.as_deref().expect("a release");
    let value = &values(release)[0];
    assert_eq!(
        (
            value.now.as_deref(),
            value.holds,
            value.finalized.as_deref()
        ),
        (Some("0"), Some(true), Some("0"))
    );
    assert_eq!(timeline(release)[0].about, "First.");
}
