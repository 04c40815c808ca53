//! A question that is prepared and planned, and executed by just that plan.

use super::tree::{self, Used};
use super::{QuestionError, TREES, Within, loud, quiet, shown};
use crate::database::{Column, Session, Table};

/// The server's name of it.
const NAME: &str = "pgseal_question";

/// A question whose plan the server keeps. Code that ran while it was planned has left nothing behind: the transaction is as
/// it was before.
pub(super) struct Planned {
    pub columns: Vec<Column>,
    path: String,
    /// Where it stands in the command that prepared it, by which its plans are known from those of other statements.
    place: String,
    /// When it was prepared. What else is prepared by its name has another time.
    time: String,
}

impl Planned {
    /// Prepares and plans a question, which may use nothing but what was `checked`.
    pub fn of(session: &mut dyn Session, question: &str, path: &str, checked: &Used) -> Result<Self, QuestionError> {
        session.batch(&format!("SAVEPOINT pgseal_plan; SET LOCAL search_path = {path}"))?;
        let columns = session.prepare_as(NAME, question)?;
        // From here on code of others may run, and see what is prepared.
        let time = session.query(PREPARED, &[])?.single().ok_or(QuestionError::NoTree)?.to_owned();
        // PostgreSQL 13 shows no tree when it prepares. Where the path is written in another way, it analyses once more.
        let path = format!("pg_catalog, {path}");
        // The rollback takes back the settings too.
        let loud = loud(session, &path);
        session.batch(&format!("{loud}; {TREES}; EXPLAIN EXECUTE {NAME}; ROLLBACK TO SAVEPOINT pgseal_plan"))?;
        let shown: Vec<String> = shown(session).collect();
        // The command itself has a tree too, before it.
        let tree = shown.iter().filter(|text| text.contains("{QUERY")).nth(1).ok_or(QuestionError::NoTree)?;
        if !checked.covers(&Used::of_select(tree).ok_or(QuestionError::NoSelect)?) {
            return Err(QuestionError::Changed("what it calls".to_owned()));
        }
        let place = tree::place(tree).ok_or(QuestionError::NoTree)?.to_owned();
        let is_plan = |text: &String| text.contains("{PLANNEDSTMT") && tree::place(text) == Some(&place);
        // So that another plan would be known as well.
        if !shown.iter().any(is_plan) {
            return Err(QuestionError::NoTree);
        }
        Ok(Self { columns, path, place, time })
    }

    /// Its rows; `None` where the server made another plan for them, since what it reads was redefined or analyzed.
    pub fn execute(
        &self,
        session: &mut dyn Session,
        limit: usize,
        within: Within,
    ) -> Result<Option<Table>, QuestionError> {
        let loud = loud(session, &self.path);
        session.batch(&loud)?;
        let table = session.execute_prepared(NAME, limit)?;
        // Functions in SQL, such as `obj_description`, show plans of their own while they are executed.
        let planned_again = shown(session).any(|text| tree::place(&text) == Some(&self.place));
        // Code that runs while another plan is made could keep the server from showing it, and not put that back.
        let as_before = session.query(AS_BEFORE, &[&self.time, if within == Within::Run { "run" } else { "" }])?;
        session.batch(&format!("{}; DEALLOCATE {NAME}", quiet()))?;
        // That query's own plan is nobody's notice.
        session.notices();
        match (as_before.single(), planned_again) {
            (Some("true"), false) => Ok(Some(table)),
            (Some("true"), true) => Ok(None),
            _ => Err(QuestionError::Changed("a setting, or a statement that pgseal had prepared,".to_owned())),
        }
    }
}

const PREPARED: &str =
    "select p.prepare_time::text from pg_prepared_statements p where p.name = 'pgseal_question'::text";

/// Whether the statement is the one that was prepared, and the server would have shown another plan of it. Statements by
/// names such as the driver gives are pgseal's own, but in a run, whose scripts may prepare what they like.
const AS_BEFORE: &str = "
    select (current_setting('debug_print_plan'::text) = 'on'::text
            and current_setting('client_min_messages'::text) = 'log'::text
            and bool_or(p.name = 'pgseal_question'::text and p.prepare_time::text = $1)
            and ($2 = 'run'::text or not bool_or(p.from_sql and p.name ~ '^s[0-9]+$'::text)))::text
    from pg_prepared_statements p";
