//! Computes cells from facts: one function for each question.

mod asked;
mod signed;

use super::cell::{Cell, CellStatus, Row};
use super::facts::{ReadinessFacts, ReleaseFacts};

/// Validity of a database result in seconds: the database can change at any moment, and `run`
/// queries it again.
pub const ANSWER_SECONDS: i64 = 15 * 60;

/// Validity of a rehearsal in seconds: its source database keeps changing.
pub const REHEARSAL_SECONDS: i64 = 7 * 24 * 60 * 60;

pub struct Matrix {
    /// A cell for each of [`Row::ALL`], in that order.
    pub cells: Vec<Cell>,
}

impl Matrix {
    pub fn of(facts: &ReadinessFacts) -> Self {
        let mut matrix = Self {
            cells: Row::ALL.into_iter().map(|row| cell(row, facts)).collect(),
        };
        matrix.wait_for_the_gate();
        matrix
    }

    /// Defers mismatches of state and checks until the gate is open: the event that opens the gate
    /// may also satisfy the state, so `run` evaluates the gate first.
    fn wait_for_the_gate(&mut self) {
        if self
            .cell(Row::Gate)
            .is_none_or(|gate| gate.mark != CellStatus::NoGo)
        {
            return;
        }
        let judged_later = |cell: &&mut Cell| {
            [Row::State, Row::Checks].contains(&cell.row)
                && cell.mark == CellStatus::Stop(asked::PREFLIGHT)
        };
        for cell in self.cells.iter_mut().filter(judged_later) {
            cell.mark = CellStatus::NoGo;
            cell.way_out = Some(format!(
                "{} This is looked at again once the gate is open.",
                cell.says
            ));
        }
    }

    pub fn cell(&self, row: Row) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.row == row)
    }
}

/// A blocking problem takes precedence over positive evidence.
fn cell(row: Row, facts: &ReadinessFacts) -> Cell {
    let Some(release) = &facts.release else {
        let not_authentic = "Nothing is read from a file that is not authentic.";
        return facts.trouble(row).map_or_else(
            || Cell::unknown(row, not_authentic),
            |it| Cell::trouble(row, it),
        );
    };
    let answered = answer(row, facts, release);
    match facts.trouble(row) {
        None => answered,
        Some(trouble) => {
            let cell = Cell::trouble(row, trouble);
            let way_out = cell.way_out.or(answered.way_out);
            let waits = cell.until.map(|_| {
                let line = facts.known.command("run", &release.manifest);
                line.map(|line| format!("{line} --wait"))
            });
            Cell {
                mark: cell.mark,
                says: cell.says,
                excerpt: cell.excerpt,
                way_out,
                command: waits.unwrap_or(answered.command),
                reason: cell.reason,
                until: cell.until.or(answered.until),
                ..answered
            }
        }
    }
}

fn answer(row: Row, facts: &ReadinessFacts, release: &ReleaseFacts) -> Cell {
    match row {
        Row::Files => signed::files(facts, release),
        Row::Signatures => signed::signatures(facts, release),
        Row::Approvals => signed::approvals(facts, release),
        Row::Rehearsal => signed::rehearsal(facts, release),
        Row::Target => asked::target(facts, release),
        Row::Ledger => asked::ledger(facts, release),
        Row::Gate => asked::gate(facts, release),
        Row::State => asked::state(facts, release),
        Row::Checks => asked::checks(facts, release),
    }
}
