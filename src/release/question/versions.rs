//! Versions (`xmin`) of the catalog rows behind the relations, functions and types of a question. They may not change until
//! the answer is read.

use std::collections::{BTreeMap, BTreeSet};

use super::behind::{Behind, Tree};
use super::fragments::oids;
use super::parameters::Parameters;
use super::tree::Used;
use super::{QuestionError, Within};
use crate::database::{DatabaseError, Parameter, Session};

/// The class of a relation's own row, which includes the number of its file: TRUNCATE, VACUUM FULL and CLUSTER change that.
const RELATION: &str = "relation";

/// The class of the rows for a relation's children.
const CHILDREN: &str = "children";

/// Classes with expressions by which the planner excludes rows: index and partition keys.
const HIDES_ROWS: [&str; 2] = ["indexes", "partition keys"];

/// Versions of catalog rows, by class and the oid of their object.
#[derive(PartialEq, Eq)]
pub(super) struct Versions(BTreeMap<(String, String), String>);

/// How two [`Versions`] differ.
enum Difference {
    /// Only the files of relations changed: they were truncated or rewritten.
    Storage(String),
    Definition(String),
}

impl Versions {
    /// Reads the versions for a question. Adds the children and partitions of its relations to `of`, and the expressions behind
    /// all of them.
    pub fn with_children(
        session: &mut dyn Session,
        of: &mut Parameters,
        within: Within,
    ) -> Result<Self, DatabaseError> {
        loop {
            let (versions, trees) = Self::with_trees(session, of, within, true)?;
            let known = |child: &u32| of.relations().contains(child);
            let children: BTreeSet<u32> =
                versions.children().filter(|child| !known(child)).collect();
            if children.is_empty() {
                of.set_behind(Behind::of(&trees));
                return Ok(versions);
            }
            of.add_relations(children);
        }
    }

    /// Reads the versions.
    pub fn read(
        session: &mut dyn Session,
        of: &Parameters,
        within: Within,
    ) -> Result<Self, DatabaseError> {
        Self::with_trees(session, of, within, false).map(|(versions, _)| versions)
    }

    /// Reads the versions and, if `wanted`, the trees of expressions behind the relations. In a session without scripts, the
    /// query stays prepared.
    fn with_trees(
        session: &mut dyn Session,
        of: &Parameters,
        within: Within,
        wanted: bool,
    ) -> Result<(Self, Vec<Tree>), DatabaseError> {
        let query = if session.server_version_num() >= 140_000 {
            VERSIONS
        } else {
            VERSIONS_13
        };
        let wanted = if wanted { "wanted" } else { "" };
        let mut table =
            session.query_with(query, &of.values_of_versions(wanted), within.is_own())?;
        if of.searches_text() {
            table
                .rows
                .append(&mut session.query(TEXT_SEARCH, &[])?.rows);
        }
        let (mut versions, mut trees) = (BTreeMap::new(), Vec::new());
        for row in table.rows {
            let mut values = row.into_iter();
            let mut next = || values.next().flatten();
            let key = (next().unwrap_or_default(), next().unwrap_or_default());
            let (version, tree) = (next().unwrap_or_default(), next());
            trees.extend(tree.map(|tree| Tree {
                hides_rows: HIDES_ROWS.contains(&key.0.as_str()),
                tree,
            }));
            versions.insert(key, version);
        }
        Ok((Self(versions), trees))
    }

    fn children(&self) -> impl Iterator<Item = u32> {
        let of_class = self.0.iter().filter(|((class, _), _)| class == CHILDREN);
        let objects = of_class.flat_map(|(_, versions)| versions.split(' '));
        objects.filter_map(|object| object.split_once(':')?.0.parse().ok())
    }

