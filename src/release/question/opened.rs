//! A question opened as a cursor: parsed and planned, but not yet executed.

use std::time::Instant;

use super::named::Named;
use super::parameters::Parameters;
use super::parsed::MIXED;
use super::tree::{self, Used};
use super::versions::Versions;
use super::witness::{LEARN, Witness};
use super::{Question, QuestionError, as_asked, loud, quiet, shown};
use super::{set_operations, settled};
use crate::database::{Column, Session, Table};
use crate::release::settings;

/// A question with an open cursor. Its tree is the checked one, and every setting is that of the session's start, so code that ran
/// during parsing and planning cannot influence the execution.
pub(super) struct Opened {
    columns: Vec<Column>,
    since: Instant,
}

impl Opened {
    /// Opens a question. It may use only the `checked` objects; `versions` are those of its `parameters`.
    pub fn of(
        session: &mut dyn Session,
        question: &Question<'_>,
        checked: &Used,
        witness: Witness,
        parameters: &Parameters,
        versions: &Versions,
    ) -> Result<Self, QuestionError> {
        // By now the server has reported all changes that were visible when the versions were read.
        session.batch_ahead(&format!(
            "SAVEPOINT pgseal_parse; {LEARN}; {}",
            as_asked(question)
        ))?;
        let columns = session.analyse(question.sql)?;
        let loud = format!(
            "SET LOCAL standard_conforming_strings = on; {}",
            loud(session, question)
        );
        session.batch(&format!(
            "ROLLBACK TO SAVEPOINT pgseal_parse; {}; {loud}",
            quiet()
        ))?;
        // Its snapshot is older than the locks that the planner waits for. The second time it has them.
        let first = declare(session, question.sql)?;
        let fresh = format!("{}; {}", settings::fresh(session, question.limits), quiet());
        session.batch_ahead(&format!("{fresh}; CLOSE pgseal_rows"))?;
        let named = Named::of(&first);
        let before = named.versions(session)?;
        // Detects casts and similar objects that exist only for a while.
        if parameters.is_looked_up() {
            let now = Versions::read(session, parameters, question.within)?;
            versions.still(&now, session)?;
        }
        // The session resolves names by the changes it has learned: at least those of these versions.
        if parameters.is_looked_up() || !named.is_empty() {
            settled::wait(session)?;
        }
        session.batch(&format!("{LEARN}; {loud}"))?;
        let since = Instant::now();
        let tree = declare(session, question.sql)?;
        // A rollback of settings made by code would close the cursor.
        session.batch_ahead(&fresh)?;
        // Before any reason to retry: a retry must not hide a swapped statement.
        witness.untouched(session)?;
        if tree != first || named.versions(session)? != before {
            return Err(QuestionError::Altered);
        }
        let tree = tree::declared(&tree).ok_or(QuestionError::NoTree)?;
        if !checked.covers(&Used::of_select(tree).ok_or(QuestionError::NoSelect)?) {
            return Err(QuestionError::Changed("what it calls".to_owned()));
        }
        if set_operations::mixes_types(tree) {
            return Err(QuestionError::Uses(MIXED.to_owned()));
        }
        Ok(Self { columns, since })
    }

    /// A time before its snapshot.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Executes it, and returns at most `limit` rows.
    pub fn fetch(
        self,
        session: &mut dyn Session,
        question: &Question<'_>,
        limit: usize,
    ) -> Result<(Vec<Column>, Table), QuestionError> {
        // Refreshes the server's statistics, also for the second question of a transaction.
        let now = format!(
            "select pg_catalog.pg_stat_clear_snapshot(); {}; {}",
            quiet(),
            as_asked(question)
        );
        session.batch_ahead(&now)?;
        let table = session.fetch(limit)?;
        session.batch_ahead(&quiet())?;
        Ok((self.columns, table))
    }
}

/// Opens the cursor, and returns the tree that the server shows. Code that runs meanwhile can suppress the tree, but cannot forge
/// one.
fn declare(session: &mut dyn Session, sql: &str) -> Result<String, QuestionError> {
    // docs/decisions/001
    // Drops trees of pgseal's own statements, which code may have switched on.
    session.notices();
    session.open_cursor(sql)?;
    shown(session).next().ok_or(QuestionError::NoTree)
}
