//! The three moments at which the catalog is queried.
//!
//! All of them run outside of a transaction, on a session with the release's `search_path`
//! ([`crate::release::settings::use_release_path`]), so that names without a schema resolve as in the
//! statement itself. The path is unchanged afterwards.

use super::answer::{Before, Effect, Refused, of_another_statement};
use super::create_index::{self, CreateIndex};
use super::drop_index::{self, DropIndex};
use super::names::{relation, under_own_path};
use super::partition::{self, Detach};
use super::reindex::{self, Reindex};
use super::working;
use crate::database::{DatabaseError, Session};
use crate::release::failure::Failure;
use psql_script::{NonTransactional, Reindexed};

/// A statement with the state before it.
pub(super) trait Look {
    /// The relations that a process holds while it works on the statement.
    fn relations(&self) -> Vec<u32> {
        Vec::new()
    }

    /// Confirms the server's success report. Returns a remark for the operator.
    fn confirm(&self, session: &mut dyn Session) -> Result<Option<String>, Refused>;

    /// Finds the effect of the statement, which was sent as `sql`.
    fn find(&self, session: &mut dyn Session, sql: &str) -> Result<Effect, DatabaseError>;

    /// The name in the statement that means another object now than before.
    fn changed_name(&self, _: &mut dyn Session) -> Result<Option<String>, DatabaseError> {
        Ok(None)
    }
}

/// Returns the state to record before the statement is sent.
///
/// # Errors
///
/// Leftovers of an earlier crash or of another client, and how to clear them: an INVALID index of
/// that name, `_ccnew` and `_ccold` on the table, a partition that is partly detached. Or the catalog
/// could not be queried.
pub fn before(session: &mut dyn Session, statement: &NonTransactional) -> Result<Before, Failure> {
    look_before(session, statement).map_err(failure)
}

/// Confirms the server's answer by the catalog (threat 31: `IF NOT EXISTS` passes over an INVALID index).
/// `Some` is a remark for the operator.
///
/// # Errors
///
/// The actual state, or a failed catalog query.
pub fn confirm(
    session: &mut dyn Session,
    statement: &NonTransactional,
    before: &Before,
) -> Result<Option<String>, Failure> {
    let confirmed = look(session, statement, before)
        .map_err(Refused::from)
        .and_then(|look| under_own_path(session, |session| look.confirm(session)));
    confirmed.map_err(failure)
}

/// Finds the outcome of a statement after a crash or an error. `sql` is its text as it was sent.
///
/// A statement whose names resolve to other objects now is not sent again: that would have an effect which
/// was never signed. Only evidence by oid counts for it.
///
/// The caller must hold the run's lock: a statement still on its way to the server, and therefore
/// invisible, belongs to a session that still holds it.
///
/// # Errors
///
/// A failed catalog query, or `before` is about another kind of statement.
pub fn find(
    session: &mut dyn Session,
    statement: &NonTransactional,
    before: &Before,
    sql: &str,
) -> Result<Effect, DatabaseError> {
    let look = look(session, statement, before)?;
    under_own_path(session, |session| {
        // Processes first, then objects: the effect of a process that has ended by then is in the
        // catalog.
        if let Some(who) = working::on(session, sql, &look.relations())? {
            return Ok(Effect::StillRunning(who));
        }
        let effect = look.find(session, sql)?;
        let Effect::NotThere(how) = &effect else {
            return Ok(effect);
        };
        Ok(match look.changed_name(session)? {
            Some(name) => Effect::Undecidable(format!(
                "{how}; but {name} means something else now than before it was sent: look what it would do, then say \
                 whether it counts as done, or is to be sent again"
            )),
            None => effect,
        })
    })
}

