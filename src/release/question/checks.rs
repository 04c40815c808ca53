//! Catalog queries that reject gate SQL whose functions, operators, types or tables could have side effects: one row of
//! [`all`] for each way in. Functions are in `called` (by property) and `functions` (by name).
//! `docs/gate.md` lists them for users.
//!
//! Objects below 16384 (`FirstNormalObjectId`, PostgreSQL `access/transam.h`) are those of initdb. Schemas prove nothing:
//! other objects can be put into `pg_catalog`.
//!
//! The deciding parts use only functions, operators and casts that PostgreSQL has for exactly these types (`16384::oid`,
//! `','::text`; no `unnest` of an array, no `format` nor `concat_ws`, no cast of a text to an oid, no oid beside a `regproc`).
//! Otherwise the server could resolve a better match that a superuser, or a role with the right to create a trusted extension,
//! put into `pg_catalog`. The texts of messages may use any.

use std::sync::LazyLock;

use super::QuestionError;
use super::behind;
use super::called::{CALLED, CALLED_PRE_CHECK};
use super::fragments::{
    leads_elsewhere, looks_up, made_casts, oids, outsiders, relations, used_types,
};
use super::parameters::Parameters;
use super::settled;
use super::tree::is_made;
use crate::database::{DatabaseError, Parameter, Session, Table};

/// A way in which gate SQL could run code that is not PostgreSQL's own.
pub struct Check {
    /// Subject of the check.
    pub what: &'static str,
    /// A necessary condition of `query`: in most databases it is false, and `query` is not executed.
    pub(super) pre_check: PreCheck,
    /// Returns the first rejection as a sentence. Any row is a rejection, even one with NULL.
    pub query: &'static str,
}

