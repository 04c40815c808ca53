//! Macros shared by the catalog queries, written `{word arguments}` in their SQL.
//!
//! | macro | expands to |
//! |---|---|
//! | `{identity CATALOG OID SUB}` | kind and name of an object |
//! | `{ours N}` | the row N of pg_namespace is not the server's |
//! | `{ours N CATALOG OID}` | or a user's object in `pg_catalog` or `information_schema` |
//! | `{servers N CATALOG OID}` | the object is in these two, from the server or an extension |
//! | `{free CATALOG OID}` | the object is not a member of an extension |
//! | `{role OID}` | a role's name |
//! | `{acl KIND ACL OWNER}` | the grants; NULL is spelled as the kind's default (`acldefault`) |
//! | `{granted ACL}` | the same for a list that has no default |
//! | `{flag CONDITION}` | `yes` or nothing |
//! | `{sorted ARRAY}` | a text array in ascending order, a line each |
//! | `{options ARRAY}` | `name=value`, ascending, a line each; possible secrets are hidden |
//! | `{since VERSION EXPRESSION}` | the expression from this major version on, before it NULL |

/// Regular expression for the server's own schemas.
const SERVERS: &str = "^(pg_catalog|information_schema|pg_toast|pg_(toast_)?temp_.*)$";

/// Pattern for names of options and settings with hidden values. The fingerprint contains 24 bits
/// of the SHA-256 of a hidden value. These reveal a change (except for one in 16.7 million), but
/// cannot prove a guess, since one in 16.7 million wrong guesses matches as well.
const SECRET: &str = "pass|pwd|secret|token|credential|private|key|auth";

/// Expands the macros for a server of this major version. Macros may be nested; the innermost are
/// replaced first.
pub(in super::super) fn expand(sql: &str, major: u32) -> String {
    let mut sql = sql.to_owned();
    while let Some(end) = sql.find('}') {
        let Some(start) = sql[..end].rfind('{') else {
            break;
        };
        let text = one(&sql[start + 1..end], major);
        sql.replace_range(start..=end, &text);
    }
    sql
}

fn one(inside: &str, major: u32) -> String {
    let (word, rest) = inside.split_once(' ').unwrap_or((inside, ""));
    let arguments: Vec<&str> = rest.split(' ').collect();
    match (word, arguments.as_slice()) {
        ("identity", [catalog, oid, sub]) => format!(
            "(select regexp_replace(o.type, '^table (column|constraint)$', '\\1') || ' ' || o.identity \
             from pg_identify_object({}, {oid}, {sub}) o)",
            class(catalog)
        ),
        ("ours", [n]) => format!("({n}.nspname !~ '{SERVERS}')"),
        // Objects created by `initdb` have lower identifiers (PostgreSQL's `transam.h`,
        // FirstNormalObjectId).
        ("ours", [n, catalog, oid]) => format!(
            "({n}.nspname !~ '{SERVERS}' or {n}.nspname in ('pg_catalog', 'information_schema') and {oid} >= 16384 and {})",
            not_member(catalog, oid)
        ),
        ("servers", [n, catalog, oid]) => format!(
            "({n}.nspname in ('pg_catalog', 'information_schema') and ({oid} < 16384 or not {}))",
            not_member(catalog, oid)
        ),
        ("free", [catalog, oid]) => not_member(catalog, oid),
        ("role", [oid]) => format!("pg_get_userbyid({oid})"),
        ("acl", [kind, acl, owner]) => {
            grants(&format!("coalesce({acl}, acldefault('{kind}', {owner}))"))
        }
        ("granted", [acl]) => grants(acl),
        ("flag", _) => format!("case when {rest} then 'yes' end"),
        ("sorted", _) => {
            format!("(select string_agg(s, E'\\n' order by s collate \"C\") from unnest({rest}) s)")
        }
        ("options", _) => format!(
            "(select string_agg(o.name || '=' || case when o.name ~* '{SECRET}' then '(hidden: ' || \
             left(encode(sha256(convert_to(o.name || '=' || o.value, 'UTF8')), 'hex'), 6) || ')' else o.value end, \
             E'\\n' order by o.name collate \"C\") from (select split_part(s, '=', 1) as name, \
             substr(s, strpos(s, '=') + 1) as value from unnest({rest}) s) o)"
        ),
        ("since", [version, ..]) => match version.parse::<u32>() {
            Ok(version) if major >= version => {
                rest.split_once(' ').map_or("", |(_, sql)| sql).to_owned()
            }
            _ => "null".to_owned(),
        },
        // The tests expand every query for every version.
        _ => format!("macro {word}"),
    }
}

fn not_member(catalog: &str, oid: &str) -> String {
    format!(
        "not exists (select from pg_depend of_extension where of_extension.classid = {} and of_extension.objid = {oid} \
         and of_extension.deptype = 'e')",
        class(catalog)
    )
}

/// The catalog's own identifier; a column that contains one stays unchanged.
fn class(catalog: &str) -> String {
    if catalog.contains('.') {
        catalog.to_owned()
    } else {
        format!("'{catalog}'::regclass")
    }
}

/// A line for each grantee and grantor, with `*` after privileges that can be granted on.
fn grants(acl: &str) -> String {
    format!(
        "(select string_agg(g.line, E'\\n' order by g.line collate \"C\") from (select case x.grantee when 0 then \
         'PUBLIC' else quote_ident(pg_get_userbyid(x.grantee)) end || '=' || string_agg(x.privilege_type || \
         case when x.is_grantable then '*' else '' end, ',' order by x.privilege_type collate \"C\") || ' by ' || \
         quote_ident(pg_get_userbyid(x.grantor)) as line from aclexplode({acl}) x group by x.grantee, x.grantor) g)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::catalog::queries;
    use crate::fingerprint::tables::TABLES;

    #[test]
    fn every_macro_is_known_in_every_version() {
        for major in 13..=18 {
            for sql in queries().map(|query| query.sql).chain([TABLES]) {
                let sql = expand(sql, major);
                assert!(
                    !sql.contains('{') && !sql.contains('}') && !sql.contains("macro "),
                    "{sql}"
                );
            }
        }
    }

    #[test]
    fn columns_that_came_later_are_null_before() {
        assert_eq!(
            expand("select {since 14 a.attcompression = 'p'} as c", 13),
            "select null as c"
        );
        assert_eq!(
            expand("select {since 14 a.attcompression = 'p'} as c", 14),
            "select a.attcompression = 'p' as c"
        );
    }
}
