//! The search path of a question. A role with CREATE on a schema of the path can hide objects of later schemas, which no catalog
//! version shows. So the path ends at the first schema in which other roles may create. For a superuser it is `pg_catalog` alone:
//! a better match, or a taken name, between check and execution would run code with all rights. In `pg_catalog` only superusers
//! and trusted extensions create objects, and the code of extensions is C that a superuser installed.

use super::{Question, QuestionError, Within};
use crate::database::{DatabaseError, Parameter, Session};
use crate::release::gate_role::is_superuser;

/// The part of a path in which no other role can hide objects.
pub(super) struct Unhidden {
    /// With `pg_temp` at the end.
    pub path: Vec<String>,
    /// Reason for the shorter path, and the remedy.
    why: String,
}

/// Facts that are queried before a question is parsed.
#[derive(Default)]
pub(super) struct Look {
    /// The usable part of its path; `None` if that is all of it.
    pub unhidden: Option<Unhidden>,
    /// Whether code in a run would have the rights of a superuser, or access to files and programs of the server.
    pub by_superuser: bool,
}

impl Look {
    pub fn of_superuser(question: &Question<'_>) -> Self {
        let path = question.path.last().cloned().into_iter().collect();
        let why = "a superuser's run looks up no name without its schema: run as the role that owns the tables, or write the schema";
        Self {
            unhidden: Some(Unhidden {
                path,
                why: why.to_owned(),
            }),
            by_superuser: true,
        }
    }
}

/// Checks the schemas of a question's path; in a run, first the role.
pub(super) fn look(
    session: &mut dyn Session,
    question: &Question<'_>,
) -> Result<Look, DatabaseError> {
    if question.within == Within::Run && session.query(BY_SUPERUSER, &[])?.single() != Some("false")
    {
        return Ok(Look::of_superuser(question));
    }
    let Some((temporary, schemas)) = question.path.split_last() else {
        return Ok(Look::default());
    };
    if schemas.len() < 2 {
        return Ok(Look::default());
    }
    let found = session.query_with(OPEN, &[Parameter::Text(&schemas.join(SEPARATOR))], false)?;
    // An invalid place counts as the first.
    let first = found.single().map(|at| {
        at.parse()
            .ok()
            .filter(|at| (1..=schemas.len()).contains(at))
            .unwrap_or(1)
    });
    let unhidden = first.filter(|at| *at < schemas.len()).map(|at| {
        let path = schemas[..at].iter().chain([temporary]).cloned().collect();
        let open = &schemas[at - 1];
        let why = format!(
            "names without a schema are not looked up behind {open}, where others may create what hides them: write the schema"
        );
        Unhidden { path, why }
    });
    Ok(Look {
        unhidden,
        by_superuser: false,
    })
}

impl Unhidden {
    /// Adds the reason why a name without a schema was not found.
    pub fn explained(&self, error: QuestionError, question: &str) -> QuestionError {
        match error {
            QuestionError::Database(DatabaseError::Server(error))
            | QuestionError::Literals(DatabaseError::Server(error))
                if NOT_FOUND.contains(&error.code.as_str())
                    && !error
                        .position
                        .is_some_and(|position| has_schema(question, position)) =>
            {
                QuestionError::Hidden(DatabaseError::Server(error), self.why.clone())
            }
            error => error,
        }
    }
}

/// Whether the name at a position (in characters, from 1) has a schema: `app.t`, `"App" . t`.
fn has_schema(question: &str, position: u32) -> bool {
    let name: String = question
        .chars()
        .skip(position.saturating_sub(1) as usize)
        .collect();
    let rest = match name.strip_prefix('"') {
        Some(quoted) => quoted
            .replace("\"\"", "__")
            .split_once('"')
            .map(|(_, rest)| rest.to_owned()),
        None => Some(
            name.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_' || c == '$')
                .to_owned(),
        ),
    };
    rest.is_some_and(|rest| rest.trim_start().starts_with('.'))
}

/// SQLSTATEs of undefined tables, objects and functions (PostgreSQL manual, "PostgreSQL Error Codes").
const NOT_FOUND: [&str; 3] = ["42P01", "42704", "42883"];

/// Separator of quoted names, which do not contain it.
const SEPARATOR: &str = "\u{1}";

const BY_SUPERUSER: &str = concat!("select (", is_superuser!("session_user"), ")::text");

/// The place, from 1, of the first schema in which a role other than a superuser may create objects, or owns types, or which such a
/// role may create. Owners rename types without a right on the schema (row types and arrays have the names of others). Owners can
/// revoke a right from themselves and grant it again. A transaction in progress that has created an object has a lock on the schema,
/// except for functions and types before PostgreSQL 14. `pg_database_owner` (6171) is the database's owner.
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
       or exists (select from pg_type t join pg_roles r on r.oid = t.typowner left join pg_class c on c.oid = t.typrelid
                  where t.typnamespace = n.oid and not r.rolsuper and t.typcategory <> 'A'
                    and (t.typrelid = 0::oid or c.relkind = 'c'))
       or exists (select from pg_lock_status() l
                  where l.locktype = 'object'::text and l.classid = 2615::oid and l.objid = n.oid and l.database = here.oid
                    and (l.pid is null or l.pid <> pg_backend_pid()))";

#[cfg(test)]
mod tests {
    use super::has_schema;

    #[test]
    fn names_behind_their_schema() {
        for (question, is) in [
            ("select from app.t", true),
            ("select from \"a\"\"b\" . t", true),
            ("select from t", false),
            ("select from \"app.t\"", false),
            ("select from \"t", false),
            ("select from 'é'.t", false),
            ("select from Größe$1.t", true),
        ] {
            assert_eq!(has_schema(question, 13), is, "{question}");
        }
        assert!(!has_schema("t", 99));
    }
}
