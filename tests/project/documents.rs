//! Checks that the documents name only files, anchors, tests, commands, flags and counts that exist.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Top-level folders: a name that begins with one of them must exist in the repository.
const FOLDERS: [&str; 8] = [
    "src/", "tests/", "docs/", "schemas/", "bundle/", "keys/", "benches/", ".ci/",
];

/// Flags that require a feature of the build.
const BY_FEATURE: [(&str, bool); 1] = [("--parquet", cfg!(feature = "parquet"))];

#[test]
fn every_page_is_true() {
    let repository = Repository::read();
    let mut wrong = Vec::new();
    for (path, text) in repository.pages() {
        wrong.extend(
            repository
                .faults(path, text)
                .into_iter()
                .map(|fault| format!("{path}: {fault}")),
        );
    }
    for (path, text) in repository
        .files
        .iter()
        .filter(|(path, _)| path.starts_with("src/"))
    {
        wrong.extend(
            repository
                .decisions(text)
                .into_iter()
                .map(|fault| format!("{path}: {fault}")),
        );
    }
    assert!(
        wrong.is_empty(),
        "{} faults:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn mistakes_are_found() {
    let repository = Repository::read();
    let faults = |text: &str| repository.faults("README.md", text);
    for (text, fault) in [
        ("see `release/no_such.rs`", "no file release/no_such.rs"),
        ("see `tests/no_such/`", "no file tests/no_such/"),
        (
            "a stray ` in one bullet\n- and `tests/no_such.rs` in the next",
            "no file tests/no_such.rs",
        ),
        ("[a](docs/no_such.md)", "no page docs/no_such.md"),
        (
            "[a](docs/gate.md#no-such-part)",
            "no heading docs/gate.md#no-such-part",
        ),
        (
            "| 1 | a | b | `tests/project/documents.rs`: `there_is_no_such_test` |",
            "no test there_is_no_such_test",
        ),
        ("`pgseal no-such-command x`", "no command no-such-command"),
        (
            "`pgseal trust no-such-command`",
            "no command trust no-such-command",
        ),
        (
            "```sh\npgseal verify FILE --no-such-flag\n```",
            "no flag verify --no-such-flag",
        ),
        ("`run --no-such-flag`", "no flag run --no-such-flag"),
        ("as in decision 999", "no decision 999"),
        ("12 defective bundles", "expected"),
    ] {
        let found = faults(text);
        assert!(
            found.len() == 1 && found[0].starts_with(fault),
            "{text}: {found:?}"
        );
    }
    for text in [
        "`format/wire.rs`, `tests/vectors/`, `target/x`, [a](docs/gate.md#the-gate-role), [b](https://example.org/x)",
        "| 1 | a | b | `tests/project/documents.rs`: `every_page_is_true`; `standard_conforming_strings = off` |",
        "`pgseal verify FILE --trust trust.json | less --raw`, `run --resume`, `pgseal COMMAND --help`, decision 001",
    ] {
        assert_eq!(faults(text), Vec::<String>::new(), "{text}");
    }
}

/// Every file of the repository, with the text of sources and pages; the defective vectors; the help of every command.
struct Repository {
    files: BTreeMap<String, String>,
    vectors: Vec<String>,
    help: BTreeMap<String, String>,
}

impl Repository {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let skip = |entry: &walkdir::DirEntry| {
            entry.depth() == 1
                && ["target", ".git"]
                    .iter()
                    .any(|name| entry.file_name() == *name)
        };
        let walk = walkdir::WalkDir::new(root)
            .into_iter()
            .filter_entry(|entry| !skip(entry));
        let files = walk
            .filter_map(Result::ok)
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| {
                let path = entry
                    .path()
                    .strip_prefix(root)
                    .expect("below the root")
                    .to_string_lossy()
                    .into_owned();
                let is_text = [".rs", ".md"].iter().any(|end| path.ends_with(end));
                let text = if is_text {
                    std::fs::read_to_string(entry.path()).unwrap_or_default()
                } else {
                    String::new()
                };
                (path, text)
            });
        let mut help = BTreeMap::new();
        commands("", &mut help);
        let vectors = std::fs::read_dir(root.join("tests/vectors"))
            .expect("vectors")
            .filter_map(Result::ok);
        let vectors = vectors.filter_map(|entry| {
            Some(
                entry
                    .file_name()
                    .to_str()?
                    .strip_suffix("_fail")?
                    .to_owned(),
            )
        });
        Self {
            files: files.collect(),
            vectors: vectors.collect(),
            help,
        }
    }

    fn pages(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_page = |path: &str| {
            path.ends_with(".md") && (path.starts_with("docs/") || !path.contains('/'))
        };
        self.files
            .iter()
            .filter(move |(path, _)| is_page(path))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Returns the text of the files that a name in backquotes matches: a path, or the end of one.
    fn named(&self, name: &str) -> Vec<&str> {
        let end = format!("/{name}");
        let is_it = |path: &str| match name.ends_with('/') {
            true => path.starts_with(name) || path.contains(&end),
            false => path == name || path.ends_with(&end) || path.starts_with(&format!("{name}/")),
        };
        self.files
            .iter()
            .filter(|(path, _)| is_it(path))
            .map(|(_, text)| text.as_str())
            .collect()
    }

    fn faults(&self, page: &str, text: &str) -> Vec<String> {
        let prose = without_fences(text);
        let mut faults = Vec::new();
        for span in &spans(text) {
            if is_path(span) && self.named(span).is_empty() {
                faults.push(format!("no file {span}"));
            }
            faults.extend(self.command(span));
        }
        faults.extend(command_lines(text).filter_map(|line| self.command(line)));
        faults.extend(links(&prose).filter_map(|link| self.link(page, link)));
        faults.extend(
            prose
                .lines()
                .filter(|line| line.starts_with("| "))
                .flat_map(|row| self.tests(row)),
        );
        faults.extend(self.decisions(&prose));
        let vectors = self.vectors.len().to_string();
        for (at, _) in prose.match_indices(" defective bundles") {
            let said = prose[..at]
                .rsplit(|c: char| !c.is_ascii_digit())
                .next()
                .unwrap_or_default();
            if !said.is_empty() && said != vectors {
                faults.push(format!(
                    "expected {vectors} defective bundles, found {said}"
                ));
            }
        }
        faults
    }

    /// Returns an error for each decision number without a page.
    fn decisions(&self, text: &str) -> Vec<String> {
        let named = ["ecision ", "docs/decisions/"]
            .iter()
            .flat_map(|word| text.split(word).skip(1));
        let numbers = named.map(|rest| {
            rest.split(|c: char| !c.is_ascii_digit())
                .next()
                .unwrap_or_default()
        });
        let page = |number: &str| format!("docs/decisions/{number}-");
        let is_there = |number: &str| {
            self.files
                .keys()
                .any(|path| path.starts_with(&page(number)))
        };
        let missing = numbers.filter(|number| !number.is_empty() && !is_there(number));
        missing
            .map(|number| format!("no decision {number}"))
            .collect()
    }

    /// Checks a command line, or a command with flags.
    fn command(&self, line: &str) -> Option<String> {
        let is_whole = line.starts_with("pgseal ");
        let end = line
            .find(['|', ';', '&', '>', '#', '"'])
            .unwrap_or(line.len());
        let mut words = line[..end]
            .split_whitespace()
            .map(|word| word.trim_matches(['[', ']', ',', '.']))
            .peekable();
        words.next_if_eq(&"pgseal");
        let mut command = String::new();
        while let Some(word) =
            words.next_if(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
        {
            let longer = format!("{command} {word}").trim().to_owned();
            if !self.help.contains_key(&longer) {
                let help = self.help.get(&command).map_or("", String::as_str);
                // A command may have both: `try DIR`, `try init`.
                let has_more = command.is_empty()
                    || help.contains("\nCommands:\n") && !help.contains("\nArguments:\n");
                if is_whole && has_more && word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
                {
                    return Some(format!("no command {longer}"));
                }
                break;
            }
            command = longer;
        }
        let help = self.help.get(&command).filter(|_| !command.is_empty())?;
        words
            .filter(|word| word.starts_with("--") && word.len() > 2)
            .find_map(|word| {
                let flag = word.split(['=', '.', '\\', ')']).next()?;
                let known = help
                    .split([' ', '\n', ',', '=', '`', '['])
                    .any(|known| known == flag);
                let is_left_out = BY_FEATURE.contains(&(flag, false));
                (!known && !is_left_out).then(|| format!("no flag {command} {flag}"))
            })
    }

    fn link(&self, page: &str, link: &str) -> Option<String> {
        let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = if path.is_empty() {
            page.to_owned()
        } else {
            joined(page, path)
        };
        let is_folder = self
            .files
            .keys()
            .any(|file| file.starts_with(&format!("{}/", target.trim_end_matches('/'))));
        match self.files.get(&target) {
            None if is_folder => None,
            None => Some(format!("no page {target}")),
            Some(text) if anchor.is_empty() || anchors(text).any(|known| known == anchor) => None,
            Some(_) => Some(format!("no heading {target}#{anchor}")),
        }
    }

    /// Checks the tests in the last cell of a threat row: names after a file are functions there, others are vectors.
    fn tests(&self, row: &str) -> Vec<String> {
        let cells: Vec<&str> = row.trim_end_matches([' ', '|']).split(" | ").collect();
        let [first, _, _, .., last] = cells[..] else {
            return Vec::new();
        };
        if first.trim_start_matches("| ").parse::<u32>().is_err() {
            return Vec::new();
        }
        let mut texts = Vec::new();
        let mut missing = Vec::new();
        for span in &spans(last) {
            if is_path(span) {
                texts = self.named(span);
            } else if span.matches('_').count() >= 2
                && span.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
            {
                let is_test = texts
                    .iter()
                    .any(|text| text.contains(&format!("fn {span}(")));
                let is_vector = self.vectors.iter().any(|name| name == span);
                if !is_test && !is_vector {
                    missing.push(format!("no test {span}"));
                }
            }
        }
        missing
    }
}

/// Adds the help of a command and of its subcommands.
fn commands(name: &str, into: &mut BTreeMap<String, String>) {
    let output = Command::new(env!("CARGO_BIN_EXE_pgseal"))
        .args(name.split_whitespace())
        .arg("--help")
        .output();
    let help = String::from_utf8(output.expect("the program runs").stdout).expect("UTF-8");
    // The program's own help has a group of commands for each role.
    let (start, end) = match name {
        "" => ("\n\nAuthor:\n", "\n\nOptions:\n"),
        _ => ("\nCommands:\n", "\n\n"),
    };
    let below = help.split(start).nth(1).unwrap_or_default();
    let below = below.split(end).next().unwrap_or_default();
    // Below a command, `help` is clap's own.
    let is_help = |line: &str| !name.is_empty() && line.starts_with("  help ");
    for line in below
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   ") && !is_help(line))
    {
        let word = line.split_whitespace().next().unwrap_or_default();
        commands(format!("{name} {word}").trim(), into);
    }
    into.insert(name.to_owned(), help);
}

fn is_path(span: &str) -> bool {
    let plain = span
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    plain && (span.ends_with(".rs") || FOLDERS.iter().any(|folder| span.starts_with(folder)))
}

fn without_fences(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// Returns command lines in fences and indented blocks.
fn command_lines(text: &str) -> impl Iterator<Item = &str> {
    let fenced = text.split("```").skip(1).step_by(2).flat_map(str::lines);
    let indented = text.lines().filter_map(|line| line.strip_prefix("    "));
    fenced
        .chain(indented)
        .map(|line| line.trim_start_matches("$ "))
        .filter(|line| line.starts_with("pgseal "))
}

/// Returns the code spans of a page: by a parser of Markdown, since one stray backquote would
/// otherwise hide all later spans of its block.
fn spans(page: &str) -> Vec<String> {
    let events = pulldown_cmark::Parser::new_ext(page, pulldown_cmark::Options::ENABLE_TABLES);
    let code = events.filter_map(|event| match event {
        pulldown_cmark::Event::Code(code) => Some(code.into_string()),
        _ => None,
    });
    code.collect()
}

fn links(prose: &str) -> impl Iterator<Item = &str> {
    let targets = prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
}

fn joined(page: &str, path: &str) -> String {
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let (up, rest) = (path.matches("../").count(), path.trim_start_matches("../"));
    let depth = folder
        .split('/')
        .filter(|part| !part.is_empty())
        .count()
        .saturating_sub(up);
    let parts = folder
        .split('/')
        .filter(|part| !part.is_empty())
        .take(depth);
    parts
        .chain([rest.trim_start_matches("./")])
        .collect::<Vec<_>>()
        .join("/")
}

/// Returns the anchors of headings, as GitHub makes them.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| {
        let kept = line.trim_start_matches('#').trim().to_lowercase();
        let kept: String = kept
            .chars()
            .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c))
            .collect();
        kept.replace(' ', "-")
    })
}

#[test]
fn every_variable_of_the_program_is_in_the_documents() {
    let repository = Repository::read();
    let page = &repository.files["docs/environment.md"];
    let sources = repository.files.iter();
    // The journal's fields look like variables.
    let sources =
        sources.filter(|(path, _)| path.starts_with("src/") && *path != "src/cli/journal.rs");
    let mut found = 0;
    for (path, text) in sources {
        for name in text.split("\"PGSEAL_").skip(1) {
            let end = name.find(|c: char| !c.is_ascii_uppercase() && c != '_');
            let name = &name[..end.unwrap_or(name.len())];
            found += 1;
            // The variables of releases have names of their own.
            let is_of_a_release = name.starts_with("VAR_");
            let name = if is_of_a_release { "VAR_NAME" } else { name };
            assert!(page.contains(&format!("`PGSEAL_{name}`")), "{path}: {name}");
        }
    }
    assert!(found >= 2, "{found}");
}
