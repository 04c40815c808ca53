//! Whether a question (gate or probe) can be asked without effect. Read-only transactions are not harmless: functions
//! can take locks, end sessions, write files and speak to other servers in them. So before a question is opened, the
//! server's catalog is asked what it would call: only functions of `pg_catalog` that are not volatile, also behind views.
//!
//! Not covered: functions behind casts, row security policies and domain checks. A gate runs by a role that
//! should have no more rights than it needs.

use crate::database::{DatabaseError, Session};
use crate::sql::calls;

/// Why a question is not asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HarmlessError {
    /// It would use something that could have an effect.
    #[error("it uses {0}: only functions of pg_catalog that are not volatile are allowed, also behind views")]
    Uses(String),
    /// The server refused it, or did not say. `position` is the character in the question.
    #[error("{0}")]
    Database(#[from] DatabaseError),
}

/// Functions that are labelled stable or immutable and yet have an effect or run text that they are given.
const DENIED: &str = "^(txid_current|pg_current_xact_id|.*_to_xml.*|ts_rewrite|ts_stat|pg_(try_)?advisory.*|lo_.*|pg_read_.*|pg_ls_.*|pg_stat_file|dblink.*)$";

/// Volatile functions without an effect.
const ALLOWED: &str = "^(clock_timestamp|timeofday|random)$";

/// Checks a question inside the transaction in which it will be asked. It is parsed and analysed, not run.
pub fn check(session: &mut dyn Session, question: &str) -> Result<(), HarmlessError> {
    // Analysis locks every relation that the question reads, views and what is behind them included.
    session.analyse(question)?;
    let used = |found: crate::database::Table| match found.rows.into_iter().flatten().flatten().next() {
        Some(name) => Err(HarmlessError::Uses(name)),
        None => Ok(()),
    };
    used(session.query(CALLED, &[&calls_json(question), DENIED, ALLOWED])?)?;
    used(session.query(OPERATORS, &[&operators(question)])?)?;
    used(session.query(BEHIND_VIEWS, &[DENIED, ALLOWED])?)
}

fn calls_json(question: &str) -> String {
    let calls = calls(question).into_iter();
    let calls = calls.map(|call| serde_json::json!({ "schema": call.schema, "name": call.name }));
    serde_json::Value::Array(calls.collect()).to_string()
}

/// Every operator that the question could mean, a line each: all parts of all runs of operator characters (PostgreSQL
/// manual, "Operators"), whether in quotes or not. More than it uses, never less.
fn operators(question: &str) -> String {
    let runs = question.split(|c: char| !"+-*/<>=~!@#%^&|`?".contains(c));
    let mut found: Vec<&str> = runs
        .map(|run| &run[..run.len().min(63)])
        .flat_map(|run| (0..run.len()).flat_map(move |from| (from + 1..=run.len()).map(move |to| &run[from..to])))
        .collect();
    found.sort_unstable();
    found.dedup();
    found.join("\n")
}

/// Functions that the question names. A name that is not a function at all is a keyword, or the server's to refuse.
const CALLED: &str = "
    select format('function %s (%s)', p.oid::regprocedure,
                  case p.provolatile when 'v' then 'volatile' when 's' then 'stable' else 'immutable' end)
    from pg_catalog.json_to_recordset($1::text::json) as c(schema text, name text)
    join pg_catalog.pg_proc p on p.proname = c.name
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where case when c.schema is null then pg_catalog.pg_function_is_visible(p.oid) else n.nspname = c.schema end
      and (n.nspname <> 'pg_catalog' or p.proname ~ $2::text
           or p.provolatile = 'v' and p.proname !~ $3::text)
    limit 1";

/// Operators whose function is not PostgreSQL's own.
const OPERATORS: &str = "
    select format('operator %s', o.oid::regoperator)
    from pg_catalog.unnest(pg_catalog.string_to_array($1::text, E'\\n')) as used(name)
    join pg_catalog.pg_operator o on o.oprname = used.name
    join pg_catalog.pg_proc p on p.oid = o.oprcode
    where p.pronamespace <> 'pg_catalog'::regnamespace
    limit 1";

/// What stands behind the views that this transaction has locked; foreign tables speak to another server.
const BEHIND_VIEWS: &str = "
    with used as (
        select c.oid, c.relkind, c.relnamespace
        from pg_catalog.pg_locks l join pg_catalog.pg_class c on c.oid = l.relation
        where l.pid = pg_catalog.pg_backend_pid() and l.locktype = 'relation'
    ), functions as (
        select v.oid as view, m[1]::oid as function
        from used v
        join pg_catalog.pg_rewrite r on r.ev_class = v.oid and r.ev_type = '1'
        cross join pg_catalog.regexp_matches(r.ev_action::text,
            ':(?:funcid|opfuncid|aggfnoid|winfnoid) (\\d+)', 'g') as m
        where v.relkind = 'v' and v.relnamespace <> 'pg_catalog'::regnamespace
          and v.relnamespace <> 'information_schema'::regnamespace
    )
    select format('foreign table %s', u.oid::regclass) from used u where u.relkind = 'f'
    union all
    select format('function %s behind view %s', p.oid::regprocedure, f.view::regclass)
    from functions f join pg_catalog.pg_proc p on p.oid = f.function
    where p.pronamespace <> 'pg_catalog'::regnamespace or p.proname ~ $1::text
       or p.provolatile = 'v' and p.proname !~ $2::text
    limit 1";
