//! Statements that no script of a release may contain. They are refused when packing, and again
//! before each statement is sent.

use psql_script::{
    Changed, Copy, Inspection, Means, NonTransactional, SessionChange, Statement, classify, parts,
    session_only,
};

/// Kind of script that contains a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A tier with `transaction = "release"`.
    Tier,
    Rollback,
    /// A gate, probe or verify script.
    Question,
    /// A tier with `transaction = "none"`: each statement is a separate step.
    Steps,
}

/// Reason why a statement is not sent.
#[derive(Debug)]
pub struct Refusal {
    /// The id of the rule in `lint`.
    pub rule: &'static str,
    /// One sentence for people.
    pub why: String,
    /// Advice for the author.
    pub hint: &'static str,
}

/// The reason why this text must not be sent from such a script, if any. Statements joined by `\;`
/// are judged one by one.
pub fn refused_everywhere(place: Place, sql: &str, inspection: &Inspection) -> Option<Refusal> {
    if inspection.statements < 2 {
        return refused(place, sql, inspection);
    }
    if place == Place::Steps {
        return Some(Refusal {
            rule: "joined-statements",
            why: "statements joined by \\; in a tier without a transaction".to_owned(),
            hint: "each statement is a step of its own: end each with a plain semicolon",
        });
    }
    parts(sql).iter().find_map(|part| {
        let data = part.inspection.copy == Some(Copy::FromStdin);
        let joined = || Refusal {
            rule: "joined-copy",
            why: "COPY FROM STDIN among statements joined by \\;".to_owned(),
            hint: "end the statement before it with a plain semicolon",
        };
        refused(place, part.sql, &part.inspection).or_else(|| data.then(joined))
    })
}

/// The reason why this statement can't be a step of a tier with `transaction = "none"`, if any. It
/// applies all rules for a single statement.
pub fn refused_in_steps(statement: &Statement, inspection: &Inspection) -> Option<Refusal> {
    let needs_answers = |command| Refusal {
        rule: NOT_REPEATABLE,
        why: format!("\\{command} in a tier without a transaction"),
        hint: "a resumed run has no answers of the statements before; put it into a transactional tier",
    };
    refused_everywhere(Place::Steps, &statement.sql, inspection)
        .or_else(|| statement.command().map(needs_answers))
}

/// The reason why a script of a tier with `transaction = "none"` may not wait for the result of a
/// statement ([`psql_script::Step::Await`]).
pub fn refused_to_wait() -> Refusal {
    Refusal {
        rule: NOT_REPEATABLE,
        why: "ROW_COUNT in a tier without a transaction".to_owned(),
        hint: "a resumed run doesn't know how many rows the statement before had; put it into a transactional tier",
    }
}

const NOT_REPEATABLE: &str = "not-repeatable";

fn refused(place: Place, sql: &str, inspection: &Inspection) -> Option<Refusal> {
    transaction_control(place, inspection)
        .or_else(|| outside_transaction(place, sql, inspection))
        .or_else(|| session_change(inspection))
        .or_else(|| left_in_session(sql).filter(|_| place == Place::Steps))
}

fn transaction_control(place: Place, inspection: &Inspection) -> Option<Refusal> {
    let control = inspection.transaction_control?;
    let (kind, hint) = if place == Place::Steps {
        (
            "script whose statements commit one by one",
            "pgseal begins and ends transactions; remove the statement",
        )
    } else {
        (
            "transactional script",
            "a release is one transaction that pgseal begins and ends; remove the statement",
        )
    };
    Some(Refusal {
        rule: "transaction-control",
        why: format!("transaction control ({control}) in a {kind}"),
        hint,
    })
}

fn outside_transaction(place: Place, sql: &str, inspection: &Inspection) -> Option<Refusal> {
    if place == Place::Steps {
        let Some(NonTransactional::Unknown(what)) = classify(sql) else {
            return None;
        };
        return Some(Refusal {
            rule: "unknown-outcome",
            why: format!("pgseal cannot find out after a crash how this ended: {what}"),
            hint: "write the names out, or run it by hand, apart from the release",
        });
    }
    let what = inspection.outside_transaction?;
    let hint = match place {
        Place::Rollback => instead_in_rollback(sql),
        Place::Question => "a question changes nothing; remove the statement",
        Place::Tier | Place::Steps => "put it into a tier of its own with transaction = \"none\"",
    };
    Some(Refusal {
        rule: "outside-transaction",
        why: format!("{what} can't run inside a transaction"),
        hint,
    })
}

