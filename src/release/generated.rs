//! Statements that the database itself puts together, for `\gexec`. Nobody reviewed them, so each is judged when it is known.

use super::event::Event;
use super::excerpt::excerpt;
use super::failure::Failure;
use super::reading;
use super::script::{Runner, Unsent};
use crate::bundle::refusal::{Place, refused_everywhere};
use crate::database::Table;
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::manifest::Manifest;
use psql_script::{Copy, Inspection, Statement, parts};

/// What a tier or rollback script may send out of the database, as its manifest says.
pub fn acknowledged<'m>(manifest: &'m Manifest, name: &str, file: &EntryPath) -> &'m [String] {
    let tier = manifest.tiers.iter().find(|tier| tier.file == *file && tier.name.as_str() == name);
    let rollback = manifest.rollback.iter().find(|rollback| rollback.file == *file);
    let of_rollback = rollback.map(|rollback| rollback.dispatch.as_slice());
    tier.map(|tier| tier.dispatch.as_slice()).or(of_rollback).unwrap_or_default()
}

/// Runs every value that is not NULL, row by row and column by column, each alone.
pub(super) fn run(runner: &mut Runner<'_>, statement: &Statement, table: &Table) -> Result<(), Failure> {
    let values = table.rows.iter().flatten().flatten();
    for (sql, number) in values.zip(1..) {
        let ours = |why| Failure {
            generated: Some(number),
            excerpt: Some(excerpt(sql, None, false, |_| 1)),
            ..Failure::refused(statement, why)
        };
        for part in parts(sql) {
            if let Some(why) = refused(part.sql, &part.inspection, runner.acknowledged) {
                return Err(ours(why));
            }
            runner.observer.event(Event::Statement { at: &statement.origin.at, verb: &part.inspection.verb });
            let sent = runner.send(part.sql, &part.inspection);
            runner.notices(statement);
            sent.map_err(|unsent| match unsent {
                Unsent::Database(error) => Failure::generated(statement, number, sql, part.before, &error),
                Unsent::Refused(why) => ours(why),
            })?;
            reading::check_generated(runner.session, statement, number)?;
            runner.keep_limits(statement, part.sql)?;
        }
    }
    Ok(())
}

fn refused(sql: &str, inspection: &Inspection, acknowledged: &[String]) -> Option<String> {
    if let Some(refusal) = refused_everywhere(Place::Tier, sql, inspection) {
        return Some(refusal.why);
    }
    if inspection.copy == Some(Copy::FromStdin) {
        return Some("COPY FROM STDIN has no data here".to_owned());
    }
    // A script that is read may set a role or turn checks off; a statement that nobody has read may not.
    if let Some(change) = inspection.session_change {
        return Some(format!("{change} in a generated statement"));
    }
    let name = unnamed(inspection, acknowledged)?;
    Some(format!("{name} could reach outside of the database, and the tier does not name it"))
}

/// A way out of the database that the manifest does not name.
pub fn unnamed<'i>(inspection: &'i Inspection, acknowledged: &[String]) -> Option<&'i str> {
    let named = |name: &str| acknowledged.iter().any(|known| known.eq_ignore_ascii_case(name));
    inspection.dispatch.iter().map(|dispatch| dispatch.name.as_str()).find(|name| !named(name))
}
