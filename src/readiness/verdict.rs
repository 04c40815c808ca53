//! The verdict over the matrix: one word, the reason, and the next steps.

use serde::Serialize;

use super::cell::{Cell, CellStatus, Row};
use super::cells::Matrix;
use super::facts::{Database, ReadinessFacts};
use super::human_time::{count, day_and_time_of, listed, sentence};
use super::values::compared;
use pgseal_verify::format::manifest::Transaction;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// All answers are positive and the gate is open: `run` would start.
    Ready,
    /// Nothing failed, but a person has to act.
    Blocked,
    /// It ran here before, and the approvals were for that run.
    Held,
    /// In effect, and proved now.
    Done,
    Stop,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "READY",
            Self::Blocked => "BLOCKED",
            Self::Held => "HELD",
            Self::Done => "DONE",
            Self::Stop => "STOP",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub status: Status,
    /// Exit code: 0, 11 or 20 while it waits for a person, or that of the failure.
    pub exit: u8,
    pub sentence: String,
    /// Actions that resolve it.
    pub missing: Vec<Missing>,
    pub then: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The first question that it resolves.
    pub row: Row,
    pub what: String,
    /// The command that performs it or shows more.
    pub command: Option<String>,
}

impl Missing {
    fn of(cell: &Cell, what: impl Into<String>) -> Self {
        Self {
            row: cell.row,
            what: what.into(),
            command: cell.command.clone(),
        }
    }
}

/// Priority of failures, gravest first: the current state of the database, then missing
/// permissions, then observations elsewhere.
const GRAVEST: [Row; 9] = [
    Row::Ledger,
    Row::Files,
    Row::Signatures,
    Row::Approvals,
    Row::Target,
    Row::Gate,
    Row::State,
    Row::Checks,
    Row::Rehearsal,
];

/// Questions that must be proved for a release in effect. Its receipt shows the circumstances of
/// the run, which decide nothing now.
const IN_EFFECT: [Row; 6] = [
    Row::Files,
    Row::Signatures,
    Row::Target,
    Row::Ledger,
    Row::State,
    Row::Checks,
];

/// Exit code of BLOCKED.
const BLOCKED: u8 = 20;

/// Exit code of a release that stopped half way.
const PARTIAL: u8 = 31;

/// Exit code of HELD, that of `run`.
const HELD: u8 = 11;

pub fn verdict(facts: &ReadinessFacts, matrix: &Matrix) -> Verdict {
    let stop = |row: &Row| {
        let cell = matrix.cell(*row)?;
        match cell.mark {
            CellStatus::Stop(exit) => Some((cell, exit)),
            _ => None,
        }
    };
    let release = facts.release.as_ref();
    let in_effect = release.is_some_and(|release| release.in_effect().is_some());
    if let Some((cell, exit)) = GRAVEST.iter().find_map(stop) {
        return stopped(matrix, cell, exit, in_effect);
    }
    let needed = |cell: &&Cell| !in_effect || IN_EFFECT.contains(&cell.row);
    let open: Vec<&Cell> = matrix
        .cells
        .iter()
        .filter(needed)
        .filter(|cell| !cell.mark.is_clear())
        .collect();
    match (&open[..], in_effect) {
        ([], true) => done(facts, matrix),
        ([], false) => ready(facts),
        (open, _) => blocked(facts, open, in_effect),
    }
}

fn stopped(matrix: &Matrix, cell: &Cell, exit: u8, in_effect: bool) -> Verdict {
    let wrong: Vec<&Cell> = matrix
        .cells
        .iter()
        .filter(|cell| matches!(cell.mark, CellStatus::Stop(_)))
        .collect();
    // Half way, the state is between two: that repeats the first answer.
    let wrong: Vec<&Cell> = match (cell.row, exit) {
        (Row::Ledger, PARTIAL) => wrong
            .into_iter()
            .filter(|cell| cell.row != Row::State)
            .collect(),
        _ => wrong,
    };
    let others = match wrong.len() - 1 {
        0 => String::new(),
        1 => " One other answer below says STOP, too.".to_owned(),
        more => format!(" {more} other answers below say STOP, too."),
    };
    let missing = wrong.iter().filter_map(|cell| {
        let what = cell.way_out.as_deref();
        Some(Missing::of(cell, what.or(mend(cell.row, in_effect))?))
    });
    Verdict {
        status: Status::Stop,
        exit,
        sentence: format!("Something is wrong. {}{others}", sentence(&cell.says)),
        missing: missing.collect(),
        then: vec![
            "Run nothing before the cause is understood and mended. There is no switch that goes around it.".into(),
            "This report changed nothing. Once it is mended, make a new one.".into(),
        ],
    }
}

