//! Name lookup and quoting. Names in the release resolve under the release's `search_path`. All
//! other queries use pgseal's own path, where no user's operators precede the server's.

use crate::database::{DatabaseError, Session};
use crate::release::settings::{OWN_PATH, quoted};
use psql_script::ObjectName;

/// The relation that a name means under the session's `search_path` now.
pub(super) fn relation(
    session: &mut dyn Session,
    name: &ObjectName,
) -> Result<Option<u32>, DatabaseError> {
    let schema = name
        .schema
        .as_ref()
        .map(|schema| format!("{}.", quoted(schema)))
        .unwrap_or_default();
    let spelled = format!("{schema}{}", quoted(&name.name));
    // The query uses no operator and no unqualified name, because the path here is not pgseal's.
    let table = session.query(
        "select pg_catalog.to_regclass($1)::pg_catalog.oid::pg_catalog.text as oid",
        &[spelled.as_str()],
    )?;
    table.single().map(oid).transpose()
}

/// Runs queries under pgseal's own `search_path`, then restores the caller's.
pub(super) fn under_own_path<T, E: From<DatabaseError>>(
    session: &mut dyn Session,
    ask: impl FnOnce(&mut dyn Session) -> Result<T, E>,
) -> Result<T, E> {
    let path = session.query(
        "select pg_catalog.current_setting('search_path') as path",
        &[],
    )?;
    let path = path.single().unwrap_or_default().to_owned();
    let set = |session: &mut dyn Session, path: &str| {
        session
            .query(
                "select pg_catalog.set_config('search_path', $1, false) as path",
                &[path],
            )
            .map(drop)
    };
    set(session, OWN_PATH)?;
    let answer = ask(session);
    let back = set(session, &path);
    let answer = answer?;
    back?;
    Ok(answer)
}

/// An oid as the server writes it.
pub(super) fn oid(text: &str) -> Result<u32, DatabaseError> {
    text.parse()
        .map_err(|_| DatabaseError::unsound(format!("the server gave {text:?} for an oid")))
}

/// Oids as one parameter: queries take them apart with `string_to_array($1, ',')`.
pub(super) fn list(oids: &[u32]) -> String {
    oids.iter()
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join(",")
}

/// The first column of every row.
pub(super) fn first_column(table: crate::database::Table) -> impl Iterator<Item = String> {
    table
        .rows
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
}
