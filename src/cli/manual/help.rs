//! The manual in `--help`: commands by role, and at the end of each command examples and exit codes.

use clap::Command;

use super::{Page, ROLES, page};
use crate::cli::help::topics;
use crate::cli::output;
use crate::cli::wrap::line_of;

/// Width of help off a terminal, and at most; clap's own default.
const WIDEST: usize = 100;

const TEMPLATE: &str =
    "{about-with-newline}\n{usage-heading} {usage}{after-help}\n\nOptions:\n{options}";

/// Adds the manual to the program's definition.
pub fn complete(command: Command) -> Command {
    let roles = roles(&command);
    let names: Vec<String> = command
        .get_subcommands()
        .map(|below| below.get_name().to_owned())
        .collect();
    let command = command.after_help(roles).help_template(TEMPLATE);
    names.iter().fold(command, |command, name| {
        command.mut_subcommand(name, |below| completed(below, name))
    })
}

fn completed(command: Command, words: &str) -> Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|below| below.get_name().to_owned())
        .collect();
    let command = match page(words) {
        Some(page) => command.after_help(ending(page)),
        None => command,
    };
    names.iter().fold(command, |command, name| {
        command.mut_subcommand(name, |below| completed(below, &format!("{words} {name}")))
    })
}

fn width() -> usize {
    output::width().unwrap_or(WIDEST).min(WIDEST)
}

/// The commands of each role, with what they do.
fn roles(command: &Command) -> String {
    let about = |page: &Page| {
        let found = command.find_subcommand(page.command)?;
        let (name, about) = (page.command, found.get_about()?);
        Some(line_of(&format!("  {name:<11}  {about}"), width(), 15))
    };
    let group = |(role, pages): &(&str, &[Page])| {
        let lines: Vec<String> = pages.iter().filter_map(about).collect();
        format!("{role}:\n{}", lines.join("\n"))
    };
    ROLES.iter().map(group).collect::<Vec<_>>().join("\n\n")
}

/// Examples, exit codes and topics of a command.
fn ending(page: &Page) -> String {
    let example = |(line, purpose): &(&str, &str)| {
        let line = line_of(&format!("  {line}"), width() - 2, 8);
        format!("  # {purpose}\n{}", line.replace('\n', " \\\n"))
    };
    let exit = |exit: &crate::cli::Exit| {
        line_of(
            &format!("  {:>2}  {}", exit.code(), exit.meaning()),
            width(),
            6,
        )
    };
    let examples: Vec<String> = page.examples.iter().map(example).collect();
    let exits: Vec<String> = page.exits.iter().map(exit).collect();
    let more = topics::of_command(page.command).map(|name| format!("`pgseal help {name}`"));
    let more = more.collect::<Vec<_>>().join(", ");
    let more = match more.is_empty() {
        true => String::new(),
        false => line_of(&format!("\n\nMore: {more}"), width(), 6),
    };
    format!(
        "Examples:\n{}\n\nExit codes:\n{}{more}",
        examples.join("\n"),
        exits.join("\n")
    )
}
