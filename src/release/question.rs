//! Asks questions (gates and probes) without effect. Read-only transactions are not harmless: functions can take locks,
//! end sessions, write files and speak to other servers in them. So before a question is opened, the server is asked what
//! it would call: it analyses and rewrites the question, and shows the resulting tree (PostgreSQL manual,
//! "debug_print_rewritten"), in which every function, operator and type is resolved, also those of views, casts and row
//! security policies. Only functions that PostgreSQL is born with, and that are not volatile, are allowed; and types of
//! its own, enumerations, and no foreign tables.
//!
//! What a tree says is read in `tree.rs`. It is also written to the server's log, as the server does with all messages of level LOG.

use std::collections::BTreeSet;

use super::settings::OWN_PATH;
use super::tree::{Used, foreign, without_columns_of_joins};
use super::{glance, harmless};
use crate::database::{Column, DatabaseError, Session, Table};
use crate::sql::{type_names, without_literals};

/// Why a question is not asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// It would use something that could have an effect.
    #[error("it uses {0}; only functions of pg_catalog that are not volatile are allowed, also behind views")]
    Uses(String),
    /// The server would run somebody's code while it reads literals, and the question can't be looked at without them.
    #[error(
        "values of {0} are read by somebody's code, and the question can't be looked at without its literals ({1})"
    )]
    Literals(String, DatabaseError),
    /// The server did not show how it understands the question.
    #[error("the server did not show what it would call")]
    NoTree,
    /// The server refused it, or did not say.
    #[error("{0}")]
    Database(#[from] DatabaseError),
}

/// Asks a question inside the current transaction, behind a savepoint and read-only, after checking what it would call.
/// [`leave`] rolls back to the savepoint; until then the relations that were checked stay locked.
pub fn ask(
    session: &mut dyn Session,
    question: &str,
    path: &str,
    limit: usize,
) -> Result<(Vec<Column>, Table), QuestionError> {
    // The scanner of `type_names` reads strings as the standard says, so the server has to.
    session.batch(&format!(
        "SAVEPOINT pgseal_question; SET LOCAL transaction_read_only = on; SET LOCAL standard_conforming_strings = on; \
         SET LOCAL search_path = {OWN_PATH}"
    ))?;
    // Literals of a type are read by the type's own functions while the question is parsed, so types come first.
    let named = type_names(question).join("\n");
    let there = There::glance(session, &named)?;
    if there.everywhere {
        used(session.query(harmless::EVERYWHERE, &[])?)?;
    }
    if there.named {
        used(session.query(harmless::NAMED_TYPES, &[&named])?)?;
    }
    if let Some(reader) = reader(session, &there)? {
        let blank = check(session, &without_literals(question), path);
        blank.map_err(|error| match error {
            QuestionError::Database(error @ DatabaseError::Server(_)) => QuestionError::Literals(reader, error),
            error => error,
        })?;
    }
    let columns = check(session, question, path)?;
    session.batch(&format!("SET LOCAL search_path = {path}"))?;
    Ok((columns, session.select(question, limit)?))
}

/// What the catalog has at all of that which could refuse a question before it is looked at.
struct There {
    /// For [`harmless::EVERYWHERE`].
    everywhere: bool,
    /// For [`harmless::NAMED_TYPES`].
    named: bool,
    /// For [`harmless::DOMAINS`].
    domains: bool,
    /// For [`harmless::INPUTS`].
    inputs: bool,
}

impl There {
    fn glance(session: &mut dyn Session, named: &str) -> Result<Self, DatabaseError> {
        let table = session.query(glance::TYPES, &[named])?;
        // Whatever is not a plain no is looked at.
        let mut answers = table.rows.into_iter().flatten().map(|answer| answer.as_deref() != Some("false"));
        let mut next = || answers.next().unwrap_or(true);
        let (everywhere, named, domains, inputs) = (next(), next(), next(), next());
        Ok(Self { everywhere, named, domains, inputs: inputs || everywhere })
    }
}

/// The glance at the same things says that there is nothing to refuse.
fn nothing(glance: &Table) -> bool {
    glance.single() == Some("false")
}

/// A type, if there is one, whose literals are read by what somebody made: a question that has none names itself.
fn reader(session: &mut dyn Session, there: &There) -> Result<Option<String>, QuestionError> {
    let checks = if there.domains { session.query(harmless::DOMAINS, &[])? } else { Table::default() };
    let mut in_domains = Used::default();
    checks.rows.iter().flatten().flatten().for_each(|tree| in_domains.collect(tree));
    match called(session, &in_domains) {
        Err(QuestionError::Uses(_)) => return Ok(Some("a domain".to_owned())),
        other => other?,
    }
    if !foreign(&in_domains.types).is_empty() {
        return Ok(Some("a domain".to_owned()));
    }
    let inputs = if there.inputs { session.query(harmless::INPUTS, &[])? } else { Table::default() };
    Ok(first(inputs))
}