fn look_before(session: &mut dyn Session, statement: &NonTransactional) -> Result<Before, Refused> {
    use NonTransactional as Of;
    let [now, second] = named(session, statement)?;
    under_own_path(session, |session| match statement {
        Of::CreateIndex {
            name,
            if_not_exists,
            ..
        } => create_index::before(session, now, name, *if_not_exists),
        Of::DropIndex { .. } => drop_index::before(session, now),
        Of::Reindex { of } => reindex::before(session, of, now),
        Of::Detach { .. } => partition::before(session, now, second),
        Of::Maintenance | Of::AlterSystem(_) | Of::Procedure => Ok(Before::Nothing),
        Of::Unknown(what) => Err(Refused::found(
            format!("what came of it could not be looked up after a crash: {what}"),
            "write it with a plain name, or run it by hand".to_owned(),
        )),
    })
}

fn look<'a>(
    session: &mut dyn Session,
    statement: &'a NonTransactional,
    before: &'a Before,
) -> Result<Box<dyn Look + 'a>, DatabaseError> {
    use NonTransactional as Of;
    let [now, second] = named(session, statement)?;
    Ok(match (statement, before) {
        (
            Of::CreateIndex {
                name, table: on, ..
            },
            Before::CreateIndex { table, relation },
        ) => Box::new(CreateIndex {
            name,
            on,
            now,
            table: *table,
            relation: *relation,
        }),
        (Of::DropIndex { index: name }, Before::DropIndex { index }) => Box::new(DropIndex {
            name,
            now,
            index: *index,
        }),
        (
            Of::Reindex { of },
            Before::Reindex {
                tables,
                indexes,
                invalid,
            },
        ) => Box::new(Reindex {
            of,
            now,
            tables: tables.as_deref(),
            indexes,
            invalid,
        }),
        (
            Of::Detach {
                parent: of,
                partition: name,
            },
            Before::Detach {
                parent,
                partition,
                attached,
            },
        ) => Box::new(Detach {
            of,
            name,
            now: [now, second],
            parent: *parent,
            partition: *partition,
            attached: *attached,
        }),
        (
            Of::Maintenance | Of::AlterSystem(_) | Of::Procedure | Of::Unknown(_),
            Before::Nothing,
        ) => Box::new(Invisible(statement)),
        _ => return Err(of_another_statement()),
    })
}

/// A statement that leaves nothing to compare.
struct Invisible<'a>(&'a NonTransactional);

impl Look for Invisible<'_> {
    fn confirm(&self, _: &mut dyn Session) -> Result<Option<String>, Refused> {
        Ok(None)
    }

    fn find(&self, _: &mut dyn Session, _: &str) -> Result<Effect, DatabaseError> {
        Ok(match self.0 {
            NonTransactional::Procedure => Effect::Undecidable(
                "how far a procedure came is not to be seen in the catalog: look at what it should have done, then say \
                 whether it counts as done"
                    .to_owned(),
            ),
            NonTransactional::Unknown(what) => Effect::Undecidable(format!(
                "what came of {what} is not to be seen in the catalog: look for it, then say whether it counts as done"
            )),
            _ => Effect::NotThere(
                "whether it was complete is not to be seen, and repeating it does no harm".to_owned(),
            ),
        })
    }
}

/// The relations that the statement's names mean now.
fn named(
    session: &mut dyn Session,
    statement: &NonTransactional,
) -> Result<[Option<u32>; 2], DatabaseError> {
    let (first, second) = match statement {
        NonTransactional::CreateIndex { table: name, .. }
        | NonTransactional::DropIndex { index: name }
        | NonTransactional::Reindex {
            of: Reindexed::Index(name) | Reindexed::Table(name),
        } => (name, None),
        NonTransactional::Detach { parent, partition } => (parent, Some(partition)),
        _ => return Ok([None, None]),
    };
    let first = relation(session, first)?;
    let second = second.map(|name| relation(session, name)).transpose()?;
    Ok([first, second.flatten()])
}

fn failure(refused: Refused) -> Failure {
    match refused {
        Refused::Found(failure) => failure,
        Refused::Database(error) => {
            Failure::database("the catalog can't be asked about the statement", &error)
        }
    }
}
