//! Cells with evidence from the database: its identity, the ledger, the gates, the state, the
//! checks.

use super::super::cell::{Cell, CellStatus, Proof, ProofOf, Row};
use super::super::facts::{Answers, Database, Kept, ReadinessFacts, ReleaseFacts};
use super::super::human_time::{count, day_and_time, day_and_time_of};
use super::super::values::{compared, spelled};
use super::ANSWER_SECONDS;
use super::signed::{later, ledger_row, receipt_proof, scripts_of};
use pgseal_verify::format::manifest::{ReleaseState, State, States};
use pgseal_verify::format::receipt::{
    Action, GateAnswer, ObservedTarget, Outcome, Receipt, VerifyRecord,
};

pub(super) fn target(facts: &ReadinessFacts, release: &ReleaseFacts) -> Cell {
    let Some(answers) = release.answers() else {
        let then = |receipt: &Receipt| format!("it was {}", receipt.target.database);
        return not_asked(Row::Target, facts, release, then);
    };
    let database = &answers.target.database;
    let says = format!("It is {database}, which the release is for.");
    now(Row::Target, CellStatus::Go, says, answers)
}

pub(super) fn ledger(facts: &ReadinessFacts, release: &ReleaseFacts) -> Cell {
    let Some(answers) = release.answers() else {
        return not_asked(Row::Ledger, facts, release, |receipt| {
            let outcome = match receipt.outcome {
                Outcome::Committed => "was done",
                Outcome::Unchanged => "failed and changed nothing",
                Outcome::Partial => "stopped half way",
                Outcome::Unknown => "ended with an unknown outcome",
            };
            format!("a {} {outcome}", receipt.action.as_str())
        });
    };
    let row = release.in_effect();
    let says = match row {
        Some(row) => format!(
            "This release is in effect here since {}.",
            day_and_time_of(&row.at)
        ),
        None if answers.rows == 0 => "No release has ever run here, so this one can.".to_owned(),
        None => {
            "This release is not in effect here, and none that is stands in its way.".to_owned()
        }
    };
    now(Row::Ledger, CellStatus::Go, says, answers)
        .proved(row.map(ledger_row))
        .proved(release.receipt_in_effect().map(receipt_proof))
}

pub(super) fn gate(facts: &ReadinessFacts, release: &ReleaseFacts) -> Cell {
    if release.manifest.gates.is_empty() {
        return Cell::new(Row::Gate, CellStatus::NotNeeded, "The release has no gate.")
            .dated(facts.now, None);
    }
    let Some(answers) = release.answers() else {
        return not_asked(Row::Gate, facts, release, |receipt| {
            let ready = !receipt.gates.is_empty() && receipt.gates.iter().all(|gate| gate.ready);
            let not = if ready { "" } else { "not " };
            format!("it was {not}open")
        });
    };
    if answers.in_effect.is_some() {
        return gate_of_the_run(answers, release);
    }
    let Some(gates) = &answers.gates else {
        let says = "It was not asked, because of what stands above or below.";
        return now(Row::Gate, CellStatus::Unknown, says.into(), answers);
    };
    let is_open = gates.iter().all(|gate| gate.ready);
    let (mark, word) = match is_open {
        true => (CellStatus::Go, "open"),
        false => (CellStatus::NoGo, "closed"),
    };
    let reasons = reasons(gates, is_open);
    // The reasons' own full stop is replaced.
    let says = format!("It is {word}: {}.", reasons.trim_end_matches('.'));
    let command = facts.known.command("gate", &release.manifest);
    let command = command.filter(|_| !is_open);
    let cell =
        now(Row::Gate, mark, says, answers).details(gates.iter().flat_map(gate_details).collect());
    Cell {
        command: command.map(|line| format!("{line} --watch")),
        ..cell
    }
}

/// The gate of a release in effect: its result during the run counts. Today's result is about
/// another run.
fn gate_of_the_run(answers: &Answers, release: &ReleaseFacts) -> Cell {
    let Some(kept) = release.receipt_in_effect() else {
        let says =
            "It ran, so the gate was open; the signed receipt that would prove it is not here.";
        return now(Row::Gate, CellStatus::Unknown, says.to_owned(), answers);
    };
    let gates = &kept.document.gates;
    let says = match gates.len() {
        1 => "It was open when it was asked for the run.".to_owned(),
        times => format!("It was open each of the {times} times that it was asked during the run."),
    };
    Cell::new(Row::Gate, CellStatus::Go, says)
        .details(gates.iter().flat_map(gate_details).collect())
        .dated(kept.document.finished, None)
        .proved([receipt_proof(kept)])
}

/// The reasons of the gates with this result, in their own words.
fn reasons(gates: &[GateAnswer], ready: bool) -> String {
    let said = gates
        .iter()
        .filter(|gate| gate.ready == ready)
        .map(|gate| gate.reason.trim());
    said.collect::<Vec<_>>().join("; ")
}

