//! Objects that planning evaluates for the relations of a question, and that its tree does not show: expressions of their
//! indexes, constraints, statistics and partition keys, and the operator classes of indexes and keys.
//!
//! The expressions are read as trees: `pg_depend` lists none of PostgreSQL's own functions, and no type of an empty array.

use std::collections::BTreeSet;

use super::checks::{Check, PreCheck};
use super::follows::Follows;
use super::fragments::{leads_elsewhere, looks_up, made_casts, oids, on_list, outsiders};
use super::given::given_others;
use super::parameters::listed;
use super::tree::{Used, is_made};
use crate::database::Parameter;

/// An expression behind a relation.
pub(super) struct Tree {
    /// As in the catalog.
    pub tree: String,
    /// Whether the planner finds rows by it: of an index or partition key.
    pub hides_rows: bool,
}

/// Objects in the expressions behind relations, by oid.
#[derive(Default)]
pub(super) struct Behind {
    functions: Vec<u32>,
    operators: Vec<u32>,
    types: Vec<u32>,
    columns: Vec<u32>,
    /// The functions of [`given_others`].
    given: Vec<u32>,
    /// The lists of [`Follows`].
    follows: [Vec<u32>; 4],
}

impl Behind {
    /// Reads the trees of expressions.
    pub fn of(trees: &[Tree]) -> Self {
        let (mut uses, mut given, mut follows) =
            (Used::default(), BTreeSet::new(), Follows::default());
        for Tree { tree, hides_rows } in trees {
            uses.collect(tree);
            if *hides_rows {
                follows.collect(tree);
            }
            given.append(&mut given_others(tree));
        }
        Self {
            functions: listed(&uses.functions),
            operators: listed(&uses.operators),
            types: listed(&uses.types),
            columns: listed(&uses.columns),
            given: listed(&given),
            follows: follows.lists().map(listed),
        }
    }

    /// Parameters of the checks, in order.
    pub fn values(&self) -> [Parameter<'_>; 9] {
        let [texts, functions, calls, operations] = &self.follows;
        let lists = [
            &self.functions,
            &self.operators,
            &self.types,
            &self.columns,
            &self.given,
            texts,
            functions,
            calls,
            operations,
        ];
        lists.map(|list| Parameter::Oids(list))
    }

    fn has_made_operators(&self) -> bool {
        self.operators.iter().any(is_made)
    }

    fn has_made_types(&self) -> bool {
        self.types.iter().chain(&self.columns).any(is_made)
    }

    fn gives_others(&self) -> bool {
        !self.given.is_empty()
    }

    fn follows_settings(&self) -> bool {
        self.follows.iter().any(|list| !list.is_empty())
    }
}

