//! Executes gate and probe SQL without side effects. Read-only transactions do not prevent them: functions can take locks,
//! end sessions, write files and speak to other servers in them. So before the SQL is executed, the server is asked what
//! it would call: it analyses and rewrites it, and shows the resulting tree (PostgreSQL manual, "debug_print_rewritten"), in
//! which every function, operator and type is resolved, also those of views, casts and row security policies. Only functions
//! that PostgreSQL is born with, and that are not volatile, are allowed; and types of its own, enumerations, and no foreign
//! tables.
//!
//! The order matters, because parsing uses the newest catalog, waits for locks, and runs the input functions of literals:
//!
//! 1. Lock: parse the SQL without its literals. Its relations are locked from then on.
//! 2. Check: read the versions of the catalog rows behind the tree, then run the [`checks`].
//! 3. Open: parse and plan the SQL itself as a cursor, compare its tree with the one that was checked, and put every setting back
//!    to the session's start.
//! 4. Check again: the versions must be those of step 2, and no relation may have been altered since step 1 (`witness`), not even
//!    altered back.
//! 5. Execute it: fetch from the cursor, which is neither parsed nor planned again. The versions must still be the same, else the
//!    answer does not count.
//!
//! In READ COMMITTED each of these queries has a snapshot of its own, so none is older than the locks.
//!
//! Parsing reads literals by whatever fits best at that moment, and planning evaluates expressions of statistics, indexes and
//! constraints. Who owns what a question reads can make and drop such code between two looks at the catalog. So it must find
//! a role that may do nothing; what it set is undone before anything is executed, and an answer that it could have touched does not
//! count.
//!
//! The trees are also written to the server's log, as the server does with all messages of level LOG.

mod behind;
mod called;
pub mod checks;
mod follows;
mod fragments;
mod functions;
mod given;
mod named;
mod nodes;
mod opened;
mod parameters;
mod parsed;
mod path;
mod set_operations;
mod settled;
mod tree;
mod versions;
mod witness;

use std::time::{Duration, Instant};

use super::settings::OWN_PATH;
use crate::database::{Column, DatabaseError, Notice, Session, Table};
use checks::Check;
use opened::Opened;
use parsed::Parsed;
use path::Look;
use pgseal_verify::format::limits_of_run::RunLimits;
use psql_script::{WithoutLiterals, foreign_modifiers, without_literals};
use versions::Versions;

/// Executions of a question whose relations are truncated, rewritten or altered meanwhile, or that takes too long for what moves.
const ATTEMPTS: u32 = 10;

/// How much older than the rows `now()` may be, and how much later the server's state is looked at.
const FRESH: Duration = Duration::from_secs(5);

/// Why a question is not executed, or its answer does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// It would use something that could have an effect.
    #[error("it uses {0}; only functions of pg_catalog that are not volatile are allowed, also behind views")]
    Uses(String),
    /// A name without a schema that is not found where nobody can put something in front of it.
    #[error("{0}; {1}")]
    Hidden(DatabaseError, String),
    /// The question can't be parsed without its literals, so nothing can be checked before the server reads them.
    #[error("cannot check it before its literals are read: {0}; in the place of type '...', write CAST('...' AS type)")]
    Literals(DatabaseError),
    /// The server did not show how it understands the question.
    #[error("the server did not show what it would call")]
    NoTree,
    /// Something that it reads was redefined between the check and the answer.
    #[error("{0} changed while it was asked, so its answer does not count; ask again")]
    Changed(String),
    /// Inside a run: a table that could not be locked, since its name means another by now.
    #[error("cannot lock {0}: it was renamed meanwhile; ask again")]
    Unlocked(String),
    /// For a run by a superuser: something whose owner can rename or change it between check and execution.
    #[error(
        "{what} belongs to {owner}, who could have code run with the rights of the superuser that runs; run as {owner}, or as another role that is no superuser (holders of the root key can allow it: pgseal trust set-policy TRUST --gate-role any)"
    )]
    OfOthers {
        /// What it is, in words.
        what: String,
        /// The role.
        owner: String,
    },
    /// For a run by a superuser: a type whose name could mean another one when the question is parsed again.
    #[error(
        "it reads values of type {0}, whose name others can give to code of theirs before a superuser's run; run as a role that is no superuser"
    )]
    MadeType(String),
    /// It is more than one SELECT can do.
    #[error("it is no SELECT, or changes data by WITH; a question is one SELECT")]
    NoSelect,
    /// A relation was truncated or rewritten during each attempt.
    #[error("{0} was truncated or rewritten each of {ATTEMPTS} times that it was asked; ask again")]
    Rewritten(String),
    /// During each attempt a relation was altered or analysed, or a schema, operator or the like came or went.
    #[error(
        "a table that it reads, or what its names can mean, was altered or analysed each of {ATTEMPTS} times that it was asked; ask again"
    )]
    Altered,
    /// During each attempt what moves by itself was too far from the rows.
    #[error("{0} was more than 5 s apart from the rows each of {ATTEMPTS} times that it was asked; ask again")]
    Late(&'static str),
    /// The server refused it, or did not say.
    #[error("{0}")]
    Database(#[from] DatabaseError),
}

/// The transaction that a question is executed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// One of its own, on a session of the gate role.
    OwnTransaction,
    /// The same, before a run by a superuser: what it could not ask then is not asked now either.
    BeforeSuperusersRun,
    /// That of a run, by the role that runs. Its tables are locked against new indexes, statistics, children and policies
    /// where the role may; a superuser asks nothing that belongs to others.
    Run,
    /// The same, where a superuser may ask everything: on a clone, or because the trust root allows it.
    TrustingRun,
}