/// Default advice for a failure, if the cell has none.
fn mend(row: Row, in_effect: bool) -> Option<&'static str> {
    match (row, in_effect) {
        (Row::State, true) => Some(
            "These values were changed since the run: find out by whom, and why. `pgseal rollback` with its bundle leads back to the start.",
        ),
        (Row::State, false) => Some(
            "The database is not in the state that the release was made for: find out what changed there, and why.",
        ),
        (Row::Checks, _) => {
            Some("Look at the checks that do not hold: their details say what was found.")
        }
        _ => None,
    }
}

fn done(facts: &ReadinessFacts, matrix: &Matrix) -> Verdict {
    let database = database(facts);
    let release = facts.release.as_ref();
    let row = release.and_then(|release| release.in_effect());
    let since = row.map(|row| format!(" since {}", day_and_time_of(&row.at)));
    let since = since.unwrap_or_default();
    let checks = match matrix.cell(Row::Checks) {
        Some(cell) if cell.mark == CellStatus::Go => format!(", and {}", lower(&cell.says)),
        _ => ".".to_owned(),
    };
    let state = release.map(|release| compared(&release.manifest.states.finalized));
    let promised = as_promised(state.unwrap_or_default());
    Verdict {
        status: Status::Done,
        exit: 0,
        sentence: format!("The release is in effect on {database}{since}; {promised}{checks}"),
        missing: Vec::new(),
        then: vec![
            "Nothing is left to do. The receipt is kept with the other records.".into(),
            format!(
                "It can be checked again at any time with `{}`. Asking changes nothing.",
                command(facts, "check")
            ),
            format!(
                "It can be taken back with `{}`. That waits for no gate, and proves that the start is back.",
                command(facts, "rollback")
            ),
        ],
    }
}

/// Phrase for the state of a release in effect.
fn as_promised((all, relative): (usize, usize)) -> String {
    let is = |number: usize| if number == 1 { "is" } else { "are" };
    let (values, not) = (count(all as u64, "value"), is(relative));
    match (all, relative) {
        (_, 0) => "the database is as promised".to_owned(),
        (0, _) => {
            let values = count(relative as u64, "relative value");
            format!("{values} {not} not compared now")
        }
        _ => {
            let (is, ones) = (is(all), count(relative as u64, "relative one"));
            format!("{values} {is} as promised, {ones} {not} not compared now")
        }
    }
}

fn ready(facts: &ReadinessFacts) -> Verdict {
    Verdict {
        status: Status::Ready,
        exit: 0,
        sentence: format!(
            "Everything that has to be there is there and the gate is open: the operator can run it on {} now.",
            database(facts)
        ),
        missing: Vec::new(),
        then: run_steps(facts),
    }
}

fn blocked(facts: &ReadinessFacts, open: &[&Cell], in_effect: bool) -> Verdict {
    let mut missing: Vec<Missing> = Vec::new();
    for cell in open {
        let what = cell.way_out.clone().unwrap_or_else(|| way_out(cell));
        // Five questions to an unqueried database are one action.
        if !missing.iter().any(|known| known.what == what) {
            missing.push(Missing::of(cell, what));
        }
    }
    let sentence = if in_effect {
        let database = database(facts);
        format!("The release is in effect on {database}, and that it holds is not proved.")
    } else if is_only_unproved(facts, open) {
        let reasons = listed(&reasons(facts, open));
        format!("It could run, and that it can be undone is not proved: {reasons}.")
    } else {
        format!("It can't run yet: {}.", listed(&reasons(facts, open)))
    };
    let is_held = open.iter().any(|cell| cell.mark == CellStatus::Held);
    let (status, exit) = match is_held {
        true => (Status::Held, HELD),
        false => (Status::Blocked, BLOCKED),
    };
    Verdict {
        status,
        exit,
        sentence,
        missing,
        then: run_steps(facts),
    }
}

