//! Where names without a schema are looked up. Who may create in a schema of the path can put something in front of what a later one
//! has, and no version of anything tells: so such names have to be found before.

use crate::database::{DatabaseError, Parameter, Session};

/// The schemas up to the first, of all but the last, in which somebody else than a superuser may create, or which they may make.
/// `path` ends with `pg_temp`.
pub(super) fn unhidden(session: &mut dyn Session, path: &[String]) -> Result<Option<Vec<String>>, DatabaseError> {
    let Some((temporary, schemas)) = path.split_last().filter(|(_, schemas)| schemas.len() > 1) else {
        return Ok(None);
    };
    let found = session.query_with(OPEN, &[Parameter::Text(&schemas.join(SEPARATOR))], false)?;
    let first: Option<usize> = found.single().and_then(|at| at.parse().ok());
    Ok(first.filter(|at| *at < schemas.len()).map(|at| {
        let mut kept = schemas[..at].to_vec();
        kept.push(temporary.clone());
        kept
    }))
}

/// Between quoted names, in which it does not stand.
const SEPARATOR: &str = "\u{1}";

/// The place of that schema, from 1.
const OPEN: &str = "
    select int8out(min(p.at))::text
    from regexp_split_to_table($1, E'\\x01'::text) with ordinality as p(name, at)
    left join pg_namespace n on '\"'::text || replace(n.nspname::text, '\"'::text, '\"\"'::text) || '\"'::text = p.name
    where exists (select from pg_roles r
                  where r.oid >= 16384::oid and not r.rolsuper
                    and case when n.oid is null
                             then has_database_privilege(r.oid, (select d.oid from pg_database d where d.datname = current_database()),
                                                         'CREATE'::text)
                             else has_schema_privilege(r.oid, n.oid, 'CREATE'::text) end)";
