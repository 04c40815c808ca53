//! The table in which the other tool records what it ran: its newest row, and rows for the imported changes.

use std::fmt::Write as _;

use super::ImportError;
use super::probes::{identifier, literal};
use super::project::{Change, Project, Tool};

/// SQL that writes the history, and SQL that takes it back.
pub struct Kept {
    pub up: String,
    pub down: String,
}

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
        Tool::GolangMigrate => Ok(golang_migrate(project, from)),
        Tool::Dbmate => Ok(dbmate(project, from)),
        Tool::Goose => Ok(goose(project, from)),
        Tool::Flyway => Ok(flyway(project, from)),
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

fn refused(project: &Project, why: &'static str) -> ImportError {
    ImportError::NoHistory(project.tool.as_str(), why)
}

fn versions(project: &Project) -> Vec<String> {
    let changes = project.changes.iter().filter(|change| !change.repeatable);
    changes.map(|change| literal(change.id())).collect()
}

fn golang_migrate(project: &Project, from: Option<&str>) -> Kept {
    let table = table(project);
    let last = last(project).unwrap_or("0");
    match from {
        Some(from) => Kept {
            up: format!("update {table} set version = {last}, dirty = false;\n"),
            down: format!("update {table} set version = {from}, dirty = false;\n"),
        },
        None => Kept {
            up: format!(
                "create table {table} (version bigint not null primary key, dirty boolean not null);\n\
                 insert into {table} (version, dirty) values ({last}, false);\n"
            ),
            down: format!("drop table {table};\n"),
        },
    }
}

fn dbmate(project: &Project, from: Option<&str>) -> Kept {
    let table = table(project);
    let versions = versions(project);
    let insert = format!(
        "insert into {table} (version) values ({});\n",
        versions.join("), (")
    );
    match from {
        Some(_) => Kept {
            up: insert,
            down: format!(
                "delete from {table} where version in ({});\n",
                versions.join(", ")
            ),
        },
        None => Kept {
            up: format!(
                "create table {table} (version character varying(128) not null primary key);\n{insert}"
            ),
            down: format!("drop table {table};\n"),
        },
    }
}

fn goose(project: &Project, from: Option<&str>) -> Kept {
    let table = table(project);
    let versions: Vec<&str> = project.changes.iter().map(Change::id).collect();
    let insert = format!(
        "insert into {table} (version_id, is_applied) values ({}, true);\n",
        versions.join(", true), (")
    );
    match from {
        Some(_) => Kept {
            up: insert,
            // The sequence of the ids goes back too.
            down: format!(
                "delete from {table} where version_id in ({});\n\
                 select setval(pg_get_serial_sequence({}, 'id'), max(id)) from {table};\n",
                versions.join(", "),
                literal(&table)
            ),
        },
        None => Kept {
            up: format!(
                "create table {table} (\n    id integer primary key generated by default as identity,\n    \
                 version_id bigint not null,\n    is_applied boolean not null,\n    tstamp timestamp not null default now()\n);\n\
                 insert into {table} (version_id, is_applied) values (0, true);\n{insert}"
            ),
            down: format!("drop table {table};\n"),
        },
    }
}

fn flyway(project: &Project, from: Option<&str>) -> Kept {
    let table = table(project);
    let mut up = String::new();
    if from.is_none() {
        let name = &project.history_table;
        let (pk, index) = (format!("{name}_pk"), format!("{name}_s_idx"));
        let _ = write!(
            up,
            "create table {table} (\n    installed_rank integer not null,\n    version character varying(50),\n    \
             description character varying(200) not null,\n    type character varying(20) not null,\n    \
             script character varying(1000) not null,\n    checksum integer,\n    installed_by character varying(100) not null,\n    \
             installed_on timestamp without time zone not null default now(),\n    execution_time integer not null,\n    \
             success boolean not null,\n    constraint {} primary key (installed_rank)\n);\n\
             create index {} on {table} (success);\n",
            identifier(&pk),
            identifier(&index)
        );
    }
    let mut scripts = Vec::new();
    for change in &project.changes {
        let version = match change.repeatable {
            true => "null".to_owned(),
            false => literal(change.id()),
        };
        let script = literal(&change.up.file);
        let _ = writeln!(
            up,
            "insert into {table} (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success)\n\
             select coalesce(max(installed_rank), 0) + 1, {version}, {}, 'SQL', {script}, {}, current_user, 0, true from {table};",
            literal(&change.note),
            checksum(change)
        );
        if change.repeatable {
            scripts.push(script);
        }
    }
    let versions = match versions(project) {
        versions if versions.is_empty() => "null".to_owned(),
        versions => versions.join(", "),
    };
    let mut down = String::new();
    if !scripts.is_empty() {
        let _ = writeln!(
            down,
            "delete from {table} where version is null and script in ({}) and installed_rank > (select min(installed_rank) from {table} where version in ({versions}));",
            scripts.join(", ")
        );
    }
    let _ = writeln!(down, "delete from {table} where version in ({versions});");
    if from.is_none() {
        down = format!("drop table {table};\n");
    }
    Kept { up, down }
}

/// Flyway's CRC-32 over the lines of the file, without their ends. That of a repeatable migration is over the text
/// with its placeholders replaced, which only a run knows; without one, Flyway repeats it.
fn checksum(change: &Change) -> String {
    let original = &change.up.original;
    if change.repeatable && original.contains("${") {
        return "null".to_owned();
    }
    let mut crc = flate2::Crc::new();
    for line in original.lines() {
        crc.update(line.as_bytes());
    }
    i32::from_ne_bytes(crc.sum().to_ne_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::Script;

    /// The value that Python's zlib computes for the lines without their ends.
    #[test]
    fn checksums_of_flyway() {
        let script = Script::whole(
            "V1__a.sql",
            "create table a (b int);\r\n\nselect 1;\n".to_owned(),
        );
        let change = Change::new("1", "a", script);
        assert_eq!(checksum(&change), "-1327831120");
    }
}
