//! Cells with evidence from the database: its identity, the ledger, the gates, the state, the
//! checks.

use super::super::cell::{Cell, CellStatus, Proof, ProofOf, Row};
use super::super::facts::{Answers, Database, Facts, Kept, ReleaseFacts};
use super::super::human_time::{count, day_and_time, day_and_time_of};
use super::super::values::spelled;
use super::ANSWER_SECONDS;
use super::signed::{database, later, receipt_proof, scripts_of};
use pgseal_verify::format::manifest::{ReleaseState, State};
use pgseal_verify::format::receipt::{
    Action, GateAnswer, ObservedTarget, Outcome, Receipt, VerifyRecord,
};

pub(super) fn target(facts: &Facts, release: &ReleaseFacts) -> Cell {
    let Some(answers) = release.answers() else {
        let then = |receipt: &Receipt| format!("it was {}", receipt.target.database);
        return not_asked(Row::Target, facts, release, then);
    };
    now(
        Row::Target,
        CellStatus::Go,
        format!(
            "It is {}, which the release is for.",
            answers.target.database
        ),
        answers,
    )
}

pub(super) fn ledger(facts: &Facts, release: &ReleaseFacts) -> Cell {
    let Some(answers) = release.answers() else {
        return not_asked(Row::Ledger, facts, release, |receipt| {
            let outcome = match receipt.outcome {
                Outcome::Committed => "was done",
                Outcome::Unchanged => "failed and changed nothing",
                Outcome::Partial => "stopped half way",
                Outcome::Unknown => "ended without anybody knowing how",
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
    let proof = row.map(|row| Proof {
        of: ProofOf::LedgerRow,
        name: format!("run {}, transaction {}", row.run_id, row.transaction_id),
        sha256: None,
        keys: Vec::new(),
        at: row.at.parse().ok(),
    });
    now(Row::Ledger, CellStatus::Go, says, answers)
        .proved(proof)
        .proved(release.receipt_in_effect().map(receipt_proof))
}

pub(super) fn gate(facts: &Facts, release: &ReleaseFacts) -> Cell {
    if release.manifest.gates.is_empty() {
        return Cell::new(Row::Gate, CellStatus::NotNeeded, "The release has no gate.")
            .dated(facts.now, None);
    }
    if let Some(answers) = release
        .answers()
        .filter(|answers| answers.in_effect.is_some())
    {
        return gate_of_the_run(answers, release);
    }
    let Some(answers) = release.answers() else {
        return not_asked(Row::Gate, facts, release, |receipt| {
            let ready = !receipt.gates.is_empty() && receipt.gates.iter().all(|gate| gate.ready);
            if ready {
                "it was open".to_owned()
            } else {
                "it was not open".to_owned()
            }
        });
    };
    let Some(gates) = &answers.gates else {
        return now(
            Row::Gate,
            CellStatus::Unknown,
            "It was not asked, because of what stands above or below.".into(),
            answers,
        );
    };
    let closed = gates.iter().filter(|gate| !gate.ready).count() as u64;
    let (mark, says) = match closed {
        0 => (
            CellStatus::Go,
            format!("It is open: {}.", sentence(&reasons(gates, true))),
        ),
        _ => (
            CellStatus::NoGo,
            format!("It is closed: {}.", sentence(&reasons(gates, false))),
        ),
    };
    let gate = || facts.known.command("gate", &release.manifest);
    let command = (mark == CellStatus::NoGo)
        .then(gate)
        .flatten()
        .map(|line| format!("{line} --watch"));
    let cell =
        now(Row::Gate, mark, says, answers).details(gates.iter().flat_map(gate_details).collect());
    Cell { command, ..cell }
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

/// Removes the final full stop, because the caller adds one.
fn sentence(text: &str) -> &str {
    text.trim_end_matches('.')
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

pub(super) fn state(facts: &Facts, release: &ReleaseFacts) -> Cell {
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
        let says = format!(
            "All of {} are {when}.",
            count(state.expect.len() as u64, "value")
        );
        let says = if state.expect.len() == 1 {
            format!("Its one value is {when}.")
        } else {
            says
        };
        return now(Row::State, CellStatus::Go, says, answers);
    }
    // Only the first three fit in a sentence.
    let first: Vec<&str> = wrong.iter().take(3).map(String::as_str).collect();
    let more = if wrong.len() > first.len() {
        ", and more"
    } else {
        ""
    };
    let what = if wrong.len() == 1 {
        "1 value is".to_owned()
    } else {
        format!("{} values are", wrong.len())
    };
    let says = format!("{what} not {when}: {}{more}.", first.join(", "));
    now(Row::State, CellStatus::Stop(PREFLIGHT), says, answers).details(wrong)
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

pub(super) fn checks(facts: &Facts, release: &ReleaseFacts) -> Cell {
    let manifest = &release.manifest;
    let Some(answers) = release.answers() else {
        if manifest.verify.is_empty() {
            return Cell::new(
                Row::Checks,
                CellStatus::NotNeeded,
                "The release has no check.",
            )
            .dated(facts.now, None);
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
    let failed = |record: &VerifyRecord| {
        let name = record.name.clone();
        record
            .failed
            .iter()
            .map(move |failed| format!("{name}: {failed}"))
            .collect::<Vec<_>>()
    };
    let details = records
        .iter()
        .map(line)
        .chain(records.iter().flat_map(failed))
        .collect();
    if held < all || all == 0 {
        let says = format!("{held} of {} hold.", count(all, "check"));
        return now(Row::Checks, CellStatus::Stop(PREFLIGHT), says, answers).details(details);
    }
    let says = format!("{held} of {} hold.", count(all, "check"));
    now(Row::Checks, CellStatus::Go, says, answers).details(details)
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
        of: ProofOf::Answer,
        name,
        sha256: None,
        keys: Vec::new(),
        at: Some(answers.at),
    };
    Cell::new(row, mark, says)
        .dated(answers.at, later(answers.at, ANSWER_SECONDS))
        .proved([proof])
}

/// A cell without a current result. A receipt's result is shown, and decides nothing about the
/// present.
fn not_asked(
    row: Row,
    facts: &Facts,
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
    cell.way_out(
        format!(
            "Somebody who can reach the database {} asks it.",
            database(release)
        ),
        command,
    )
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