/// A cheap condition.
pub(super) enum PreCheck {
    Numbers(fn(&Parameters) -> bool),
    /// By the catalog: an expression over the parameters, cheap to plan.
    Catalog(&'static str),
    /// The same, only before PostgreSQL 14.
    CatalogBefore14(&'static str),
}

/// Results of the pre-checks.
pub(super) struct Suspects {
    /// The checks that their pre-check does not clear.
    pub checks: Vec<&'static Check>,
    /// Whether another transaction could be visible without having sent its invalidations ([`settled`](super::settled)).
    pub anybody: bool,
    /// Whether results can change during execution: volatile functions and those below `pg_stat_activity` read the server's
    /// state or the time.
    pub moves: bool,
    /// Whether a superuser's question could use objects of other roles.
    pub others: bool,
}

/// Executes the pre-checks.
pub(super) fn suspects(
    session: &mut dyn Session,
    of: &Parameters,
    by_superuser: bool,
) -> Result<Suspects, DatabaseError> {
    static BY_CATALOG: [LazyLock<String>; 4] = [
        LazyLock::new(|| by_catalog(false, false)),
        LazyLock::new(|| by_catalog(false, true)),
        LazyLock::new(|| by_catalog(true, false)),
        LazyLock::new(|| by_catalog(true, true)),
    ];
    let is_before_14 = session.server_version_num() < 140_000;
    let query = &BY_CATALOG[2 * usize::from(is_before_14) + usize::from(by_superuser)];
    let answers = session.query_with(query, &of.values(), false)?;
    let mut answers = answers.rows.into_iter().flatten();
    let mut next = || answers.next().flatten().as_deref() != Some("false");
    let (anybody, moves) = (next(), next());
    let others = by_superuser && next();
    let is_suspect = |check: &&Check| match check.pre_check {
        PreCheck::Numbers(condition) => condition(of),
        PreCheck::CatalogBefore14(_) if !is_before_14 => false,
        // Any answer but false leads to the check.
        PreCheck::Catalog(_) | PreCheck::CatalogBefore14(_) => {
            answers.next().flatten().as_deref() != Some("false")
        }
    };
    Ok(Suspects {
        checks: all().filter(is_suspect).collect(),
        anybody,
        moves,
        others,
    })
}

const MOVES: &str = concat!(
    "exists (select from pg_proc where (provolatile = 'v' or proname ~~ 'pg\\_stat\\_get\\_%'::text) and oid = any ",
    oids!("$1"),
    ")::text"
);

fn by_catalog(is_before_14: bool, by_superuser: bool) -> String {
    let conditions = all().filter_map(|check| match check.pre_check {
        PreCheck::Catalog(condition) => Some(format!(", ({condition})::text")),
        PreCheck::CatalogBefore14(condition) if is_before_14 => {
            Some(format!(", ({condition})::text"))
        }
        PreCheck::CatalogBefore14(_) | PreCheck::Numbers(_) => None,
    });
    let others = if by_superuser { OTHERS } else { "" };
    format!(
        "select {}, {MOVES}{others}{}",
        settled::anybody!(),
        conditions.collect::<String>()
    )
}

/// Executes one check; returns its rejection as a sentence.
pub(super) fn rejection(
    session: &mut dyn Session,
    check: &Check,
    of: &Parameters,
) -> Result<Option<String>, DatabaseError> {
    Ok(first(session.query_with(
        check.query,
        &of.values(),
        false,
    )?))
}

/// Refuses, for a superuser's questions in a run, relations that roles other than superusers own, or whose schema they own.
/// Schemas have no locks: between check and execution their owners can put other relations, with code, in the same place.
pub(super) fn refuse_others(
    session: &mut dyn Session,
    of: &Parameters,
) -> Result<(), QuestionError> {
    let found = session.query_with(OF_OTHERS, &[Parameter::Oids(of.relations())], false)?;
    let Some(row) = found.rows.into_iter().next() else {
        return Ok(());
    };
    let mut row = row
        .into_iter()
        .map(|word| word.unwrap_or_else(|| "what the server has no name for".to_owned()));
    let mut next = || row.next().unwrap_or_default();
    Err(QuestionError::OfOthers {
        what: next(),
        owner: next(),
    })
}

/// A necessary condition of [`OF_OTHERS`]: relations or their schemas don't belong to the role that initdb made
/// (`BOOTSTRAP_SUPERUSERID`, 10), by `pg_database_owner` (6171) neither.
const OTHERS: &str = concat!(
    ", (exists (select from pg_class c
                where c.oid >= 16384::oid and c.oid = any ",
    oids!("$5"),
    " and (c.relowner <> 10::oid
           or case (select n.nspowner from pg_namespace n where n.oid = c.relnamespace)
                   when 10::oid then false
                   when 6171::oid then (select d.datdba <> 10::oid from pg_database d where d.datname = current_database())
                   else true end)))::text"
);

const OF_OTHERS: &str = concat!(
    "with objects(name, owner, namespace) as (
         select c.oid::regclass::text, c.relowner, c.relnamespace from pg_class c
         where c.oid >= 16384::oid and c.oid = any ",
    oids!("$1"),
    "
     ), owners(name, owner) as (
         select name, owner from objects
         union all
         select case when n.nspowner = 6171::oid then format('schema %s, as the database,', n.nspname) else 'schema ' || n.nspname end,
                case when n.nspowner = 6171::oid then d.datdba else n.nspowner end
         from objects o join pg_namespace n on n.oid = o.namespace cross join pg_database d
         where d.datname = current_database()
     )
     select o.name, r.rolname::text
     from owners o left join pg_roles r on r.oid = o.owner where o.owner <> 10::oid and r.rolsuper is not true limit 1"
);

/// The rejection in a result. Any row is one, even if the server returned no text.
fn first(found: Table) -> Option<String> {
    let row = found.rows.into_iter().next()?;
    Some(
        row.into_iter()
            .flatten()
            .next()
            .unwrap_or_else(|| "something that the server has no name for".to_owned()),
    )
}

/// Every check.
pub fn all() -> impl Iterator<Item = &'static Check> {
    OF_QUESTIONS.iter().chain(&behind::CHECKS)
}

