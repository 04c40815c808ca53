//! What a script has to do with transactions: the pair around it, and statements that can't run in one.

use super::pieces::Purpose;
use super::statements::{Edits, Span};
use psql_script::{NonTransactional, Tokens, classify};

/// Whether the script is one transaction that its first and last statement begin and end, without other control of
/// transactions. A BEGIN with a mode is not removed, since the mode would be lost.
pub fn outer_pair(spans: &[Span], purpose: Purpose) -> bool {
    let [first, .., last] = spans else {
        return false;
    };
    let begins = [
        "begin",
        "begin transaction",
        "begin work",
        "start transaction",
    ];
    let ends: &[&str] = match purpose {
        Purpose::Verify => &[
            "commit",
            "end",
            "rollback",
            "commit transaction",
            "rollback transaction",
        ],
        _ => &[
            "commit",
            "end",
            "commit transaction",
            "commit work",
            "end transaction",
        ],
    };
    let between = &spans[1..spans.len() - 1];
    first.is_whole
        && last.is_whole
        && begins.contains(&words(&first.statement.sql).as_str())
        && ends.contains(&words(&last.statement.sql).as_str())
        && between
            .iter()
            .all(|span| span.inspection.transaction_control.is_none())
}

/// The words of a short statement.
pub fn words(sql: &str) -> String {
    let tokens = Tokens::new(sql);
    let words = (0..tokens.len()).map(|i| tokens.text(i).to_ascii_lowercase());
    words
        .filter(|word| word != ";")
        .collect::<Vec<_>>()
        .join(" ")
}

/// Removes CONCURRENTLY, since a rollback is one transaction. A dropped index may be missing where a run stopped.
pub fn in_transaction(span: &Span, edits: &mut Edits) {
    if !span.is_whole {
        return;
    }
    let instead = match classify(&span.statement.sql) {
        Some(NonTransactional::CreateIndex { .. } | NonTransactional::Detach { .. }) => "",
        Some(NonTransactional::DropIndex { .. }) => "if exists",
        _ => return,
    };
    let tokens = Tokens::new(&span.statement.sql);
    let at = (0..tokens.len()).find(|i| tokens.is(*i, "concurrently"));
    let Some(at) = at else { return };
    let instead = match tokens.is(at + 1, "if") {
        true => "",
        false => instead,
    };
    let start = span.start + tokens.start(at);
    edits.insert(start, (start + "concurrently".len(), instead.to_owned()));
}

/// Whether the statement gets a tier without a transaction. A new value of an enumeration can't be used in the
/// transaction that adds it, and the other tool committed between its scripts.
pub fn needs_none(span: &Span, alone: bool) -> bool {
    let tokens = Tokens::first(&span.statement.sql, 24);
    let adds_value = || (0..tokens.len()).any(|i| tokens.are(i, &["add", "value"]));
    span.inspection.outside_transaction.is_some()
        || tokens.are(0, &["alter", "type"]) && adds_value()
        || alone && tokens.is(0, "call")
}
