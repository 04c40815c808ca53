//! Runs squawk's rules on statements, in a separate process (`pgseal lint-worker`): the parser
//! recurses, so an input can crash it. Input and output are plain data; `analysis` is the caller.

use serde::{Deserialize, Serialize};
use squawk_linter::{Linter, Rule, Violation};
use squawk_syntax::SourceFile;

use crate::rules;
use psql_script::without_comments;

/// Statements that are checked together, in order of execution.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Names of squawk rules.
    pub rules: Vec<String>,
    pub statements: Vec<String>,
}

/// The findings of a request.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// In order of statements.
    pub findings: Vec<Finding>,
}

/// A violation in a statement.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Index of the statement, from 0.
    pub statement: usize,
    /// Byte offset in the statement.
    pub at: usize,
    /// Squawk's rule, or `syntax`.
    pub rule: String,
    pub message: String,
}

/// Checks the statements.
pub fn answer(question: &Question) -> Answer {
    let mut findings = Vec::new();
    let mut text = String::new();
    // Start offset in the text, and index of each statement.
    let mut starts: Vec<(usize, usize)> = Vec::new();
    for (statement, sql) in question.statements.iter().enumerate() {
        let sql = without_comments(sql);
        let parse = SourceFile::parse(&sql);
        if let Some(error) = parse.errors().first() {
            let at = usize::from(error.range().start());
            findings.push(Finding {
                statement,
                at,
                rule: "syntax".into(),
                message: error.message().to_owned(),
            });
            continue;
        }
        starts.push((text.len(), statement));
        text.push_str(&sql);
        text.push_str(if sql.trim_end().ends_with(';') {
            "\n"
        } else {
            ";\n"
        });
    }
    let wanted = question
        .rules
        .iter()
        .filter_map(|name| name.parse::<Rule>().ok());
    let mut linter = Linter::from(wanted);
    linter.settings.assume_in_transaction = true;
    let violations = linter.lint(&SourceFile::parse(&text), &text);
    findings.extend(most_exact(violations).into_iter().map(|violation| {
        let at = usize::from(violation.text_range.start());
        let index = starts
            .partition_point(|(start, _)| *start <= at)
            .saturating_sub(1);
        let (start, statement) = starts.get(index).copied().unwrap_or_default();
        let message = violation
            .message
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        Finding {
            statement,
            at: at - start,
            rule: violation.code.to_string(),
            message,
        }
    }));
    Answer { findings }
}

/// Keeps the more specific violation where a foreign key without NOT VALID breaks two rules.
fn most_exact(mut violations: Vec<Violation>) -> Vec<Violation> {
    let exact = [
        Rule::AddingForeignKeyConstraint,
        Rule::DisallowedUniqueConstraint,
        Rule::AddingSerialPrimaryKeyField,
    ];
    let ranges = violations.iter().filter(|v| exact.contains(&v.code));
    let ranges: Vec<_> = ranges.map(|v| v.text_range).collect();
    let is_covered = |v: &Violation| {
        let mut ranges = ranges.iter();
        ranges.any(|range| range.intersect(v.text_range).is_some())
    };
    violations.retain(|v| v.code != Rule::ConstraintMissingNotValid || !is_covered(v));
    violations
}

/// The squawk rules for tiers or for rollback scripts, which may drop the objects of their tiers.
pub fn rules_for(rollback: bool) -> Vec<String> {
    let undoes = |id: &str| {
        id.starts_with("ban-drop")
            || id.starts_with("renaming")
            || id == "ban-set-schema"
            || id == "ban-disable-trigger"
            || id == "require-concurrent-index-deletion"
    };
    let ids = rules::RULES.iter().map(|rule| rule.id);
    ids.filter(|id| id.parse::<Rule>().is_ok() && !(rollback && undoes(id)))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(statements: &[&str]) -> Vec<(usize, String)> {
        let statements = statements.iter().map(|sql| (*sql).to_owned()).collect();
        let answer = answer(&Question {
            rules: rules_for(false),
            statements,
        });
        answer
            .findings
            .into_iter()
            .map(|finding| (finding.statement, finding.rule))
            .collect()
    }

    #[test]
    fn one_rule_for_one_fault() {
        let sql = "alter table t add constraint f foreign key (a) references u (a);";
        assert_eq!(
            found(&[sql]),
            [(0, "adding-foreign-key-constraint".to_owned())]
        );
    }

    #[test]
    fn a_statement_that_is_not_understood_hides_no_other() {
        let sql = [
            "select from where ((;",
            "drop table t",
            "create frobnicate;",
            "drop table u;",
        ];
        let mut found = found(&sql);
        found.sort();
        let syntax = |n: usize| (n, "syntax".to_owned());
        let drop = |n: usize| (n, "ban-drop-table".to_owned());
        assert_eq!(found, [syntax(0), drop(1), syntax(2), drop(3)]);
    }

    #[test]
    fn comments_switch_nothing_off() {
        for comment in [
            "-- squawk-ignore ban-drop-table\n",
            "-- squawk-ignore-file\n",
            "/* squawk-ignore-file */",
        ] {
            assert_eq!(
                found(&[&format!("{comment}drop table t;")]),
                [(0, "ban-drop-table".to_owned())]
            );
        }
        let sql = [
            "-- squawk-disable-assume-in-transaction\ncreate table t (a bigint);",
            "create index i on t (a);",
        ];
        assert_eq!(found(&sql), []);
    }

    #[test]
    fn an_index_of_a_new_table_blocks_nobody() {
        assert_eq!(
            found(&["create table t (a bigint);", "create index i on t (a);"]),
            []
        );
        assert_eq!(
            found(&["create index i on t (a);"]),
            [(0, "require-concurrent-index-creation".to_owned())]
        );
    }
}
