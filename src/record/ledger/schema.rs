//! Tables of the ledger: their creation, and the checks before they are trusted.

use crate::database::{DatabaseError, Session, Table, UnsoundKind};

/// The format that this version writes. The comment of the schema names it.
const FORMAT: u32 = 1;

/// Creates the schema. Nothing here is created "if not exists": an object that appeared since the check
/// could belong to another role, and contain code that runs as this one.
const SCHEMA: &str = "create schema pgseal";

/// Creates everything in the schema.
const TABLES: &str = include_str!("schema.sql");

/// Creates a missing ledger, in the run's transaction and before its first statement: a role without the
/// right to create it fails at once.
pub fn ensure(session: &mut dyn Session) -> Result<(), DatabaseError> {
    // docs/decisions/006
    if version(session)?.is_some() {
        return Ok(());
    }
    let schema = if has_schema(session)? { "" } else { SCHEMA };
    session.batch(&format!("{schema};\n{TABLES}"))?;
    // Revokes rights granted by default privileges of the role.
    for role in session
        .query(GIVEN, &[])?
        .rows
        .into_iter()
        .flatten()
        .flatten()
    {
        session.batch(&format!(
            "revoke all on pgseal.ledger, pgseal.steps from {role}"
        ))?;
    }
    match version(session)? {
        Some(FORMAT) => Ok(()),
        _ => Err(DatabaseError::ledger(
            "the ledger is not the one that was just made".to_owned(),
        )),
    }
}

/// Roles other than the owner with rights on a ledger, quoted.
const GIVEN: &str = "select distinct coalesce(quote_ident(r.rolname), 'public')
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    cross join lateral aclexplode(c.relacl) as a left join pg_roles r on r.oid = a.grantee
    where n.nspname = 'pgseal' and c.relname in ('ledger', 'steps') and a.grantee <> c.relowner";

fn has_schema(session: &mut dyn Session) -> Result<bool, DatabaseError> {
    Ok(!session
        .query("select from pg_namespace where nspname = 'pgseal'", &[])?
        .rows
        .is_empty())
}

/// Whether the ledger exists, or the role may create it.
pub fn may_be_made(session: &mut dyn Session) -> Result<bool, DatabaseError> {
    if version(session)?.is_some() {
        return Ok(true);
    }
    let may = session.query(
        "select has_database_privilege(current_database()::text, 'CREATE')::text",
        &[],
    )?;
    Ok(may.single() == Some("true"))
}

/// Format of the existing ledger. It must consist of plain tables without code that runs on INSERT: a
/// view, trigger, rule or policy of an attacker could run code as the operator, hide rows, or lose them.
///
/// The owner of a table, and a role with the TRIGGER right, can add code at any time. Therefore the tables
/// must belong to the querying role or to a superuser, and no other role may have that right.
pub(super) fn version(session: &mut dyn Session) -> Result<Option<u32>, DatabaseError> {
    let owner = session.query(
        "select case when o.rolsuper or o.rolname = current_user then '' else o.rolname::text end
         from pg_namespace n left join pg_roles o on o.oid = n.nspowner where n.nspname = 'pgseal'",
        &[],
    )?;
    // Without the schema there is no table in it.
    if owner.rows.is_empty() {
        return Ok(None);
    }
    if let Some(owner) = owner.single().filter(|owner| !owner.is_empty()) {
        return Err(of_somebody_else("schema pgseal", owner));
    }
    let found = session.query(
        "select c.relname::text, obj_description(n.oid, 'pg_namespace'),
                case when o.rolsuper or o.rolname = current_user then '' else o.rolname::text end,
                case
                when c.relkind <> 'r' then 'it is not a plain table'
                when exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgtype & 4 <> 0)
                     then 'it has triggers for new rows'
                when exists (select from aclexplode(c.relacl) a where a.privilege_type = 'TRIGGER' and a.grantee <> c.relowner)
                     then 'others may put triggers on it (revoke trigger on pgseal.ledger, pgseal.steps from ...)'
                when c.relhasrules then 'it has rules'
                when c.relrowsecurity then 'it has row security'
                when exists (select from pg_inherits i where c.oid in (i.inhrelid, i.inhparent)) then 'it is inherited'
                when exists (select from pg_attribute a where a.attrelid = c.oid and a.atttypid >= 16384
                               and a.attnum > 0) then 'it has columns of foreign types'
                when exists (select from pg_depend d left join pg_constraint k on k.conrelid = c.oid
                               left join pg_attrdef f on f.adrelid = c.oid left join pg_index i on i.indrelid = c.oid
                               where d.objid in (c.oid, k.oid, f.oid, i.indexrelid) and d.refclassid = 'pg_proc'::regclass
                                 and d.refobjid >= 16384) then 'it calls functions'
                else '' end
         from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles o on o.oid = c.relowner
         where n.nspname = 'pgseal' and c.relname in ('ledger', 'steps')",
        &[],
    )?;
    let (mut format, mut said) = (None, None);
    let (mut has_ledger, mut has_steps) = (false, false);
    for row in &found.rows {
        let [Some(name), comment, Some(owner), Some(why)] = row.as_slice() else {
            continue;
        };
        if !owner.is_empty() {
            return Err(of_somebody_else(&format!("table pgseal.{name}"), owner));
        }
        if !why.is_empty() {
            let text = format!("the table pgseal.{name} is not one that pgseal made: {why}");
            return Err(DatabaseError::ledger(text));
        }
        has_ledger |= name == "ledger";
        has_steps |= name == "steps";
        // The comment of the schema, the same in each row.
        let named = comment
            .as_deref()
            .and_then(|comment| comment.split_once("format "));
        let digits = named.map(|(_, rest)| {
            rest.split(|c: char| !c.is_ascii_digit())
                .next()
                .unwrap_or_default()
        });
        said = digits
            .filter(|digits| !digits.is_empty())
            .map(str::to_owned);
        // A number too large for the type is a newer format.
        format = said
            .as_ref()
            .map(|digits| digits.parse().unwrap_or(u32::MAX));
    }
    match (has_ledger, has_steps) {
        (false, false) => Ok(None),
        (false, true) => Err(DatabaseError::ledger(
            "the table pgseal.ledger is missing beside pgseal.steps".to_owned(),
        )),
        _ if format.is_some_and(|format| format > FORMAT) => Err(DatabaseError::ledger(format!(
            "the ledger has format {}, this version of pgseal knows {FORMAT}: a newer one ran here",
            said.unwrap_or_default()
        ))),
        (true, false) => Err(DatabaseError::ledger(
            "the table pgseal.steps is missing beside pgseal.ledger",
        )),
        _ if format != Some(FORMAT) => Err(DatabaseError::ledger(format!(
            "the comment of the schema pgseal does not say which format the ledger has, and a newer version may have \
             written it; where none did, this puts it back: comment on schema pgseal is 'ledger of signed releases, \
             format {FORMAT}'"
        ))),
        (true, true) => Ok(Some(FORMAT)),
    }
}

fn of_somebody_else(what: &str, owner: &str) -> DatabaseError {
    let message = format!(
        "the {what} belongs to {owner}, who could run code as whoever writes there: \
         it has to belong to the role that runs releases, or to a superuser"
    );
    DatabaseError::unsound_of(UnsoundKind::LedgerOwner, message)
}

/// Checks that one row was added.
pub(super) fn one_row(added: &Table) -> Result<(), DatabaseError> {
    match added.single() {
        Some("1") => Ok(()),
        _ => Err(DatabaseError::ledger("the ledger took no row".to_owned())),
    }
}
