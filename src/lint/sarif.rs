//! Findings as SARIF 2.1.0 (OASIS), the exchange format of static analysis tools.

use serde_json::{Value, json};

use super::acknowledged::Finding;
use super::pages;
use crate::rules::{self, RULES, Severity};
use pgseal_verify::format::version::PGSEAL;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// One log with one run. Acknowledged findings are suppressed results with their justification.
pub fn log(findings: &[Finding]) -> Value {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|rule| {
            let page = pages::page(rule.id).unwrap_or_default();
            json!({
                "id": rule.id,
                "shortDescription": { "text": rule.summary },
                "help": { "text": page, "markdown": page },
                "helpUri": format!("https://pgseal.invalid/docs/lint.md#{}", rule.id),
                "defaultConfiguration": { "level": rule.severity.as_str() },
            })
        })
        .collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "pgseal", "version": PGSEAL, "informationUri": "https://pgseal.invalid/", "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { "RELEASE": { "description": { "text": "the release directory" } } },
            "results": findings.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn result(finding: &Finding) -> Value {
    let problem = &finding.problem;
    let severity = rules::find(problem.rule).map_or(Severity::Error, |rule| rule.severity);
    let mut location =
        json!({ "artifactLocation": { "uri": uri(&problem.file), "uriBaseId": "RELEASE" } });
    if let Some((line, column)) = problem.at {
        location["region"] = json!({ "startLine": line, "startColumn": column });
    }
    let hint = problem
        .hint
        .as_ref()
        .map(|hint| format!(" ({hint})"))
        .unwrap_or_default();
    let mut result = json!({
        "ruleId": problem.rule,
        "level": severity.as_str(),
        "message": { "text": format!("{}{hint}", problem.message) },
        "locations": [{ "physicalLocation": location }],
        "suppressions": [],
    });
    if let Some(index) = RULES.iter().position(|rule| rule.id == problem.rule) {
        result["ruleIndex"] = json!(index);
    }
    if let Some(reason) = &finding.acknowledged {
        result["suppressions"] =
            json!([{ "kind": "external", "status": "accepted", "justification": reason }]);
    }
    result
}

/// A path as a relative URI reference.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes().fold(String::new(), |mut out, byte| {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_are_uris() {
        assert_eq!(uri("tiers/01 a:ü.sql"), "tiers/01%20a%3A%C3%BC.sql");
    }
}
