//! The ledger's tables: how they are made, how an older format is brought up to date, and when they are not believed.

use crate::database::{DatabaseError, Session, Table};

/// The format that this version writes. It stands in the comment of the schema.
const FORMAT: u32 = 2;

/// Makes the schema. Here and below nothing is made "if not exists": what came since the look would be somebody else's, with code in
/// it that runs as us.
const SCHEMA: &str = "create schema pgseal";

/// Statements that make format 1, where nothing is. Every ledger went this way, so that both ways end in the same tables.
const FIRST: [&str; 2] = [
    "create table pgseal.ledger (
        id bigint generated always as identity primary key,
        format integer not null default 1 constraint ledger_format_check check (format = 1),
        at timestamptz not null default transaction_timestamp(),
        action text not null check (action in ('run', 'rollback')),
        release text not null,
        version text not null,
        sequence bigint not null,
        release_id text not null check (release_id ~ '^[0-9a-f]{64}$'),
        run_id text not null unique,
        transaction_id text not null,
        role text not null default current_user,
        variables jsonb not null,
        signers text not null,
        pgseal text not null
    )",
    "comment on table pgseal.ledger is
        'one row a run or rollback, written in its first transaction; rows are only added'",
];

/// Statements that lead from format 1 to 2: steps, who and where, and rows that nobody changes by mistake.
const SECOND: [&str; 17] = [
    "alter table pgseal.ledger
        drop constraint ledger_format_check,
        add constraint ledger_format_check check (format in (1, 2)),
        alter column format set default 2,
        add column approvals jsonb not null default '[]',
        add column trust_version bigint,
        add column trust_sha256 text,
        add column operator text,
        add column host text,
        add column server_version text,
        add column system_identifier text,
        add column timeline bigint,
        add column before jsonb",
    "create table pgseal.steps (
        id bigint generated always as identity primary key,
        run_id text not null,
        by_run text not null,
        at timestamptz not null default clock_timestamp(),
        happened text not null check (happened in
            ('tier', 'committed', 'started', 'done', 'failed', 'found', 'again', 'finished')),
        tier text,
        statement integer,
        place text,
        verb text,
        sql_sha256 text,
        rows bigint,
        milliseconds bigint,
        transaction_id text,
        evidence jsonb,
        role text not null default session_user
    )",
    "create index steps_run_id on pgseal.steps (run_id)",
    "comment on table pgseal.steps is
        'what became of a run: its tiers, and each statement outside of a transaction; rows are only added'",
    "comment on column pgseal.steps.by_run is 'the run itself, or the run --resume that went on with it'",
    "create function pgseal.refuse_change() returns trigger language plpgsql as $$
        begin
            raise exception 'rows of the ledger are only added, never changed or removed'
                using hint = 'a rollback adds a row of its own';
        end $$",
    "comment on function pgseal.refuse_change() is 'against mistakes, not against owners, who can drop it'",
    "create trigger only_added before update or delete on pgseal.ledger
        for each row execute function pgseal.refuse_change()",
    "create trigger not_emptied before truncate on pgseal.ledger
        for each statement execute function pgseal.refuse_change()",
    "create trigger only_added before update or delete on pgseal.steps
        for each row execute function pgseal.refuse_change()",
    "create trigger not_emptied before truncate on pgseal.steps
        for each statement execute function pgseal.refuse_change()",
    "create view pgseal.runs as
        select l.id, l.at, l.action, l.release, l.version, l.sequence, l.release_id, l.run_id,
               case when l.format = 1 or f.id is not null then 'finished'
                    when exists (select from pgseal.ledger r
                                 where r.action = 'rollback' and r.release_id = l.release_id and r.id > l.id)
                         then 'rolled back half way'
                    else 'unfinished' end as progress,
               f.at as finished, l.role, l.operator, l.host, l.variables, l.signers, l.approvals,
               l.before, f.evidence as after, l.server_version, l.system_identifier, l.timeline, l.pgseal
        from pgseal.ledger l
        left join lateral (select s.* from pgseal.steps s
                           where s.run_id = l.run_id and s.happened = 'finished' order by s.id limit 1) f on true",
    "comment on view pgseal.runs is 'each run and rollback, how far it came, and the states before and after'",
    "create view pgseal.in_effect as
        select r.* from pgseal.runs r
        where r.action = 'run' and r.progress = 'finished'
          and not exists (select from pgseal.ledger l where l.release_id = r.release_id and l.id > r.id)",
    "comment on view pgseal.in_effect is 'the releases that ran here and were not rolled back'",
    "revoke all on function pgseal.refuse_change() from public",
    "comment on schema pgseal is
        'ledger of signed releases, format 2; written by pgseal, in the transactions of each run'",
];

