//! A question parsed without its literals: the objects that it uses, and their checks.

use std::collections::BTreeSet;

use super::checks;
use super::parameters::Parameters;
use super::tree::{Used, is_made, without_columns_of_joins};
use super::witness::Witness;
use super::{Question, QuestionError, given, loud, quiet, settled, shown};
use super::{fragments, set_operations};
use crate::database::{Parameter, Session};
use psql_script::WithoutLiterals;

pub(super) const MIXED: &str = "UNION, INTERSECT or EXCEPT of different types, one of them user-defined, which the planner casts by \
                     whatever function is there then (write m::text)";

const NAME_OF_TYPE: &str = concat!(
    "select oid::regtype::text from pg_type where oid = any ",
    fragments::oids!("$1")
);

/// The server's interpretation of a question.
pub(super) struct Parsed {
    /// The rewritten tree, as the server shows it.
    pub tree: String,
    pub uses: Used,
    pub witness: Witness,
}

impl Parsed {
    /// Parses a question without literals: runs no input function, and locks the relations. Applies the settings for all that
    /// follows `begin`: `without_literals` assumes `standard_conforming_strings`, so the server must use it too.
    pub fn of_blank(
        session: &mut dyn Session,
        begin: &str,
        blank: &WithoutLiterals,
        question: &Question<'_>,
    ) -> Result<Self, QuestionError> {
        let loud = loud(session, question);
        session.batch_ahead(&format!(
            "{begin}; SET LOCAL transaction_read_only = on; SET LOCAL standard_conforming_strings = on; {}; {loud}",
            quiet()
        ))?;
        let witness = Witness::keep(session, blank, "").map_err(|(error, place)| match place {
            Some((_, true)) => QuestionError::Literals(error),
            _ => QuestionError::Database(error),
        })?;
        // Trees of the settings above can come before it, if a role's setting shows them.
        let mut tree = shown(session)
            .find(|tree| Witness::is_of(tree))
            .ok_or(QuestionError::NoTree)?;
        session.batch_ahead(&quiet())?;
        let mut uses = Used::of_select(&tree).ok_or(QuestionError::NoSelect)?;
        if session.server_version_num() >= 180_000 && !uses.relations.is_empty() {
            // The planner replaces the columns by them; no tree of the question shows them.
            let relations: Vec<u32> = uses.relations.iter().copied().collect();
            let virtual_columns = session.query_with(
                fragments::VIRTUAL_COLUMNS,
                &[Parameter::Oids(&relations)],
                false,
            )?;
            for expression in virtual_columns.rows.iter().flatten().flatten() {
                uses.collect(expression);
                tree.push_str(expression);
            }
        }
        Ok(Self {
            tree,
            uses,
            witness,
        })
    }

    pub fn parameters(&self) -> Parameters {
        Parameters::new(
            &self.uses,
            &self.rows_of_any_type(),
            &given::given_others(&self.tree),
        )
    }

    /// Locks the tables of a question, as far as the role may, against new indexes, statistics, partitions and children and
    /// against changed definitions (PostgreSQL manual, "LOCK").
    ///
    /// `LOCK` goes by name, and a schema can be renamed meanwhile, so the resulting locks are verified.
    pub fn lock_tables(&self, session: &mut dyn Session) -> Result<(), QuestionError> {
        let relations: Vec<u32> = self.uses.relations.iter().copied().collect();
        let relations = [Parameter::Oids(&relations)];
        let tables = session.query_with(fragments::LOCKABLE, &relations, false)?;
        let names: Vec<String> = tables.rows.into_iter().flatten().flatten().collect();
        if !names.is_empty() {
            session.execute(&format!(
                "LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE",
                names.join(", ")
            ))?;
        }
        let unlocked = session.query_with(fragments::UNLOCKED, &relations, false)?;
        match unlocked.rows.into_iter().next() {
            None => Ok(()),
            Some(row) => Err(QuestionError::Unlocked(
                row.into_iter().flatten().next().unwrap_or_default(),
            )),
        }
    }

    /// Types of values that carry their actual type, which no tree shows: `anyarray`, in columns of pg_attribute, pg_statistic and
    /// its views. A function that inspects such a value would call code of the actual type's owner.
    fn rows_of_any_type(&self) -> BTreeSet<u32> {
        if self.uses.of_catalog_rows().is_empty() {
            return BTreeSet::new();
        }
        // A join lists all columns of both sides, read or not. A whole row of it reads all, and lists none.
        let mut read = Used::default();
        match self.uses.whole_row {
            true => read.collect(&self.tree),
            false => read.collect(&without_columns_of_joins(&self.tree)),
        }
        read.of_catalog_rows()
    }

    /// Refuses types that are not PostgreSQL's own. Relations are locked, but types cannot be: a role with CREATE on the schema can
    /// create a function that replaces the cast `public.mood('open'::text)`, and any type can get the name `public._mood` of an
    /// automatic array. Columns count, since no tree shows a cast to a value's own type. So all other names in the question mean
    /// PostgreSQL's own.
    fn refuse_types(&self, session: &mut dyn Session) -> Result<(), QuestionError> {
        let made: Vec<u32> = self
            .uses
            .types
            .union(&self.uses.columns)
            .copied()
            .filter(is_made)
            .collect();
        if made.is_empty() {
            return Ok(());
        }
        let name = session.query_with(NAME_OF_TYPE, &[Parameter::Oids(&made)], false)?;
        let name = name.rows.into_iter().flatten().flatten().next();
        Err(QuestionError::MadeType(name.unwrap_or_else(|| {
            "that the server has no name for".to_owned()
        })))
    }

    /// Refuses possible side effects, and for a superuser also objects of other roles. Returns whether results can change during
    /// execution.
    pub fn check(
        &self,
        session: &mut dyn Session,
        parameters: &Parameters,
        by_superuser: bool,
    ) -> Result<bool, QuestionError> {
        let suspects = checks::suspects(session, parameters, by_superuser)?;
        if suspects.anybody {
            // So that the session knows at least the versions read before, when it parses the question.
            settled::wait(session)?;
        }
        for check in &suspects.checks {
            if let Some(found) = checks::rejection(session, check, parameters)? {
                return Err(QuestionError::Uses(found));
            }
        }
        if suspects.others {
            checks::refuse_others(session, parameters)?;
        }
        if by_superuser {
            self.refuse_types(session)?;
        }
        if set_operations::mixes_types(&self.tree) {
            return Err(QuestionError::Uses(MIXED.to_owned()));
        }
        if self.uses.foreign_table {
            return Err(QuestionError::Uses("a foreign table".to_owned()));
        }
        // By number, independent of the catalog's answers.
        let made = |what: &str, oids: &BTreeSet<u32>| {
            oids.iter()
                .find(|oid| is_made(oid))
                .map(|oid| format!("{what} {oid}"))
        };
        match made("function", &self.uses.functions)
            .or_else(|| made("operator", &self.uses.operators))
        {
            Some(what) => Err(QuestionError::Uses(format!(
                "{what}, which is not PostgreSQL's own"
            ))),
            None => Ok(suspects.moves),
        }
    }
}
