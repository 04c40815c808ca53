//! `pgseal help [TOPIC | COMMAND...]`

pub mod markdown;
pub mod topics;

use super::{CliError, Exit, Output, Paint, output};
use topics::{TOPICS, Topic};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// A topic, or the words of a command; without one, topics and commands are listed
    words: Vec<String>,
    /// With the topic release.toml: print its JSON schema, for editors
    #[arg(long)]
    schema: bool,
}

/// JSON schema of `release.toml`.
const SCHEMA: &str = include_str!("../../schemas/release.schema.json");

/// Columns of a page off a terminal.
const COLUMNS: usize = 80;

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    if args.schema {
        return schema(&args.words, out);
    }
    if args.words.is_empty() {
        list();
        return Ok(Exit::Done);
    }
    if let Some(command) = command(&args.words) {
        output::help(command);
        return Ok(Exit::Done);
    }
    let words = args.words.join(" ");
    match topics::find(&words) {
        Some(topic) => show(topic, out),
        None => Err(unknown(&words)),
    }
}

fn schema(words: &[String], out: Output) -> Result<Exit, CliError> {
    match words {
        [topic] if topic == "release.toml" => out.content(SCHEMA.as_bytes())?,
        _ => {
            return Err(CliError::usage("--schema is for the topic release.toml")
                .hint("`pgseal help release.toml --schema` prints it"));
        }
    }
    Ok(Exit::Done)
}

/// The command of some words, with its whole name; no words are the program.
pub fn command(words: &[String]) -> Option<clap::Command> {
    let mut definition = super::definition();
    definition.build();
    let mut found = &definition;
    for word in words {
        found = found
            .find_subcommand(word)
            .filter(|found| !found.is_hide_set())?;
    }
    Some(found.clone())
}

fn show(topic: &Topic, out: Output) -> Result<Exit, CliError> {
    let columns = output::width().unwrap_or(COLUMNS);
    let bold = |text: &str| out.paint(Paint::Bold, text);
    let text = markdown::render(topic.markdown(), columns, &bold);
    output::page(text);
    Ok(Exit::Done)
}

fn list() {
    output::help(super::definition());
    let lines = TOPICS
        .iter()
        .map(|topic| format!("\n  {:<17}  {}", topic.name, topic.summary));
    let lines: String = lines.collect();
    output::page(format!("\nTopics (`pgseal help TOPIC`):{lines}"));
}

fn unknown(words: &str) -> CliError {
    let definition = super::definition();
    let commands = definition.get_subcommands().map(clap::Command::get_name);
    let names = TOPICS.iter().map(|topic| topic.name).chain(commands);
    let nearest = names
        .map(|name| (strsim::jaro_winkler(words, name), name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    let hint = match nearest {
        Some((_, name)) => format!("did you mean `pgseal help {name}`?"),
        None => "`pgseal help` lists topics and commands".to_owned(),
    };
    CliError::usage(format!("there is no topic or command {words:?}")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_topic_suggests_the_nearest() {
        for (word, nearest) in [
            ("gats", "gate"),
            ("exitcodes", "exit-codes"),
            ("aprovals", "approvals"),
        ] {
            let hint = unknown(word).hint.expect("a hint");
            assert!(
                hint.contains(&format!("`pgseal help {nearest}")),
                "{word}: {hint}"
            );
        }
        assert_eq!(
            unknown("zzz").hint.as_deref(),
            Some("`pgseal help` lists topics and commands")
        );
    }
}
