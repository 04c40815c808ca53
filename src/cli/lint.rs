//! `pgseal lint DIR`

mod acknowledge;
mod process;
mod show;
pub mod worker;

use std::path::PathBuf;

use serde_json::json;

use super::{CliError, Exit, Output};
use crate::bundle::definition::{Definition, DefinitionError};
use crate::bundle::problem::Problem;
use crate::lint::points::{self, Point};
use crate::lint::{Finding, pages, sarif, sort, warnings};
use crate::rules::{self, RULES, Severity};
use pgseal_verify::format::manifest::Release;
use pgseal_verify::format::statement::title;
use pgseal_verify::plural;
use process::Process;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The release directory
    #[arg(required_unless_present_any = ["explain", "rules"])]
    dir: Option<PathBuf>,
    /// Exit with 2 also for unacknowledged warnings
    #[arg(long)]
    strict: bool,
    /// Write an [[acknowledge]] block with this reason into release.toml for each warning
    #[arg(long, value_name = "REASON", conflicts_with = "sarif")]
    acknowledge: Option<String>,
    /// Write SARIF 2.1.0 to stdout
    #[arg(long)]
    sarif: bool,
    /// The page of one rule: meaning, example and alternative
    #[arg(long, value_name = "RULE", conflicts_with_all = ["dir", "strict", "sarif", "acknowledge", "rules"])]
    explain: Option<String>,
    /// List all rules
    #[arg(long, conflicts_with_all = ["dir", "strict", "sarif", "acknowledge"])]
    rules: bool,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    if let Some(id) = &args.explain {
        return explain(id, out);
    }
    let Some(dir) = &args.dir else {
        return list(out);
    };
    if args.sarif && out.json {
        return Err(CliError::usage(
            "--sarif and --json are two forms of one answer: choose one",
        ));
    }
    let mut definition = match Definition::read(dir) {
        Ok(definition) => definition,
        Err(DefinitionError::Problems(problems)) => {
            let number = plural::count(problems.len(), "problem");
            let findings = problems.into_iter().map(|problem| Finding {
                problem,
                acknowledged: None,
            });
            let mut findings: Vec<_> = findings.collect();
            sort(&mut findings);
            report(args, None, &findings, &[], 0, out);
            let text = format!("{number}: the release would not pack");
            return Err(CliError::usage(text));
        }
        Err(error) => return Err(error.into()),
    };
    let mut findings = found_in(&definition);
    let mut written = 0;
    if let Some(reason) = &args.acknowledge {
        written = acknowledge::write(dir, &findings, reason, out)?;
        if written > 0 {
            definition = Definition::read(dir)?;
            findings = found_in(&definition);
        }
    }
    let release = &definition.manifest().release;
    let points = points::of_definition(&definition);
    report(args, Some(release), &findings, &points, written, out);
    let (open, acknowledged) = count(&findings);
    let warnings = plural::count(open, "warning");
    if !args.sarif {
        let title = title(&release.name, &release.version);
        let number = if open == 0 { "no problems" } else { &warnings };
        let others = match acknowledged {
            0 => String::new(),
            acknowledged => format!(", {acknowledged} acknowledged"),
        };
        out.line(format!("{title}: {number}{others}"));
    }
    if args.strict && open > 0 {
        let text = format!("{warnings} not acknowledged");
        return Err(CliError::usage(text).hint(
            "`pgseal lint --explain RULE` says what to do instead; what may stay is named by [[acknowledge]] in release.toml",
        ));
    }
    Ok(Exit::Done)
}

/// Warnings about a valid release definition.
pub fn found_in(definition: &Definition) -> Vec<Finding> {
    warnings(definition, &Process::own())
}

/// Number of open and of acknowledged warnings.
pub fn count(findings: &[Finding]) -> (usize, usize) {
    let is_open = |finding: &&Finding| finding.acknowledged.is_none();
    let open = findings.iter().filter(is_open).count();
    (open, findings.len() - open)
}

fn report(
    args: &Args,
    release: Option<&Release>,
    findings: &[Finding],
    points: &[Point],
    written: usize,
    out: Output,
) {
    if args.sarif {
        return out.json_line(&sarif::log(findings));
    }
    let list: Vec<_> = findings.iter().map(document).collect();
    out.document(
        &json!({ "release": release, "problems": list, "points": super::points::document(points), "acknowledgements_written": written }),
    );
    show::findings(findings, out);
    super::points::show(points, out);
}

fn severity(problem: &Problem) -> Severity {
    rules::find(problem.rule).map_or(Severity::Error, |rule| rule.severity)
}

fn document(finding: &Finding) -> serde_json::Value {
    let problem = &finding.problem;
    let (line, column) = problem.at.unzip();
    json!({
        "file": problem.file, "line": line, "column": column, "message": problem.message, "hint": problem.hint,
        "rule": problem.rule, "severity": severity(problem), "acknowledged": finding.acknowledged,
    })
}

fn explain(id: &str, out: Output) -> Result<Exit, CliError> {
    let found = rules::find(id).zip(pages::page(id));
    let (rule, page) = found.ok_or_else(|| {
        CliError::usage(format!("there is no lint rule {id:?}"))
            .hint("`pgseal lint --rules` lists them")
    })?;
    out.document(&json!({ "rule": rule.id, "severity": rule.severity, "summary": rule.summary, "page": page }));
    let severity = rule.severity.as_str();
    out.line(format!("{} ({severity})\n\n{page}", rule.id));
    Ok(Exit::Done)
}

fn list(out: Output) -> Result<Exit, CliError> {
    let rules = RULES
        .iter()
        .map(|rule| json!({ "rule": rule.id, "severity": rule.severity, "summary": rule.summary }));
    out.document(&json!({ "rules": rules.collect::<Vec<_>>() }));
    for rule in RULES {
        let (severity, id) = (rule.severity.as_str(), rule.id);
        out.line(format!("{severity:<8} {id:<36} {}", rule.summary));
    }
    Ok(Exit::Done)
}
