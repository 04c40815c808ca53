//! Executes gate and probe SQL without side effects.
//!
//! Read-only transactions do not prevent them: functions can take locks, end sessions, write files
//! and speak to other servers. So the server first analyses and rewrites the SQL, and shows the
//! resulting tree (PostgreSQL manual, "debug_print_rewritten"). In the tree every function,
//! operator and type is resolved, also those of views, casts and row security policies. Only
//! functions are allowed that PostgreSQL is born with and that are not volatile. Types must be its
//! own or enumerations; foreign tables are refused.
//!
//! The order matters, because parsing uses the newest catalog, waits for locks, and runs the input
//! functions of literals:
//!
//! 1. Lock: parse the SQL without its literals. Its relations are locked from then on.
//! 2. Check: read the versions of the catalog rows behind the tree, then run the [`checks`].
//! 3. Open: parse and plan the SQL itself as a cursor and compare its tree with the checked one.
//!    Then put every setting back to the session's start.
//! 4. Check again: the versions must be those of step 2. No relation may have been altered since
//!    step 1 (`witness`), not even altered back.
//! 5. Execute: fetch from the cursor, which is neither parsed nor planned again. The versions must
//!    still be the same, else the answer is discarded.
//!
//! In READ COMMITTED each of these queries has its own snapshot, so none is older than the locks.
//!
//! Two risks remain. Parsing reads literals by the best match at that moment, and planning
//! evaluates expressions of statistics, indexes and constraints. The owner of an object that the
//! question reads can create and drop such code between two catalog queries. Therefore the gate
//! role must have no rights to abuse. Settings made by such code are undone before execution, and
//! an answer that it could have touched is discarded.
//!
//! The trees also go to the server's log, like all messages of level LOG.

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
mod relations;
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
use pgseal_verify::format::run_limits::RunLimits;
use psql_script::{WithoutLiterals, foreign_modifiers, without_literals};
pub use relations::{ColumnRelations, check_locked, lock_against_writers, lockable};
use versions::Versions;

/// Maximum attempts if relations are truncated, rewritten or altered meanwhile, or if an attempt
/// exceeds [`FRESH`].
const ATTEMPTS: u32 = 10;

/// Maximum age of `now()` when the rows are fetched, and maximum time between the rows and a look
/// at the server's state.
const FRESH: Duration = Duration::from_secs(5);

/// Reasons to refuse a question or to discard its answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    #[error(
        "it uses {0}; only functions of pg_catalog that are not volatile are allowed, also behind views"
    )]
    Uses(String),
    /// A name without a schema resolves only in a schema where other roles can shadow it.
    #[error("{0}; {1}")]
    Hidden(DatabaseError, String),
    /// It cannot be parsed without its literals, so nothing can be checked before the server reads
    /// them.
    #[error(
        "cannot check it before its literals are read: {0}; in the place of type '...', write CAST('...' AS type)"
    )]
    Literals(DatabaseError),
    #[error("the server did not show what it would call")]
    NoTree,
    /// An object that it reads was redefined between check and answer.
    #[error("{0} changed while it was asked, so its answer does not count; ask again")]
    Changed(String),
    /// Inside a run: a table could not be locked because its name now means another one.
    #[error("cannot lock {0}: it was renamed meanwhile; ask again")]
    Unlocked(String),
    /// For a run by a superuser: the object's owner can rename or change it between check and
    /// execution.
    #[error(
        "{what} belongs to {owner}, who could have code run with the rights of the superuser that runs; run as {owner}, or as another role that is no superuser (holders of the root key can allow it: pgseal trust set-policy TRUST --gate-role any)"
    )]
    OfOthers {
        /// Description of the object.
        what: String,
        owner: String,
    },
    /// For a run by a superuser: the type's name could mean another type when the question is
    /// parsed again.
    #[error(
        "it reads values of type {0}, whose name others can give to code of theirs before a superuser's run; run as a role that is no superuser"
    )]
    MadeType(String),
    #[error("it is no SELECT, or changes data by WITH; a question is one SELECT")]
    NoSelect,
    #[error("{0} was truncated or rewritten each of {ATTEMPTS} times that it was asked; ask again")]
    Rewritten(String),
    /// During each attempt a relation was altered or analysed, or a schema, operator or the like
    /// came or went.
    #[error(
        "a table that it reads, or what its names can mean, was altered or analysed each of {ATTEMPTS} times that it was asked; ask again"
    )]
    Altered,
    /// During each attempt, time or server state was too far from the rows.
    #[error(
        "{0} was more than 5 s apart from the rows each of {ATTEMPTS} times that it was asked; ask again"
    )]
    Late(&'static str),
    #[error("{0}")]
    Database(#[from] DatabaseError),
}

/// The transaction that a question is executed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// Its own transaction, on a session of the gate role.
    OwnTransaction,
    /// Like `OwnTransaction`, before a run by a superuser: it refuses in advance the questions that
    /// the run would refuse.
    BeforeSuperusersRun,
    /// The transaction of a run, by the run's role. Its tables are locked against new indexes,
    /// statistics, children and policies where the role may. A superuser's questions may use no
    /// objects of other roles.
    Run,
    /// Like `Run`, but a superuser may use objects of other roles: on a clone, or because the trust
    /// root allows it.
    TrustingRun,
}

