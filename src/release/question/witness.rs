//! Detects alterations of a question's relations during its execution, even if they were undone before the next check.

use std::collections::BTreeSet;

use super::fragments::NAMES;
use super::settled;
use super::tree::{self, Used};
use super::{Question, QuestionError, loud, quiet, shown, tree_of};
use crate::database::{DatabaseError, Parameter, Session};
use psql_script::WithoutLiterals;

/// A statement over the relations of a question, kept prepared. The server invalidates it when one of them is altered, so also when
/// statistics or an index is made or dropped, and parses it again when it is executed next (PostgreSQL manual, "PREPARE").
///
/// It is a `WITH` query that nothing refers to, so that the server does not plan it, checks no privileges, and runs no
/// function of anybody.
#[derive(Clone, Copy)]
pub(super) struct Witness(());

impl Witness {
    /// Prepares the witness of a question without its literals, and of `more` queries, under the question's settings. An error has
    /// its position in the question, and whether a literal was there.
    pub fn keep(
        session: &mut dyn Session,
        blank: &WithoutLiterals,
        more: &str,
    ) -> Result<Self, (DatabaseError, Option<(u32, bool)>)> {
        let kept = session.keep(&format!("{BEFORE}{}\n){more} select", blank.text));
        kept.map(|()| Self(())).map_err(|error| match error {
            DatabaseError::Server(mut server) => {
                let position = server
                    .position
                    .and_then(|position| position.checked_sub(BEFORE.len() as u32));
                let end = blank.end();
                if position.is_some_and(|position| position > end) && server.code == SYNTAX_ERROR {
                    // At the parenthesis of the witness.
                    server.message =
                        "syntax error at the end, or a parenthesis too many".to_owned();
                }
                let place = position.map(|position| blank.locate(position.min(end)));
                server.position = place.map(|(position, _)| position);
                (DatabaseError::Server(server), place)
            }
            error => (error, None),
        })
    }

    /// Whether a tree is that of a witness.
    pub fn is_of(tree: &str) -> bool {
        let mut words = tree::words(tree);
        words.find(|word| *word == ":ctename").is_some() && words.next() == Some(NAME)
    }

    /// Prepares the witness of the question's `own` relations and of children, which the planner adds.
    pub fn with_children(
        self,
        session: &mut dyn Session,
        question: &Question<'_>,
        blank: &WithoutLiterals,
        own: &BTreeSet<u32>,
        children: &[u32],
    ) -> Result<Self, QuestionError> {
        let children = session.query_with(NAMES, &[Parameter::Oids(children)], false)?;
        let children = children
            .rows
            .into_iter()
            .map(|row| row.into_iter().map(Option::unwrap_or_default));
        let children: Vec<(u32, String)> = children
            .filter_map(|mut row| {
                Some((row.next()?.parse().ok()?, format!("only {}", row.next()?)))
            })
            .collect();
        if children.is_empty() {
            return Ok(self);
        }
        let names: Vec<&str> = children.iter().map(|(_, name)| name.as_str()).collect();
        let loud = loud(session, question);
        session.batch_ahead(&loud)?;
        let more = format!(", pgseal_children as (select from {})", names.join(", "));
        let witness = Self::keep(session, blank, &more).map_err(|(error, _)| error)?;
        let tree = shown(session)
            .find(|tree| Self::is_of(tree))
            .ok_or(QuestionError::NoTree)?;
        session.batch_ahead(&quiet())?;
        // A name may refer to another relation by now.
        let mut uses = Used::default();
        uses.collect(&tree);
        let has_children = children
            .iter()
            .all(|(child, _)| uses.relations.contains(child));
        if has_children && uses.relations.is_superset(own) {
            Ok(witness)
        } else {
            Err(QuestionError::Altered)
        }
    }

    /// Refuses the open cursor if code that ran meanwhile touched a prepared statement. Must precede the next execution of any of
    /// them. Waits for the invalidations of all changes that the rows show ([`settled`]), so that [`check`](Self::check) detects
    /// them.
    pub fn untouched(self, session: &mut dyn Session) -> Result<(), QuestionError> {
        let untouched = if session.server_version_num() >= 140_000 {
            UNTOUCHED
        } else {
            UNTOUCHED_13
        };
        let table = session.query(untouched, &[])?;
        let row: Vec<_> = table.rows.iter().flatten().map(Option::as_deref).collect();
        match row[..] {
            [Some("true"), Some("false")] => Ok(()),
            [Some("true"), _] => settled::wait(session),
            _ => Err(QuestionError::Changed(
                "a statement that pgseal had prepared".to_owned(),
            )),
        }
    }

    /// Refuses the answer if one of the relations was altered since.
    pub fn check(
        self,
        session: &mut dyn Session,
        question: &Question<'_>,
    ) -> Result<(), QuestionError> {
        let loud = loud(session, question);
        session.batch_ahead(&format!("{LEARN}; {loud}"))?;
        session.execute_kept()?;
        let said = session.notices();
        // A notice that is not the server's reports dropped notices.
        let is_whole = said.iter().all(|notice| notice.routine.is_some());
        let is_parsed_again = said
            .into_iter()
            .filter_map(tree_of)
            .any(|tree| Self::is_of(&tree));
        if is_whole && !is_parsed_again {
            Ok(())
        } else {
            Err(QuestionError::Altered)
        }
    }
}

const NAME: &str = "pgseal_question";

const SYNTAX_ERROR: &str = "42601";

/// The question is on lines of its own, since it could end in a comment.
const BEFORE: &str = "with pgseal_question as (\n";

/// A session processes the invalidations of others when it takes a lock that it does not hold yet. This function takes one and
/// releases it (PostgreSQL, `objectaddress.c`, `get_object_address`).
pub(super) const LEARN: &str =
    "select pg_catalog.pg_get_object_address('schema', '{pg_catalog}', '{}')";

/// Whether the witness exists, was not executed, and no statement was prepared by SQL since. A rollback undoes neither, so code
/// that ran during planning could have replaced the witness, or the query of the versions, or made the server parse the witness
/// again unnoticed. Statements that the script of a run prepared are older.
macro_rules! untouched {
    ($executed:literal) => {
        concat!(
            "select (max(prepare_time) filter (where not from_sql and statement like 'with pgseal_question as (%'",
            $executed,
            ") > coalesce(max(prepare_time) filter (where from_sql), '-infinity'::timestamptz))::text, ",
            settled::anybody!(),
            " from pg_prepared_statements"
        )
    };
}

const UNTOUCHED: &str = untouched!(" and custom_plans + generic_plans = 0::int8");

/// Before PostgreSQL 14 executions are not counted, and no statistics have expressions that the planner evaluates.
const UNTOUCHED_13: &str = untouched!("");
