//! Catalog rows behind the relations, functions and types of a question, by their versions (`xmin`): what may not change while
//! the question is executed.

use std::collections::BTreeMap;

use super::Within;
use super::checks::Parameters;
use super::fragments::{oids, relations};
use super::tree::Used;
use crate::database::{DatabaseError, Session};

/// The class of the rows that say in which file of the server a relation is: TRUNCATE, VACUUM FULL and CLUSTER change it.
const STORAGE: &str = "storage";

/// The class of a relation's own row, which changes with its file.
const RELATION: &str = "relation";

/// Versions of catalog rows, by what they are and the oid of what they belong to.
#[derive(PartialEq, Eq)]
pub(super) struct Versions(BTreeMap<(String, String), String>);

/// How two [`Versions`] differ.
pub(super) enum Difference {
    /// Relations have other files, and nothing else changed: they were truncated or rewritten.
    Storage(String),
    /// Something else changed.
    Definition(String),
}

impl Versions {
    /// Reads them. In a session where no script runs, the query stays prepared for the second time.
    pub fn read(session: &mut dyn Session, of: &Parameters, within: Within) -> Result<Self, DatabaseError> {
        let table = match within {
            Within::OwnTransaction => session.query_again(VERSIONS, &of.as_strs())?,
            Within::Run => session.query(VERSIONS, &of.as_strs())?,
        };
        let row = |row: Vec<Option<String>>| {
            let mut values = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || values.next().unwrap_or_default();
            ((next(), next()), next())
        };
        Ok(Self(table.rows.into_iter().map(row).collect()))
    }

    /// What a question uses and the catalog does not show; `None` where it shows everything.
    pub fn lack(&self, uses: &Used) -> Option<&'static str> {
        let shown = |class: &str| {
            let of_class = self.0.iter().filter(|((of, _), _)| of == class);
            of_class.map(|(_, versions)| versions.split(' ').count()).sum::<usize>()
        };
        let types = uses.types.union(&uses.columns).count();
        let relations =
            uses.relations.iter().filter(|oid| self.0.contains_key(&(RELATION.to_owned(), oid.to_string())));
        let fewer = [
            ("a function", shown("functions") < uses.functions.len()),
            ("an operator", shown("operators") < uses.operators.len()),
            ("a type", shown("types") < types),
            ("a relation", relations.count() < uses.relations.len()),
        ];
        fewer.into_iter().find_map(|(what, is_fewer)| is_fewer.then_some(what))
    }

    /// The first difference, in words; `None` where they are equal.
    pub fn difference(&self, after: &Self, session: &mut dyn Session) -> Result<Option<Difference>, DatabaseError> {
        let keys = self.0.keys().chain(after.0.keys());
        let differ: Vec<_> = keys.filter(|key| self.0.get(*key) != after.0.get(*key)).collect();
        let rewritten = |of: &String| differ.iter().any(|(class, other)| class == STORAGE && other == of);
        let definition = differ.iter().find(|(class, of)| class != STORAGE && !(class == RELATION && rewritten(of)));
        Ok(match (definition, differ.first()) {
            (Some((class, of)), _) => Some(Difference::Definition(words(session, class, of)?)),
            (None, Some((_, of))) => Some(Difference::Storage(words(session, RELATION, of)?)),
            (None, None) => None,
        })
    }
}

/// `index of public.approvals`
fn words(session: &mut dyn Session, class: &str, of: &str) -> Result<String, DatabaseError> {
    // What is gone keeps its number.
    let name = session.query(NAME, &[of])?.single().unwrap_or(of).to_owned();
    Ok(if class == RELATION { name } else { format!("{class} of {name}") })
}

const NAME: &str = concat!(
    "select coalesce((select c.oid::regclass::text from pg_class c where c.oid = any ",
    oids!("$1"),
    "), nullif($1, ''), 'the catalog')"
);

/// Text columns: class, oid of what it belongs to, versions. Their functions and operators are those that PostgreSQL has for
/// exactly these types.
const VERSIONS: &str = concat!(
    "with recursive ",
    relations!(),
    ", versions(class, owner, object, version) as (
        select 'relation'::text, c.oid, c.oid, c.xmin from relations r join pg_class c on c.oid = r.oid
        union all
        select 'storage'::text, c.oid, c.relfilenode, null from relations r join pg_class c on c.oid = r.oid
        union all
        select 'children'::text, i.inhparent, i.inhrelid, i.xmin from relations r join pg_inherits i on i.inhparent = r.oid
        union all
        select 'columns'::text, a.attrelid, a.attnum::int4::oid, a.xmin
        from relations r join pg_attribute a on a.attrelid = r.oid where a.attnum > 0::int2
        union all
        select 'defaults'::text, d.adrelid, d.oid, d.xmin from relations r join pg_attrdef d on d.adrelid = r.oid
        union all
        select 'rules'::text, w.ev_class, w.oid, w.xmin from relations r join pg_rewrite w on w.ev_class = r.oid
        union all
        select 'policies'::text, p.polrelid, p.oid, p.xmin from relations r join pg_policy p on p.polrelid = r.oid
        union all
        select 'constraints'::text, c.conrelid, c.oid, c.xmin from relations r join pg_constraint c on c.conrelid = r.oid
        union all
        select 'indexes'::text, i.indrelid, i.indexrelid, i.xmin from relations r join pg_index i on i.indrelid = r.oid
        union all
        select 'statistics'::text, s.stxrelid, s.oid, s.xmin
        from relations r join pg_statistic_ext s on s.stxrelid = r.oid
        union all
        select 'partition key'::text, p.partrelid, p.partrelid, p.xmin
        from relations r join pg_partitioned_table p on p.partrelid = r.oid
        union all
        select 'functions'::text, null, p.oid, p.xmin from pg_proc p where p.oid = any ",
    oids!("$1"),
    "
        union all
        select 'operators'::text, null, o.oid, o.xmin from pg_operator o where o.oid = any ",
    oids!("$2"),
    "
        union all
        select 'types'::text, null, t.oid, t.xmin
        from pg_type t where t.oid = any ",
    oids!("$3"),
    " or t.oid = any ",
    oids!("$4"),
    "
        union all
        select 'casts'::text, null, c.oid, c.xmin from pg_cast c where c.castfunc >= 16384::oid
    )
    select class, coalesce(oidout(owner)::text, ''::text),
           string_agg(oidout(object)::text || ':'::text || coalesce(xidout(version)::text, ''::text), ' '::text
                      order by object)
    from versions group by class, owner"
);
