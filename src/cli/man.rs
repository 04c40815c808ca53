//! `pgseal man [COMMAND...]`

use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::help::{markdown, topics};
use super::manual::{self, Page};
use super::{CliError, Exit, Output};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The page of one command, instead of the program's
    command: Vec<String>,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let words = args.command.join(" ");
    let command = super::help::command(&args.command).ok_or_else(|| {
        CliError::usage(format!("there is no command {words:?}")).hint("`pgseal help` lists them")
    })?;
    // The sections below take its place.
    let command = command.after_help(None::<&str>);
    let mut bytes = Vec::new();
    let rendered = Man::new(command).render(&mut bytes);
    rendered
        .and_then(|()| sections(manual::page(&words)).to_writer(&mut bytes))
        .map_err(CliError::internal)?;
    out.content(&bytes)?;
    Ok(Exit::Done)
}

/// Sections from the manual's tables; the program's own page has every exit code.
fn sections(page: Option<&Page>) -> Roff {
    let mut roff = Roff::new();
    let examples = page.into_iter().flat_map(|page| page.examples);
    let examples = examples.map(|(line, purpose)| (line.to_owned(), purpose.to_owned()));
    section(&mut roff, "EXAMPLES", examples);
    let exits = page.map_or(Exit::ALL, |page| page.exits);
    let exits = exits.iter();
    let exits = exits.map(|exit| (exit.code().to_string(), exit.meaning().to_owned()));
    section(&mut roff, "EXIT STATUS", exits);
    section(&mut roff, "ENVIRONMENT", environment("## Variables"));
    section(&mut roff, "FILES", environment("## Files"));
    roff.control("SH", ["SEE ALSO"]);
    let names = page.map(|page| topics::of_command(page.command).collect::<Vec<_>>());
    let names = names.filter(|names| !names.is_empty());
    let names = names.unwrap_or_else(|| topics::TOPICS.iter().map(|topic| topic.name).collect());
    let names: Vec<String> = names
        .iter()
        .map(|name| format!("pgseal help {name}"))
        .collect();
    roff.text([roman(names.join(", "))]);
    roff
}

fn section(roff: &mut Roff, heading: &str, entries: impl IntoIterator<Item = (String, String)>) {
    let mut entries = entries.into_iter().peekable();
    if entries.peek().is_some() {
        roff.control("SH", [heading]);
    }
    for (name, meaning) in entries {
        roff.control("TP", []);
        roff.text([bold(name)]);
        roff.text([roman(meaning)]);
    }
}

/// The rows of a table of docs/environment.md.
fn environment(heading: &str) -> Vec<(String, String)> {
    let topic = topics::find("environment");
    let text = topic.map(topics::Topic::markdown).unwrap_or_default();
    let section = text.split(heading).nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = markdown::rows(section).into_iter().skip(1);
    let rows = rows.filter_map(|row| {
        let [name, meaning] = row.try_into().ok()?;
        Some((name.replace('`', ""), meaning.replace('`', "")))
    });
    rows.collect()
}