impl Within {
    fn is_own(self) -> bool {
        matches!(self, Self::OwnTransaction | Self::BeforeSuperusersRun)
    }
}

/// One SELECT, and how it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// Its text.
    pub sql: &'q str,
    /// The schemas of its names, quoted, as in `search_path`: without `pg_catalog`, which comes first, and with `pg_temp` at the end.
    pub path: &'q [String],
    /// The time limits of the session.
    pub limits: &'q RunLimits,
    /// The transaction.
    pub within: Within,
}

macro_rules! begin {
    () => {
        "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"
    };
}

/// Begins the transaction of a question that has one of its own.
pub const BEGIN: &str = begin!();

const AGAIN: &str = concat!("ROLLBACK; ", begin!(), "; SAVEPOINT pgseal_question");

/// Executes a question inside the current transaction, which must be READ COMMITTED, read-only and behind a savepoint that it is
/// rolled back to, or just begun by [`BEGIN`] where it is the question's own; after checking what it would call. Gives at most two
/// rows: one is an answer. After an error the transaction is beyond use.
pub fn ask(session: &mut dyn Session, question: &Question<'_>) -> Result<(Vec<Column>, Table), QuestionError> {
    refuse_foreign_modifiers(question.sql)?;
    let blank = without_literals(question.sql, session.server_version_num());
    let (mut begin, mut attempts) = ("SAVEPOINT pgseal_question", 1);
    let answer = loop {
        match attempt(session, question, &blank, begin) {
            Err(QuestionError::Rewritten(_) | QuestionError::Altered | QuestionError::Late(_))
                if attempts < ATTEMPTS =>
            {
                attempts += 1
            }
            answer => break answer?,
        }
        // A new transaction, so that `now()` is the time of this attempt.
        begin = if question.within.is_own() { AGAIN } else { "ROLLBACK TO SAVEPOINT pgseal_question" };
    };
    let undo = "ROLLBACK TO SAVEPOINT pgseal_question; RELEASE SAVEPOINT pgseal_question";
    if question.within.is_own() {
        session.batch_ahead(undo)?;
    } else {
        // What follows may be a script's, and must not fail for it.
        session.batch(undo)?;
    }
    // Trees are nobody's notices.
    session.notices();
    Ok(answer)
}

