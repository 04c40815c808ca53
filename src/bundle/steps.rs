//! Classifies the statements of a tier with `transaction = "none"`, each a separate step.

use psql_script::{Inspection, NonTransactional, classify};

/// Execution and recording of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `SET` or `RESET` of a session setting: runs again each time the run is resumed.
    Setting,
    /// Runs in a small transaction together with its record, and so exactly once.
    Within,
    /// Runs outside any transaction, between two records.
    NonTransactional(NonTransactional),
}

/// Classifies a statement. The result is meaningless for one that
/// [`super::refusal::refused_in_steps`] refuses.
pub fn step(sql: &str, inspection: &Inspection) -> Step {
    match classify(sql) {
        Some(outside) => Step::NonTransactional(outside),
        None if matches!(inspection.verb.as_str(), "SET" | "RESET") => Step::Setting,
        None => Step::Within,
    }
}

impl Step {
    /// Evidence after a crash of whether it took effect, in one short phrase.
    pub fn evidence_phrase(&self) -> &'static str {
        match self {
            Self::Setting => "it runs again, which does no harm",
            Self::Within => "its record commits with it",
            Self::NonTransactional(outside) => outside.evidence_phrase(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use psql_script::inspect;

    #[test]
    fn settings_statements_and_what_runs_outside() {
        for (sql, found) in [
            ("set work_mem = '1GB'", Step::Setting),
            ("RESET work_mem;", Step::Setting),
            ("set role r", Step::Setting),
            ("insert into t values (1)", Step::Within),
            ("alter type t add value 'x'", Step::Within),
            (
                "vacuum t",
                Step::NonTransactional(NonTransactional::Maintenance),
            ),
        ] {
            assert_eq!(step(sql, &inspect(sql)), found, "{sql}");
        }
    }
}