/// Text that names a table with this oid in the tree of an expression.
macro_rules! place {
    ($oid:literal) => {
        concat!(
            "(select ', in an index, constraint or key of ' || e.owner::regclass
              from (select c.conrelid, c.conbin::text from pg_constraint c
                    union all select i.indrelid, concat(i.indexprs, i.indpred) from pg_index i
                    union all select s.stxrelid, s::text from pg_statistic_ext s
                    union all select d.adrelid, d.adbin::text from pg_attrdef d
                    union all select p.partrelid, p.partexprs::text from pg_partitioned_table p) as e(owner, tree)
              where (e.owner = any ",
            oids!("$5"),
            " or exists (select from pg_partitioned_table p where p.partrelid = e.owner))
                and e.tree ~ ('\\y' || ",
            $oid,
            " || '\\y')
              order by e.owner = any ",
            oids!("$5"),
            " desc limit 1)"
        )
    };
}

pub(super) const CHECKS: [Check; 7] = [
    // Before their functions, which are in the trees too.
    Check {
        what: "operators behind tables",
        pre_check: PreCheck::Numbers(|of| of.behind().has_made_operators()),
        query: concat!(
            "with ",
            outsiders!(),
            "
    select format('operator %s, user-defined%s', o.oid::regoperator, ",
            place!("o.oid"),
            ")
    from pg_operator o
    where o.oid >= 16384::oid and o.oid = any ",
            oids!("$11"),
            "
      and (o.oprcode::oid in (select oid from outsiders)
           or not exists (select from pg_depend e where e.classid = 'pg_operator'::regclass::oid and e.objid = o.oid
                            and e.deptype = 'e'))
    limit 1"
        ),
    },
    Check {
        what: "functions behind tables",
        pre_check: PreCheck::Catalog(concat!(
            "(select coalesce(bool_or(oid >= 16384::oid or ",
            on_list!("proname", "$7"),
            "), false) from pg_proc where oid = any ",
            oids!("$10"),
            ")"
        )),
        query: concat!(
            "with ",
            outsiders!(),
            "
    select format('function %s, %s%s', p.oid::regprocedure,
                  case when p.oid >= 16384::oid then 'user-defined'
                       else 'which has an effect or runs what it is given, whatever its label says' end, ",
            place!("p.oid"),
            ")
    from pg_proc p
    where p.oid = any ",
            oids!("$10"),
            " and (p.oid in (select oid from outsiders) or p.oid < 16384::oid and ",
            on_list!("p.proname", "$7"),
            ")
    limit 1"
        ),
    },
    // Only a superuser can make one.
    Check {
        what: "operator classes behind tables",
        pre_check: PreCheck::Catalog("exists (select from pg_opclass where oid >= 16384::oid)"),
        query: concat!(
            "with ",
            outsiders!(),
            ", classes(oid, owner) as (
        select c.oid, i.indrelid from pg_index i join pg_opclass c on c.oid = any (i.indclass) where i.indrelid = any ",
            oids!("$5"),
            "
        union all
        select c.oid, p.partrelid from pg_partitioned_table p join pg_opclass c on c.oid = any (p.partclass)
        where p.partrelid = any ",
            oids!("$5"),
            "
        union all
        select c.oid, r.oid
        from pg_class r cross join lateral pg_partition_ancestors(r.oid::regclass) as a(relid)
        join pg_partitioned_table p on p.partrelid = a.relid::oid
        join pg_opclass c on c.oid = any (p.partclass)
        where r.relispartition and r.oid = any ",
            oids!("$5"),
            "
    )
    select format('operator class %I, user-defined, in an index, constraint or key of %s', c.opcname, n.owner::regclass)
    from classes n join pg_opclass c on c.oid = n.oid
    where c.oid >= 16384::oid
      and exists (select from pg_amproc a where a.amprocfamily = c.opcfamily and a.amproc::oid in (select oid from outsiders)
                  union all
                  select from pg_amop a join pg_operator o on o.oid = a.amopopr
                  where a.amopfamily = c.opcfamily and o.oprcode::oid in (select oid from outsiders))
    limit 1"
        ),
    },
    // To evaluate a value of a domain, the planner evaluates its CHECKs, and more can be added without a lock on the table. A
    // column may be of a domain: its values are not evaluated again.
    Check {
        what: "types behind tables",
        pre_check: PreCheck::Numbers(|of| of.behind().has_made_types()),
        query: concat!(
            "with ",
            outsiders!(),
            "
    select format('type %s, user-defined%s', t.oid::regtype, ",
            place!("t.oid"),
            ")
    from pg_type t left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
    where t.oid >= 16384::oid
      and (t.oid = any ",
            oids!("$12"),
            " or t.oid = any ",
            oids!("$13"),
            " and coalesce(e.typtype, t.typtype) not in ('c', 'd', 'r', 'm'))
      and not (coalesce(e.typtype, t.typtype) = 'e'
               or coalesce(e.typtype, t.typtype) = 'b' and coalesce(e.typinput, t.typinput)::oid not in (select oid from outsiders))
    limit 1"
        ),
    },
    Check {
        what: "casts behind tables",
        pre_check: PreCheck::Numbers(|of| of.behind().has_made_types()),
        query: concat!(
            "with ",
            outsiders!(),
            ", ",
            made_casts!(),
            "
    select format('type %s, cast by function %s%s', c.type::regtype, c.function::regprocedure, ",
            place!("c.type"),
            ")
    from made_casts c
    where c.type = any ",
            oids!("$12"),
            " or c.type = any ",
            oids!("$13"),
            "
    limit 1"
        ),
    },
    // As "casts that are looked up later", by a function in an expression that the planner evaluates.
    Check {
        what: "casts that are looked up behind tables",
        pre_check: PreCheck::Numbers(|of| of.behind().gives_others()),
        query: concat!(
            "select format('function %s with a value whose casts it would look for%s', p.oid::regprocedure, ",
            place!("p.oid"),
            ")
    from pg_proc p
    where ",
            looks_up!(),
            " and p.oid = any ",
            oids!("$14"),
            "
      and exists (select from pg_type t where ",
            leads_elsewhere!(),
            " and (t.oid = any ",
            oids!("$12"),
            " or t.oid = any ",
            oids!("$13"),
            "))
    limit 1"
        ),
    },
    // Without CHECKs, since the planner draws no conclusions from them here (`constraint_exclusion = off`).
    Check {
        what: "settings of whoever wrote what is behind tables",
        pre_check: PreCheck::Numbers(|of| of.behind().follows_settings()),
        query: concat!(
            "with found(what, place) as (
        select format('values of type %s as text', t.oid::regtype), ",
            place!("t.oid"),
            "
        from pg_type t join pg_proc p on p.oid = t.typoutput::oid
        where t.oid = any ",
            oids!("$15"),
            "
          and (t.oid < 16384::oid
               or p.provolatile = 'i'
                  and (p.oid >= 16384::oid
                       or p.proname !~ '^(bool|bpchar|cidr_|inet_|int[248]|jsonb?_|name|numeric_|text|uuid_|varchar)out$'::text))
        union all
        select format('function %s', p.oid::regprocedure), ",
            place!("p.oid"),
            "
        from pg_proc p where p.oid = any ",
            oids!("$16"),
            "
        union all
        select format('function %s of constants alone', p.oid::regprocedure), ",
            place!("p.oid"),
            "
        from pg_proc p where p.oid = any ",
            oids!("$17"),
            "
        union all
        select format('operator %s of constants alone', o.oid::regoperator), ",
            place!("o.oid"),
            "
        from pg_operator o where o.oid = any ",
            oids!("$18"),
            "
    )
    select what || ', which can follow settings of the session that wrote it' || coalesce(place, '') from found limit 1"
        ),
    },
];
