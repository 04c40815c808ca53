//! The checks of functions and operators that a question calls, itself or behind its tables.

use super::fragments::{expressions, oids};

/// Whether [`CALLED`] could reject something. Its reasons are those, or narrower: that of languages asks for an oid of 16384
/// or more too. They stand where values are made and not under WHERE, since the planner would try the expressions on its
/// statistics.
pub(super) const CALLED_BEFORE: &str = concat!(
    "select coalesce(bool_or(judged), false) from (
        select p.oid >= 16384::oid or p.prosecdef or p.prolang not in (12::oid, 13::oid, 14::oid) or p.proname ~ $7::text
               or p.provolatile = 'v' and p.proname !~ $8::text as judged
        from (
            select f.oid from pg_proc f where f.oid = any ",
    oids!("$1"),
    "
            union all
            select o.oprcode::oid from pg_operator o where o.oid = any ",
    oids!("$2"),
    "
        ) as called(oid) join pg_proc p on p.oid = called.oid
        union all
        select greatest(oid, oprnegate, oprcom) >= 16384::oid from pg_operator where oid = any ",
    oids!("$2"),
    ") as found"
);

/// The first function, or operator, that is not allowed. An operator's negator and commutator count too, because the planner
/// puts them in its place.
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
            || coalesce(', ' || case when p.provolatile = 'v' and (p.oid >= 16384::oid or p.proname !~ $8::text)
                 then 'volatile' end, '')
            || coalesce(', ' || case when p.oid < 16384::oid and p.proname ~ $7::text
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

/// The first expression of a table that uses a function which looks for casts when it is planned, beside a type whose owner is no
/// superuser, in one expression. Which function is given its value is not looked at. Types are read in the trees: an
/// empty array depends on none (`pg_depend`).
pub(super) const LOOKED_UP_BEHIND_TABLES: &str = concat!(
    "with ",
    expressions!(),
    ", looking(function, word) as (
        select p.oid, ' :funcid '::text || oidout(p.oid)::text || ' '::text
        from pg_proc p where p.prolang = 14::oid or p.proname ~ 'json'::text
        union all
        select p.oid, ' :opno '::text || oidout(o.oid)::text || ' '::text
        from pg_proc p join pg_operator o on o.oprcode::oid = p.oid where p.prolang = 14::oid or p.proname ~ 'json'::text
        union all
        select 'to_json(anyelement)'::regprocedure::oid, '{JSON'::text
    )
    select format('function %s with a value whose casts it would look for, in an index, constraint or key of %s',
                  l.function::regprocedure, e.owner::regclass)
    from expressions e join looking l on strpos(e.tree, l.word) > 0::int4
    join pg_type t on t.oid >= 16384::oid and strpos(e.tree, ' '::text || oidout(t.oid)::text || ' '::text) > 0::int4
    join pg_roles o on o.oid = t.typowner
    where not o.rolsuper
    limit 1"
);

/// The first expression of a table that uses one of PostgreSQL's functions that run what they are given. `pg_depend` has none
/// of PostgreSQL's own.
pub(super) const DENIED_BEHIND_TABLES: &str = concat!(
    "with ",
    expressions!(),
    "
    select format('function %s, in an index, constraint or key of %s: it has an effect or runs what it is given, whatever its label says',
                  p.oid::regprocedure, e.owner::regclass)
    from expressions e
    join pg_proc p on strpos(e.tree, ' :funcid '::text || oidout(p.oid)::text || ' '::text) > 0::int4
    where p.oid < 16384::oid and p.proname ~ $7::text
    limit 1"
);
