//! What the server's catalog says about the things that a question uses: whose they are, and whether they could do
//! something. `docs/gate.md` says the same for people; a test compares the lists.
//!
//! Each query gives the first thing that is refused, with the reason: a row is a refusal, whatever words stand in it.
//! Objects below 16384 (`FirstNormalObjectId`, PostgreSQL `access/transam.h`) are those that PostgreSQL is born with,
//! whatever schema others are put in.
//!
//! What decides uses only functions, operators and casts that PostgreSQL has for exactly these types (`16384::oid`,
//! `','::text`; no `unnest` of an array, no `format` nor `concat_ws`, no cast of a text to an oid, no oid beside a `regproc`).
//! Else one that somebody put into `pg_catalog`, and that fits better, would be meant. Words for people may use any.

/// Functions of PostgreSQL that are labelled stable or immutable and yet have an effect, or run text or code that they
/// are given. `*` stands for anything.
pub(super) const DENIED: [&str; 26] = [
    "txid_current",
    "pg_current_xact_id",
    "*_to_xml*",
    "ts_rewrite",
    "ts_stat",
    "pg_advisory*",
    "pg_try_advisory*",
    "lo_*",
    "pg_read_*",
    "pg_ls_*",
    "pg_stat_file",
    "satisfies_hash_partition",
    "pg_input_*",
    "*_validator",
    "domain_in",
    "domain_recv",
    "record_in",
    "record_recv",
    "array_in",
    "array_recv",
    "range_in",
    "range_recv",
    "multirange_in",
    "multirange_recv",
    "cstring_in",
    "cstring_recv",
];

/// Volatile functions of PostgreSQL that only look (PostgreSQL manual, "System Administration Functions").
pub(super) const ALLOWED: [&str; 21] = [
    "clock_timestamp",
    "timeofday",
    "random",
    "pg_is_in_recovery",
    "pg_is_wal_replay_paused",
    "pg_lock_status",
    "pg_prepared_xact",
    "pg_blocking_pids",
    "pg_relation_size",
    "pg_table_size",
    "pg_indexes_size",
    "pg_total_relation_size",
    "pg_database_size",
    "pg_tablespace_size",
    "pg_last_wal_receive_lsn",
    "pg_last_wal_replay_lsn",
    "pg_last_xact_replay_timestamp",
    "pg_current_wal_lsn",
    "pg_current_wal_insert_lsn",
    "pg_current_wal_flush_lsn",
    "pg_get_replication_slots",
];

/// A list as a regular expression of the server.
pub(super) fn pattern(names: &[&str]) -> String {
    format!("^({})$", names.join("|").replace('*', ".*"))
}

/// The oids of a parameter, as `any` wants them: a list with commas. A cast from text to oid could be somebody's; a text has
/// none of its own, a number has.
macro_rules! oids {
    ($parameter:literal) => {
        concat!(
            "(array(select to_number(n, '9999999999'::text)::int8::oid from regexp_split_to_table(nullif(",
            $parameter,
            "::text, ''::text), ','::text) as listed(n)))"
        )
    };
}
pub(super) use oids;

/// Functions that somebody made. Those of an extension in C are not among them: only a superuser can bring those. An
/// extension's others are, since whoever owns the extension can add what they like to it.
macro_rules! outsiders {
    () => {
        "outsiders(oid) as (
            select p.oid from pg_proc p
            where p.oid >= 16384::oid and not (p.prolang in (12::oid, 13::oid) and exists (
                select from pg_depend e where e.classid = 'pg_proc'::regclass::oid and e.objid = p.oid and e.deptype = 'e')))"
    };
}

/// Functions, made by somebody, that cast an enumeration or an array of one to a type of PostgreSQL's own; by each type whose
/// values the cast could be looked up for: the source itself, its elements, its array. The server looks for casts by type
/// where no tree shows them: `to_json` and its like, and functions of PostgreSQL's own that are a text in SQL and take any
/// type (`anytextcat`, `quote_literal`), which is parsed for the actual type when it runs. Needs [`outsiders`].
macro_rules! made_casts {
    () => {
        "made_casts(type, function) as (
            select t.oid, c.castfunc
            from pg_cast c join outsiders s on s.oid = c.castfunc
            join pg_type f on f.oid = c.castsource join pg_type t on t.oid in (f.oid, f.typelem, f.typarray)
            where c.casttarget < 16384::oid)"
    };
}

