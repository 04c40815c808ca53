//! Topics of `pgseal help`: the project's own documents, as they are.

/// A page of the documents, or a section of README.
pub struct Topic {
    pub name: &'static str,
    pub summary: &'static str,
    /// File in the repository, with the heading of the section.
    pub source: (&'static str, Option<&'static str>),
    pub text: &'static str,
    /// Commands that point to it.
    pub commands: &'static [&'static str],
}

const README: &str = include_str!("../../../README.md");

macro_rules! page {
    ($name:literal, $summary:literal, $file:literal, $commands:expr) => {
        Topic {
            name: $name,
            summary: $summary,
            source: (concat!("docs/", $file), None),
            text: include_str!(concat!("../../../docs/", $file)),
            commands: $commands,
        }
    };
}

macro_rules! section {
    ($name:literal, $summary:literal, $heading:literal, $commands:expr) => {
        Topic {
            name: $name,
            summary: $summary,
            source: ("README.md", Some($heading)),
            text: README,
            commands: $commands,
        }
    };
}

/// All topics, sorted by name.
pub const TOPICS: &[Topic] = &[
    section!(
        "approvals",
        "Who must say yes, and how often it counts",
        "Approvals",
        &["approve", "withdraw", "attach"]
    ),
    page!(
        "archives",
        "A directory that can't lose a file unnoticed",
        "archive.md",
        &["archive", "archive add"]
    ),
    page!(
        "audits",
        "Authenticating whole archives again",
        "audit.md",
        &["audit"]
    ),
    page!("checks", "What `check` proves", "check.md", &["check"]),
    page!(
        "ci",
        "Pipelines, hooks and deployment tools",
        "ci.md",
        &["pack", "trust set-policy"]
    ),
    page!("clones", "Standing clones", "clones.md", &["clone"]),
    page!(
        "configuration",
        "What a host or a shell says once",
        "configuration.md",
        &["config", "config show"]
    ),
    page!(
        "connections",
        "Connection strings, variables, files, TLS",
        "connections.md",
        &["status", "gate", "run"]
    ),
    page!(
        "dependencies",
        "Releases that require others",
        "dependencies.md",
        &["run"]
    ),
    page!(
        "environment",
        "Variables and files that pgseal reads",
        "environment.md",
        &["help"]
    ),
    section!("exit-codes", "What each exit code means", "Exit codes", &[]),
    page!(
        "fingerprints",
        "Digests of a database, and drift",
        "fingerprint.md",
        &["fingerprint", "drift"]
    ),
    page!(
        "gates",
        "The SQL that gates and probes may use",
        "gate.md",
        &["gate"]
    ),
    page!(
        "importing",
        "Bringing the migrations of another tool",
        "import.md",
        &["import"]
    ),
    page!("kinds", "Kinds of errors, and what to do", "errors.md", &[]),
    page!(
        "ledger",
        "What ran here, in plain SQL",
        "ledger.md",
        &["status"]
    ),
    page!("lint-rules", "The rules of `lint`", "lint.md", &["lint"]),
    page!(
        "locks",
        "Locks, time limits, and stopping a run",
        "locks.md",
        &["run", "rollback"]
    ),
    page!(
        "non-transactional",
        "Tiers without a transaction",
        "non-transactional.md",
        &["run"]
    ),
    page!(
        "object-stores",
        "Auditing object stores, Parquet, a page",
        "audit-stores.md",
        &["audit"]
    ),
    page!("plans", "What `plan` shows", "plan.md", &["plan"]),
    page!(
        "programs",
        "pgseal in pipelines: events, keys, exit codes",
        "programs.md",
        &["run", "verify"]
    ),
    page!("psql", "psql scripts in a release", "psql.md", &["script"]),
    page!(
        "rehearsals",
        "Rehearsing a release on a clone",
        "rehearse.md",
        &["rehearse"]
    ),
    section!(
        "release.toml",
        "Every key of a release",
        "release.toml",
        &["init", "lint", "pack"]
    ),
    page!(
        "reports",
        "GO or NO-GO, and its evidence",
        "report.md",
        &["report"]
    ),
    page!(
        "rollouts",
        "One release over many databases",
        "rollout.md",
        &[
            "rollout",
            "rollout status",
            "rollout rollback",
            "rollout merge"
        ]
    ),
    page!(
        "runbooks",
        "Instructions for owner, operator, auditor",
        "runbooks.md",
        &["runbook"]
    ),
    page!(
        "signed-answers",
        "Signing the answers of gates, checks, reports",
        "evidence.md",
        &["gate", "check", "report"]
    ),
    page!(
        "stages",
        "Shipping the first tiers of a release alone",
        "stages.md",
        &["pack"]
    ),
    page!(
        "tokens",
        "Signing by a key on a token",
        "tokens.md",
        &["sign", "trust sign"]
    ),
    page!(
        "trials",
        "Trying a release while you write it",
        "try.md",
        &["try", "try init"]
    ),
    page!(
        "verifier-page",
        "Verifying files in any browser, offline",
        "verifier.md",
        &["verifier"]
    ),
    page!(
        "waiting",
        "Waiting for approvals and gates, then running",
        "waiting.md",
        &["gate", "run"]
    ),
];

/// The topic of a name.
pub fn find(name: &str) -> Option<&'static Topic> {
    TOPICS.iter().find(|topic| topic.name == name)
}

/// Names of the topics that a command points to.
pub fn of_command(words: &str) -> impl Iterator<Item = &'static str> {
    let topics = TOPICS.iter();
    topics
        .filter(move |topic| topic.commands.contains(&words))
        .map(|topic| topic.name)
}

impl Topic {
    /// The Markdown of the topic: the whole page, or its section.
    pub fn markdown(&self) -> &'static str {
        match self.source.1 {
            Some(heading) => section(self.text, heading).unwrap_or_default(),
            None => self.text,
        }
    }
}

/// A section of the second level, up to the next one.
fn section<'text>(text: &'text str, heading: &str) -> Option<&'text str> {
    let start = text.find(&format!("\n## {heading}\n"))? + 1;
    let rest = text.get(start..)?;
    let end = rest
        .get(1..)?
        .find("\n## ")
        .map_or(rest.len(), |end| end + 2);
    rest.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_has_its_text() {
        assert!(TOPICS.is_sorted_by_key(|topic| topic.name));
        for topic in TOPICS {
            assert!(topic.markdown().starts_with('#'), "{}", topic.name);
            assert!(topic.markdown().len() > 400, "{}", topic.name);
            for command in topic.commands {
                assert!(crate::cli::manual::page(command).is_some(), "{command}");
            }
        }
        let exits = find("exit-codes").expect("a topic").markdown();
        assert!(
            exits.contains("| 50 |") && !exits.contains("## release.toml"),
            "{exits}"
        );
    }

    #[test]
    fn every_page_of_the_documents_is_a_topic() {
        let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
        for entry in std::fs::read_dir(docs).expect("docs") {
            let name = entry.expect("an entry").file_name();
            let name = format!("docs/{}", name.to_string_lossy());
            // A table of contents, and measurements.
            let is_other = ["docs/README.md", "docs/benchmarks.md"].contains(&name.as_str());
            let is_topic = TOPICS.iter().any(|topic| topic.source == (&name, None));
            assert!(is_topic || is_other || !name.ends_with(".md"), "{name}");
        }
    }

    #[test]
    fn a_topic_is_not_named_like_a_command() {
        let definition = crate::cli::definition();
        for topic in TOPICS {
            assert!(
                definition.find_subcommand(topic.name).is_none(),
                "{}",
                topic.name
            );
        }
    }
}
