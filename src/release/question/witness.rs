//! Whether the relations of a question were altered while it was asked, also where that was undone before anybody looked again.

use super::fragments::NAMES;
use super::{Question, QuestionError, as_asked, loud, quiet, shown};
use crate::database::{DatabaseError, Parameter, Session};

/// A statement over the relations of a question, kept prepared. The server invalidates it when one of them is altered, so also when
/// statistics or an index is made or dropped, and parses it again when it is executed next (PostgreSQL manual, "PREPARE").
///
/// It is a `WITH` query that nothing refers to, so that the server does not plan it, checks no privileges, and runs no
/// function of anybody.
pub(super) struct Witness(());

impl Witness {
    /// Of a question without its literals, and of `children`, which the planner adds.
    pub fn new(
        session: &mut dyn Session,
        question: &Question<'_>,
        blank: &str,
        children: &[u32],
    ) -> Result<Self, QuestionError> {
        let mut sql = format!("with pgseal_question as (\n{blank}\n)");
        if !children.is_empty() {
            let names = session.query_with(NAMES, &[Parameter::Oids(children)], false)?;
            let names: Vec<String> =
                names.rows.into_iter().flatten().flatten().map(|name| format!("only {name}")).collect();
            if !names.is_empty() {
                sql.push_str(&format!(", pgseal_children as (select from {})", names.join(", ")));
            }
        }
        sql.push_str(" select 1");
        session.batch(&as_asked(question))?;
        session.keep(&sql).map_err(without_position)?;
        session.batch(&quiet())?;
        Ok(Self(()))
    }

    /// Refuses the answer where one of the relations was altered since.
    pub fn check(self, session: &mut dyn Session, question: &Question<'_>) -> Result<(), QuestionError> {
        let touched = if session.server_version_num() >= 140_000 { TOUCHED } else { TOUCHED_13 };
        if session.query(touched, &[])?.single() != Some("false") {
            return Err(QuestionError::Changed("a statement that pgseal had prepared".to_owned()));
        }
        let loud = loud(session, question);
        session.batch(&format!("{LEARN}; {loud}"))?;
        session.execute_kept()?;
        let is_parsed_again = shown(session).next().is_some();
        session.batch(&quiet())?;
        session.notices();
        if is_parsed_again { Err(QuestionError::Altered) } else { Ok(()) }
    }
}

/// A session learns what others have altered when it takes a lock that it does not hold yet; this function takes one and gives
/// it back (PostgreSQL, `objectaddress.c`, `get_object_address`).
const LEARN: &str = "select pg_catalog.pg_get_object_address('schema', '{pg_catalog}', '{}')";

/// Whether a statement was prepared by SQL since the witness, or the witness itself was executed. A rollback takes back neither, so code
/// that ran while the question was planned could have put another in the place of the witness, or of the query that reads the
/// versions; or had the server parse the witness again, unseen. What the script of a run has prepared is older.
macro_rules! touched {
    ($executed:literal) => {
        concat!(
            "with witness(at) as (
                select coalesce(max(prepare_time), '-infinity'::timestamptz) from pg_prepared_statements where not from_sql)
             select exists (select from pg_prepared_statements p, witness w where p.prepare_time >= w.at and (p.from_sql",
            $executed,
            "))::text"
        )
    };
}

const TOUCHED: &str = touched!(" or p.custom_plans + p.generic_plans > 0::int8");

/// Before PostgreSQL 14 executions are not counted, and no statistics have expressions that the planner evaluates.
const TOUCHED_13: &str = touched!("");

/// It would be a place in a text that nobody has written.
fn without_position(error: DatabaseError) -> DatabaseError {
    match error {
        DatabaseError::Server(mut server) => {
            server.position = None;
            DatabaseError::Server(server)
        }
        error => error,
    }
}
