//! The checks of functions and operators that a question calls.
//!
//! Parameters ([`super::parameters`]): `$1` its functions, `$2` its operators, `$7` the names of
//! `DENIED`, `$8` those of `ALLOWED` (`functions.rs`). A condition that decides uses only functions
//! and operators for exactly its types (`p.oid >= 16384::oid`); the reason is in [`super::checks`].

use super::fragments::{oids, on_list};

/// Whether a function `p` could be rejected.
macro_rules! rejectable {
    () => {
        concat!(
            "p.oid >= 16384::oid or p.prosecdef or p.prolang not in (12::oid, 13::oid, 14::oid) or ",
            on_list!("p.proname", "$7"),
            " or p.provolatile = 'v' and not ",
            on_list!("p.proname", "$8")
        )
    };
}

/// The pre-check of [`CALLED`], true wherever that could find something: its conditions are those of `CALLED` or wider. Its
/// expressions are in the select list and not under WHERE, because the planner tries conditions on its statistics.
pub(super) const CALLED_PRE_CHECK: &str = concat!(
    "(select coalesce(bool_or(",
    rejectable!(),
    "), false) from pg_proc p where p.oid = any ",
    oids!("$1"),
    ")
     or (select coalesce(bool_or(greatest(o.oid, o.oprnegate, o.oprcom) >= 16384::oid or ",
    rejectable!(),
    "), false)
         from pg_operator o join pg_proc p on p.oid = o.oprcode::oid where o.oid = any ",
    oids!("$2"),
    ")"
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
            || coalesce(', ' || case when p.provolatile = 'v' and (p.oid >= 16384::oid or not ",
    on_list!("p.proname", "$8"),
    ")
                 then 'volatile' end, '')
            || coalesce(', ' || case when p.oid < 16384::oid and ",
    on_list!("p.proname", "$7"),
    "
                 then 'it has an effect or runs what it is given, whatever its label says' end, '')
            || coalesce(', ' || case when p.oid < 16384::oid and p.prolang not in (12::oid, 13::oid, 14::oid)
                 then 'replaced, since PostgreSQL has it in another language than ' || l.lanname::text end, '')
            || coalesce(', ' || case when p.oid >= 16384::oid
                 then 'user-defined, so that its label (' ||
                      case p.provolatile when 'v' then 'volatile' when 's' then 'stable' else 'immutable' end ||
                      ') proves nothing' end, '')
            || coalesce(', ' || case when u.operator >= 16384::oid then 'a user-defined operator' end, '')
            || coalesce(', ' || case when u.instead >= 16384::oid then 'the planner can put operator ' ||
                      coalesce(u.instead::regoperator::text, '') || ' in its place' end, '') as why
        from used u join pg_proc p on p.oid = u.function join pg_language l on l.oid = p.prolang
    )
    select case when operator is null then format('function %s: %s', oid::regprocedure, substr(why, 3))
                else format('operator %s of function %s: %s', operator::regoperator, oid::regprocedure, substr(why, 3)) end
    from judged where why <> ''
    order by 1 limit 1"
);