/// Asks the server how it understands a text, and refuses what could have an effect.
fn check(session: &mut dyn Session, text: &str, path: &str) -> Result<Vec<Column>, QuestionError> {
    let (columns, trees) = trees(session, text, path)?;
    if trees.is_empty() {
        return Err(QuestionError::NoTree);
    }
    let mut tree_uses = Used::default();
    trees.iter().for_each(|tree| tree_uses.collect(tree));
    called(session, &tree_uses)?;
    let (types, columns_of) = (foreign(&tree_uses.types), foreign(&tree_uses.columns));
    if !(types.is_empty() && columns_of.is_empty()) {
        used(session.query(harmless::TYPES, &[&list(&types), &list(&columns_of)])?)?;
    }
    of_any_type(session, &trees, &tree_uses)?;
    let relations = list(&tree_uses.relations);
    if !relations.is_empty() && !nothing(&session.query(glance::BEHIND_TABLES, &[&relations])?) {
        used(session.query(harmless::BEHIND_TABLES, &[&relations])?)?;
    }
    if tree_uses.foreign_table {
        return Err(QuestionError::Uses("a foreign table".to_owned()));
    }
    Ok(columns)
}

/// Values whose type stands in no tree, since they bring it along: of `anyarray`, which columns of pg_attribute and pg_statistic
/// and of the views on it have. A function that looks at them would call what their type's owner made.
fn of_any_type(session: &mut dyn Session, trees: &[String], uses: &Used) -> Result<(), QuestionError> {
    if uses.of_catalog_rows().is_empty() {
        return Ok(());
    }
    // A join names all columns of both its sides, read or not. A whole row of it reads them all, and names none.
    let mut read = Used::default();
    match uses.whole_row {
        true => trees.iter().for_each(|tree| read.collect(tree)),
        false => trees.iter().for_each(|tree| read.collect(&without_columns_of_joins(tree))),
    }
    let rows = read.of_catalog_rows();
    if rows.is_empty() { Ok(()) } else { used(session.query(harmless::OF_ANY_TYPE, &[&list(&rows)])?) }
}

fn called(session: &mut dyn Session, uses: &Used) -> Result<(), QuestionError> {
    // Most databases have no domains: nothing is used, and nothing can be refused.
    if uses.functions.is_empty() && uses.operators.is_empty() {
        return Ok(());
    }
    let (denied, allowed) = (harmless::pattern(&harmless::DENIED), harmless::pattern(&harmless::ALLOWED));
    let of = [list(&uses.functions), list(&uses.operators)];
    let asked = [of[0].as_str(), &of[1], &denied, &allowed];
    if nothing(&session.query(glance::CALLED, &asked)?) {
        return Ok(());
    }
    used(session.query(harmless::CALLED, &asked)?)
}

fn list(oids: &BTreeSet<u32>) -> String {
    oids.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// Forgets the question and its settings.
pub fn leave(session: &mut dyn Session) -> Result<(), DatabaseError> {
    session.batch("ROLLBACK TO SAVEPOINT pgseal_question; RELEASE SAVEPOINT pgseal_question")
}

fn used(found: Table) -> Result<(), QuestionError> {
    first(found).map_or(Ok(()), |name| Err(QuestionError::Uses(name)))
}

/// What was found, if anything was: a row counts, even where the server has no words for it.
fn first(found: Table) -> Option<String> {
    let row = found.rows.into_iter().next()?;
    Some(row.into_iter().flatten().next().unwrap_or_else(|| "something that the server has no name for".to_owned()))
}

/// The rewritten trees of a question.
fn trees(session: &mut dyn Session, question: &str, path: &str) -> Result<(Vec<Column>, Vec<String>), DatabaseError> {
    session.notices();
    session.batch(&format!(
        "SET LOCAL search_path = {path}; SET LOCAL client_min_messages = log; SET LOCAL debug_pretty_print = off; \
         SET LOCAL debug_print_rewritten = on"
    ))?;
    let columns = session.analyse(question)?;
    session.batch(&format!(
        "SET LOCAL debug_print_rewritten = off; SET LOCAL client_min_messages = notice; \
         SET LOCAL search_path = {OWN_PATH}"
    ))?;
    let shown = session.notices().into_iter().filter(|notice| notice.severity == "LOG");
    Ok((columns, shown.filter_map(|notice| notice.detail).filter(|detail| detail.contains("{QUERY")).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_words_is_refused() {
        let table = |rows| Table { columns: vec!["format".to_owned()], rows };
        used(table(Vec::new())).expect("nothing was found");
        used(table(vec![vec![None]])).expect_err("something was found");
    }
}
