//! `pgseal config show`

use super::args::connection_shown;
use super::settings::{self, Name, Setting, Source};
use super::{CliError, Exit, Output, table};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Show each setting and its origin: a file, an environment variable, or built in
    Show,
}

/// A setting to be shown.
struct Row {
    key: String,
    /// `None` if no value may be shown.
    value: Option<String>,
    source: Source,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let Command::Show = args.command;
    let rows = rows();
    let document = rows.iter().map(document).collect::<Vec<_>>();
    out.document(&serde_json::json!({ "settings": document }));
    let rows = rows.into_iter().map(|row| {
        let hidden = || "(not shown: it has a password)".to_owned();
        vec![
            row.key,
            row.value.unwrap_or_else(hidden),
            row.source.to_string(),
        ]
    });
    out.line(table::render(&["setting", "value", "from"], rows.collect()));
    Ok(Exit::Done)
}

fn rows() -> Vec<Row> {
    let settings = settings::current();
    let options = Name::ALL.into_iter().filter_map(|name| {
        let Setting { value, source } = settings.in_force(name)?;
        let value = value.to_string_lossy().into_owned();
        let key = name.key().to_owned();
        let value = match name {
            Name::Db => connection_shown(&value),
            _ => Some(value),
        };
        Some(Row { key, value, source })
    });
    let variables = settings.variables().iter().map(|(name, setting)| Row {
        key: format!("variables.{name}"),
        value: Some(setting.value.to_string_lossy().into_owned()),
        source: setting.source.clone(),
    });
    options.chain(variables).collect()
}

fn document(row: &Row) -> serde_json::Value {
    let (kind, name) = match &row.source {
        Source::BuiltIn => ("built-in", None),
        Source::File(path) => ("file", Some(path.to_string_lossy().into_owned())),
        Source::Environment(variable) => ("environment", Some(variable.clone())),
    };
    serde_json::json!({
        "key": row.key, "value": row.value, "source": { "kind": kind, "name": name },
    })
}
