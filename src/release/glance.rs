//! A glance at the server's catalog before the long look of [`harmless`](super::harmless): whether the catalog has anything
//! at all that could be refused. Planning takes most of the time of those queries, and in most databases they find nothing.
//!
//! Each glance is a necessary condition of the queries that it stands before: every row of theirs needs something that the
//! glance asks for, which its comment names. So where it says no, they would have given no row; where it says yes, they are
//! asked as ever, and only they refuse. It looks for oids alone. What it uses has exactly the types that PostgreSQL has it
//! for, as there.

use super::harmless::oids;

/// What [`EVERYWHERE`](super::harmless::EVERYWHERE) and the looks at types could find. Four answers:
///
/// - `EVERYWHERE` joins outsiders (oid of 16384 or more, by their definition) to `amproc`, `oprcode` and `typmodin`.
/// - `NAMED_TYPES` wants a type of 16384 or more with one of the names (of `$1`, line by line).
/// - `DOMAINS` is asked word for word.
/// - `INPUTS` joins outsiders to `typinput`, `rngcanonical` and `amproc`; the last is the first answer's.
pub(super) const TYPES: &str = "
    select (exists (select from pg_amproc where amproc::oid >= 16384::oid)
            or exists (select from pg_operator where oprcode::oid >= 16384::oid)
            or exists (select from pg_type where typmodin::oid >= 16384::oid))::text,
           exists (select from pg_type
                   where oid >= 16384::oid and typname = any (string_to_array($1::text, E'\\n'::text)))::text,
           exists (select from pg_constraint where contypid >= 16384::oid and conbin is not null)::text,
           (exists (select from pg_type where typinput::oid >= 16384::oid)
            or exists (select from pg_range where rngcanonical::oid >= 16384::oid))::text";

/// Whether [`CALLED`](super::harmless::CALLED), of the same parameters, could refuse a function or an operator. Its reasons
/// are those, or narrower: that of languages asks for an oid of 16384 or more too. They stand where values are made and not
/// under WHERE, since the planner would try the expressions on its statistics.
pub(super) const CALLED: &str = concat!(
    "with operators as (
        select oprcode::oid as function, greatest(oid, oprnegate, oprcom) >= 16384::oid as made
        from pg_operator where oid = any ",
    oids!("$2"),
    "
    ), functions as (
        select oid >= 16384::oid or prosecdef or prolang not in (12::oid, 13::oid, 14::oid) or proname ~ $3::text
               or provolatile = 'v' and proname !~ $4::text as judged
        from pg_proc
        where oid = any ",
    oids!("$1"),
    "
           or oid in (select function from operators)
    )
    select (coalesce((select bool_or(made) from operators), false)
            or coalesce((select bool_or(judged) from functions), false))::text"
);

/// Whether [`BEHIND_TABLES`](super::harmless::BEHIND_TABLES), of the same parameter, could refuse something. Its rows need a
/// foreign table among the same relations; an access method whose handler has an oid of 16384 or more; or a function,
/// operator, operator class or type of 16384 or more on which one of the same objects depends, where every relation counts
/// as an object, partitioned or not.
pub(super) const BEHIND_TABLES: &str = concat!(
    "with recursive relations(oid) as (
        select c.oid from pg_class c where c.oid = any ",
    oids!("$1"),
    "
        union
        select i.inhrelid from relations r join pg_inherits i on i.inhparent = r.oid
    )
    select (exists (select from relations r join pg_class c on c.oid = r.oid where c.relkind = 'f')
            or exists (select from pg_am where amhandler::oid >= 16384::oid)
            or exists (
                select from relations r cross join lateral (
                    select 'pg_class'::regclass::oid, r.oid
                    union all
                    select 'pg_class'::regclass::oid, i.indexrelid from pg_index i where i.indrelid = r.oid
                    union all
                    select 'pg_constraint'::regclass::oid, c.oid from pg_constraint c where c.conrelid = r.oid
                    union all
                    select 'pg_statistic_ext'::regclass::oid, s.oid from pg_statistic_ext s where s.stxrelid = r.oid
                    union all
                    select 'pg_attrdef'::regclass::oid, d.oid
                    from pg_attribute a join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
                    where a.attrelid = r.oid and a.attgenerated <> ''
                ) as o(class, oid)
                join pg_depend d on d.classid = o.class and d.objid = o.oid and d.objsubid = 0
                where d.refobjid >= 16384::oid
                  and d.refclassid in ('pg_proc'::regclass::oid, 'pg_operator'::regclass::oid, 'pg_opclass'::regclass::oid,
                                       'pg_type'::regclass::oid)))::text"
);