impl Within {
    fn is_own(self) -> bool {
        matches!(self, Self::OwnTransaction | Self::BeforeSuperusersRun)
    }
}

/// One SELECT with its execution context.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    pub sql: &'q str,
    /// The schemas for its names, quoted, as in `search_path`: without `pg_catalog`, which comes
    /// first, and with `pg_temp` at the end.
    pub path: &'q [String],
    /// The time limits of the session.
    pub limits: &'q RunLimits,
    pub within: Within,
}

macro_rules! begin {
    () => {
        "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"
    };
}

/// Begins a question's own transaction.
pub const BEGIN: &str = begin!();

const AGAIN: &str = concat!("ROLLBACK; ", begin!(), "; SAVEPOINT pgseal_question");

/// Checks the side effects of a question, then executes it in the current transaction.
///
/// The transaction must be READ COMMITTED and read-only. It must be behind a savepoint that the
/// caller rolls back to, or just begun by [`BEGIN`] if it is the question's own. Returns at most
/// two rows; exactly one is an answer. After an error the transaction is unusable.
pub fn ask(
    session: &mut dyn Session,
    question: &Question<'_>,
) -> Result<(Vec<Column>, Table), QuestionError> {
    refuse_foreign_modifiers(question.sql)?;
    let blank = without_literals(question.sql, session.server_version_num());
    let (mut begin, mut attempts) = ("SAVEPOINT pgseal_question", 1);
    let answer =
        loop {
            match attempt(session, question, &blank, begin) {
                Err(
                    QuestionError::Rewritten(_) | QuestionError::Altered | QuestionError::Late(_),
                ) if attempts < ATTEMPTS => attempts += 1,
                answer => break answer?,
            }
            // A new transaction, so that `now()` is the time of this attempt.
            begin = if question.within.is_own() {
                AGAIN
            } else {
                "ROLLBACK TO SAVEPOINT pgseal_question"
            };
        };
    if question.within.is_own() {
        session.batch_ahead(UNDO)?;
    } else {
        // The next statement may belong to a script, which must not fail for an error of this one.
        session.batch(UNDO)?;
    }
    // Drops the notices with trees.
    session.notices();
    Ok(answer)
}

/// Checks that a question's pre-checks do not clear, in the current transaction. The question is
/// not executed.
pub fn suspects(
    session: &mut dyn Session,
    question: &Question<'_>,
) -> Result<Vec<&'static Check>, QuestionError> {
    refuse_foreign_modifiers(question.sql)?;
    let blank = without_literals(question.sql, session.server_version_num());
    let parsed = Parsed::of_blank(session, "SAVEPOINT pgseal_question", &blank, question)?;
    let mut parameters = parsed.parameters();
    Versions::with_children(session, &mut parameters, question.within)?;
    Ok(checks::suspects(session, &parameters, false)?.checks)
}

/// The relations that each column of a question reads, behind views too. The question is parsed
/// without its literals, in the current transaction, and not executed.
pub fn relations(
    session: &mut dyn Session,
    question: &Question<'_>,
) -> Result<ColumnRelations, QuestionError> {
    refuse_foreign_modifiers(question.sql)?;
    let blank = without_literals(question.sql, session.server_version_num());
    let begin = "SAVEPOINT pgseal_question";
    let relations = unshadowed(session, question, begin, |session, question, begin, _| {
        let parsed = Parsed::of_blank(session, begin, &blank, question)?;
        Ok(ColumnRelations::of(&parsed.tree))
    })?;
    session.batch(UNDO)?;
    session.notices();
    Ok(relations)
}

/// Undoes the locks and settings of a question.
const UNDO: &str = "ROLLBACK TO SAVEPOINT pgseal_question; RELEASE SAVEPOINT pgseal_question";

fn attempt(
    session: &mut dyn Session,
    question: &Question<'_>,
    blank: &WithoutLiterals,
    begin: &str,
) -> Result<(Vec<Column>, Table), QuestionError> {
    let begun = Instant::now();
    unshadowed(
        session,
        question,
        begin,
        |session, question, begin, by_superuser| {
            attempt_in_schemas(session, question, blank, begin, begun, by_superuser)
        },
    )
}

