//! `pinned-live-count`: counts of rows that production writes, expected as a constant. The next row
//! makes the check fail, and the rollback with it.

use std::collections::{BTreeMap, HashSet};

use super::scripts::{Purpose, Reading, place};
use crate::bundle::definition::Definition;
use crate::bundle::lint::declared;
use crate::bundle::problem::Problem;
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::expectation::Expectation;
use pgseal_verify::format::manifest::State;
use psql_script::{ObjectName, Statement, Step, Tokens, explore};

const RULE: &str = "pinned-live-count";

/// Finds pinned counts in probes and verify scripts.
pub fn problems(definition: &Definition, readings: &[Reading]) -> Vec<Problem> {
    let manifest = definition.manifest();
    let mut found = Vec::new();
    let own = Own::of(readings);
    for state in definition.states() {
        each_statement(definition, &state.probe, |statement| {
            found.extend(in_probe(statement, state, &own));
        });
    }
    for script in &manifest.verify {
        each_statement(definition, &script.file, |statement| {
            found.extend(in_check(statement, &own));
        });
    }
    let mut known = HashSet::new();
    found.retain(|problem| known.insert(problem.to_string()));
    found
}

fn each_statement(definition: &Definition, file: &EntryPath, mut work: impl FnMut(&Statement)) {
    let variables = declared(definition.manifest());
    explore(definition.source(), file.as_str(), &variables, |_, step| {
        if let Ok((_, Step::Statement(statement))) = step {
            work(&statement);
        }
    });
}

/// Names of the objects that the release creates, whose rows are its own.
struct Own(HashSet<String>);

impl Own {
    fn of(readings: &[Reading]) -> Self {
        let tiers = readings
            .iter()
            .filter(|reading| reading.purpose == Purpose::Tier);
        let created = tiers.flat_map(|reading| &reading.acts).flat_map(|act| {
            let temporary = act.effects.temporary.iter().cloned();
            let created = act
                .effects
                .created
                .iter()
                .map(|object| object.name.name.clone());
            created.chain(temporary)
        });
        Self(created.collect())
    }

    /// Whether others write to the relation. Catalogs change by releases only.
    fn is_live(&self, name: &ObjectName) -> bool {
        let in_catalog = matches!(
            name.schema.as_deref(),
            Some("pg_catalog" | "information_schema")
        );
        !in_catalog && !name.name.starts_with("pg_") && !self.0.contains(&name.name)
    }
}

/// A count of a relation's rows.
struct Count {
    /// The token `count`, and that behind its parenthesis.
    at: usize,
    behind: usize,
    from: String,
}

/// Counts whose `FROM` begins with a relation that others write to.
fn live_counts<'t>(tokens: &'t Tokens<'_>, own: &'t Own) -> impl Iterator<Item = Count> + 't {
    (0..tokens.len()).filter_map(move |at| {
        if !tokens.is(at, "count") || !tokens.mark(at + 1, b'(') {
            return None;
        }
        let behind = tokens.behind_parenthesis(at + 1);
        let (mut i, mut depth) = (behind, 0_isize);
        while i < tokens.len() && !(depth <= 0 && tokens.is(i, "from")) {
            depth += isize::from(tokens.mark(i, b'(')) - isize::from(tokens.mark(i, b')'));
            // Another query of a UNION, or a subquery that ends without FROM.
            if depth < -1 || depth == 0 && tokens.is(i, "union") {
                return None;
            }
            i += 1;
        }
        let (name, next) = tokens.name(i + 1)?;
        if tokens.mark(next, b'(') {
            // A function.
            return None;
        }
        let from = name.name.clone();
        own.is_live(&name).then_some(Count { at, behind, from })
    })
}

/// Counts in the select list of a probe whose column has a constant.
fn in_probe(statement: &Statement, state: &State, own: &Own) -> Vec<Problem> {
    let tokens = Tokens::new(&statement.sql);
    let columns = columns(&tokens);
    let counts = live_counts(&tokens, own).filter_map(|count| {
        let (_, name) = columns.range(count.at..).next()?;
        match state.expect.get(name)? {
            Expectation::Integer(pinned) if *pinned > 1 => {
                Some(problem(statement, &tokens, &count, &pinned.to_string()))
            }
            _ => None,
        }
    });
    counts.collect()
}

/// The names of a select list's columns, by the token that ends them.
fn columns(tokens: &Tokens<'_>) -> BTreeMap<usize, String> {
    let (mut columns, mut depth) = (BTreeMap::new(), 0_isize);
    for i in 0..=tokens.len() {
        depth += isize::from(tokens.mark(i, b'(')) - isize::from(tokens.mark(i, b')'));
        let ends = tokens.mark(i, b',') || tokens.mark(i, b';') || tokens.is(i, "from");
        if depth > 0 || !(ends || i == tokens.len()) {
            continue;
        }
        if let Some(name) = i.checked_sub(1).and_then(|last| tokens.identifier(last)) {
            columns.insert(i, name);
        }
        if tokens.is(i, "from") {
            break;
        }
    }
    columns
}

/// Counts in a verify script that are compared with a number.
fn in_check(statement: &Statement, own: &Own) -> Vec<Problem> {
    let tokens = Tokens::new(&statement.sql);
    let number = |i: usize| {
        tokens
            .text(i)
            .parse::<u64>()
            .ok()
            .filter(|number| *number > 1)
    };
    let counts = live_counts(&tokens, own).filter_map(|count| {
        // Behind the parentheses of a subquery, too.
        let mut i = count.behind;
        if tokens.is(i, "from") {
            let open = (0..count.at).rev().find(|open| tokens.mark(*open, b'('))?;
            i = tokens.behind_parenthesis(open);
        }
        let pinned = tokens.mark(i, b'=').then(|| number(i + 1)).flatten()?;
        Some(problem(statement, &tokens, &count, &pinned.to_string()))
    });
    counts.collect()
}

fn problem(statement: &Statement, tokens: &Tokens<'_>, count: &Count, pinned: &str) -> Problem {
    let text = format!(
        "the number of rows in {} is expected to be {pinned}, and production writes them",
        count.from
    );
    Problem::at(&place(statement, tokens.start(count.at)), text).rule(RULE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(sql: &str) -> Vec<String> {
        let own = Own(HashSet::from(["made".to_owned()]));
        let tokens = Tokens::new(sql);
        live_counts(&tokens, &own).map(|count| count.from).collect()
    }

    #[test]
    fn the_relation_of_a_count() {
        assert_eq!(live("select count(*) from public.t"), ["t"]);
        assert_eq!(
            live("select (select count(*) from a where x) as n, b from c"),
            ["a"]
        );
        assert_eq!(
            live("select count(*) = 3 as ok, (select 1 from z) from t"),
            ["t"]
        );
        assert_eq!(live("select count(distinct x) from \"T\""), ["T"]);
        for sql in [
            "select count(*) from one_roof.made",
            "select count(*) from pg_catalog.pg_class",
            "select count(*) from pg_stat_activity",
            "select count(*) from (select 1) as s",
            "select count(*) union all select 1 from t",
            "select count from t",
            "select count(*) from jsonb_object_keys(body)",
        ] {
            assert_eq!(live(sql), [""; 0], "{sql}");
        }
    }

    #[test]
    fn columns_by_their_names() {
        let sql = "select (select count(*) from a) as n, b, coalesce(c, 1) as \"D\" from t, u";
        let names: Vec<_> = columns(&Tokens::new(sql)).into_values().collect();
        assert_eq!(names, ["n", "b", "D"]);
    }
}
