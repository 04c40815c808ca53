//! Rules of `lint` by name: errors, which do not pack, and warnings about risks.
//!
//! An id is part of the interface: people acknowledge warnings by it. `docs/lint.md` has a section for each.

/// One thing that `lint` can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub id: &'static str,
    /// Whether the release packs in spite of it.
    pub severity: Severity,
    /// One line for people.
    pub summary: &'static str,
    /// Alternative in one line; empty if every problem brings its own.
    pub instead: &'static str,
}

/// Whether a release packs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    /// It packs, and a person should look at it.
    Warning,
}

impl Severity {
    /// As people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// The rule of a name.
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

const fn error(id: &'static str, summary: &'static str) -> Rule {
    Rule {
        id,
        severity: Severity::Error,
        summary,
        instead: "",
    }
}

const fn warning(id: &'static str, summary: &'static str, instead: &'static str) -> Rule {
    Rule {
        id,
        severity: Severity::Warning,
        summary,
        instead,
    }
}

/// Severity of a problem without a more specific one.
pub const RELEASE_TOML: &str = "release-toml";

/// All rules: the errors, then pgseal's own warnings, then those of squawk.
pub static RULES: &[Rule] = &[
    error(
        RELEASE_TOML,
        "release.toml can't be read, or doesn't say what a release needs",
    ),
    error(
        "missing-file",
        "a file that is named is not in the release directory",
    ),
    error(
        "unfit-file",
        "a file that can't travel in a bundle: a link, a device, a bundle, a bad name",
    ),
    error("secret-key", "a secret key in the release directory"),
    error("encoding", "a text that is not UTF-8"),
    error("empty-script", "a script without a statement"),
    error(
        "undecided-import",
        "a point of an import that a person has to decide",
    ),
    error(
        "include",
        "an include that leaves the release, includes itself, or goes too deep",
    ),
    error("meta-command", "a backslash command that does not run here"),
    error(
        "unterminated",
        "a string, comment or block is still open at the end of the file",
    ),
    error(
        "ambiguous",
        "psql and the server would read a script differently",
    ),
    error("unset-variable", "a variable that nobody sets"),
    error("unsafe-variable", "a variable whose text becomes SQL"),
    error(
        "transaction-control",
        "BEGIN, COMMIT, ROLLBACK and the like: the transaction is pgseal's",
    ),
    error(
        "outside-transaction",
        "a command that can't run inside a transaction",
    ),
    error(
        "unknown-outcome",
        "in a tier without a transaction: a statement whose effect pgseal cannot find out after a crash",
    ),
    error(
        "not-repeatable",
        "in a tier without a transaction: what a new session, or the next step, would not find",
    ),
    error(
        "joined-statements",
        "in a tier without a transaction: statements joined by \\;",
    ),
    error(
        "joined-copy",
        "COPY FROM STDIN among statements joined by \\;",
    ),
    error(
        "session-change",
        "a change of the session that would change what runs, or as whom",
    ),
    error("dispatch", "a way out of the database that nobody named"),
    error("not-one-select", "a gate or probe that is not one SELECT"),
    error(
        "rows-unread",
        "a verify script returns rows that nobody reads",
    ),
    error("copy-in-read-only", "COPY in a read-only verify script"),
    error("verify-asserts-nothing", "a verify script that can't fail"),
    error(
        "runbook-fact",
        "a runbook asks for a fact, {{...}}, that a release doesn't have",
    ),
    warning(
        "missing-rollback",
        "a tier creates what no rollback script drops",
        "drop it in a rollback script, or acknowledge that it stays",
    ),
    warning(
        "cannot-be-undone",
        "a step outside of transactions leaves what no rollback script can take back",
        "say in the operator's runbook what is to be done by hand after a rollback, and acknowledge",
    ),
    warning(
        "enum-value-if-not-exists",
        "a value that a rollback leaves, and that a second run adds again",
        "write ALTER TYPE ... ADD VALUE IF NOT EXISTS",
    ),
    warning(
        "undo-unseen",
        "a step outside of transactions that no rollback script is seen to take back",
        "take it back in a rollback script, or acknowledge that it may stay",
    ),
    warning(
        "rollback-not-from-every-point",
        "a rollback script fails where a run stopped halfway",
        "write IF EXISTS or IF NOT EXISTS, or ask first: \\gset and \\if",
    ),
    warning(
        "needless-transaction-none",
        "a tier without a transaction, although all its statements could run in one",
        "let it be transaction = \"release\": then it happens with the tiers around it, or not at all",
    ),
    warning(
        "concurrent-index-if-not-exists",
        "IF NOT EXISTS is content with an index that is INVALID or means something else",
        "leave IF NOT EXISTS out: a resumed run knows which index it made",
    ),
    warning(
        "unqualified-name-after-search-path",
        "a name without a schema, after the script changed search_path",
        "write the schema, or set the schemas for the whole release: [target] search_path",
    ),
    warning(
        "missing-lock-timeout",
        "statements may wait long for a lock, and everybody else behind them",
        "let [limits] lock_timeout be at most a minute; a run that gives up changed nothing and can be repeated",
    ),
    warning(
        "unlisted-script",
        "a script that travels in the bundle never runs",
        "list it as a tier, a rollback or a verify script, include it with \\i, or move it out of the directory",
    ),
    warning(
        "pinned-live-count",
        "a count of rows that production writes is expected as a constant",
        "write \"unchanged\", \"+N\" or bounds in the state; in a script, count only rows of the release",
    ),
    warning(
        "syntax",
        "the parser of the linter could not read a statement",
        "try it on a server; if the server takes it, acknowledge the warning: the other rules did not see this statement",
    ),
    warning(
        "lint-incomplete",
        "something was not looked at",
        "write it simpler, or have a person read it and acknowledge the warning",
    ),
    warning(
        "stale-acknowledgement",
        "an acknowledgement that matches nothing",
        "remove it from release.toml, or correct its file or line",
    ),
    warning(
        "require-concurrent-index-creation",
        "writes to the table wait while the index is built",
        "CREATE INDEX CONCURRENTLY in a tier of its own with transaction = \"none\", or acknowledge that the table is small",
    ),
    warning(
        "require-concurrent-index-deletion",
        "reads and writes of the table wait from the drop of an index to COMMIT",
        "put it into the last tier, or DROP INDEX CONCURRENTLY into a tier of its own with transaction = \"none\"",
    ),
    warning(
        "require-concurrent-reindex",
        "writes to the table wait while the index is built anew",
        "REINDEX CONCURRENTLY in a tier of its own with transaction = \"none\"",
    ),
    warning(
        "require-concurrent-partition-detach",
        "reads and writes of the whole table wait from the detach to COMMIT",
        "put it into the last tier, or DETACH PARTITION CONCURRENTLY into a tier of its own with transaction = \"none\"",
    ),
    warning(
        "constraint-missing-not-valid",
        "the table is locked while every row is checked",
        "add it NOT VALID here, and VALIDATE CONSTRAINT in a later release",
    ),
    warning(
        "adding-foreign-key-constraint",
        "writes to both tables wait while every row is checked",
        "add it NOT VALID here, and VALIDATE CONSTRAINT in a later release",
    ),
    warning(
        "adding-not-nullable-field",
        "the table is locked while every row is checked for NULL",
        "add CHECK (column IS NOT NULL) NOT VALID here, validate it in a later release, then SET NOT NULL",
    ),
    warning(
        "adding-required-field",
        "a new NOT NULL column without a default fails where there are rows",
        "give it a DEFAULT, or let it be NULL at first",
    ),
    warning(
        "adding-field-with-default",
        "the whole table is written anew under an exclusive lock",
        "add the column without the volatile default or generated value, then set it in steps",
    ),
    warning(
        "adding-serial-primary-key-field",
        "a primary key builds its index while reads and writes wait",
        "CREATE UNIQUE INDEX CONCURRENTLY in a tier with transaction = \"none\", then ADD CONSTRAINT ... PRIMARY KEY USING INDEX",
    ),
    warning(
        "disallowed-unique-constraint",
        "a unique constraint builds its index while reads and writes wait",
        "CREATE UNIQUE INDEX CONCURRENTLY in a tier with transaction = \"none\", then ADD CONSTRAINT ... UNIQUE USING INDEX",
    ),
    warning(
        "changing-column-type",
        "the table may be written anew under an exclusive lock, and clients see another type",
        "add a new column and move over to it in later releases",
    ),
    warning(
        "ban-alter-domain-with-add-constraint",
        "every table with the domain is locked while its rows are checked",
        "add it NOT VALID here and acknowledge the warning; validate it in a later release",
    ),
    warning(
        "ban-truncate-cascade",
        "it also empties tables that nobody named",
        "name the tables to empty",
    ),
    warning(
        "renaming-column",
        "clients that use the old name fail from COMMIT on",
        "add a column, move clients over, drop the old one in a later release",
    ),
    warning(
        "renaming-table",
        "clients that use the old name fail from COMMIT on",
        "leave a view under the old name until clients have moved over",
    ),
    warning(
        "renaming-object",
        "clients that use the old name fail from COMMIT on",
        "create the new one beside the old one, and drop that in a later release",
    ),
    warning(
        "ban-set-schema",
        "clients that use the old schema fail from COMMIT on",
        "leave a view under the old name until clients have moved over",
    ),
    warning(
        "ban-drop-column",
        "clients that use the column fail from COMMIT on, and a rollback can't bring its data back",
        "stop using it first, and drop it in a later release",
    ),
    warning(
        "ban-drop-table",
        "clients that use the table fail from COMMIT on, and a rollback can't bring its data back",
        "rename it first, and drop it in a later release",
    ),
    warning(
        "ban-drop-view",
        "clients that use the view fail from COMMIT on",
        "CREATE OR REPLACE it, or acknowledge that nobody uses it",
    ),
    warning(
        "ban-drop-function",
        "clients that call the function fail from COMMIT on",
        "CREATE OR REPLACE it, or acknowledge that nobody calls it",
    ),
    warning(
        "ban-drop-type",
        "clients that use the type fail from COMMIT on",
        "drop it in a later release",
    ),
    warning(
        "ban-drop-schema",
        "clients that use the schema fail from COMMIT on, and a rollback can't bring its data back",
        "drop it in a later release, when nobody uses it",
    ),
    warning(
        "ban-drop-sequence",
        "clients that use the sequence fail from COMMIT on, and its value is lost",
        "drop it in a later release",
    ),
    warning(
        "ban-drop-domain",
        "clients that use the domain fail from COMMIT on",
        "drop it in a later release",
    ),
    warning(
        "ban-drop-extension",
        "everything of the extension is gone at COMMIT",
        "drop it in a later release, when nothing uses it",
    ),
    warning(
        "ban-drop-constraint",
        "what the constraint kept out can come in from COMMIT on, and then it can't be added back",
        "add the constraint that takes its place in the same release, and acknowledge the drop",
    ),
    warning(
        "ban-drop-default",
        "clients that leave the column out write NULL, or fail, from COMMIT on",
        "let clients give the value first",
    ),
    warning(
        "ban-drop-not-null",
        "clients may meet NULL where there was none, and then it can't be set back",
        "let clients cope with NULL first",
    ),
    warning(
        "ban-drop-generated-expression",
        "the column is no longer kept by the database",
        "let clients write it first",
    ),
    warning(
        "ban-disable-trigger",
        "what the trigger checks or writes doesn't happen, also for foreign keys",
        "enable it again in the same script, and acknowledge why it may be off",
    ),
    warning(
        "ban-drop-policy",
        "who may see or write which rows changes",
        "say who reviewed it, and acknowledge",
    ),
    warning(
        "ban-alter-row-level-security",
        "who may see or write which rows changes",
        "say who reviewed it, and acknowledge",
    ),
    warning(
        "identifier-too-long",
        "PostgreSQL cuts names at 63 bytes, and two may become the same",
        "choose a shorter name",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_have_one_id_and_a_way_out() {
        let mut ids: Vec<_> = RULES.iter().map(|rule| rule.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), RULES.len());
        for rule in RULES {
            assert!(
                rule.id.parse::<pgseal_verify::format::name::Name>().is_ok(),
                "{}: it must fit into a manifest",
                rule.id
            );
            assert_eq!(
                rule.instead.is_empty(),
                rule.severity == Severity::Error,
                "{}",
                rule.id
            );
        }
    }
}
