//! A question that is parsed without its literals: what it uses, and the checks of that.

use std::collections::BTreeSet;

use super::checks;
use super::parameters::Parameters;
use super::tree::{Used, is_made, without_columns_of_joins};
use super::witness::Witness;
use super::{Question, QuestionError, given, loud, quiet, settled, shown};
use super::{fragments, set_operations};
use crate::database::{Parameter, Session};
use psql_script::WithoutLiterals;

pub(super) const MIXED: &str = "UNION, INTERSECT or EXCEPT of different types, one of them made by somebody, which the planner casts by \
                     whatever function is there then (write m::text)";

const NAME_OF_TYPE: &str = concat!(
    "select oid::regtype::text from pg_type where oid = any ",
    fragments::oids!("$1")
);

/// How the server understands a text.
pub(super) struct Parsed {
    /// The rewritten tree, as it shows it.
    tree: String,
    pub uses: Used,
    pub witness: Witness,
}

impl Parsed {
    /// Without literals: runs no input function, and locks the relations. Makes the settings of everything that follows `begin`:
    /// the scanner of `without_literals` reads strings as the standard says, so the server has to.
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
        // Those of the settings above come before it, where somebody had them shown.
        let mut tree = shown(session)
            .find(|tree| Witness::is_of(tree))
            .ok_or(QuestionError::NoTree)?;
        session.batch_ahead(&quiet())?;
        let mut uses = Used::of_select(&tree).ok_or(QuestionError::NoSelect)?;
        if session.server_version_num() >= 180_000 && !uses.relations.is_empty() {
            // The planner, and no tree, puts them in the place of the column.
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

    /// Keeps others from adding indexes, statistics, partitions and children to the tables of a question, and from changing
    /// their definitions, as far as the role may lock them (PostgreSQL manual, "LOCK").
    ///
    /// `LOCK` goes by name, and a schema can be renamed meanwhile, so the locks themselves are looked at.
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

    /// Values whose type stands in no tree, since they bring it along: of `anyarray`, which columns of pg_attribute and
    /// pg_statistic and of the views on it have. A function that looks at them would call what their type's owner made.
    fn rows_of_any_type(&self) -> BTreeSet<u32> {
        if self.uses.of_catalog_rows().is_empty() {
            return BTreeSet::new();
        }
        // A join names all columns of both its sides, read or not. A whole row of it reads them all, and names none.
        let mut read = Used::default();
        match self.uses.whole_row {
            true => read.collect(&self.tree),
            false => read.collect(&without_columns_of_joins(&self.tree)),
        }
        read.of_catalog_rows()
    }

    /// Refuses types that are not PostgreSQL's own. Relations are locked, but no type is: whoever may create in its schema makes a
    /// function that takes the place of the cast `public.mood('open'::text)`, and any type may be given the name `public._mood` of an
    /// automatic array. Columns count, since a cast to the type that a value has stands in no tree. So all other names in the
    /// question mean PostgreSQL's own.
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

    /// Refuses what could have side effects; for a superuser also what belongs to others. Gives whether it calls what moves while it is
    /// executed.
    pub fn check(
        &self,
        session: &mut dyn Session,
        parameters: &Parameters,
        by_superuser: bool,
    ) -> Result<bool, QuestionError> {
        let suspects = checks::suspects(session, parameters, by_superuser)?;
        if suspects.anybody {
            // So that the versions, which are older, are those of what the question will be parsed by.
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
        // By number, whatever the catalog has said of them.
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
