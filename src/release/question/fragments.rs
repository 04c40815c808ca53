//! Parts of catalog queries about a question, as macros, so that the queries are constants.

/// The oids of a parameter, as `any` wants them. The parameter is of that type: a cast to it could be a superuser's.
macro_rules! oids {
    ($parameter:literal) => {
        concat!("(", $parameter, "::oid[])")
    };
}

/// Whether a function's name is on a list of [`patterns`](super::functions::patterns).
macro_rules! on_list {
    ($name:literal, $list:literal) => {
        concat!(
            $name,
            " ~~ any (string_to_array(",
            $list,
            "::text, ' '::text))"
        )
    };
}

/// The relations of the question, all their partitions and children among them.
macro_rules! relations {
    () => {
        concat!(
            "relations(oid) as (select c.oid from pg_class c where c.oid = any ",
            oids!("$5"),
            ")"
        )
    };
}

/// Functions that are not PostgreSQL's own. Those of an extension in C are not among them: only a superuser can bring those.
/// An extension's others are, since whoever owns the extension can add what they like to it.
macro_rules! outsiders {
    () => {
        "outsiders(oid) as (
            select p.oid from pg_proc p
            where p.oid >= 16384::oid and not (p.prolang in (12::oid, 13::oid) and exists (
                select from pg_depend e where e.classid = 'pg_proc'::regclass::oid and e.objid = p.oid and e.deptype = 'e')))"
    };
}

/// Casts to PostgreSQL's own types by a function of [`outsiders`]; by each type whose values the cast could be looked up for:
/// the source itself, its elements, its array, and domains over it with theirs. The server looks for casts by type where no tree
/// shows them: `to_json` and its like, and functions of PostgreSQL's own that are a text in SQL and take any type
/// (`anytextcat`, `quote_literal`), which is parsed for the actual type when it runs.
macro_rules! made_casts {
    () => {
        "made_casts(type, function) as (
            select t.oid, c.castfunc
            from pg_cast c join outsiders s on s.oid = c.castfunc
            join pg_type f on f.oid = c.castsource or (f.typtype = 'd' and f.typbasetype = c.castsource)
            join pg_type t on t.oid in (f.oid, f.typelem, f.typarray)
            where c.casttarget < 16384::oid)"
    };
}

/// Whether a value of type `t` can lead a function that looks at it to code of somebody's: to a cast, which the type's owner makes,
/// or to the check of a domain, which calls anybody's function. Enumerations have none.
macro_rules! leads_elsewhere {
    () => {
        "(t.oid >= 16384::oid
          and (not (select o.rolsuper from pg_roles o where o.oid = t.typowner)
               or coalesce((select e.typtype from pg_type e where e.oid = t.typelem and t.typcategory = 'A'), t.typtype) <> 'e'))"
    };
}

/// Whether a function `p` of PostgreSQL's own may look something up by the type of a value that it is given: a text in SQL, which is
/// parsed for that type; and one that takes any type, but for those that are known to use its output, its comparison or nothing
/// of it. `json_build_array` looks for casts, `json_populate_record` for domains.
macro_rules! looks_up {
    () => {
        "(p.prolang = 14::oid
          or (' '::text || oidvectorout(p.proargtypes)::text || ' '::text)
                 ~ ' (2249|2276|2277|2283|2287|2776|3500|3831|4537|4538|5077|5078|5079|5080) '::text
             and p.proname !~ '^(enum_.*|record_(eq|ne|lt|le|gt|ge)|array_(eq|ne|lt|le|gt|ge|agg|append|cat|dims|length|lower|ndims|position|positions|prepend|remove|replace|to_string|upper)|arraycontained|arraycontains|arrayoverlap|cardinality|any_value|concat|concat_ws|count|first_value|format|generate_subscripts|lag|last_value|lead|max|min|mode|nth_value|num_nonnulls|num_nulls|percentile_disc|pg_column_size|pg_typeof|unnest)$'::text)"
    };
}

/// Types of values and of columns that the question uses.
macro_rules! used_types {
    () => {
        concat!(
            "used(oid, is_column) as (
        select a.oid, false from pg_type a where a.oid = any ",
            oids!("$3"),
            "
        union all
        select c.oid, true from pg_type c where c.oid = any ",
            oids!("$4"),
            ")"
        )
    };
}

pub(super) use {
    leads_elsewhere, looks_up, made_casts, oids, on_list, outsiders, relations, used_types,
};

/// The relations of `$1` with all their partitions and children.
macro_rules! descendants {
    () => {
        concat!(
            "relations(oid) as (
        select c.oid from pg_class c where c.oid = any ",
            oids!("$1"),
            "
        union
        select i.inhrelid from relations r join pg_inherits i on i.inhparent = r.oid
    )"
        )
    };
}

/// Tables by quoted name, always in the same order, so that two sessions don't wait for each other.
pub(super) const LOCKABLE: &str = concat!(
    "select quote_ident(n.nspname::text) || '.'::text || quote_ident(c.relname::text)
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.oid >= 16384::oid and c.relkind in ('r', 'p') and has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE'::text)
       and c.oid = any ",
    oids!("$1"),
    " order by c.oid"
);

/// Relations by oid and quoted name, but for those of other sessions' temporary schemas, which a question does not read.
pub(super) const NAMES: &str = concat!(
    "select oidout(c.oid)::text, quote_ident(n.nspname::text) || '.'::text || quote_ident(c.relname::text)
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relpersistence <> 't' and c.oid = any ",
    oids!("$1"),
    " order by c.oid"
);

/// The expressions of virtual generated columns (PostgreSQL 18) of the relations and their children.
pub(super) const VIRTUAL_COLUMNS: &str = concat!(
    "with recursive ",
    descendants!(),
    "
    select d.adbin::text
    from relations r join pg_attribute a on a.attrelid = r.oid and a.attgenerated = 'v'
    join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum"
);

/// Those relations of a question and their children that [`LOCKABLE`] lists, and that do not have its lock.
pub(super) const UNLOCKED: &str = concat!(
    "with recursive ",
    descendants!(),
    "
    select c.oid::regclass::text
    from relations r join pg_class c on c.oid = r.oid
    where c.oid >= 16384::oid
      and c.relkind in ('r', 'p') and has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE'::text)
      and not exists (select from pg_locks l
                      where l.relation = c.oid and l.pid = pg_backend_pid() and l.granted
                        and l.mode = 'ShareUpdateExclusiveLock'::text
                        and l.database = (select oid from pg_database where datname = current_database()))
    limit 1"
);