    /// An object that a question uses but the catalog does not show.
    pub fn lack(&self, uses: &Used) -> Option<&'static str> {
        let shown = |class: &str| {
            let of_class = self.0.iter().filter(|((of, _), _)| of == class);
            of_class
                .map(|(_, versions)| versions.split(' ').count())
                .sum::<usize>()
        };
        let types = uses.types.union(&uses.columns).count();
        let relations = uses
            .relations
            .iter()
            .filter(|oid| self.0.contains_key(&(RELATION.to_owned(), oid.to_string())));
        let fewer = [
            ("a function", shown("functions") < uses.functions.len()),
            ("an operator", shown("operators") < uses.operators.len()),
            ("a type", shown("types") < types),
            ("a relation", relations.count() < uses.relations.len()),
        ];
        fewer
            .into_iter()
            .find_map(|(what, is_fewer)| is_fewer.then_some(what))
    }

    /// Refuses the answer if the versions `after` differ.
    pub fn still(&self, after: &Self, session: &mut dyn Session) -> Result<(), QuestionError> {
        match self.difference(after, session)? {
            None => Ok(()),
            Some(Difference::Storage(relation)) => Err(QuestionError::Rewritten(relation)),
            Some(Difference::Definition(what)) => Err(QuestionError::Changed(what)),
        }
    }

    /// The first difference as text.
    fn difference(
        &self,
        after: &Self,
        session: &mut dyn Session,
    ) -> Result<Option<Difference>, DatabaseError> {
        let keys = self.0.keys().chain(after.0.keys());
        let differ: Vec<_> = keys
            .filter(|key| self.0.get(*key) != after.0.get(*key))
            .collect();
        let is_rewritten = |key: &(String, String)| {
            let file = |versions: &Self| Some(versions.0.get(key)?.split_once(':')?.0.to_owned());
            key.0 == RELATION && after.0.contains_key(key) && file(self) != file(after)
        };
        Ok(
            match (differ.iter().find(|key| !is_rewritten(key)), differ.first()) {
                (Some((class, of)), _) => Some(Difference::Definition(words(session, class, of)?)),
                (None, Some((_, of))) => Some(Difference::Storage(words(session, RELATION, of)?)),
                (None, None) => None,
            },
        )
    }
}

/// `index of public.approvals`
fn words(session: &mut dyn Session, class: &str, of: &str) -> Result<String, DatabaseError> {
    // A dropped object has only its number.
    let oid: Vec<u32> = of.parse().into_iter().collect();
    let name = session.query_with(NAME, &[Parameter::Oids(&oid), Parameter::Text(of)], false)?;
    let name = name.single().unwrap_or(of).to_owned();
    Ok(if class == RELATION {
        name
    } else {
        format!("{class} of {name}")
    })
}

const NAME: &str = concat!(
    "select coalesce((select c.oid::regclass::text from pg_class c where c.oid = any ",
    oids!("$1"),
    "), nullif($2, ''), 'the catalog')"
);

macro_rules! grouped {
    ($more:literal) => {
        concat!(
            "
    select class, coalesce(oidout(owner)::text, ''::text),
           string_agg(oidout(object)::text || ':'::text || coalesce(xidout(version)::text, ''::text), ' '::text
                      order by object)",
            $more,
            "
    from versions group by class, owner"
        )
    };
}

