//! `[[acknowledge]]`: warnings that the release's author reviewed and accepted.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use toml::Spanned;

use crate::bundle::problem::Problem;
use crate::bundle::release_toml::{FILE, line_and_column};
use crate::rules::{self, RULES};
use pgseal_verify::format::manifest::Acknowledgement;

/// A warning, with its acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The warning and its position.
    pub problem: Problem,
    /// The reason of the acknowledgement, if any.
    pub acknowledged: Option<String>,
}

/// Sorts by rule, file and position: errors, then pgseal's own warnings, then those of squawk.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by_cached_key(|finding| {
        let problem = &finding.problem;
        let rule = RULES.iter().position(|rule| rule.id == problem.rule);
        (rule, problem.file.clone(), problem.at)
    });
}

#[derive(Deserialize)]
struct Toml {
    #[serde(default)]
    acknowledge: Vec<Spanned<toml::Table>>,
}

/// Pairs warnings with acknowledgements, sorted by rule. An acknowledgement that
/// matches nothing becomes a warning itself.
pub fn sort_out(
    problems: Vec<Problem>,
    acknowledged: &[Acknowledgement],
    release_toml: &str,
) -> Vec<Finding> {
    let mut by_rule: HashMap<_, Vec<usize>> = HashMap::new();
    for (i, a) in acknowledged.iter().enumerate() {
        by_rule.entry(a.rule.as_str()).or_default().push(i);
    }
    let fitting = |problem: &Problem| {
        let of_rule = by_rule.get(problem.rule).into_iter().flatten().copied();
        let at = problem.at.map(|at| at.0);
        let fits = |i: &usize| {
            let one = &acknowledged[*i];
            let is_line = one.line.is_none_or(|line| at == Some(line.get()));
            is_line && one.file.matches(&problem.file)
        };
        of_rule.filter(fits).collect::<Vec<_>>()
    };
    let used: HashSet<usize> = problems.iter().flat_map(fitting).collect();
    let places = toml::from_str::<Toml>(release_toml)
        .map(|toml| toml.acknowledge)
        .unwrap_or_default();
    let stale = acknowledged
        .iter()
        .enumerate()
        .filter(|(n, _)| !used.contains(n));
    let stale = stale.map(|(n, a)| {
        let at = places
            .get(n)
            .map(|place| line_and_column(release_toml, place.span().start));
        let line = a.line.map(|line| format!(":{line}")).unwrap_or_default();
        let text = format!("there is no warning {} about {}{line}", a.rule, a.file);
        let instead = rules::find("stale-acknowledgement").map_or("", |rule| rule.instead);
        Problem {
            at,
            ..Problem::file(FILE, text)
                .rule("stale-acknowledgement")
                .hint(instead)
        }
    });
    let stale: Vec<Problem> = stale.collect();
    let reason = |problem: &Problem| {
        fitting(problem)
            .first()
            .map(|i| acknowledged[*i].reason.clone())
    };
    let all = problems.into_iter().chain(stale);
    let mut findings: Vec<Finding> = all
        .map(|problem| Finding {
            acknowledged: reason(&problem),
            problem,
        })
        .collect();
    sort(&mut findings);
    // A file included by two scripts is read twice.
    findings.dedup();
    findings
}