/// Checks of objects that a question itself uses.
const OF_QUESTIONS: [Check; 12] = [
    Check { what: "functions and operators", pre_check: PreCheck::Catalog(CALLED_PRE_CHECK), query: CALLED },
    // Types other than PostgreSQL's own, enumerations and their arrays: their input, casts, comparisons and checks could call
    // any function. A column may be of a domain over one of PostgreSQL's own: its value was checked when it was written.
    Check {
        what: "types",
        pre_check: PreCheck::Numbers(|of| of.types().any(is_made)),
        query: concat!(
            "with ",
            used_types!(),
            "
    select case when t.typrelid <> 0::oid and exists (select from pg_class c where c.oid = t.typrelid and c.relkind <> 'c')
                then format('a whole row of %s, which could call anything (name its columns)', t.oid::regtype)
                else format('type %s: user-defined, so that reading, casting or comparing it could call anything', t.oid::regtype) end
    from used join pg_type t on t.oid = used.oid left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
    where t.oid >= 16384::oid and coalesce(e.typtype, t.typtype) <> 'e'
      and not (is_column and t.typtype = 'd' and t.typbasetype < 16384::oid)
    limit 1"
        ),
    },
    Check {
        what: "casts",
        pre_check: PreCheck::Catalog("exists (select from pg_cast where oid >= 16384::oid and castfunc >= 16384::oid and casttarget < 16384::oid)"),
        query: concat!(
            "with ",
            outsiders!(),
            ", ",
            made_casts!(),
            ", ",
            used_types!(),
            "
    select format('type %s: cast by function %s', u.oid::regtype, c.function::regprocedure)
    from used u join made_casts c on c.type = u.oid
    limit 1"
        ),
    },
    // PostgreSQL's own functions that are SQL text, or take any type, look for casts by the type of a value when they run. The
    // type's owner can create a cast during the last round trip, and drop it again.
    Check {
        what: "casts that are looked up later",
        pre_check: PreCheck::Numbers(|of| !of.given().is_empty()),
        query: concat!(
            "select format('function %s with a value whose casts it would look for when it runs (write x::text; for a row, json_build_object(''x'', x::text))', p.oid::regprocedure)
             from pg_proc p where ",
            looks_up!(),
            " and p.oid = any ",
            oids!("$9"),
            "
               and exists (select from pg_type t where ",
            leads_elsewhere!(),
            " and (t.oid = any ",
            oids!("$3"),
            " or t.oid = any ",
            oids!("$4"),
            "))
             limit 1"
        ),
    },
    // The planner evaluates text search functions that do not depend on the session. A mapping or an option can exist during
    // planning alone.
    Check {
        what: "text search",
        pre_check: PreCheck::Numbers(Parameters::searches_text),
        query: "select 'text search, beside a configuration or dictionary that ' || r.rolname || ' can change meanwhile (let a superuser own it)'
                from (select cfgowner from pg_ts_config where oid >= 16384::oid
                      union all select dictowner from pg_ts_dict where oid >= 16384::oid) as made(owner)
                join pg_roles r on r.oid = made.owner where not r.rolsuper limit 1",
    },
    // PostgreSQL's own types that contain values of `anyarray` (2277), at any depth.
    Check {
        what: "values of any type",
        pre_check: PreCheck::Numbers(|of| !of.rows().is_empty()),
        query: concat!(
            "with recursive inside(type, of) as (
        select t.oid, t.oid from pg_type t where t.oid = any ",
            oids!("$6"),
            "
        union
        select part.type, i.of
        from inside i join pg_type t on t.oid = i.type cross join lateral (
            select t.typelem where t.typelem <> 0::oid
            union all select t.typbasetype where t.typbasetype <> 0::oid
            union all select a.atttypid from pg_attribute a where a.attrelid = t.typrelid
        ) as part(type)
    )
    select format('values of type %s, which may hold values of user-defined types, with their casts', of::regtype)
           || case when of in (75::oid, 270::oid, 2277::oid)
                   then ' (name the columns of pg_attribute in the place of information_schema.columns or pg_stats)' else '' end
    from inside where type = 2277::oid limit 1"
        ),
    },
    // Comparisons of array elements and rows, and in hash and merge joins, appear in no tree. They go through operator classes
    // for PostgreSQL's own types or for enumerations. Only a superuser can make one.
    Check {
        what: "operator families",
        pre_check: PreCheck::Catalog("exists (select from pg_amproc where oid >= 16384::oid) or exists (select from pg_amop where oid >= 16384::oid)"),
        query: concat!(
            "with ",
            outsiders!(),
            ", members(family, type, function) as (
        select a.amprocfamily, a.amproclefttype, a.amproc::oid from pg_amproc a
        union all
        select a.amopfamily, a.amoplefttype, o.oprcode::oid from pg_amop a join pg_operator o on o.oid = a.amopopr
    )
    select format('operator family %I for type %s: function %s, user-defined', f.opfname, m.type::regtype,
                  m.function::regprocedure)
    from members m join outsiders s on s.oid = m.function join pg_opfamily f on f.oid = m.family
    join pg_type t on t.oid = m.type left join pg_type e on e.oid = t.typelem
    where t.oid < 16384::oid or t.typtype = 'e' or e.typtype = 'e'
    limit 1"
        ),
    },
    // Input functions of type modifiers run when a text is cast to `regtype`. Only a superuser can make one.
    Check {
        what: "type modifiers",
        pre_check: PreCheck::Catalog("exists (select from pg_type where oid >= 16384::oid and typmodin::oid >= 16384::oid)"),
        query: concat!(
            "with ",
            outsiders!(),
            "
    select format('type %s: its modifiers are read by function %s, user-defined', t.oid::regtype,
                  t.typmodin::oid::regprocedure)
    from pg_type t join outsiders s on s.oid = t.typmodin::oid
    order by t.typelem, t.oid limit 1"
        ),
    },
    Check {
        what: "foreign tables",
        pre_check: PreCheck::Catalog(concat!(
            "exists (select from pg_class where relkind = 'f' and oid = any ",
            oids!("$5"),
            ")"
        )),
        query: concat!(
            "with ",
            relations!(),
            "
    select format('foreign table %s', c.oid::regclass)
    from relations r join pg_class c on c.oid = r.oid where c.relkind = 'f' limit 1"
        ),
    },
    // Up to PostgreSQL 13, its own functions in SQL are texts that are parsed when they run. An operator for exactly these types
    // takes precedence over PostgreSQL's own.
    Check {
        what: "operators before PostgreSQL's own",
        pre_check: PreCheck::CatalogBefore14("exists (select from pg_operator where oid >= 16384::oid)"),
        query: "select format('operator %s, user-defined, which PostgreSQL before 14 would call in functions of its own', o.oid::regoperator)
                from pg_operator o join pg_roles r on r.oid = o.oprowner
                where o.oid >= 16384::oid and not r.rolsuper and o.oprleft < 16384::oid and o.oprright < 16384::oid
                  and exists (select from pg_operator own where own.oid < 16384::oid and own.oprname = o.oprname)
                limit 1",
    },
    // An operator can be created before one of these texts is parsed, for exactly the types of `relnamespace = 11`.
    Check {
        what: "texts that are parsed later",
        pre_check: PreCheck::CatalogBefore14(concat!(
            "exists (select from pg_proc where prolang = 14::oid and (oid = any ",
            oids!("$1"),
            " or oid = any ",
            oids!("$10"),
            "))"
        )),
        query: concat!(
            "select format('function %s, a text that PostgreSQL before 14 parses when it runs, with the operators that are there by then',
                           oid::regprocedure)
             from pg_proc
             where prolang = 14::oid and (prosrc ~* '\\mfrom\\M'::text or proname ~ '^_pg_'::text)
               and (oid = any ",
            oids!("$1"),
            " or oid = any ",
            oids!("$10"),
            ") limit 1"
        ),
    },
    Check {
        what: "access methods",
        pre_check: PreCheck::Catalog("exists (select from pg_am where oid >= 16384::oid)"),
        query: concat!(
            "with ",
            relations!(),
            ", ",
            outsiders!(),
            "
    select format('table %s: kept by access method %I, user-defined', c.oid::regclass, a.amname)
    from (select oid from relations
          union select i.indexrelid from relations r join pg_index i on i.indrelid = r.oid) as r
    join pg_class c on c.oid = r.oid join pg_am a on a.oid = c.relam
    where a.amhandler::oid in (select oid from outsiders)
    limit 1"
        ),
    },
];