macro_rules! versions {
    ($of_statistics:literal) => {
        concat!(
            "with versions(class, owner, object, version, tree) as (
        select 'relation'::text, c.oid, c.relfilenode, c.xmin, null::text from pg_class c where c.oid = any ",
            oids!("$5"),
            "
        union all
        select 'children'::text, i.inhparent, i.inhrelid, i.xmin, null from pg_inherits i where i.inhparent = any ",
            oids!("$5"),
            "
        union all
        select 'partition keys'::text, c.oid, a.relid::oid, p.xmin, p.partexprs::text
        from pg_class c cross join lateral pg_partition_ancestors(c.oid::regclass) as a(relid)
        left join pg_partitioned_table p on p.partrelid = a.relid::oid
        where (c.relispartition or c.relkind = 'p') and c.oid = any ",
            oids!("$5"),
            "
        union all
        select 'columns'::text, a.attrelid, a.attnum::int4::oid, a.xmin, null from pg_attribute a
        where a.attnum > 0::int2 and a.attrelid = any ",
            oids!("$5"),
            "
        union all
        select 'rules'::text, w.ev_class, w.oid, w.xmin, null from pg_rewrite w where w.ev_class = any ",
            oids!("$5"),
            "
        union all
        select 'policies'::text, p.polrelid, p.oid, p.xmin, null from pg_policy p where p.polrelid = any ",
            oids!("$5"),
            "
        union all
        select 'constraints'::text, c.conrelid, c.oid, c.xmin, c.conbin::text from pg_constraint c where c.conrelid = any ",
            oids!("$5"),
            "
        union all
        select 'indexes'::text, i.indrelid, i.indexrelid, i.xmin,
               coalesce(i.indexprs::text, ''::text) || coalesce(i.indpred::text, ''::text) from pg_index i where i.indrelid = any ",
            oids!("$5"),
            "
        union all
        select 'statistics'::text, s.stxrelid, s.oid, s.xmin, ",
            $of_statistics,
            " from pg_statistic_ext s where s.stxrelid = any ",
            oids!("$5"),
            "
        union all
        select 'functions'::text, null, p.oid, p.xmin, null from pg_proc p where p.oid = any ",
            oids!("$1"),
            "
        union all
        select 'operators'::text, null, o.oid, o.xmin, null from pg_operator o where o.oid = any ",
            oids!("$2"),
            "
        union all
        select 'types'::text, null, t.oid, t.xmin, null
        from pg_type t where t.oid = any ",
            oids!("$3"),
            " or t.oid = any ",
            oids!("$4"),
            "
        union all
        select 'casts'::text, null, c.oid, c.xmin, null from pg_cast c where c.oid >= 16384::oid
        union all
        select 'labels'::text, e.enumtypid, e.oid, e.xmin, null from pg_enum e
    )",
    grouped!(", string_agg(case when $6 = 'wanted'::text then tree end, ' '::text)")
        )
    };
}

/// Text columns: class, oid of the object, versions, trees of expressions that the planner evaluates for it. The query uses
/// only functions and operators that PostgreSQL has for exactly these types.
const VERSIONS: &str = versions!("s.stxexprs::text");

/// Statistics have expressions from PostgreSQL 14 on.
const VERSIONS_13: &str = versions!("null");

/// Like [`VERSIONS`], for objects that text search functions look up. Most questions call none.
const TEXT_SEARCH: &str = concat!(
    "with versions(class, owner, object, version) as (
        select 'text search configurations'::text, null::oid, c.oid, c.xmin from pg_ts_config c
        union all
        select 'text search mappings'::text, m.mapcfg, m.mapdict, m.xmin from pg_ts_config_map m
        union all
        select 'text search dictionaries'::text, null, d.oid, d.xmin from pg_ts_dict d
    )",
    grouped!("")
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_catalog_does_not_show() {
        let shown = |rows: &[(&str, &str, &str)]| {
            let rows = rows.iter().map(|(class, of, versions)| {
                ((class.to_string(), of.to_string()), versions.to_string())
            });
            Versions(rows.collect())
        };
        let all = [
            ("functions", "", "65:1 67:1"),
            ("operators", "", "96:1"),
            ("types", "", "23:1"),
            (RELATION, "1259", "0:1"),
        ];
        let set = |oids: &[u32]| oids.iter().copied().collect();
        let uses = Used {
            functions: set(&[65, 67]),
            operators: set(&[96]),
            types: set(&[23]),
            columns: set(&[23]),
            relations: set(&[1259]),
            ..Used::default()
        };
        assert_eq!(shown(&all).lack(&uses), None);
        for (at, what) in ["a function", "an operator", "a type", "a relation"]
            .into_iter()
            .enumerate()
        {
            let mut fewer = all.to_vec();
            fewer[at] = (all[at].0, "", "");
            if at == 0 {
                fewer[0].2 = "65:1";
            } else {
                fewer.remove(at);
            }
            assert_eq!(shown(&fewer).lack(&uses), Some(what));
        }
    }
}
