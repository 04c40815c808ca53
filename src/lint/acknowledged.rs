//! `[[acknowledge]]`: which warnings somebody has looked at and let stay.

use serde::Deserialize;
use toml::Spanned;

use crate::bundle::problem::Problem;
use crate::bundle::release_toml::{FILE, line_and_column};
use crate::rules;
use pgseal_verify::format::manifest::Acknowledgement;

/// A warning, and why it may stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What, and where.
    pub problem: Problem,
    /// The reason of the acknowledgement, if there is one.
    pub acknowledged: Option<String>,
}

#[derive(Deserialize)]
struct Toml {
    #[serde(default)]
    acknowledge: Vec<Spanned<toml::Table>>,
}

/// Pairs warnings with acknowledgements; one that matches nothing is a warning itself. By file and place.
pub fn sort_out(problems: Vec<Problem>, acknowledged: &[Acknowledgement], release_toml: &str) -> Vec<Finding> {
    let fits = |a: &Acknowledgement, problem: &Problem| {
        a.rule.as_str() == problem.rule
            && a.file.as_str() == problem.file
            && a.line.is_none_or(|line| problem.at.is_some_and(|(at, _)| at == line.get()))
    };
    let places = toml::from_str::<Toml>(release_toml).map(|toml| toml.acknowledge).unwrap_or_default();
    let stale = acknowledged.iter().enumerate().filter(|(_, a)| !problems.iter().any(|problem| fits(a, problem)));
    let stale = stale.map(|(n, a)| {
        let at = places.get(n).map(|place| line_and_column(release_toml, place.span().start));
        let line = a.line.map(|line| format!(":{line}")).unwrap_or_default();
        let text = format!("there is no warning {} about {}{line}", a.rule, a.file);
        let instead = rules::find("stale-acknowledgement").map_or("", |rule| rule.instead);
        Problem { at, ..Problem::file(FILE, text).rule("stale-acknowledgement").hint(instead) }
    });
    let stale: Vec<Problem> = stale.collect();
    let reason = |problem: &Problem| acknowledged.iter().find(|a| fits(a, problem)).map(|a| a.reason.clone());
    let all = problems.into_iter().chain(stale);
    let mut findings: Vec<Finding> = all.map(|problem| Finding { acknowledged: reason(&problem), problem }).collect();
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| (finding.problem.file.clone(), finding.problem.at, finding.problem.rule);
        key(a).cmp(&key(b))
    });
    // A file that two scripts include is read twice.
    findings.dedup();
    findings
}
