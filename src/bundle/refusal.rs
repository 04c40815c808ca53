//! What no script of a release may do, whoever packed it: asked when packing, and again before each statement is sent.

use crate::sql::{Copy, Inspection, parts};

/// Why a statement is not sent.
pub struct Refusal {
    /// The rule of `lint`.
    pub rule: &'static str,
    /// As a sentence.
    pub why: String,
    /// What to do instead.
    pub hint: &'static str,
}

/// Why this statement must not be sent, if it must not. Of statements that `\;` joined each is judged like one of its own.
pub fn refused_everywhere(sql: &str, inspection: &Inspection) -> Option<Refusal> {
    if inspection.statements < 2 {
        return refused(inspection);
    }
    parts(sql).iter().find_map(|part| {
        let data = part.inspection.copy == Some(Copy::FromStdin);
        let joined = || Refusal {
            rule: "joined-copy",
            why: "COPY FROM STDIN among statements joined by \\;".to_owned(),
            hint: "end the statement before it with a plain semicolon",
        };
        refused(&part.inspection).or_else(|| data.then(joined))
    })
}

fn refused(inspection: &Inspection) -> Option<Refusal> {
    if let Some(control) = inspection.transaction_control {
        return Some(Refusal {
            rule: "transaction-control",
            why: format!("transaction control ({control}) in a transactional script"),
            hint: "a release is one transaction that pgseal begins and ends; remove the statement",
        });
    }
    if let Some(what) = inspection.outside_transaction {
        return Some(Refusal {
            rule: "outside-transaction",
            why: format!("{what} can't run inside a transaction"),
            hint: "run it apart from the release; this version of pgseal has no non-transactional tiers",
        });
    }
    let change = inspection.session_change.filter(|change| change.is_refused())?;
    Some(Refusal {
        rule: "session-change",
        why: format!("{change} in a script"),
        hint: "pgseal and the server would no longer agree on what runs, or as whom",
    })
}