fn gate_details(gate: &GateAnswer) -> Vec<String> {
    let verdict = if gate.ready { "READY" } else { "BLOCKED" };
    let columns = gate.evidence.iter().map(|(column, value)| {
        let value = value.as_deref().unwrap_or("NULL");
        format!("{}: {column} = {value}", gate.name)
    });
    std::iter::once(format!("{}: {verdict}: {}", gate.name, gate.reason))
        .chain(columns)
        .collect()
}

pub(super) fn state(facts: &ReadinessFacts, release: &ReleaseFacts) -> Cell {
    let states = &release.manifest.states;
    let Some(answers) = release.answers() else {
        return not_asked(Row::State, facts, release, |receipt| {
            let after = receipt.after.is_some() && receipt.outcome == Outcome::Committed;
            match (after, receipt.action) {
                (true, Action::Run) => "it was as promised after the run".to_owned(),
                (true, Action::Rollback) => "it was as before the run again".to_owned(),
                (false, _) => "it was not looked at to the end".to_owned(),
            }
        });
    };
    let (state, when) = match answers.in_effect {
        Some(_) => (&states.finalized, "as promised after the run"),
        None => (&states.baseline, "as the release expects it before the run"),
    };
    let Some(observed) = &answers.observed else {
        let says = "It was not looked at, because of what stands above.";
        return now(Row::State, CellStatus::Unknown, says.to_owned(), answers);
    };
    let wrong = differing(state, observed);
    if wrong.is_empty() {
        let ran = answers.in_effect.is_some();
        let (mark, says) = as_expected(compared(state), when, ran);
        return now(Row::State, mark, says, answers);
    }
    // Only the first three fit in a sentence.
    let first = wrong[..wrong.len().min(3)].join(", ");
    let more = if wrong.len() > 3 { ", and more" } else { "" };
    let are = if wrong.len() == 1 { "is" } else { "are" };
    let values = count(wrong.len() as u64, "value");
    let says = format!("{values} {are} not {when}: {first}{more}.");
    let cell = now(Row::State, CellStatus::Stop(PREFLIGHT), says, answers).details(wrong);
    let stuck = answers
        .in_effect
        .as_ref()
        .map(|_| stays_wrong(states, observed));
    match stuck.filter(|stuck| !stuck.is_empty()) {
        None => cell,
        Some(stuck) => {
            let stuck = stuck.join(", ");
            let text = format!(
                "These values were changed since the run: find out by whom, and why, and change them back. The rollback would refuse as well, because it does not change this: {stuck}."
            );
            cell.way_out(text, None)
        }
    }
}

/// Mark and sentence of a state without a difference. Relative values were compared by the run, and
/// have no start to be compared with afterwards.
fn as_expected((all, relative): (usize, usize), when: &str, ran: bool) -> (CellStatus, String) {
    let held = if ran { "held when it ran and " } else { "" };
    let more = match relative {
        0 => String::new(),
        1 => format!("; 1 relative one {held}is not compared now"),
        more => format!("; {more} relative ones {held}are not compared now"),
    };
    match (all, relative) {
        (0, 1) => {
            let says = format!("Its one value is relative: it {held}is not compared now.");
            (CellStatus::NotNeeded, says)
        }
        (0, more @ 1..) => {
            let says =
                format!("All of {more} values are relative: they {held}are not compared now.");
            (CellStatus::NotNeeded, says)
        }
        (1, 0) => (CellStatus::Go, format!("Its one value is {when}.")),
        (1, _) => (CellStatus::Go, format!("1 value is {when}{more}.")),
        _ => {
            let all = count(all as u64, "value");
            (CellStatus::Go, format!("All of {all} are {when}{more}."))
        }
    }
}

/// Differences that a rollback expects to end without, and that it does not remove: the release
/// expects the same value before and after its run.
fn stays_wrong(
    states: &States,
    observed: &std::collections::BTreeMap<String, Option<String>>,
) -> Vec<String> {
    let mut state = states.after_rollback().into_owned();
    let finalized = &states.finalized.expect;
    state
        .expect
        .retain(|column, expected| finalized.get(column) == Some(expected));
    differing(&state, observed)
}

/// Exit code of `run` and `check` for a database outside of the expected state.
pub(super) const PREFLIGHT: u8 = 22;

fn differing(
    state: &State,
    observed: &std::collections::BTreeMap<String, Option<String>>,
) -> Vec<String> {
    let wrong =
        |(column, expected): (&String, &pgseal_verify::format::expectation::Expectation)| {
            let found = observed.get(column);
            let fits = found.is_some_and(|value| expected.accepts(value.as_deref()));
            let found = found.map_or("missing", |value| value.as_deref().unwrap_or("NULL"));
            (!fits).then(|| format!("{column} is {found} instead of {}", spelled(expected)))
        };
    state.expect.iter().filter_map(wrong).collect()
}

