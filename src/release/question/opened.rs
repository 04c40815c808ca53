//! A question that is opened as a cursor: parsed and planned, and not yet executed.

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

/// A question whose cursor is open. What is executed is the tree that was checked; and code that ran while it was parsed and
/// planned has no say in how: every setting is as the session began.
pub(super) struct Opened {
    columns: Vec<Column>,
    since: Instant,
}

impl Opened {
    /// Opens a question, which may use nothing but what was `checked`, and whose `versions` are those of its `parameters`.
    pub fn of(
        session: &mut dyn Session,
        question: &Question<'_>,
        checked: &Used,
        witness: Witness,
        parameters: &Parameters,
        versions: &Versions,
    ) -> Result<Self, QuestionError> {
        // What was visible when the versions were read has been told by now.
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
        // Casts and the like that come and go are seen while they are there.
        if parameters.is_looked_up() {
            let now = Versions::read(session, parameters, question.within)?;
            versions.still(&now, session)?;
        }
        // A name is bound by what the session has learned so far: no less than these versions.
        if parameters.is_looked_up() || !named.is_empty() {
            settled::wait(session)?;
        }
        session.batch(&format!("{LEARN}; {loud}"))?;
        let since = Instant::now();
        let tree = declare(session, question.sql)?;
        // The cursor can't be kept where what code set meanwhile is rolled back.
        session.batch_ahead(&fresh)?;
        // Before anything that is asked again: no retry may hide a statement that was swapped.
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

    /// Before its snapshot was taken.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Executes it, and gives at most `limit` rows.
    pub fn fetch(
        self,
        session: &mut dyn Session,
        question: &Question<'_>,
        limit: usize,
    ) -> Result<(Vec<Column>, Table), QuestionError> {
        // What the server counts is as of now, also for the second question of a transaction.
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

/// Opens the cursor, and gives the tree that the server shows. Code that runs meanwhile can keep it from that, but can't show another.
fn declare(session: &mut dyn Session, sql: &str) -> Result<String, QuestionError> {
    // docs/decisions/001
    // Trees of pgseal's own statements, where code had them shown.
    session.notices();
    session.open_cursor(sql)?;
    shown(session).next().ok_or(QuestionError::NoTree)
}