/// Whether only a rehearsal is missing that neither the release nor the trust root requires.
fn is_only_unproved(facts: &ReadinessFacts, open: &[&Cell]) -> bool {
    let release = facts.release.as_ref();
    let is_required = release.is_none_or(|release| release.requires_rehearsal);
    !is_required && open.iter().all(|cell| cell.row == Row::Rehearsal)
}

/// Short phrases for the missing answers.
fn reasons<'a>(facts: &ReadinessFacts, open: &[&'a Cell]) -> Vec<&'a str> {
    let release = facts.release.as_ref();
    let asked = release.is_some_and(|release| !matches!(release.database, Database::NotAsked));
    let mut reasons: Vec<&str> = Vec::new();
    for cell in open {
        let general = match cell.row {
            Row::Approvals if cell.mark == CellStatus::Held => {
                "it ran here before, and has to be approved anew"
            }
            Row::Approvals => "approvals are missing",
            Row::Rehearsal => "no rehearsal of it counts",
            _ if !asked => "the database was not asked",
            Row::Gate if cell.mark == CellStatus::NoGo => "the gate is closed",
            // Covered by the phrase for the gate.
            Row::State | Row::Checks if cell.mark == CellStatus::NoGo => continue,
            Row::Ledger if cell.mark == CellStatus::NoGo => {
                "something else is running there right now"
            }
            _ => "not every question could be answered",
        };
        let reason = cell.reason.as_deref().unwrap_or(general);
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons
}

/// Default advice for an open question, if the cell has none.
fn way_out(cell: &Cell) -> String {
    match (cell.row, &cell.mark) {
        (Row::Gate, CellStatus::NoGo) => {
            let says = cell.says.as_str();
            let why = says.strip_prefix("It is closed: ").unwrap_or(says);
            format!(
                "The gate opens when the people who decide have decided, and the database says so. Today it says: {why}"
            )
        }
        (Row::Ledger, CellStatus::NoGo) => "Wait until it is over, and ask again.".to_owned(),
        _ => format!("{} {}", cell.row.question(), cell.says),
    }
}

/// The command line of an action: `run`, `check`, `rollback`.
pub fn command(facts: &ReadinessFacts, name: &str) -> String {
    let release = facts.release.as_ref();
    let line = release.and_then(|release| facts.known.command(name, &release.manifest));
    line.unwrap_or_else(|| format!("pgseal {name} FILE"))
}

/// The steps of a run, for readers without experience.
fn run_steps(facts: &ReadinessFacts) -> Vec<String> {
    let Some(release) = &facts.release else {
        return Vec::new();
    };
    let manifest = &release.manifest;
    let tiers = count(manifest.tiers.len() as u64, "step");
    let mut modes = manifest.tiers.iter().map(|tier| tier.transaction);
    let alone = modes.any(|mode| mode == Transaction::None);
    let how = if alone {
        format!(
            "It goes through {tiers}. Some are committed one by one; if it stops between two, one command goes on and another goes back."
        )
    } else {
        format!("It goes through {tiers} as one: all of them happen, or none does.")
    };
    let gate = if manifest.gates.is_empty() {
        ""
    } else {
        " It asks the gate again, before its first change and after its last one."
    };
    let run = format!("The operator runs `{}`.{gate}", command(facts, "run"));
    let stage = manifest.stage_of.as_ref().map(|of| {
        format!(
            "This is only the beginning of the release {}. While it is in effect the whole can't run; its rollback leads back.",
            of.release
        )
    });
    let differs = if alone {
        format!(
            "If one differs, the last transaction is undone, and the steps committed before it stay: `{}` takes them back.",
            command(facts, "rollback")
        )
    } else {
        "If one differs, everything is undone.".to_owned()
    };
    let steps = [
        run,
        how,
        format!(
            "Before it is final, the values and checks below are compared with what was promised. {differs}"
        ),
        format!(
            "A signed receipt says what was done, to which database, and on whose approval. It can be taken back with `{}`.",
            command(facts, "rollback")
        ),
    ];
    steps.into_iter().chain(stage).collect()
}

fn database(facts: &ReadinessFacts) -> String {
    let release = facts.release.as_ref();
    release.map_or_else(|| "the database".to_owned(), |release| release.database())
}

fn lower(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars
        .next()
        .map(|first| first.to_lowercase().chain(chars).collect())
        .unwrap_or_default()
}
