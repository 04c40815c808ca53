//! Where names without a schema are looked up. Whoever may create in a schema of the path can put something in front of what a later
//! one has, and no version of anything shows it: so names are not looked up behind the first such schema. For a superuser they
//! are looked up in `pg_catalog` alone: whatever else has a better match, or takes a name, between check and execution would bring
//! code that runs with all rights.

use super::{Question, QuestionError, Within};
use crate::database::{DatabaseError, Parameter, Session};
use crate::release::gate_role::is_superuser;

/// The part of a path in which names are looked up.
pub(super) struct Unhidden {
    /// With `pg_temp` at the end.
    pub path: Vec<String>,
    /// Where they are not, in words.
    not: String,
}

/// What is asked before a question is parsed.
#[derive(Default)]
pub(super) struct Look {
    /// The part of its path in which names are looked up; `None` where that is all of it.
    pub unhidden: Option<Unhidden>,
    /// Whether code in a run would have the rights of a superuser, or reach files and programs of the server.
    pub by_superuser: bool,
}

impl Look {
    /// That of a superuser.
    pub fn of_superuser(question: &Question<'_>) -> Self {
        let path = question.path.last().cloned().into_iter().collect();
        Self { unhidden: Some(Unhidden { path, not: "in a run by a superuser".to_owned() }), by_superuser: true }
    }
}

/// Looks at the schemas of a question's path; in a run first at the role.
pub(super) fn look(session: &mut dyn Session, question: &Question<'_>) -> Result<Look, DatabaseError> {
    if question.within == Within::Run && session.query(BY_SUPERUSER, &[])?.single() != Some("false") {
        return Ok(Look::of_superuser(question));
    }
    let Some((temporary, schemas)) = question.path.split_last() else { return Ok(Look::default()) };
    if schemas.len() < 2 {
        return Ok(Look::default());
    }
    let found = session.query_with(OPEN, &[Parameter::Text(&schemas.join(SEPARATOR))], false)?;
    // What is no place counts as the first.
    let first = found.single().map(|at| at.parse().ok().filter(|at| (1..=schemas.len()).contains(at)).unwrap_or(1));
    let unhidden = first.filter(|at| *at < schemas.len()).map(|at| {
        let path = schemas[..at].iter().chain([temporary]).cloned().collect();
        Unhidden { path, not: format!("behind {}, where others may create what hides them", schemas[at - 1]) }
    });
    Ok(Look { unhidden, by_superuser: false })
}

impl Unhidden {
    /// Says why something is not found.
    pub fn explained(&self, error: QuestionError) -> QuestionError {
        match error {
            QuestionError::Database(error) | QuestionError::Literals(error)
                if error.code().is_some_and(|code| NOT_FOUND.contains(&code)) =>
            {
                QuestionError::Hidden(error, self.not.clone())
            }
            error => error,
        }
    }
}

/// SQLSTATE of tables, types and the like, and functions that are not found (PostgreSQL manual, "PostgreSQL Error Codes").
const NOT_FOUND: [&str; 3] = ["42P01", "42704", "42883"];

/// Between quoted names, in which it does not stand.
const SEPARATOR: &str = "\u{1}";

const BY_SUPERUSER: &str = concat!("select (", is_superuser!("session_user"), ")::text");

/// The place of the first schema, from 1, in which somebody else than a superuser may create, or which they may make. Owners can take
/// a right from themselves and back; a transaction that has created something and is not over has a lock on the schema; and
/// `pg_database_owner` (6171) is whoever owns the database.
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
