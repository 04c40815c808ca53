//! Parts of catalog queries about a question, as macros, so that the queries are constants.

/// The oids of a parameter, as `any` wants them. The parameter is of that type: a cast to it could be a superuser's.
macro_rules! oids {
    ($parameter:literal) => {
        concat!("(", $parameter, "::oid[])")
    };
}

/// The relations of the question, all their partitions and children among them.
macro_rules! relations {
    () => {
        concat!("relations(oid) as (select c.oid from pg_class c where c.oid = any ", oids!("$5"), ")")
    };
}

/// What planning could run for the relations: what their indexes, constraints, statistics, generated columns and partition keys
/// depend on.
macro_rules! needs {
    () => {
        concat!(
            "needs(class, oid, owner) as (
        select d.refclassid, d.refobjid, o.owner
        from (
            select 'pg_class'::regclass::oid, i.indexrelid, i.indrelid from pg_index i where i.indrelid = any ",
            oids!("$5"),
            "
            union all
            select 'pg_constraint'::regclass::oid, c.oid, c.conrelid from pg_constraint c where c.conrelid = any ",
            oids!("$5"),
            "
            union all
            select 'pg_statistic_ext'::regclass::oid, s.oid, s.stxrelid from pg_statistic_ext s where s.stxrelid = any ",
            oids!("$5"),
            "
            union all
            select 'pg_attrdef'::regclass::oid, d.oid, d.adrelid
            from pg_attribute a join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
            where a.attgenerated <> '' and a.attrelid = any ",
            oids!("$5"),
            "
            union all
            select 'pg_class'::regclass::oid, p.partrelid, p.partrelid from pg_partitioned_table p where p.partrelid = any ",
            oids!("$5"),
            "
            union all
            select 'pg_class'::regclass::oid, a.relid::oid, c.oid
            from pg_class c cross join lateral pg_partition_ancestors(c.oid::regclass) as a(relid)
            where c.relispartition and c.oid = any ",
            oids!("$5"),
            "
        ) as o(class, oid, owner)
        join pg_depend d on d.classid = o.class and d.objid = o.oid and d.objsubid = 0
        where d.refobjid >= 16384::oid
    )"
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

/// The expressions that planning works out for the relations, as trees: of indexes, constraints, statistics, columns, and
/// partition keys, those of the tables that they are partitions of too.
macro_rules! expressions {
    () => {
        concat!(
            "expressions(owner, tree) as (
        select c.conrelid, c.conbin::text from pg_constraint c where c.conbin is not null and c.conrelid = any ",
            oids!("$5"),
            "
        union all
        select i.indrelid, coalesce(i.indexprs::text, ''::text) || coalesce(i.indpred::text, ''::text)
        from pg_index i where (i.indexprs is not null or i.indpred is not null) and i.indrelid = any ",
            oids!("$5"),
            "
        union all
        select s.stxrelid, s::text from pg_statistic_ext s where s.stxrelid = any ",
            oids!("$5"),
            "
        union all
        select d.adrelid, d.adbin::text
        from pg_attribute a join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attgenerated <> '' and a.attrelid = any ",
            oids!("$5"),
            "
        union all
        select p.partrelid, p.partexprs::text
        from pg_partitioned_table p where p.partexprs is not null and p.partrelid = any ",
            oids!("$5"),
            "
        union all
        select c.oid, p.partexprs::text
        from pg_class c cross join lateral pg_partition_ancestors(c.oid::regclass) as a(relid)
        join pg_partitioned_table p on p.partrelid = a.relid::oid
        where p.partexprs is not null and c.relispartition and c.oid = any ",
            oids!("$5"),
            "
    )"
        )
    };
}

pub(super) use {expressions, made_casts, needs, oids, outsiders, relations, used_types};

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

/// Relations of a question and their children without the lock of [`LOCKABLE`]: those that it lists, and for a superuser also
/// materialized views of others, which `LOCK` does not take.
pub(super) const UNLOCKED: &str = concat!(
    "with recursive ",
    descendants!(),
    "
    select c.oid::regclass::text
    from relations r join pg_class c on c.oid = r.oid join pg_roles o on o.oid = c.relowner
    where c.oid >= 16384::oid
      and (c.relkind in ('r', 'p') and has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE'::text)
           or c.relkind = 'm' and not o.rolsuper and (select rolsuper from pg_roles where rolname = current_user))
      and not exists (select from pg_locks l
                      where l.relation = c.oid and l.pid = pg_backend_pid() and l.granted
                        and l.mode = 'ShareUpdateExclusiveLock'::text
                        and l.database = (select oid from pg_database where datname = current_database()))
    limit 1"
);