/// Works with a question whose path has no schema where other roles can shadow a name. The work is
/// given the statement to begin with, and whether a superuser runs.
fn unshadowed<T>(
    session: &mut dyn Session,
    question: &Question<'_>,
    begin: &str,
    work: impl FnOnce(&mut dyn Session, &Question<'_>, &str, bool) -> Result<T, QuestionError>,
) -> Result<T, QuestionError> {
    let mut begin = begin;
    let look = match question.within {
        Within::BeforeSuperusersRun => Look::of_superuser(question),
        within if within == Within::Run || question.path.len() > 2 => {
            session.batch_ahead(&format!("{begin}; {}", quiet()))?;
            begin = "ROLLBACK TO SAVEPOINT pgseal_question";
            path::look(session, question)?
        }
        _ => Look::default(),
    };
    let Look {
        unhidden,
        by_superuser,
    } = look;
    let path = unhidden
        .as_ref()
        .map_or(question.path, |unhidden| &unhidden.path);
    let question = Question { path, ..*question };
    work(session, &question, begin, by_superuser).map_err(|error| match &unhidden {
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
        // Children that came before the others' witness existed have none.
        let relations = parameters.relations();
        if relations.len() == watched {
            break versions;
        }
        watched = relations.len();
        let own = &before.uses.relations;
        witness = witness.with_children(session, question, blank, own, &relations[own.len()..])?;
    };
    if let Some(what) = versions.lack(&before.uses) {
        return Err(QuestionError::Uses(format!(
            "{what} that the catalog does not show"
        )));
    }
    let moves = before.check(session, &parameters, by_superuser)?;

    let opened = Opened::of(
        session,
        question,
        &before.uses,
        witness,
        &parameters,
        &versions,
    )?;
    // After the versions: by now the server has reported objects that were created and dropped
    // before the versions were read.
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
    // Before any rollback: partitions and children are locked only since planning, and a rollback
    // releases them.
    versions.still(&Versions::read(session, &parameters, within)?, session)?;
    Ok(answer)
}

/// Refuses type modifiers of foreign types. Their input functions run while the server parses,
/// before the catalog is checked.
fn refuse_foreign_modifiers(question: &str) -> Result<(), QuestionError> {
    let refused = |name: String| {
        QuestionError::Uses(format!(
            "type {name} with modifiers, which is not PostgreSQL's own"
        ))
    };
    foreign_modifiers(question).map_or(Ok(()), |name| Err(refused(name)))
}

/// Settings for parsing and planning a question.
///
/// A row security policy would hide rows, and "no blockers" would be READY; it causes an error
/// instead. The planner must not conclude from a `CHECK` that rows are absent: its meaning may have
/// changed since it was written.
fn as_asked(question: &Question<'_>) -> String {
    let path = question.path.join(", ");
    format!(
        "SET LOCAL row_security = off; SET LOCAL constraint_exclusion = off; SET LOCAL search_path = {path}"
    )
}

/// The settings of [`as_asked`], and those that make a [`quiet`] server show trees for [`shown`].
fn loud(session: &mut dyn Session, question: &Question<'_>) -> String {
    session.notices();
    // Trees are switched on last, so that the statements before show none.
    format!(
        "{}; SET LOCAL client_min_messages = log; SET LOCAL debug_pretty_print = off; SET LOCAL debug_print_rewritten = on",
        as_asked(question)
    )
}

/// Settings for pgseal's own queries, whatever the role or a script has set.
fn quiet() -> String {
    format!(
        "SET LOCAL debug_print_parse = off; SET LOCAL debug_print_rewritten = off; SET LOCAL debug_print_plan = off; SET LOCAL client_min_messages = notice; \
         SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL search_path = {OWN_PATH}"
    )
}

/// Trees that the server has shown, in order, for statements that pgseal sent.
///
/// Trees of statements inside functions have a context. Messages raised by functions come from
/// another routine (PostgreSQL, `nodes/print.c`).
fn shown(session: &mut dyn Session) -> impl Iterator<Item = String> {
    session.notices().into_iter().filter_map(tree_of)
}

fn tree_of(notice: Notice) -> Option<String> {
    let is_tree =
        notice.routine.as_deref() == Some("elog_node_display") && notice.context.is_none();
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
        assert_eq!(
            tree_of(notice("elog_node_display", None)).as_deref(),
            Some("({QUERY})")
        );
        assert_eq!(
            tree_of(notice("elog_node_display", Some("SQL function \"f\""))),
            None
        );
        assert_eq!(tree_of(notice("exec_stmt_raise", None)), None);
    }
}
