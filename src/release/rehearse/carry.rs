//! Copies properties of a database that neither templates nor `pg_dump` copy: settings, rights, limit of
//! connections, comment. Without them, a
//! rehearsal would run under other settings than the release.

use super::clone::{CloneError, ClonedDatabase, literal, quoted};
use super::server::Admin;
use crate::database::DatabaseError;

/// Settings whose value is a list of names (PostgreSQL, `GUC_LIST_QUOTE`); each name is quoted separately.
const LISTS: [&str; 6] = [
    "search_path",
    "temp_tablespaces",
    "session_preload_libraries",
    "shared_preload_libraries",
    "local_preload_libraries",
    "unix_socket_directories",
];

/// Copies the properties. Returns settings that could not be copied and concern only other roles.
pub(super) fn carry(
    admin: &mut Admin,
    from: &str,
    clone: &ClonedDatabase,
) -> Result<Vec<String>, CloneError> {
    let failed = |what: &str| {
        CloneError::database(format!("{what} of {from:?} can't be given to the clone"))
    };
    let to = quoted(clone.name());
    for statement in rights(admin, from, &to).map_err(failed("the rights"))? {
        let granted = admin.session.execute(&statement);
        granted.map_err(failed("the rights"))?;
    }
    let comment = admin.session.query(
        "select pg_catalog.shobj_description(oid, 'pg_database') from pg_catalog.pg_database where datname = $1",
        &[from],
    );
    if let Some(comment) = comment.map_err(failed("the comment"))?.single() {
        let comment = format!("COMMENT ON DATABASE {to} IS {}", literal(comment));
        let commented = admin.session.execute(&comment);
        commented.map_err(failed("the comment"))?;
    }
    limit(admin, Some(from), clone)?;
    let mut lost = Vec::new();
    for (role, concerns_us, setting) in settings(admin, from).map_err(failed("the settings"))? {
        let whose = match &role {
            Some(role) => format!("ALTER ROLE {} IN DATABASE {to}", quoted(role)),
            None => format!("ALTER DATABASE {to}"),
        };
        let (name, value) = setting.split_once('=').unwrap_or((&setting, ""));
        let set = format!("{whose} SET {} = {}", parameter(name), values(name, value));
        match admin.session.execute(&set) {
            Ok(_) => {}
            Err(DatabaseError::Server(_)) if !concerns_us => {
                lost.push(format!("{name} of role {}", role.unwrap_or_default()));
            }
            Err(error) => return Err(failed(&format!("the setting {name}"))(error)),
        }
    }
    Ok(lost)
}

/// Gives the clone the source's limit of connections, or none.
pub(super) fn limit(
    admin: &mut Admin,
    from: Option<&str>,
    clone: &ClonedDatabase,
) -> Result<(), CloneError> {
    let error = || CloneError::database("the limit of connections can't be given to the clone");
    let limit = match from {
        Some(from) => {
            let limit = admin.session.query(
                "select datconnlimit::text from pg_catalog.pg_database where datname = $1",
                &[from],
            );
            let limit = limit.map_err(error())?;
            limit.single().unwrap_or("-1").parse().unwrap_or(-1)
        }
        None => -1,
    };
    let name = quoted(clone.name());
    let set = format!("ALTER DATABASE {name} CONNECTION LIMIT {limit}");
    admin.session.execute(&set).map(drop).map_err(error())
}

/// Settings: the role, whether it concerns this session's role, `name=value`.
fn settings(
    admin: &mut Admin,
    from: &str,
) -> Result<Vec<(Option<String>, bool, String)>, DatabaseError> {
    let found = admin.session.query(
        "select r.rolname::text, (s.setrole = 0 or r.rolname = session_user)::text, c
         from pg_catalog.pg_db_role_setting s left join pg_catalog.pg_roles r on r.oid = s.setrole,
              unnest(s.setconfig) c
         where s.setdatabase = (select oid from pg_catalog.pg_database where datname = $1)
         order by s.setrole, c",
        &[from],
    )?;
    let row = |mut row: Vec<Option<String>>| {
        let setting = row.pop().flatten().unwrap_or_default();
        let concerns_us = row.pop().flatten().as_deref() == Some("true");
        (row.pop().flatten(), concerns_us, setting)
    };
    Ok(found.rows.into_iter().map(row).collect())
}

fn rights(admin: &mut Admin, from: &str, to: &str) -> Result<Vec<String>, DatabaseError> {
    let found = admin.session.query(
        "select case when a.grantee = 0 then null else pg_catalog.pg_get_userbyid(a.grantee)::text end,
                a.privilege_type, a.is_grantable::text, pg_catalog.pg_get_userbyid(d.datdba)::text
         from pg_catalog.pg_database d, pg_catalog.aclexplode(d.datacl) a where d.datname = $1",
        &[from],
    )?;
    let Some(Some(owner)) = found.rows.first().and_then(|row| row.last()) else {
        return Ok(Vec::new());
    };
    let mut statements = vec![format!(
        "REVOKE ALL ON DATABASE {to} FROM PUBLIC, {}",
        quoted(owner)
    )];
    for row in &found.rows {
        let [grantee, privilege, grantable, _] = &row[..] else {
            continue;
        };
        let grantee = grantee.as_deref().map_or("PUBLIC".to_owned(), quoted);
        let privilege = privilege.as_deref().unwrap_or_default();
        let option = match grantable.as_deref() {
            Some("true") => " WITH GRANT OPTION",
            _ => "",
        };
        statements.push(format!(
            "GRANT {privilege} ON DATABASE {to} TO {grantee}{option}"
        ));
    }
    Ok(statements)
}

/// Quotes the name of a setting. `app.tenant` is two names.
fn parameter(name: &str) -> String {
    name.split('.').map(quoted).collect::<Vec<_>>().join(".")
}

fn values(name: &str, value: &str) -> String {
    if !LISTS.contains(&name) {
        return literal(value);
    }
    let names: Vec<String> = split(value).iter().map(|name| literal(name)).collect();
    names.join(", ")
}

/// Splits a list as the server stores it: separated by commas, quoted where necessary. At least one name.
fn split(list: &str) -> Vec<String> {
    let (mut names, mut name, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut chars = list.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => name.extend(chars.next()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => names.push(std::mem::take(&mut name)),
            c if c.is_whitespace() && !is_quoted => {}
            c => name.push(c),
        }
    }
    names.push(name);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_quoted_name_by_name() {
        assert_eq!(
            values("search_path", r#""$user", public, "a "", b""#),
            r#"'$user', 'public', 'a ", b'"#
        );
        assert_eq!(values("search_path", r#""""#), "''");
        assert_eq!(values("work_mem", "1, 2"), "'1, 2'");
        assert_eq!(parameter("app.tenant"), r#""app"."tenant""#);
    }
}