fn instead_in_rollback(sql: &str) -> &'static str {
    match classify(sql) {
        Some(NonTransactional::CreateIndex { .. }) => {
            "a rollback is one transaction: CREATE INDEX without CONCURRENTLY"
        }
        Some(NonTransactional::DropIndex { .. }) => {
            "a rollback is one transaction: DROP INDEX IF EXISTS without CONCURRENTLY"
        }
        Some(NonTransactional::Detach { .. }) => {
            "a rollback is one transaction: DETACH PARTITION without CONCURRENTLY"
        }
        Some(NonTransactional::Reindex { .. }) => {
            "a rollback is one transaction: REINDEX INDEX or TABLE without CONCURRENTLY"
        }
        _ => {
            "a rollback is one transaction: leave it out, and let the operator's runbook say what is to be done by hand"
        }
    }
}

fn session_change(inspection: &Inspection) -> Option<Refusal> {
    let change = inspection
        .session_change
        .filter(|change| change.is_refused())?;
    let hint = match change {
        SessionChange {
            what: Changed::Unread,
            by: Means::PgSettings,
        } => {
            "write SET, or one setting as a literal: UPDATE pg_settings SET setting = ... WHERE name = 'work_mem'"
        }
        SessionChange {
            what: Changed::Unread,
            ..
        } => "write the setting's name as a literal: set_config('work_mem', ...)",
        SessionChange {
            by: Means::Command, ..
        } => "pgseal and the server would no longer agree on what runs, or as whom",
        SessionChange {
            by: Means::SetConfig,
            ..
        } => {
            "remove this set_config(), which is SET: pgseal and the server would no longer agree on what runs, or as whom"
        }
        SessionChange {
            by: Means::PgSettings,
            ..
        } => {
            "remove this UPDATE, which is SET: pgseal and the server would no longer agree on what runs, or as whom"
        }
    };
    Some(Refusal {
        rule: "session-change",
        why: format!("{change} in a script"),
        hint,
    })
}

fn left_in_session(sql: &str) -> Option<Refusal> {
    let what = session_only(sql)?;
    Some(Refusal {
        rule: NOT_REPEATABLE,
        why: format!("{what} in a tier without a transaction"),
        hint: "the next step, or a resumed run, would not find it; SET keeps settings, the rest belongs into a transactional tier",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use psql_script::inspect;

    fn rule(place: Place, sql: &str) -> Option<&'static str> {
        refused_everywhere(place, sql, &inspect(sql)).map(|refusal| refusal.rule)
    }

    #[test]
    fn each_kind_of_script_has_its_rules() {
        let [control, outside, unknown, session, left, joined] = [
            "transaction-control",
            "outside-transaction",
            "unknown-outcome",
            "session-change",
            "not-repeatable",
            "joined-statements",
        ]
        .map(Some);
        let set_config = "select set_config('work_mem', '1GB', false)";
        let authorization = "select set_config('session_authorization', 'u', false)";
        let unread = "select set_config(name, 'x', false) from t";
        let one = "update pg_settings set setting = '1GB' where name = 'work_mem'";
        let all = "update pg_settings set setting = '1GB'";
        for (sql, transactional, steps) in [
            ("commit", control, control),
            ("vacuum", outside, None),
            ("create index concurrently on t (a)", outside, unknown),
            ("drop subscription s", outside, unknown),
            ("discard all", outside, unknown),
            ("set session authorization u", session, session),
            (authorization, session, session),
            (unread, session, session),
            (set_config, None, left),
            (one, None, left),
            (all, session, session),
            ("set work_mem = '1GB'", None, None),
            ("create temp table t (a int)", None, left),
            ("select 1; select 2", None, joined),
            ("select 1; vacuum", outside, joined),
            ("do $$ begin null; end $$", None, None),
            ("", None, None),
        ] {
            for place in [Place::Tier, Place::Rollback, Place::Question] {
                assert_eq!(rule(place, sql), transactional, "{place:?}: {sql}");
            }
            assert_eq!(rule(Place::Steps, sql), steps, "{sql}");
        }
    }

    #[test]
    fn rollback_scripts_learn_what_to_write() {
        for (sql, instead) in [
            ("drop index concurrently i", "DROP INDEX IF EXISTS"),
            (
                "create index concurrently i on t (a)",
                "CREATE INDEX without",
            ),
            ("vacuum", "by hand"),
        ] {
            let hint =
                refused_everywhere(Place::Rollback, sql, &inspect(sql)).map(|refusal| refusal.hint);
            assert!(
                hint.is_some_and(|hint| hint.contains(instead)),
                "{sql}: {hint:?}"
            );
        }
    }
}