/// The checks whose pre-check does not clear a question, in the current transaction. Nothing of it is executed.
pub fn suspects(session: &mut dyn Session, question: &Question<'_>) -> Result<Vec<&'static Check>, QuestionError> {
    refuse_foreign_modifiers(question.sql)?;
    let blank = without_literals(question.sql, session.server_version_num());
    let parsed = Parsed::of_blank(session, "SAVEPOINT pgseal_question", &blank, question)?;
    let mut parameters = parsed.parameters();
    Versions::with_children(session, &mut parameters, question.within)?;
    Ok(checks::suspects(session, &parameters, false)?.checks)
}

fn attempt(
    session: &mut dyn Session,
    question: &Question<'_>,
    blank: &WithoutLiterals,
    begin: &str,
) -> Result<(Vec<Column>, Table), QuestionError> {
    let (begun, mut begin) = (Instant::now(), begin);
    let look = match question.within {
        Within::BeforeSuperusersRun => Look::of_superuser(question),
        within if within == Within::Run || question.path.len() > 2 => {
            session.batch_ahead(&format!("{begin}; {}", quiet()))?;
            begin = "ROLLBACK TO SAVEPOINT pgseal_question";
            path::look(session, question)?
        }
        _ => Look::default(),
    };
    let Look { unhidden, by_superuser } = look;
    let path = unhidden.as_ref().map_or(question.path, |unhidden| &unhidden.path);
    let answer = attempt_in_schemas(session, &Question { path, ..*question }, blank, begin, begun, by_superuser);
    answer.map_err(|error| match unhidden {
        Some(unhidden) => unhidden.explained(error, question.sql),
        None => error,
    })
}

fn attempt_in_schemas(
    session: &mut dyn Session,
    question: &Question<'_>,
    blank: &WithoutLiterals,
    begin: &str,
    begun: Instant,
    by_superuser: bool,
) -> Result<(Vec<Column>, Table), QuestionError> {
    let within = question.within;
    let before = Parsed::of_blank(session, begin, blank, question)?;
    if !within.is_own() {
        before.lock_tables(session)?;
    }
    let mut parameters = before.parameters();
    let (mut witness, mut watched) = (before.witness, before.uses.relations.len());
    let versions = loop {
        let versions = Versions::with_children(session, &mut parameters, within)?;
        // Those that came before the witness of the others was there have none.
        let relations = parameters.relations();
        if relations.len() == watched {
            break versions;
        }
        watched = relations.len();
        let own = &before.uses.relations;
        witness = witness.with_children(session, question, blank, own, &relations[own.len()..])?;
    };
    if let Some(what) = versions.lack(&before.uses) {
        return Err(QuestionError::Uses(format!("{what} that the catalog does not show")));
    }
    let moves = before.check(session, &parameters, by_superuser)?;

    let opened = Opened::of(session, question, &before.uses, witness, &parameters, &versions)?;
    // Behind the versions: of what was made and dropped again before they were read, the server has told by now.
    versions.still(&Versions::read(session, &parameters, within)?, session)?;
    witness.check(session, question)?;
    if within.is_own() && begun.elapsed() > FRESH {
        return Err(QuestionError::Late("the time of its transaction"));
    }
    let opening = opened.since();
    let answer = opened.fetch(session, question, 2)?;
    if moves && opening.elapsed() > FRESH {
        return Err(QuestionError::Late("the server's state"));
    }
    // Before anything is rolled back: partitions and children are locked since they were planned, and only until then.
    versions.still(&Versions::read(session, &parameters, within)?, session)?;
    Ok(answer)
}

/// Readers of type modifiers run while the server parses, so that a type with modifiers can't wait for the catalog.
fn refuse_foreign_modifiers(question: &str) -> Result<(), QuestionError> {
    let refused =
        |name: String| QuestionError::Uses(format!("type {name} with modifiers, which is not PostgreSQL's own"));
    foreign_modifiers(question).map_or(Ok(()), |name| Err(refused(name)))
}

/// Settings that a question is parsed and planned with. A policy would hide rows, and "no blockers" would be READY: an error in its
/// place. Nor does the planner conclude from a `CHECK` that there are none: it may mean something else than when it was written.
fn as_asked(question: &Question<'_>) -> String {
    let path = question.path.join(", ");
    format!("SET LOCAL row_security = off; SET LOCAL constraint_exclusion = off; SET LOCAL search_path = {path}")
}

/// The same, and those that let a [`quiet`] server show trees, which [`shown`] then gives.
fn loud(session: &mut dyn Session, question: &Question<'_>) -> String {
    session.notices();
    // The last one is the first that is on.
    format!(
        "{}; SET LOCAL client_min_messages = log; SET LOCAL debug_pretty_print = off; SET LOCAL debug_print_rewritten = on",
        as_asked(question)
    )
}

/// Settings for queries of pgseal's own, whatever the role or a script has set.
fn quiet() -> String {
    format!(
        "SET LOCAL debug_print_parse = off; SET LOCAL debug_print_rewritten = off; SET LOCAL debug_print_plan = off; SET LOCAL client_min_messages = notice; \
         SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL search_path = {OWN_PATH}"
    )
}

/// The trees that the server has shown, in order, of statements that pgseal sent: those of statements inside functions have a
/// context, and what a function says itself is not of this routine (PostgreSQL, `nodes/print.c`).
fn shown(session: &mut dyn Session) -> impl Iterator<Item = String> {
    session.notices().into_iter().filter_map(tree_of)
}

fn tree_of(notice: Notice) -> Option<String> {
    let is_tree = notice.routine.as_deref() == Some("elog_node_display") && notice.context.is_none();
    notice.detail.filter(|_| is_tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_those_of_the_servers_own_routine_and_of_no_function() {
        let notice = |routine: &str, context: Option<&str>| Notice {
            statement: 0,
            severity: "LOG".to_owned(),
            message: "rewritten parse tree:".to_owned(),
            detail: Some("({QUERY})".to_owned()),
            hint: None,
            context: context.map(str::to_owned),
            routine: Some(routine.to_owned()),
        };
        assert_eq!(tree_of(notice("elog_node_display", None)).as_deref(), Some("({QUERY})"));
        assert_eq!(tree_of(notice("elog_node_display", Some("SQL function \"f\""))), None);
        assert_eq!(tree_of(notice("exec_stmt_raise", None)), None);
    }
}
