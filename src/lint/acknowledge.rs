//! Writes `[[acknowledge]]` blocks for warnings.

use std::collections::BTreeSet;

use super::acknowledged::Finding;
use crate::rules::{self, Severity};

/// Blocks to append to release.toml.
pub struct Blocks {
    /// One block for each place.
    pub text: String,
    /// Number of blocks of each rule, by rule.
    pub rules: Vec<(&'static str, usize)>,
}

/// The blocks for the warnings that are not acknowledged, in the order of the findings. Errors and
/// stale acknowledgements are to be repaired.
pub fn blocks(findings: &[Finding], reason: &str) -> Blocks {
    let mut blocks = Blocks {
        text: String::new(),
        rules: Vec::new(),
    };
    let mut seen = BTreeSet::new();
    for finding in findings.iter().filter(|one| can_stay(one)) {
        let problem = &finding.problem;
        let line = problem.at.map(|at| at.0);
        if !seen.insert((problem.rule, &problem.file, line)) {
            continue;
        }
        let (file, reason) = (quoted(&problem.file), quoted(reason));
        let line = line.map_or(String::new(), |line| format!("line = {line}\n"));
        blocks.text.push_str(&format!(
            "\n[[acknowledge]]\nrule = \"{}\"\nfile = {file}\n{line}reason = {reason}\n",
            problem.rule
        ));
        match blocks.rules.last_mut() {
            Some((rule, number)) if *rule == problem.rule => *number += 1,
            _ => blocks.rules.push((problem.rule, 1)),
        }
    }
    blocks
}

fn can_stay(finding: &Finding) -> bool {
    let rule = rules::find(finding.problem.rule);
    let is_warning = rule.is_some_and(|rule| rule.severity == Severity::Warning);
    is_warning && finding.acknowledged.is_none() && finding.problem.rule != "stale-acknowledgement"
}

/// A text of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