/// Makes the ledger where it is missing, and brings an older one up to date. Inside the run's transaction and before its
/// first statement, so that a role that may not make it learns so at once.
pub fn ensure(session: &mut dyn Session) -> Result<(), DatabaseError> {
    let missing: &[&[&'static str]] = match version(session)? {
        None if has_schema(session)? => &[&FIRST, &SECOND],
        None => &[&[SCHEMA], &FIRST, &SECOND],
        Some(1) => &[&SECOND],
        Some(_) => return Ok(()),
    };
    session.batch(&missing.concat().join(";\n"))?;
    // What default privileges of the role have given away.
    for role in session.query(GIVEN, &[])?.rows.into_iter().flatten().flatten() {
        session.batch(&format!("revoke all on pgseal.ledger, pgseal.steps from {role}"))?;
    }
    match version(session)? {
        Some(FORMAT) => Ok(()),
        _ => Err(DatabaseError::ledger("the ledger is not the one that was just made".to_owned())),
    }
}

/// Others than the owner who have rights on a ledger, quoted.
const GIVEN: &str = "select distinct coalesce(quote_ident(r.rolname), 'public')
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    cross join lateral aclexplode(c.relacl) as a left join pg_roles r on r.oid = a.grantee
    where n.nspname = 'pgseal' and c.relname in ('ledger', 'steps') and a.grantee <> c.relowner";

fn has_schema(session: &mut dyn Session) -> Result<bool, DatabaseError> {
    Ok(!session.query("select from pg_namespace where nspname = 'pgseal'", &[])?.rows.is_empty())
}

/// Whether the role may make the ledger, or bring it up to date.
pub fn may_be_made(session: &mut dyn Session) -> Result<bool, DatabaseError> {
    let may = match version(session)? {
        None => session.query("select has_database_privilege(current_database()::text, 'CREATE')::text", &[])?,
        Some(1) => session.query(
            "select (pg_has_role(c.relowner, 'USAGE') and has_schema_privilege(c.relnamespace, 'CREATE'))::text
             from pg_class c where c.oid = 'pgseal.ledger'::regclass",
            &[],
        )?,
        Some(_) => return Ok(true),
    };
    Ok(may.single() == Some("true"))
}

/// The format of the ledger that is there. What is there must be plain tables that do nothing of their own when rows are
/// added: a view, a trigger, a rule or a policy that somebody put there could run code as us, hide rows, or lose them.
///
/// Whoever owns them, or has the right to make triggers, can put code there at any moment, also where nobody thinks of looking: so they
/// must belong to the role that asks, or to a superuser, who needs no such way, and nobody else may have that right.
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
    let mut has_steps = false;
    for row in &found.rows {
        let [Some(name), comment, Some(owner), Some(why)] = row.as_slice() else { continue };
        if !owner.is_empty() {
            return Err(of_somebody_else(&format!("table pgseal.{name}"), owner));
        }
        if !why.is_empty() {
            let text = format!("the table pgseal.{name} is not one that pgseal made: {why}");
            return Err(DatabaseError::ledger(text));
        }
        has_steps |= name == "steps";
        // The comment of the schema, the same in each row.
        let named = comment.as_deref().and_then(|comment| comment.split_once("format "));
        let digits = named.map(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default());
        said = digits.filter(|digits| !digits.is_empty()).map(str::to_owned);
        // So many digits are a number too, and a newer format.
        format = said.as_ref().map(|digits| digits.parse().unwrap_or(u32::MAX));
    }
    let has_ledger = found.rows.iter().any(|row| row.first().is_some_and(|name| name.as_deref() == Some("ledger")));
    match (has_ledger, has_steps) {
        (false, false) => Ok(None),
        (false, true) => {
            Err(DatabaseError::ledger("the table pgseal.ledger is missing beside pgseal.steps".to_owned()))
        }
        _ if format.is_some_and(|format| format > FORMAT) => Err(DatabaseError::ledger(format!(
            "the ledger has format {}, this version of pgseal knows {FORMAT}: a newer one ran here",
            said.unwrap_or_default()
        ))),
        // Format 1 had no steps, and no comment.
        (true, true) if format.is_none_or(|format| format < FORMAT) => Err(DatabaseError::ledger(format!(
            "the comment of the schema pgseal does not say which format the ledger has, and a newer version may have \
             written it; where none did, this puts it back: comment on schema pgseal is 'ledger of signed releases, \
             format {FORMAT}'"
        ))),
        (true, false) => Ok(Some(1)),
        (true, true) => Ok(Some(FORMAT)),
    }
}

fn of_somebody_else(what: &str, owner: &str) -> DatabaseError {
    DatabaseError::ledger(format!(
        "the {what} belongs to {owner}, who could run code as whoever writes there: \
         it has to belong to the role that runs releases, or to a superuser"
    ))
}

/// A row that was added.
pub(super) fn one_row(added: &Table) -> Result<(), DatabaseError> {
    match added.single() {
        Some("1") => Ok(()),
        _ => Err(DatabaseError::ledger("the ledger took no row".to_owned())),
    }
}
