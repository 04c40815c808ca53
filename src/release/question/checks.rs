//! Catalog queries that reject gate SQL whose functions, operators, types or tables could have side effects: one row of
//! [`all`] for each way in. `docs/gate.md` says the same for people.
//!
//! Objects below 16384 (`FirstNormalObjectId`, PostgreSQL `access/transam.h`) are those of initdb, whatever schema others
//! are put in.
//!
//! What decides uses only functions, operators and casts that PostgreSQL has for exactly these types (`16384::oid`,
//! `','::text`; no `unnest` of an array, no `format` nor `concat_ws`, no cast of a text to an oid, no oid beside a `regproc`).
//! Else one that a superuser, or whoever may create a trusted extension, put into `pg_catalog`, and that fits better, would be meant. Words for people may use any.

use std::sync::LazyLock;

use super::QuestionError;
use super::behind;
use super::called::{CALLED, CALLED_BEFORE};
use super::fragments::{
    leads_elsewhere, looks_up, made_casts, oids, outsiders, relations, used_types,
};
use super::parameters::Parameters;
use super::settled;
use super::tree::is_made;
use crate::database::{DatabaseError, Parameter, Session, Table};

/// A way in which gate SQL could run code that is not PostgreSQL's own.
pub struct Check {
    /// What is looked at.
    pub what: &'static str,
    /// A necessary condition of `query`: in most databases it is false, and `query` is not executed.
    pub(super) pre_check: PreCheck,
    /// The first rejection as a sentence; no row where there is none. A row counts whatever stands in it.
    pub query: &'static str,
}

/// A condition that is cheap to tell.
pub(super) enum PreCheck {
    Numbers(fn(&Parameters) -> bool),
    /// By the catalog: an expression over the parameters, cheap to plan.
    Catalog(&'static str),
    /// The same, before PostgreSQL 14. Later ones have nothing of it.
    CatalogBefore14(&'static str),
}

/// What has to be looked at.
pub(super) struct Suspects {
    /// The checks whose pre-check does not say no.
    pub checks: Vec<&'static Check>,
    /// Whether somebody could have committed and not told.
    pub anybody: bool,
    /// Whether it calls what moves while it is executed: volatile functions and those below `pg_stat_activity`, which ask for the server's
    /// state or the time.
    pub moves: bool,
    /// Whether what a superuser asks could belong to others.
    pub others: bool,
}

/// Asks the pre-checks.
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
        // Whatever is not a plain no is looked at.
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

/// The rejection of one check, in words.
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

/// Refuses relations that belong to others than superusers, or are in a schema of theirs, for what a superuser asks in a run: schemas
/// have no locks, so that their owners can put others in their place between check and execution, with code in them.
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

/// What was found, if anything was: a row counts, even where the server has no words for it.
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

/// Those of what a question itself uses.
const OF_QUESTIONS: [Check; 12] = [
    Check { what: "functions and operators", pre_check: PreCheck::Catalog(CALLED_BEFORE), query: CALLED },
    // Not PostgreSQL's own, nor an enumeration or an array of one: its input, casts, comparisons and checks could call
    // anything. A column may be of a domain over one of PostgreSQL's own: its value was checked when it was written.
    Check {
        what: "types",
        pre_check: PreCheck::Numbers(|of| of.types().any(is_made)),
        query: concat!(
            "with ",
            used_types!(),
            "
    select case when t.typrelid <> 0::oid and exists (select from pg_class c where c.oid = t.typrelid and c.relkind <> 'c')
                then format('a whole row of %s, which could call anything (name its columns)', t.oid::regtype)
                else format('type %s: made by somebody, so that reading, casting or comparing it could call anything', t.oid::regtype) end
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
    // Functions of PostgreSQL's own that are a text in SQL, or take any type, look for casts by the type of a value when they run.
    // Whoever owns the type can make a cast in the last round trip, and take it away again.
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
    // A function of text search that does not vary with the session is worked out while the question is planned, and a mapping or an
    // option can be there for only so long.
    Check {
        what: "text search",
        pre_check: PreCheck::Numbers(Parameters::searches_text),
        query: "select 'text search, beside a configuration or dictionary that ' || r.rolname || ' can change meanwhile (let a superuser own it)'
                from (select cfgowner from pg_ts_config where oid >= 16384::oid
                      union all select dictowner from pg_ts_dict where oid >= 16384::oid) as made(owner)
                join pg_roles r on r.oid = made.owner where not r.rolsuper limit 1",
    },
    // Of types of PostgreSQL's own, those that hold values of `anyarray` (2277), however deep.
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
    select format('values of type %s, which may hold what somebody made, with casts of theirs', of::regtype)
           || case when of in (75::oid, 270::oid, 2277::oid)
                   then ' (name the columns of pg_attribute in the place of information_schema.columns or pg_stats)' else '' end
    from inside where type = 2277::oid limit 1"
        ),
    },
    // Comparisons of array elements, rows, hash and merge joins are called without a name in any tree, by operator classes for
    // PostgreSQL's own types or for an enumeration. Only a superuser can make one.
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
    select format('operator family %I for type %s: function %s, made by somebody', f.opfname, m.type::regtype,
                  m.function::regprocedure)
    from members m join outsiders s on s.oid = m.function join pg_opfamily f on f.oid = m.family
    join pg_type t on t.oid = m.type left join pg_type e on e.oid = t.typelem
    where t.oid < 16384::oid or t.typtype = 'e' or e.typtype = 'e'
    limit 1"
        ),
    },
    // Readers of type modifiers run where a text is made a `regtype`. Only a superuser can make one.
    Check {
        what: "type modifiers",
        pre_check: PreCheck::Catalog("exists (select from pg_type where oid >= 16384::oid and typmodin::oid >= 16384::oid)"),
        query: concat!(
            "with ",
            outsiders!(),
            "
    select format('type %s: its modifiers are read by function %s, made by somebody', t.oid::regtype,
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
    // Until PostgreSQL 13 its own functions in SQL are texts that are parsed where they run, and an operator for exactly these types
    // stands before its own.
    Check {
        what: "operators before PostgreSQL's own",
        pre_check: PreCheck::CatalogBefore14("exists (select from pg_operator where oid >= 16384::oid)"),
        query: "select format('operator %s, made by somebody, which PostgreSQL before 14 would call in functions of its own', o.oid::regoperator)
                from pg_operator o join pg_roles r on r.oid = o.oprowner
                where o.oid >= 16384::oid and not r.rolsuper and o.oprleft < 16384::oid and o.oprright < 16384::oid
                  and exists (select from pg_operator own where own.oid < 16384::oid and own.oprname = o.oprname)
                limit 1",
    },
    // Where one of these texts is parsed, an operator can have been made since, for exactly the types of `relnamespace = 11`.
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
    select format('table %s: kept by access method %I, made by somebody', c.oid::regclass, a.amname)
    from (select oid from relations
          union select i.indexrelid from relations r join pg_index i on i.indrelid = r.oid) as r
    join pg_class c on c.oid = r.oid join pg_am a on a.oid = c.relam
    where a.amhandler::oid in (select oid from outsiders)
    limit 1"
        ),
    },
];
