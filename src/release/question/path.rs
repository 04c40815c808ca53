//! Where names without a schema are looked up. Whoever may create in a schema of the path can put something in front of what a later
//! one has, and no version of anything shows it: so names are not looked up behind the first such schema.

use super::QuestionError;
use crate::database::{DatabaseError, Parameter, Session};

/// The schemas up to the first, of all but the last, in which somebody else than a superuser may create, or which they may make;
/// `None` where there is none. `path` ends with `pg_temp`, and so does what it gives.
pub(super) fn unhidden(session: &mut dyn Session, path: &[String]) -> Result<Option<Vec<String>>, DatabaseError> {
    let Some((temporary, schemas)) = path.split_last() else { return Ok(None) };
    let found = session.query_with(OPEN, &[Parameter::Text(&schemas.join(SEPARATOR))], false)?;
    let first: Option<usize> = found.single().and_then(|at| at.parse().ok());
    Ok(first.filter(|at| *at < schemas.len()).map(|at| {
        let mut kept = schemas[..at].to_vec();
        kept.push(temporary.clone());
        kept
    }))
}

/// Says why something is not found in a path that was shortened.
pub(super) fn explained(error: QuestionError, path: &[String]) -> QuestionError {
    match (error, path) {
        (QuestionError::Database(error) | QuestionError::Literals(error), [.., last, _])
            if error.code().is_some_and(|code| NOT_FOUND.contains(&code)) =>
        {
            QuestionError::Hidden(error, last.clone())
        }
        (error, _) => error,
    }
}

/// SQLSTATE of tables, types and the like, and functions that are not found (PostgreSQL manual, "PostgreSQL Error Codes").
const NOT_FOUND: [&str; 3] = ["42P01", "42704", "42883"];

/// Between quoted names, in which it does not stand.
const SEPARATOR: &str = "\u{1}";

/// The place of that schema, from 1. Owners can take a right from themselves and back; a transaction that has created something and
/// is not over has a lock on the schema; and `pg_database_owner` (6171) is whoever owns the database.
const OPEN: &str = "
    with here(oid, owner) as (select d.oid, d.datdba from pg_database d where d.datname = current_database())
    select int8out(min(p.at))::text
    from regexp_split_to_table($1, E'\\x01'::text) with ordinality as p(name, at)
    left join pg_namespace n on '\"'::text || replace(n.nspname::text, '\"'::text, '\"\"'::text) || '\"'::text = p.name
    cross join here
    where exists (select from pg_roles r
                  where not r.rolsuper
                    and case when n.oid is null then r.oid = here.owner or has_database_privilege(r.oid, here.oid, 'CREATE'::text)
                             when n.nspowner = 6171::oid and r.oid = here.owner then true
                             when r.oid = 6171::oid then false
                             else r.oid = n.nspowner or has_schema_privilege(r.oid, n.oid, 'CREATE'::text) end)
       or exists (select from pg_lock_status() l
                  where l.locktype = 'object'::text and l.classid = 2615::oid and l.objid = n.oid and l.database = here.oid
                    and (l.pid is null or l.pid <> pg_backend_pid()))";
