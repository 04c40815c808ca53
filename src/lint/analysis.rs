//! Runs squawk with limits: statements nested too deep are not sent, a script that crashes squawk
//! is left out of a retry, and skipped statements are reported.

use super::effects::Effects;
use super::objects::{Kind, Object, Objects};
use super::scripts::{Defining, Purpose, Reading, STATEMENT_BYTES};
use super::squawk::{Answer, Question, rules_for};
use crate::bundle::problem::Problem;
use crate::parallel;
use crate::rules;
use psql_script::{ObjectName, Tokens};

/// Most nested parentheses, brackets and the like; PostgreSQL itself ends at a few thousand.
const DEPTH: usize = 200;

/// Most bytes sent of the tiers, and of the rollback scripts: the parser's tree takes fifty times
/// as much memory.
const RELEASE_BYTES: usize = 4 * 1024 * 1024;

/// Cost of a process, in bytes hashed in the same time; enough to justify a thread.
const PROCESS_COST: u64 = 8 << 20;

/// A client of the analyzer, callable from two threads at once. The analyzer may crash on a
/// request.
pub trait SquawkClient: Sync {
    /// Sends a request. `Err` describes a crash in one line; the next request goes to a new
    /// process.
    fn ask(&self, question: &Question) -> Result<Answer, String>;
}

/// Checks the tiers as one transaction and the rollback scripts as another. They run in parallel,
/// since most of the time is process startup.
pub fn problems(readings: &[Reading], client: &dyn SquawkClient) -> Vec<Problem> {
    let new = new_objects(readings);
    let passing = passing_objects(readings);
    let judge = |purpose: &Purpose| {
        let (mut problems, mut left) = (Vec::new(), RELEASE_BYTES);
        let of_purpose = readings
            .iter()
            .filter(|reading| reading.purpose == *purpose);
        let scripts: Vec<Sent<'_>> = of_purpose
            .map(|reading| fit(reading, &mut left, &mut problems))
            .collect();
        let found = ask(
            &scripts,
            *purpose == Purpose::Rollback,
            client,
            &mut problems,
        );
        problems.extend(
            found
                .into_iter()
                .filter(|found| {
                    let passes = *purpose == Purpose::Rollback && found.is_about(&passing);
                    !found.is_about(&new) && !passes
                })
                .map(|found| found.problem),
        );
        problems
    };
    parallel::map(&[Purpose::Tier, Purpose::Rollback], |_| PROCESS_COST, judge).concat()
}

/// The statements of a script that are sent.
struct Sent<'a> {
    file: &'a str,
    definitions: Vec<&'a Defining>,
}

/// Leaves out statements that are too large or too deep, with a warning for each.
fn fit<'a>(reading: &'a Reading, left: &mut usize, problems: &mut Vec<Problem>) -> Sent<'a> {
    let mut definitions = Vec::new();
    for definition in &reading.definitions {
        let sql = &definition.statement.sql;
        let why = if sql.len() > STATEMENT_BYTES {
            "it is longer than 512 KiB"
        } else if sql.len() > *left {
            "the release has more than 4 MiB of definitions"
        } else if depth(sql) > DEPTH {
            "it nests more than 200 deep"
        } else {
            *left -= sql.len();
            definitions.push(definition);
            continue;
        };
        let text = format!("this statement was not looked at: {why}");
        problems.push(Problem::at(&definition.place(0), text).rule("lint-incomplete"));
    }
    Sent {
        file: reading.file.as_str(),
        definitions,
    }
}

/// The nesting depth of brackets, CASE and prefix operators, each of which is a recursive call of
/// the parser.
fn depth(sql: &str) -> usize {
    let (mut open, mut prefix, mut deepest) = (0_usize, 0_usize, 0_usize);
    let tokens = Tokens::new(sql);
    for i in 0..tokens.len() {
        let is = |words: &[&str]| words.iter().any(|word| tokens.is(i, word));
        if is(&["(", "[", "case", "begin"]) {
            open += 1;
        } else if is(&[")", "]", "end"]) {
            open = open.saturating_sub(1);
        }
        prefix = if is(&["not", "-", "+", "~", "!", "@"]) {
            prefix + 1
        } else {
            0
        };
        deepest = deepest.max(open + prefix);
    }
    deepest
}

/// A finding with its statement.
struct StatementProblem<'a> {
    problem: Problem,
    definition: &'a Defining,
}

impl StatementProblem<'_> {
    /// Whether it is about one of these objects alone: no client uses them, so no session waits for
    /// their locks.
    fn is_about(&self, objects: &Objects) -> bool {
        if matches!(self.problem.rule, "syntax" | "identifier-too-long") {
            return false;
        }
        let effects = &self.definition.effects;
        let about = effects.about.as_ref();
        if about.is_some_and(|about| objects.contains_relation(about)) {
            return true;
        }
        // The other actions of an ALTER TABLE lock a table that is older.
        let rule = self.problem.rule;
        let names_it = rule.starts_with("ban-drop") || rule.starts_with("renaming");
        let renamed = effects.renamed.iter().map(|(from, _)| from);
        let mut dropped = effects.dropped.iter().chain(renamed).peekable();
        (about.is_none() || names_it)
            && dropped.peek().is_some()
            && dropped.all(|object| objects.contains(object))
    }
}

