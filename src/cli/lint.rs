//! `pgseal lint DIR`

mod process;
pub mod worker;

use std::path::PathBuf;

use serde_json::json;

use super::{CliError, Exit, Output, escape};
use crate::bundle::definition::{Definition, DefinitionError};
use crate::bundle::problem::Problem;
use crate::lint::points::{self, Point};
use crate::lint::{Finding, pages, sarif, warnings};
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
    /// End with 2 also for warnings that nobody has acknowledged
    #[arg(long)]
    strict: bool,
    /// Write SARIF 2.1.0 to stdout
    #[arg(long)]
    sarif: bool,
    /// The page of one rule: what it means, an example, and what to do instead
    #[arg(long, value_name = "RULE", conflicts_with_all = ["dir", "strict", "sarif", "rules"])]
    explain: Option<String>,
    /// List all rules
    #[arg(long, conflicts_with_all = ["dir", "strict", "sarif"])]
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
    match Definition::read(dir) {
        Ok(definition) => {
            let findings = found_in(&definition);
            let release = &definition.manifest().release;
            tell(
                args,
                Some(release),
                &findings,
                &points::of_definition(&definition),
                out,
            );
            let (open, acknowledged) = count(&findings);
            let beside = if acknowledged == 0 {
                String::new()
            } else {
                format!(", {acknowledged} acknowledged")
            };
            let how_many = if open == 0 {
                "no problems".to_owned()
            } else {
                plural::count(open, "warning")
            };
            if !args.sarif {
                out.line(format!(
                    "{}: {how_many}{beside}",
                    title(&release.name, &release.version)
                ));
            }
            if args.strict && open > 0 {
                let text = format!(
                    "{} that nobody has acknowledged",
                    plural::count(open, "warning")
                );
                let hint = "`pgseal lint --explain RULE` says what to do instead; what may stay is named by [[acknowledge]] in release.toml";
                return Err(CliError::usage(text).hint(hint).answered());
            }
            Ok(Exit::Done)
        }
        Err(DefinitionError::Problems(problems)) => {
            let text = format!(
                "{}: the release would not pack",
                plural::count(problems.len(), "problem")
            );
            let findings = problems.into_iter().map(|problem| Finding {
                problem,
                acknowledged: None,
            });
            tell(args, None, &findings.collect::<Vec<_>>(), &[], out);
            Err(CliError::usage(text).answered())
        }
        Err(error) => Err(error.into()),
    }
}

/// Warnings about a valid release definition.
pub fn found_in(definition: &Definition) -> Vec<Finding> {
    warnings(definition, &Process::own())
}

/// Number of open and of acknowledged warnings.
pub fn count(findings: &[Finding]) -> (usize, usize) {
    let open = findings
        .iter()
        .filter(|finding| finding.acknowledged.is_none())
        .count();
    (open, findings.len() - open)
}

fn tell(
    args: &Args,
    release: Option<&Release>,
    findings: &[Finding],
    points: &[Point],
    out: Output,
) {
    if args.sarif {
        return out.json_line(&sarif::log(findings));
    }
    let list: Vec<_> = findings.iter().map(document).collect();
    out.document(
        &json!({ "release": release, "problems": list, "points": super::points::document(points) }),
    );
    for Finding {
        problem,
        acknowledged,
    } in findings
    {
        let what = match acknowledged {
            Some(_) => "acknowledged",
            None => severity(problem).as_str(),
        };
        let place = match problem.at {
            Some((line, column)) => format!("{}:{line}:{column}", problem.file),
            None => problem.file.clone(),
        };
        out.line(escape(&format!(
            "{place}: {what} [{}]: {}",
            problem.rule, problem.message
        )));
        if let Some(below) = acknowledged.as_ref().or(problem.hint.as_ref()) {
            out.line(format!("    {}", escape(below)));
        }
    }
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
    out.line(format!(
        "{} ({})\n\n{page}",
        rule.id,
        rule.severity.as_str()
    ));
    Ok(Exit::Done)
}

fn list(out: Output) -> Result<Exit, CliError> {
    let rules = RULES
        .iter()
        .map(|rule| json!({ "rule": rule.id, "severity": rule.severity, "summary": rule.summary }));
    out.document(&json!({ "rules": rules.collect::<Vec<_>>() }));
    for rule in RULES {
        out.line(format!(
            "{:<8} {:<36} {}",
            rule.severity.as_str(),
            rule.id,
            rule.summary
        ));
    }
    Ok(Exit::Done)
}
