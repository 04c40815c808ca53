//! Points at which a release with tiers of `transaction = "none"` can stop, as `lint`, `pack` and
//! `plan` show them.

use serde_json::{Value, json};

use super::Output;
use crate::bundle::steps::Step;
use crate::lint::points::{Point, Undo};

/// JSON array of the points.
pub fn document(points: &[Point]) -> Value {
    let point = |point: &Point| {
        let (rollback, detail) = match &point.undo {
            Undo::Nothing => ("nothing", None),
            Undo::By(at) => ("by", Some(at.to_string())),
            Undo::Left(what) => ("left", Some(what.clone())),
            Undo::Unseen => ("unseen", None),
        };
        let runs = match point.step {
            Step::Setting => "setting",
            Step::Within => "transaction",
            Step::NonTransactional(_) => "outside",
        };
        json!({
            "tier": point.tier, "number": point.number, "count": point.count, "file": &*point.at.file, "line": point.at.line,
            "statement": point.text, "runs": runs, "after_a_crash": point.step.evidence_phrase(), "rollback": rollback,
            "detail": detail,
        })
    };
    points.iter().map(point).collect()
}

/// Prints the statements that commit alone, and the effect of a rollback after each. Prints nothing
/// without such statements.
pub fn show(points: &[Point], out: Output) {
    let head = ["commits alone", "", "statement", ROLLBACK];
    let row = |point: &Point| vec![number(point), place(point), text(point), undo(point)];
    print(&head, points.iter().map(row).collect(), out);
}

/// Like [`show`], with the evidence that a resumed run checks.
pub fn show_with_evidence(points: &[Point], out: Output) {
    let head = ["commits alone", "", "statement", "after a crash", ROLLBACK];
    let row = |point: &Point| {
        let after = point.step.evidence_phrase().to_owned();
        vec![number(point), place(point), text(point), after, undo(point)]
    };
    print(&head, points.iter().map(row).collect(), out);
}

const ROLLBACK: &str = "a rollback from there on";

fn print(head: &[&str], rows: Vec<Vec<String>>, out: Output) {
    if !rows.is_empty() {
        out.table(head, rows);
    }
}

fn number(point: &Point) -> String {
    match point.count {
        1 => format!("{} {}", point.tier, point.number),
        count => {
            let last = point.number + count - 1;
            format!("{} {}-{last}", point.tier, point.number)
        }
    }
}

fn place(point: &Point) -> String {
    format!("{}:{}", point.at.file, point.at.line)
}

fn text(point: &Point) -> String {
    match point.count {
        1 => point.text.clone(),
        count => format!("{} and {} more", point.text, count - 1),
    }
}

fn undo(point: &Point) -> String {
    match &point.undo {
        Undo::Nothing => "nothing to undo".to_owned(),
        Undo::By(at) => format!("undone at {}:{}", at.file, at.line),
        Undo::Left(what) => format!("NOT UNDONE: {what}"),
        Undo::Unseen => "NOT SEEN to be undone".to_owned(),
    }
}
