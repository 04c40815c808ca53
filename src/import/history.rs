//! The table in which the other tool records what it ran: its newest row, and rows for the imported changes.

use super::ImportError;
use super::probes::{identifier, literal};
use super::project::{Change, Project, Tool};
use super::records::{self, Kept};

/// The table's name in SQL.
pub fn table(project: &Project) -> String {
    let schema = identifier(&project.history_schema);
    match project.tool {
        Tool::Sqitch => format!("{schema}.changes"),
        _ => format!("{schema}.{}", identifier(&project.history_table)),
    }
}

/// An expression for the newest change; `None` if the tool has no history.
pub fn newest(project: &Project) -> Option<String> {
    if project.history_table.is_empty() && project.tool == Tool::GolangMigrate {
        return None;
    }
    let table = table(project);
    Some(match project.tool {
        Tool::Sqitch => format!(
            "(select change::text from {table} where project = {} order by committed_at desc limit 1)",
            literal(&project.history_table)
        ),
        Tool::Flyway => format!(
            "(select case when success then version::text else 'failed' end from {table} where version is not null order by installed_rank desc limit 1)"
        ),
        Tool::Liquibase => {
            format!("(select id::text from {table} order by orderexecuted desc limit 1)")
        }
        Tool::Dbmate => format!("(select max(version)::text from {table})"),
        Tool::Goose => {
            format!(
                "(select version_id::text from {table} where is_applied order by id desc limit 1)"
            )
        }
        Tool::GolangMigrate => format!(
            "(select case when dirty then 'dirty' else version::text end from {table} limit 1)"
        ),
        Tool::Atlas => format!("(select max(version)::text from {table})"),
        Tool::Alembic => {
            format!("(select string_agg(version_num, ', ' order by version_num) from {table})")
        }
        Tool::Django => {
            format!("(select app || '.' || name from {table} order by id desc limit 1)")
        }
        Tool::Psql => return None,
    })
}

/// A condition that holds where the release has written its rows.
pub fn evidence(project: &Project, from: Option<&str>) -> Option<String> {
    if from.is_none() {
        let table = literal(&table(project));
        return Some(format!("to_regclass({table}) is not null"));
    }
    let (newest, last) = newest(project).zip(last(project))?;
    Some(format!("coalesce({newest} = {}, false)", literal(last)))
}

/// The change that [`newest`] names after all of them.
pub fn last(project: &Project) -> Option<&str> {
    let mut versions = project.changes.iter().filter(|change| !change.repeatable);
    versions.next_back().map(Change::id)
}

/// SQL for the rows of the changes. Without `from`, the table does not exist yet.
pub fn keep(project: &Project, from: Option<&str>) -> Result<Kept, ImportError> {
    match project.tool {
        Tool::GolangMigrate if project.history_table.is_empty() => Err(refused(
            project,
            "directories with up.sql are of another tool",
        )),
        Tool::GolangMigrate => Ok(records::golang_migrate(project, from)),
        Tool::Alembic => records::alembic(project, from),
        Tool::Django => Ok(records::django(project, from)),
        Tool::Dbmate => Ok(records::dbmate(project, from)),
        Tool::Goose => Ok(records::goose(project, from)),
        Tool::Flyway => Ok(records::flyway(project, from)),
        Tool::Sqitch => Err(refused(
            project,
            "its ids are digests of planner, time and dependencies; `sqitch deploy --log-only` writes them after the run",
        )),
        Tool::Liquibase => Err(refused(
            project,
            "its checksums depend on its version; `liquibase changelog-sync` writes them after the run",
        )),
        Tool::Atlas => Err(refused(
            project,
            "its rows have digests of the directory; `atlas migrate set` writes them after the run",
        )),
        Tool::Psql => Err(refused(project, "it has none")),
    }
}

pub fn refused(project: &Project, why: &'static str) -> ImportError {
    ImportError::NoHistory(project.tool.as_str(), why)
}
