//! Where names without a schema are looked up. Whoever may create in a schema of the path can put something in front of what a later
//! one has, and no version of anything shows it: so names are not looked up behind the first such schema. In it an operator that fits
//! better can come when the question is planned, and the planner calls it for estimates: so inside a run by a superuser names are
//! not looked up there either.

use super::{Question, QuestionError};
use crate::database::{DatabaseError, Parameter, Session};

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

/// The schemas of a question's path up to the first, of all but the last, in which somebody else than a superuser may create, or which
/// they may make; where a superuser asks in a run, up to before it, also where it is the last.
pub(super) fn look(session: &mut dyn Session, question: &Question<'_>) -> Result<Look, DatabaseError> {
    let Some((temporary, schemas)) = question.path.split_last() else { return Ok(Look::default()) };
    let found = session.query_with(OPEN, &[Parameter::Text(&schemas.join(SEPARATOR))], false)?;
    let mut found = found.rows.into_iter().flatten();
    let mut next = || found.next().flatten();
    let mut place = || next().and_then(|at| at.parse::<usize>().ok()).filter(|at| (1..=schemas.len()).contains(at));
    let (open, or_with_types) = (place(), place());
    let by_superuser = question.within.insists() && next().as_deref() != Some("false");
    let first = if by_superuser { or_with_types } else { open };
    let unhidden = first.filter(|first| by_superuser || *first < schemas.len()).map(|first| {
        let (kept, word) = if by_superuser { (first - 1, "in") } else { (first, "behind") };
        let path = schemas[..kept].iter().chain([temporary]).cloned().collect();
        Unhidden { path, not: format!("{word} {}", schemas[first - 1]) }
    });
    Ok(Look { unhidden, by_superuser })
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

/// The place of that schema, from 1; of the first that is so or has a type of somebody's, which its owner may rename without a right
/// on the schema; and whether the session's role is or could be a superuser, or use files and programs of the server
/// (`pg_read_server_files`, `pg_write_server_files`, `pg_execute_server_program`: 4569 to 4571). Owners can take a right from themselves
/// and back; a transaction that has created something and is not over has a lock on the schema; `pg_database_owner` (6171) is
/// whoever owns the database; and the types of a table's rows, and arrays, have the names of others.
const OPEN: &str = "
    with here(oid, owner) as (select d.oid, d.datdba from pg_database d where d.datname = current_database()),
    schemas(at, is_open, has_types) as (
        select p.at,
               exists (select from pg_roles r
                       where not r.rolsuper
                         and case when n.oid is null then r.oid = here.owner or has_database_privilege(r.oid, here.oid, 'CREATE'::text)
                                  when n.nspowner = 6171::oid and r.oid = here.owner then true
                                  when r.oid = 6171::oid then false
                                  else r.oid = n.nspowner or has_schema_privilege(r.oid, n.oid, 'CREATE'::text) end)
               or exists (select from pg_lock_status() l
                          where l.locktype = 'object'::text and l.classid = 2615::oid and l.objid = n.oid and l.database = here.oid
                            and (l.pid is null or l.pid <> pg_backend_pid())),
               exists (select from pg_type t join pg_roles r on r.oid = t.typowner left join pg_class c on c.oid = t.typrelid
                       where t.typnamespace = n.oid and not r.rolsuper and t.typcategory <> 'A'
                         and (t.typrelid = 0::oid or c.relkind = 'c'))
        from regexp_split_to_table($1, E'\\x01'::text) with ordinality as p(name, at)
        left join pg_namespace n on '\"'::text || replace(n.nspname::text, '\"'::text, '\"\"'::text) || '\"'::text = p.name
        cross join here
    )
    select int8out(min(at) filter (where is_open))::text, int8out(min(at) filter (where is_open or has_types))::text,
           (exists (select from pg_roles r where (r.rolsuper or r.oid between 4569::oid and 4571::oid)
                                             and pg_has_role(session_user, r.oid, 'MEMBER'::text)))::text
    from schemas";
