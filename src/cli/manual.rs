//! Examples, exit codes and roles of the commands: one table for `--help` and for the manual pages.

mod approver;
mod auditor;
mod author;
pub mod help;
mod operator;
mod shared;

use super::exit::Exit;

/// A command's part of the manual.
pub struct Page {
    /// The command's words, as `trust add-key`.
    pub command: &'static str,
    pub exits: &'static [Exit],
    /// Command lines, each with its purpose.
    pub examples: [(&'static str, &'static str); 2],
}

/// Commands by the role that uses them most, in the order of `--help`.
pub const ROLES: [(&str, &[Page]); 5] = [
    ("Author", author::PAGES),
    ("Approver", approver::PAGES),
    ("Operator", operator::PAGES),
    ("Auditor", auditor::PAGES),
    ("Everybody", shared::PAGES),
];

/// Files only.
const FILES: &[Exit] = &[Exit::Done, Exit::Internal, Exit::Usage];
/// Files that are authenticated.
const AUTHENTIC: &[Exit] = &[
    Exit::Done,
    Exit::Internal,
    Exit::Usage,
    Exit::Malformed,
    Exit::NotAuthentic,
];
/// Files that are authenticated, with faults as an answer.
const COMPARED: &[Exit] = &[
    Exit::Done,
    Exit::Internal,
    Exit::Usage,
    Exit::Malformed,
    Exit::NotAuthentic,
    Exit::Faults,
];

/// The page of a command, by its words.
pub fn page(command: &str) -> Option<&'static Page> {
    let mut pages = ROLES.iter().flat_map(|(_, pages)| pages.iter());
    pages.find(|page| page.command == command)
}

const fn of(
    command: &'static str,
    exits: &'static [Exit],
    examples: [(&'static str, &'static str); 2],
) -> Page {
    Page {
        command,
        exits,
        examples,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of every command that is not hidden.
    fn commands(command: &clap::Command, before: &str, into: &mut Vec<String>) {
        for below in command
            .get_subcommands()
            .filter(|below| !below.is_hide_set())
        {
            let words = format!("{before} {}", below.get_name()).trim().to_owned();
            if below.get_name() == "help" && !before.is_empty() {
                continue;
            }
            commands(below, &words, into);
            into.push(words);
        }
    }

    #[test]
    fn each_command_has_one_page() {
        let mut named = Vec::new();
        commands(&crate::cli::definition(), "", &mut named);
        let mut pages: Vec<_> = ROLES
            .iter()
            .flat_map(|(_, pages)| pages.iter().map(|page| page.command.to_owned()))
            .collect();
        named.sort();
        pages.sort();
        assert_eq!(named, pages);
    }

    #[test]
    fn each_example_parses() {
        for page in ROLES.iter().flat_map(|(_, pages)| pages.iter()) {
            for (line, _) in page.examples {
                let lines = line.split(" > ").next().unwrap_or_default();
                let words = lines.split_whitespace().map(|word| word.trim_matches('"'));
                let words: Vec<&str> = words.collect();
                let starts = format!("pgseal {}", page.command);
                assert!(line.starts_with(&starts), "{line}");
                let parsed = crate::cli::definition().try_get_matches_from(&words);
                assert!(parsed.is_ok(), "{line}: {}", parsed.expect_err("refused"));
            }
        }
    }

    #[test]
    fn each_exit_code_is_in_the_readme() {
        let table = include_str!("../../README.md")
            .split("\n## Exit codes\n")
            .nth(1)
            .and_then(|rest| rest.split("\n## ").next())
            .expect("the section");
        let row = |exit: &Exit| table.contains(&format!("\n| {} | ", exit.code()));
        for page in ROLES.iter().flat_map(|(_, pages)| pages.iter()) {
            assert!(page.exits.iter().all(row), "{}", page.command);
            assert!(page.exits.is_sorted_by_key(|exit| exit.code()));
            // Success, a fault of the host and wrong usage are possible everywhere.
            assert!(page.exits.starts_with(FILES), "{}", page.command);
        }
    }
}