pub(super) fn checks(facts: &ReadinessFacts, release: &ReleaseFacts) -> Cell {
    let manifest = &release.manifest;
    let Some(answers) = release.answers() else {
        if manifest.verify.is_empty() {
            let says = "The release has no check.";
            return Cell::new(Row::Checks, CellStatus::NotNeeded, says).dated(facts.now, None);
        }
        return not_asked(Row::Checks, facts, release, |receipt| {
            match held(&receipt.verify) {
                (_, 0) => "none was made".to_owned(),
                (held, all) => format!("{held} of {all} held"),
            }
        });
    };
    let Some((when, records)) = &answers.checks else {
        let says = "They were not made, because of what stands above.";
        return now(Row::Checks, CellStatus::Unknown, says.to_owned(), answers);
    };
    if records.is_empty() && scripts_of(manifest, *when) == 0 {
        let says = match when {
            ReleaseState::Baseline => "The release has no check for the time before it runs.",
            ReleaseState::Finalized | ReleaseState::Any => {
                "The release has no check for the time after it ran."
            }
        };
        return now(Row::Checks, CellStatus::NotNeeded, says.to_owned(), answers);
    }
    let (held, all) = held(records);
    let line = |record: &VerifyRecord| {
        format!("{}: {} of {} held", record.name, record.held, record.checks)
    };
    let failed = records.iter().flat_map(|record| {
        let failed = record.failed.iter();
        failed.map(|text| format!("{}: {text}", record.name))
    });
    let details = records.iter().map(line).chain(failed);
    let details = details
        .chain(answers.denied_checks.iter().cloned())
        .collect();
    let denied = answers.denied_checks.len() as u64;
    let mark = match (held < all, denied) {
        (true, _) => CellStatus::Stop(PREFLIGHT),
        (false, 0) if all == 0 => CellStatus::Stop(PREFLIGHT),
        (false, 0) => CellStatus::Go,
        (false, _) => CellStatus::Unknown,
    };
    let hold = if all == 1 { "holds" } else { "hold" };
    let mut says = format!("{held} of {} {hold}.", count(all, "check"));
    if denied > 0 {
        let scripts = count(denied, "script");
        says = format!("{says} The role that asks may not run {scripts} of checks.");
    }
    let is_unknown = mark == CellStatus::Unknown;
    let cell = now(Row::Checks, mark, says, answers).details(details);
    match is_unknown {
        true => cell.way_out("Ask as a role that may run the checks.", None),
        false => cell,
    }
}

fn held(records: &[VerifyRecord]) -> (u64, u64) {
    (
        records.iter().map(|record| record.held).sum(),
        records.iter().map(|record| record.checks).sum(),
    )
}

/// A cell with a current result from the database.
fn now(row: Row, mark: CellStatus, says: String, answers: &Answers) -> Cell {
    let target = &answers.target;
    let name = format!("{}, asked as {}", described(target), target.role);
    let proof = Proof {
        at: Some(answers.at),
        ..Proof::new(ProofOf::Answer, name)
    };
    Cell::new(row, mark, says)
        .dated(answers.at, later(answers.at, ANSWER_SECONDS))
        .proved([proof])
}

/// A cell without a current result. A receipt's result is shown, and decides nothing about the
/// present.
fn not_asked(
    row: Row,
    facts: &ReadinessFacts,
    release: &ReleaseFacts,
    then: impl Fn(&Receipt) -> String,
) -> Cell {
    let asked = match release.database {
        Database::NotAsked => "The database was not asked.",
        _ => "The database gave no answer.",
    };
    let cell = match release.newest_receipt() {
        None => Cell::unknown(row, asked),
        Some(kept) => with_receipt(Cell::unknown(row, asked), kept, &then(&kept.document)),
    };
    let command = facts.known.command("report", &release.manifest);
    let database = release.database();
    let way_out = format!("Ask the database {database} from a host that reaches it.");
    cell.way_out(way_out, command)
}

fn with_receipt(cell: Cell, kept: &Kept<Receipt>, then: &str) -> Cell {
    let at = kept.document.finished;
    let says = format!(
        "{} The newest receipt says that {then}; that was on {}.",
        cell.says,
        day_and_time(at)
    );
    Cell { says, ..cell }
        .dated(at, later(at, ANSWER_SECONDS))
        .proved([receipt_proof(kept)])
}

fn described(target: &ObservedTarget) -> String {
    let system = target
        .system_identifier
        .as_ref()
        .map(|id| format!(", system {id}"))
        .unwrap_or_default();
    format!(
        "the database {} on PostgreSQL {}{system}",
        target.database, target.server_version
    )
}
