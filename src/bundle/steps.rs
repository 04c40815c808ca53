//! What the statements of a tier with `transaction = "none"` are: each is a step of its own.

use psql_script::{Inspection, Outside, outside};

/// How a step is run and recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `SET` or `RESET` of a setting of the session: it runs again whenever the run is resumed.
    Setting,
    /// It runs in a small transaction of its own together with its record, and so exactly once.
    Within,
    /// It runs outside of any transaction, between two records.
    Outside(Outside),
}

/// What one statement is. A statement that [`super::refusal::refused_in_steps`] refuses has no meaning here.
pub fn step(sql: &str, inspection: &Inspection) -> Step {
    match outside(sql) {
        Some(outside) => Step::Outside(outside),
        None if matches!(inspection.verb.as_str(), "SET" | "RESET") => Step::Setting,
        None => Step::Within,
    }
}

impl Step {
    /// How it is found out after a crash whether it took effect, in one short phrase.
    pub fn evidence_phrase(&self) -> &'static str {
        match self {
            Self::Setting => "it runs again, which does no harm",
            Self::Within => "its record commits with it",
            Self::Outside(outside) => outside.evidence_phrase(),
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
            ("vacuum t", Step::Outside(Outside::Maintenance)),
        ] {
            assert_eq!(step(sql, &inspect(sql)), found, "{sql}");
        }
    }
}