/// Objects that the tiers create. A name that is dropped first and created again is not new.
fn new_objects(readings: &[Reading]) -> Objects {
    let (mut new, mut gone) = (Objects::default(), Objects::default());
    let mut undone = Objects::default();
    let dropped = definitions(readings, Purpose::Rollback);
    undone.extend(dropped.flat_map(|effects| effects.dropped.iter().cloned()));
    for effects in definitions(readings, Purpose::Tier) {
        let Effects {
            created,
            dropped,
            renamed,
            ..
        } = effects;
        gone.extend(
            dropped
                .iter()
                .filter(|object| !new.contains(object))
                .cloned(),
        );
        let created = created.iter().filter(|object| {
            !gone.contains(object) && (is_certain(object, &new) || undone.contains(object))
        });
        let created: Vec<_> = created.cloned().collect();
        new.extend(created);
        for (from, to) in renamed {
            let mut renamed = new.of_name(&from.name.name).to_vec();
            renamed.retain(|object| object.can_be(from));
            for object in &mut renamed {
                object.name.name.clone_from(to);
            }
            new.extend(renamed);
        }
    }
    // The name of an index that a tier drops doesn't tell its table; a rollback script that makes it
    // again does.
    let made_again = definitions(readings, Purpose::Rollback).flat_map(|effects| &effects.created);
    let is_of_new = |index: &&Object| {
        let table = index.of.as_ref();
        index.kind == Kind::Index && table.is_some_and(|table| new.contains_relation(table))
    };
    let made_again: Vec<_> = made_again.filter(is_of_new).cloned().collect();
    new.extend(made_again);
    new
}

/// Objects that the rollback scripts drop or create: their transaction locks them anyway.
fn passing_objects(readings: &[Reading]) -> Objects {
    let mut passing = Objects::default();
    for effects in definitions(readings, Purpose::Rollback) {
        let created = effects.created.iter();
        let created: Vec<_> = created
            .filter(|object| is_certain(object, &passing))
            .cloned()
            .collect();
        passing.extend(created);
        passing.extend(effects.dropped.iter().cloned());
    }
    passing
}

/// Whether the statement creates it, and does not find it. `IF NOT EXISTS` finds no part of an
/// object that is new. An object that a rollback script drops is new too, because the baseline
/// would lack it otherwise; the caller compares those.
fn is_certain(object: &Object, new: &Objects) -> bool {
    let schema = object.name.schema.as_ref();
    let holders = object
        .of
        .iter()
        .cloned()
        .chain(schema.map(|schema| ObjectName {
            schema: None,
            name: schema.clone(),
        }));
    !object.conditional || holders.into_iter().any(|name| new.contains_relation(&name))
}

/// The effects of the definitions of all scripts for a purpose, in order.
fn definitions(readings: &[Reading], purpose: Purpose) -> impl Iterator<Item = &Effects> {
    let of_purpose = readings
        .iter()
        .filter(move |reading| reading.purpose == purpose);
    of_purpose.flat_map(|reading| reading.definitions.iter().map(|found| &found.effects))
}

/// Checks all scripts at once. After a crash, finds the scripts that cause it and checks the
/// others.
fn ask<'a>(
    scripts: &[Sent<'a>],
    rollback: bool,
    client: &dyn SquawkClient,
    problems: &mut Vec<Problem>,
) -> Vec<StatementProblem<'a>> {
    let all: Vec<&Sent<'a>> = scripts
        .iter()
        .filter(|script| !script.definitions.is_empty())
        .collect();
    if all.is_empty() {
        return Vec::new();
    }
    let why = match ask_once(&all, rollback, client) {
        Ok(found) => return found,
        Err(why) => why,
    };
    if let [only] = all[..] {
        problems.push(incomplete(only, &why));
        return Vec::new();
    }
    let mut fit = Vec::new();
    for script in all {
        match ask_once(&[script], rollback, client) {
            Ok(_) => fit.push(script),
            Err(why) => problems.push(incomplete(script, &why)),
        }
    }
    ask_once(&fit, rollback, client).unwrap_or_else(|why| {
        problems.extend(fit.iter().map(|script| incomplete(script, &why)));
        Vec::new()
    })
}

fn incomplete(script: &Sent<'_>, why: &str) -> Problem {
    Problem::file(
        script.file,
        format!("the rules about locks and clients did not see this script: {why}"),
    )
    .rule("lint-incomplete")
}

fn ask_once<'a>(
    scripts: &[&Sent<'a>],
    rollback: bool,
    client: &dyn SquawkClient,
) -> Result<Vec<StatementProblem<'a>>, String> {
    let definitions: Vec<&'a Defining> = scripts
        .iter()
        .flat_map(|script| script.definitions.iter().copied())
        .collect();
    let statements = definitions
        .iter()
        .map(|definition| definition.statement.sql.clone())
        .collect();
    let answer = client.ask(&Question {
        rules: rules_for(rollback),
        statements,
    })?;
    let found = answer.findings.into_iter().map(|finding| {
        let definition = *definitions
            .get(finding.statement)
            .ok_or("it answered about another text")?;
        let rule = rules::find(&finding.rule).ok_or("it answered with another rule")?;
        let message = match rule.id {
            "syntax" => format!(
                "the linter's parser did not understand this: {}",
                finding.message
            ),
            _ => finding.message,
        };
        let problem = Problem::at(&definition.place(finding.at), message)
            .hint(rule.instead)
            .rule(rule.id);
        Ok(StatementProblem {
            problem,
            definition,
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::depth;

    #[test]
    fn what_nests() {
        assert_eq!(depth("select ((1))"), 2);
        assert_eq!(depth("select 'a((((' -- (((("), 0);
        for hostile in ["(", "[", "case when ", "not ", "- "] {
            assert!(
                depth(&format!(
                    "create view v as select {}",
                    hostile.repeat(20_000)
                )) > 200,
                "{hostile}"
            );
        }
    }
}
