//! Probes of the states: objects that the tiers create or drop, and the newest row of the other tool's history.

use std::collections::BTreeSet;

use super::project::Project;
use super::seen::{Named, seen};
use super::{evidence, history, release::Order};
use crate::lint::effects::Effects;
use crate::lint::objects::Object;
use psql_script::ObjectName;

/// Most objects in a probe.
const MOST: usize = 100;

/// One column of the probes.
struct Column {
    name: String,
    sql: String,
    baseline: String,
    finalized: String,
}

/// A probe's SQL and the expected values as a TOML table.
pub struct Probe {
    pub sql: String,
    pub expect: String,
}

/// Baseline and finalized; `None` if nothing tells them apart.
pub fn probes(project: &Project, effects: &[Effects], order: &Order) -> Option<(Probe, Probe)> {
    let mut columns = Vec::new();
    let mut before = None;
    let newest = history::newest(project).map(|sql| format!("coalesce({sql}, 'none')"));
    if let (Some(sql), Some(from)) = (newest, &order.from_id) {
        let column = |name: &str, value: &str| Column {
            name: name.to_owned(),
            sql: sql.clone(),
            baseline: quoted(value),
            finalized: quoted(value),
        };
        let last = history::last(project).unwrap_or(from);
        let mut column = column("newest_change", from);
        if order.keep_history {
            column.finalized = quoted(last);
            columns.push(column);
        } else {
            // The release leaves the history alone, and the tool may go on meanwhile.
            before = Some(column);
        }
    } else if order.keep_history {
        let table = history::table(project);
        columns.push(exists("history_table", &table, (false, true)));
    }
    let mut names = BTreeSet::new();
    for (name, was, is) in seen(effects).into_iter().take(MOST) {
        let mut alias = alias(&name);
        while !names.insert(alias.clone()) {
            alias.push('_');
        }
        columns.push(match &name {
            Named::Relation(name) => exists(&alias, &sql_name(name), (was, is)),
            Named::Column(table, column) => Column {
                name: alias,
                sql: format!(
                    "exists (select from pg_catalog.pg_attribute where attrelid = to_regclass({}) and attname = {} and not attisdropped)",
                    literal(&sql_name(table)),
                    literal(column)
                ),
                baseline: was.to_string(),
                finalized: is.to_string(),
            },
        });
    }
    if columns.is_empty() {
        columns = others(effects, order.from_id.is_none());
    }
    if columns.is_empty() {
        return None;
    }
    let baseline = probe(before.iter().chain(&columns), |column| &column.baseline);
    let finalized = probe(columns.iter(), |column| &column.finalized);
    Some((baseline, finalized))
}

/// Schemas, functions, types and extensions, which say less: a name can have more than one function. `is_first`: no
/// change ran before, so objects that the tiers may replace are new.
fn others(effects: &[Effects], is_first: bool) -> Vec<Column> {
    let created = effects.iter().flat_map(|effects| &effects.created);
    let new = created.filter(|object| !object.conditional || object.replaces && is_first);
    let dropped: Vec<&Object> = effects
        .iter()
        .flat_map(|effects| &effects.dropped)
        .collect();
    let mut names = BTreeSet::new();
    let columns = new.filter_map(|object| {
        let is_gone = dropped.iter().any(|dropped| dropped.can_be(object));
        let name = alias(&Named::Relation(object.name.clone()));
        (!is_gone && names.insert(name.clone())).then_some(Column {
            name,
            sql: evidence::exists(object)?,
            baseline: "false".to_owned(),
            finalized: "true".to_owned(),
        })
    });
    columns.take(MOST).collect()
}

fn probe<'a>(
    columns: impl Iterator<Item = &'a Column>,
    value: impl Fn(&Column) -> &String,
) -> Probe {
    let (mut select, mut expect) = (Vec::new(), Vec::new());
    for column in columns {
        select.push(format!("{} as {}", column.sql, column.name));
        expect.push(format!("{} = {}", column.name, value(column)));
    }
    Probe {
        sql: format!("select {};\n", select.join(",\n       ")),
        expect: expect.join("\n"),
    }
}

fn exists(name: &str, table: &str, (was, is): (bool, bool)) -> Column {
    Column {
        name: name.to_owned(),
        sql: format!("to_regclass({}) is not null", literal(table)),
        baseline: was.to_string(),
        finalized: is.to_string(),
    }
}

fn alias(name: &Named) -> String {
    let text = match name {
        Named::Relation(name) => name.name.clone(),
        Named::Column(table, column) => format!("{}_{column}", table.name),
    };
    let fits = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_lowercase(),
        false => '_',
    };
    let text: String = text.chars().map(fits).take(50).collect();
    format!("has_{text}")
}

/// A name in SQL.
pub fn sql_name(name: &ObjectName) -> String {
    let own = identifier(&name.name);
    match &name.schema {
        Some(schema) => format!("{}.{own}", identifier(schema)),
        None => own,
    }
}

/// An identifier, quoted if it needs it. Keywords are quoted in any case that the importer writes: it writes plain
/// names of lower case only.
pub fn identifier(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !KEYWORDS.contains(&name);
    match is_plain {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// Reserved words of PostgreSQL that are likely names of tables.
const KEYWORDS: [&str; 12] = [
    "user",
    "order",
    "group",
    "table",
    "column",
    "check",
    "end",
    "grant",
    "limit",
    "offset",
    "references",
    "default",
];

/// A string literal.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    match quoted.contains('\\') {
        true => format!("E'{}'", quoted.replace('\\', "\\\\")),
        false => format!("'{quoted}'"),
    }
}

/// A basic string of TOML.
pub fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
