//! Checks that a rehearsal affects nothing but its clone.

use super::ClonedDatabase;
use super::error::RehearsalError;
use crate::database::{DatabaseError, Purpose};
use crate::release::run_context::RunContext;
use crate::release::server_variables;
use pgseal_verify::format::manifest::Transaction;
use psql_script::{NonTransactional, Step, classify};

/// Whether an acknowledged way out of the database ends at the database itself: listeners and subscribers connect by the
/// database's name, and none knows the clone's.
pub(super) fn stays_inside(way: &str) -> bool {
    [
        "NOTIFY",
        "pg_notify",
        "CREATE PUBLICATION",
        "ALTER PUBLICATION",
    ]
    .iter()
    .any(|inside| inside.eq_ignore_ascii_case(way))
}

/// The acknowledged ways out that stay inside. Fails if one would leave the database.
pub(super) fn acknowledged(order: &RunContext<'_>) -> Result<Vec<String>, RehearsalError> {
    let manifest = order.manifest();
    let tiers = manifest
        .tiers
        .iter()
        .map(|tier| (&tier.file, &tier.dispatch));
    let rollback = manifest.rollback.iter();
    let rollback = rollback.map(|script| (&script.file, &script.dispatch));
    let mut inside = Vec::new();
    for (file, dispatch) in tiers.chain(rollback) {
        for way in dispatch {
            if !stays_inside(way) {
                let text = format!("{file} uses {way}, which reaches outside of the database");
                return Err(RehearsalError::Reaches(text));
            }
            inside.push(format!("{way} ({file})"));
        }
    }
    Ok(inside)
}

/// Refuses statements outside of transactions that change the server or another database.
pub(super) fn statements_alone(
    order: &RunContext<'_>,
    clone: &ClonedDatabase,
) -> Result<(), RehearsalError> {
    if clone.server_is_its_own() {
        return Ok(());
    }
    for tier in order
        .manifest()
        .tiers
        .iter()
        .filter(|tier| tier.transaction == Transaction::None)
    {
        let Ok(sql) = order.sql(&tier.file) else {
            continue;
        };
        let mut found = None;
        sql.explore(
            order.variables,
            &server_variables::expected(order.manifest()),
            |_, step| {
                if let Ok((_, Step::Statement(statement))) = step {
                    let verb = statement.inspect().verb;
                    if found.is_none() && changes_the_server(&statement.sql, &verb) {
                        found = Some(format!("{}: {verb}", statement.origin.at));
                    }
                }
            },
        );
        if let Some(found) = found {
            let text = format!("{found} changes what all databases of this server share");
            return Err(RehearsalError::Reaches(text));
        }
    }
    Ok(())
}

fn changes_the_server(sql: &str, verb: &str) -> bool {
    let shared = [
        "ROLE",
        "USER",
        "GROUP",
        "DATABASE",
        "TABLESPACE",
        "SUBSCRIPTION",
        "SYSTEM",
    ];
    let by_verb = verb.split_once(' ').is_some_and(|(first, what)| {
        let object = what.split(' ').next().unwrap_or_default();
        ["CREATE", "ALTER", "DROP"].contains(&first) && shared.contains(&object)
    });
    let by_kind = matches!(classify(sql), Some(NonTransactional::AlterSystem(_)));
    by_verb || by_kind
}

/// Objects copied from the source by which triggers and functions could contact other servers. pgseal does not change them.
pub(super) fn own_ways_out(order: &RunContext<'_>) -> Result<Vec<String>, DatabaseError> {
    let mut session = order.connect.connect(Purpose::Read)?;
    let found = session.query(
        "select 'foreign server ' || srvname::text from pg_catalog.pg_foreign_server
         union all
         select 'extension ' || extname::text from pg_catalog.pg_extension
         where extname in ('dblink', 'http', 'pg_net', 'pg_cron', 'pg_background', 'aws_s3', 'aws_lambda', 'pgmq', 'plsh')
         order by 1",
        &[],
    )?;
    Ok(found.rows.into_iter().flatten().flatten().collect())
}
