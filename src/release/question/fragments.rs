//! Parts of the catalog queries, as macros, so that the queries are constants.

/// The oids of a parameter, for `any`. The parameter has that type already, so no cast that a superuser made is called.
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

/// The relations of the question, with all their partitions and children.
macro_rules! relations {
    () => {
        concat!(
            "relations(oid) as (select c.oid from pg_class c where c.oid = any ",
            oids!("$5"),
            ")"
        )
    };
}

/// Functions that are not PostgreSQL's own, except those of extensions in C, which only a superuser can install. Other functions
/// of extensions are included, because an extension's owner can add any.
macro_rules! outsiders {
    () => {
        "outsiders(oid) as (
            select p.oid from pg_proc p
            where p.oid >= 16384::oid and not (p.prolang in (12::oid, 13::oid) and exists (
                select from pg_depend e where e.classid = 'pg_proc'::regclass::oid and e.objid = p.oid and e.deptype = 'e')))"
    };
}

/// Casts to PostgreSQL's own types by a function of [`outsiders`], listed for each type whose values could lead to the cast: the
/// source, its elements, its array, and domains over it with theirs. Functions such as `to_json` look for casts by type, which no
/// tree shows. So do PostgreSQL's own functions that are SQL text and take any type (`anytextcat`, `quote_literal`): the text is
/// parsed for the actual type when it runs.
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

/// Whether a value of type `t` can lead a function that inspects it to code of other roles: to a cast, which the type's owner
/// can create, or to a domain's check, which can call any function. Enumerations cannot.
macro_rules! leads_elsewhere {
    () => {
        "(t.oid >= 16384::oid
          and (not (select o.rolsuper from pg_roles o where o.oid = t.typowner)
               or coalesce((select e.typtype from pg_type e where e.oid = t.typelem and t.typcategory = 'A'), t.typtype) <> 'e'))"
    };
}

/// Whether one of PostgreSQL's own functions `p` may look something up by the type of an argument: SQL text, which is parsed for
/// that type, and functions that take any type, except those known to use only the type's output or comparison, or neither.
/// `json_build_array` looks for casts, `json_populate_record` for domains.
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

/// Tables by quoted name, always in the same order, so that two sessions cannot deadlock.
pub(super) const LOCKABLE: &str = concat!(
    "select quote_ident(n.nspname::text) || '.'::text || quote_ident(c.relname::text)
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.oid >= 16384::oid and c.relkind in ('r', 'p') and has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE'::text)
       and c.oid = any ",
    oids!("$1"),
    " order by c.oid"
);

/// Relations by oid and quoted name, without temporary ones, which a question does not read from other sessions.
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

/// Whether this session has locked `c` in a mode.
macro_rules! is_locked {
    ($mode:literal) => {
        concat!(
            "exists (select from pg_locks l
                      where l.relation = c.oid and l.pid = pg_backend_pid() and l.granted
                        and l.mode = '",
            $mode,
            "'::text
                        and l.database = (select oid from pg_database where datname = current_database()))"
        )
    };
}

/// Relations of a question, and their children, that [`LOCKABLE`] lists but this session has not locked.
pub(super) const UNLOCKED: &str = concat!(
    "with recursive ",
    descendants!(),
    "
    select c.oid::regclass::text
    from relations r join pg_class c on c.oid = r.oid
    where c.oid >= 16384::oid
      and c.relkind in ('r', 'p') and has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE'::text)
      and not ",
    is_locked!("ShareUpdateExclusiveLock"),
    "
    limit 1"
);

/// Relations, by oid, that are no views: the quoted name, and whether this role can lock it against writers. The tree of a question
/// has the tables below its views.
pub(super) const STORED: &str = concat!(
    "select quote_ident(n.nspname::text) || '.'::text || quote_ident(c.relname::text),
        c.oid >= 16384::oid and c.relkind in ('r', 'p') and has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE'::text)
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind not in ('v', 'c') and c.oid = any ",
    oids!("$1"),
    " order by c.oid"
);

/// Relations, and their children, that [`STORED`] lists but this session has not locked against writers.
pub(super) const WRITABLE_BY_OTHERS: &str = concat!(
    "with recursive ",
    descendants!(),
    "
    select c.oid::regclass::text
    from relations r join pg_class c on c.oid = r.oid
    where c.relkind not in ('v', 'c') and not ",
    is_locked!("ShareRowExclusiveLock"),
    "
    limit 1"
);