/// The first function (of `$1`), or operator (of `$2`), that is not allowed. `$3` is [`DENIED`], `$4` [`ALLOWED`].
/// An operator's negator and commutator count too, because the planner puts them in its place.
pub(super) const CALLED: &str = concat!(
    "with used as (
        select f.oid as function, null::oid as operator, null::oid as instead
        from pg_proc f where f.oid = any ",
    oids!("$1"),
    "
        union all
        select o.oprcode::oid, o.oid, greatest(o.oprnegate, o.oprcom)
        from pg_operator o where o.oid = any ",
    oids!("$2"),
    "
    ), judged as (
        select p.oid, u.operator,
            coalesce(', ' || case when p.prosecdef then 'SECURITY DEFINER' end, '')
            || coalesce(', ' || case when p.oid >= 16384::oid and p.prokind <> 'a' and not l.lanpltrusted
                 then 'language ' || l.lanname::text || ', which is not trusted' end, '')
            || coalesce(', ' || case when p.provolatile = 'v' and (p.oid >= 16384::oid or p.proname !~ $4::text)
                 then 'volatile' end, '')
            || coalesce(', ' || case when p.oid < 16384::oid and p.proname ~ $3::text
                 then 'it has an effect or runs what it is given, whatever its label says' end, '')
            || coalesce(', ' || case when p.oid < 16384::oid and p.prolang not in (12::oid, 13::oid, 14::oid)
                 then 'replaced, since PostgreSQL has it in another language than ' || l.lanname::text end, '')
            || coalesce(', ' || case when p.oid >= 16384::oid
                 then 'made by somebody, so that its label (' ||
                      case p.provolatile when 'v' then 'volatile' when 's' then 'stable' else 'immutable' end ||
                      ') proves nothing' end, '')
            || coalesce(', ' || case when u.operator >= 16384::oid then 'an operator made by somebody' end, '')
            || coalesce(', ' || case when u.instead >= 16384::oid then 'the planner can put operator ' ||
                      coalesce(u.instead::regoperator::text, '') || ' in its place' end, '') as why
        from used u join pg_proc p on p.oid = u.function join pg_language l on l.oid = p.prolang
    )
    select case when operator is null then format('function %s: %s', oid::regprocedure, substr(why, 3))
                else format('operator %s of function %s: %s', operator::regoperator, oid::regprocedure, substr(why, 3)) end
    from judged where why <> ''
    order by 1 limit 1"
);

/// The first type that is not PostgreSQL's own, nor an enumeration or an array of one: its input, casts, comparisons and
/// checks could call anything. A column (`$2`) may be of a domain over one of PostgreSQL's own: its value was checked when
/// it was written. An enumeration may not have a cast of somebody's to one of PostgreSQL's own types ([`made_casts`]).
pub(super) const TYPES: &str = concat!(
    "with ",
    outsiders!(),
    ", ",
    made_casts!(),
    ", used as (
        select t.oid, t.typtype, t.typbasetype, coalesce(e.oid, t.oid) as element, coalesce(e.typtype, t.typtype) as kind,
               used.is_column
        from (select a.oid, false as is_column from pg_type a where a.oid = any ",
    oids!("$1"),
    "
              union all select c.oid, true from pg_type c where c.oid = any ",
    oids!("$2"),
    ") as used
        join pg_type t on t.oid = used.oid left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
        where t.oid >= 16384::oid
    )
    select format('type %s: made by somebody, so that reading, casting or comparing it could call anything', oid::regtype)
    from used
    where kind <> 'e' and not (is_column and typtype = 'd' and typbasetype < 16384::oid)
    union all
    select format('type %s: cast by function %s', u.oid::regtype, c.function::regprocedure)
    from used u join made_casts c on c.type = u.oid
    limit 1"
);

/// Of types of PostgreSQL's own, those that hold values of `anyarray` (2277), however deep.
pub(super) const OF_ANY_TYPE: &str = concat!(
    "with recursive inside(type, of) as (
        select t.oid, t.oid from pg_type t where t.oid = any ",
    oids!("$1"),
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
    from inside where type = 2277::oid limit 1"
);

/// Types that the text names, before anything of it is parsed.
pub(super) const NAMED_TYPES: &str = "
    select format('type %s: made by somebody, so that reading, casting or comparing it could call anything', t.oid::regtype)
    from pg_type t left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
    where t.typname = any (string_to_array($1::text, E'\\n'::text)) and t.oid >= 16384::oid
      and coalesce(e.typtype, t.typtype) <> 'e'
    order by e.oid is not null, t.typname
    limit 1";

/// What the server calls without a name in any tree: comparisons of array elements, rows, hash and merge joins by operator
/// classes that somebody made for PostgreSQL's own types or for an enumeration; and readers of type modifiers, which run
/// where a text is made a `regtype`. Only a superuser can make either.
pub(super) const EVERYWHERE: &str = concat!(
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
    union all
    select format('type %s: its modifiers are read by function %s, made by somebody', t.oid::regtype,
                  t.typmodin::oid::regprocedure)
    from pg_type t join outsiders s on s.oid = t.typmodin::oid
    limit 1"
);

/// The checks of all domains that somebody made.
pub(super) const DOMAINS: &str =
    "select conbin::text from pg_constraint where contypid >= 16384::oid and conbin is not null";

/// A type whose literals are read or compared by a function that somebody made.
pub(super) const INPUTS: &str = concat!(
    "with ",
    outsiders!(),
    "
    select t.oid::regtype::text from pg_type t join outsiders s on s.oid = t.typinput::oid
    union all
    select r.rngtypid::regtype::text from pg_range r
    where r.rngcanonical::oid in (select oid from outsiders)
       or exists (select from pg_opclass c join pg_amproc a on a.amprocfamily = c.opcfamily
                  where c.oid = r.rngsubopc and a.amproc::oid in (select oid from outsiders))
    limit 1"
);

/// What planning could run: functions, operators, types and operator classes in indexes, constraints, statistics and
/// partition keys of the tables that are read and of their partitions; partitions that are foreign tables; and ways of
/// storing tables.
pub(super) const BEHIND_TABLES: &str = concat!(
    "with recursive ",
    outsiders!(),
    ", ",
    made_casts!(),
    ", relations(oid) as (
        select c.oid from pg_class c where c.oid = any ",
    oids!("$1"),
    "
        union
        select i.inhrelid from relations r join pg_inherits i on i.inhparent = r.oid
    ), objects(class, oid, owner) as (
        select 'pg_class'::regclass::oid, i.indexrelid, r.oid from relations r join pg_index i on i.indrelid = r.oid
        union all
        select 'pg_constraint'::regclass::oid, c.oid, r.oid from relations r join pg_constraint c on c.conrelid = r.oid
        union all
        select 'pg_statistic_ext'::regclass::oid, s.oid, r.oid from relations r join pg_statistic_ext s on s.stxrelid = r.oid
        union all
        select 'pg_attrdef'::regclass::oid, d.oid, r.oid
        from relations r join pg_attribute a on a.attrelid = r.oid and a.attgenerated <> ''
        join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        union all
        select 'pg_class'::regclass::oid, r.oid, r.oid from relations r join pg_partitioned_table p on p.partrelid = r.oid
    ), needs(class, oid, owner) as (
        select d.refclassid, d.refobjid, o.owner
        from objects o join pg_depend d on d.classid = o.class and d.objid = o.oid and d.objsubid = 0
        where d.refobjid >= 16384::oid
    )
    select format('foreign table %s', c.oid::regclass)
    from relations r join pg_class c on c.oid = r.oid where c.relkind = 'f'
    union all
    select format('function %s, made by somebody, in an index, constraint or key of %s', n.oid::regprocedure,
                  n.owner::regclass)
    from needs n where n.class = 'pg_proc'::regclass::oid and n.oid in (select oid from outsiders)
    union all
    select format('operator %s, made by somebody, in an index, constraint or key of %s', n.oid::regoperator,
                  n.owner::regclass)
    from needs n join pg_operator o on o.oid = n.oid
    where n.class = 'pg_operator'::regclass::oid
      and (o.oprcode::oid in (select oid from outsiders)
           or not exists (select from pg_depend e where e.classid = 'pg_operator'::regclass::oid and e.objid = o.oid
                            and e.deptype = 'e'))
    union all
    select format('operator class %I, made by somebody, in an index, constraint or key of %s', c.opcname, n.owner::regclass)
    from needs n join pg_opclass c on c.oid = n.oid
    where n.class = 'pg_opclass'::regclass::oid
      and exists (select from pg_amproc a where a.amprocfamily = c.opcfamily and a.amproc::oid in (select oid from outsiders)
                  union all
                  select from pg_amop a join pg_operator o on o.oid = a.amopopr
                  where a.amopfamily = c.opcfamily and o.oprcode::oid in (select oid from outsiders))
    union all
    select format('type %s, made by somebody, in an index, constraint or key of %s', t.oid::regtype, n.owner::regclass)
    from needs n join pg_type t on t.oid = n.oid left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
    where n.class = 'pg_type'::regclass::oid
      and not (coalesce(e.typtype, t.typtype) = 'e' or t.typtype = 'd' and t.typbasetype < 16384::oid
               or coalesce(e.typtype, t.typtype) = 'b' and coalesce(e.typinput, t.typinput)::oid not in (select oid from outsiders))
    union all
    select format('type %s, cast by function %s, in an index, constraint or key of %s', c.type::regtype,
                  c.function::regprocedure, n.owner::regclass)
    from needs n join made_casts c on c.type = n.oid
    where n.class = 'pg_type'::regclass::oid
    union all
    select format('table %s: kept by access method %I, made by somebody', c.oid::regclass, a.amname)
    from (select oid from relations union select oid from objects where class = 'pg_class'::regclass::oid) as r
    join pg_class c on c.oid = r.oid join pg_am a on a.oid = c.relam
    where a.amhandler::oid in (select oid from outsiders)
    limit 1"
);

#[cfg(test)]
mod tests {
    use super::*;

    /// What people read is what is done.
    #[test]
    fn the_documented_lists() {
        let text = include_str!("../../docs/gate.md");
        let listed = |heading: &str| -> Vec<String> {
            let (_, section) = text.split_once(heading).unwrap();
            let section = section.split("\n## ").next().unwrap();
            let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
            let cells = rows.filter_map(|row| row.split_once(" | "));
            let names = cells.flat_map(|(names, _)| names.split(", ").map(|name| name.trim_matches('`').to_owned()));
            names.collect()
        };
        assert_eq!(listed("## Volatile functions that are allowed\n"), ALLOWED);
        assert_eq!(listed("## Functions that are refused whatever their label\n"), DENIED);
    }

    #[test]
    fn a_star_is_anything() {
        assert_eq!(pattern(&["a", "*_b*"]), "^(a|.*_b.*)$");
    }
}
