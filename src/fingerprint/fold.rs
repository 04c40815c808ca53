//! Folds differences for people: the parts of a new or missing object are counted in the object's
//! line.

use std::collections::HashMap;
use std::fmt;

use super::difference::{Change, Difference};
use pgseal_verify::format::fingerprint::Fingerprint;

/// A difference, and the differences that it implies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded<'a> {
    pub difference: &'a Difference,
    /// Its parts, which are new or missing with it.
    pub members: Vec<&'a Difference>,
}

/// Kinds with columns, constraints, indexes and rows.
const RELATIONS: [&str; 4] = ["table", "foreign table", "view", "materialized view"];

/// Folds the differences between two fingerprints; the order stays the same.
pub fn folded<'a>(
    a: &Fingerprint,
    b: &Fingerprint,
    differences: &'a [Difference],
) -> Vec<Folded<'a>> {
    let whole = Wholes::of(a, b, differences);
    let mut members: HashMap<usize, Vec<&Difference>> = HashMap::new();
    let mut roots = Vec::new();
    for (at, difference) in differences.iter().enumerate() {
        match whole.root(at) {
            root if root == at => roots.push(at),
            root => members.entry(root).or_default().push(difference),
        }
    }
    let fold = |at| Folded {
        difference: &differences[at],
        members: members.remove(&at).unwrap_or_default(),
    };
    roots.into_iter().map(fold).collect()
}

/// Objects that only one of the two has.
struct Wholes<'a> {
    differences: &'a [Difference],
    of: [&'a Fingerprint; 2],
    /// Index of each difference, by identity.
    places: HashMap<&'a str, usize>,
    /// The extension of each member, by identity.
    extensions: HashMap<&'a str, &'a str>,
}

impl<'a> Wholes<'a> {
    fn of(a: &'a Fingerprint, b: &'a Fingerprint, differences: &'a [Difference]) -> Self {
        let places = differences
            .iter()
            .enumerate()
            .filter(|(_, difference)| is_whole(difference));
        let places = places
            .map(|(at, difference)| (difference.object.as_str(), at))
            .collect();
        let mut found = Self {
            differences,
            of: [a, b],
            places,
            extensions: HashMap::new(),
        };
        for extension in differences
            .iter()
            .filter(|one| is_whole(one) && one.object.starts_with("extension "))
        {
            let definition = found.definition(extension, &extension.object);
            let members = definition
                .split_once("\nmembers: ")
                .map(|(_, members)| members.lines())
                .into_iter()
                .flatten();
            found
                .extensions
                .extend(members.map(|member| (member.trim_start(), extension.object.as_str())));
        }
        found
    }

    /// The index of the difference that reports this one.
    fn root(&self, mut at: usize) -> usize {
        // Nothing belongs to itself; the number of steps is bounded nevertheless.
        for _ in 0..8 {
            match self.parent(&self.differences[at]) {
                Some(parent) if parent != at => at = parent,
                _ => break,
            }
        }
        at
    }

    fn parent(&self, difference: &Difference) -> Option<usize> {
        if !is_whole(difference) {
            return None;
        }
        let alike = |at: &usize| self.differences[*at].change == difference.change;
        let named = |identity: &str| self.places.get(identity).copied().filter(alike);
        let relation = |name: &str| {
            RELATIONS
                .iter()
                .find_map(|kind| named(&format!("{kind} {name}")))
        };
        let object = difference.object.as_str();
        let definition = self.definition(difference, object);
        let by_kind = if let Some(inner) = remark(object) {
            named(inner)
        } else if let Some(sequence) = object.strip_prefix("value of ") {
            named(&format!("sequence {sequence}"))
        } else if let Some(table) = object.strip_prefix("rows of ") {
            relation(table)
        } else if let Some(column) = column(object) {
            relation(parts(column, ".")?.0)
        } else if let Some(constraint) = object.strip_prefix("domain constraint ") {
            named(&format!("type {}", parts(constraint, " on ")?.1))
        } else if ["constraint ", "trigger ", "rule ", "policy "]
            .iter()
            .any(|kind| object.starts_with(kind))
        {
            relation(parts(object, " on ")?.1)
        } else if object.starts_with("index ") {
            let (_, on) = parts(definition.split_once(" USING ")?.0, " ON ")?;
            relation(on.strip_prefix("ONLY ").unwrap_or(on))
        } else if object.starts_with("statistics object ") {
            relation(
                definition
                    .lines()
                    .find(|line| line.starts_with("definition: "))?
                    .rsplit_once(" FROM ")?
                    .1,
            )
        } else if object.starts_with("sequence ") {
            let column = definition
                .lines()
                .find_map(|line| line.strip_prefix("owned by: column "))?;
            relation(parts(column, ".")?.0)
        } else {
            None
        };
        by_kind.or_else(|| named(self.extensions.get(object)?))
    }

    fn definition(&self, difference: &Difference, object: &str) -> &'a str {
        let side = if difference.change == Change::Missing {
            0
        } else {
            1
        };
        self.of[side].objects.get(object).map_or("", String::as_str)
    }
}

fn is_whole(difference: &Difference) -> bool {
    matches!(difference.change, Change::Missing | Change::Added)
}

fn column(object: &str) -> Option<&str> {
    let of = RELATIONS
        .iter()
        .find_map(|kind| object.strip_prefix(kind)?.strip_prefix(" column "));
    object.strip_prefix("column ").or(of)
}

/// The object of a comment or a label.
fn remark(object: &str) -> Option<&str> {
    let label = || {
        Some(
            object
                .strip_prefix("security label of ")?
                .split_once(" on ")?
                .1,
        )
    };
    object.strip_prefix("comment on ").or_else(label)
}

/// The text before and after the last `by` outside of double quotes.
fn parts<'t>(text: &'t str, by: &str) -> Option<(&'t str, &'t str)> {
    let outside = |at: &usize| text[..*at].split('"').count() % 2 == 1;
    let at = text.rmatch_indices(by).map(|(at, _)| at).find(outside)?;
    Some((&text[..at], &text[at + by.len()..]))
}

/// One line: `table public.t is new (7 columns, 2 indexes)`.
impl fmt::Display for Folded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.difference.fmt(f)?;
        let mut kinds: Vec<(&str, usize)> = Vec::new();
        for kind in self.members.iter().map(|member| kind(&member.object)) {
            match kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, number)) => *number += 1,
                None => kinds.push((kind, 1)),
            }
        }
        let said = kinds
            .into_iter()
            .map(|(kind, number)| match (number, kind) {
                (_, "its rows" | "its value") => kind.to_owned(),
                (1, _) => format!("1 {kind}"),
                (_, "index") => format!("{number} indexes"),
                (_, "policy") => format!("{number} policies"),
                _ => format!("{number} {kind}s"),
            });
        match said.collect::<Vec<_>>() {
            none if none.is_empty() => Ok(()),
            said => write!(f, " ({})", said.join(", ")),
        }
    }
}

fn kind(object: &str) -> &'static str {
    const KINDS: [(&str, &str); 16] = [
        ("comment on ", "comment"),
        ("security label of ", "security label"),
        ("rows of ", "its rows"),
        ("value of ", "its value"),
        ("column ", "column"),
        ("view column ", "column"),
        ("materialized view column ", "column"),
        ("foreign table column ", "column"),
        ("domain constraint ", "constraint"),
        ("constraint ", "constraint"),
        ("index ", "index"),
        ("trigger ", "trigger"),
        ("sequence ", "sequence"),
        ("policy ", "policy"),
        ("rule ", "rule"),
        ("statistics object ", "statistics object"),
    ];
    KINDS
        .iter()
        .find(|(start, _)| object.starts_with(start))
        .map_or("object", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::differences;
    use pgseal_verify::format::fingerprint::{Scope, TableData};
    use pgseal_verify::format::version::Format1;

    fn fingerprint(objects: &[(&str, &str)], data: &[(&str, &str)]) -> Fingerprint {
        let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        let rows = |(name, digest): &(&str, &str)| {
            (
                (*name).to_owned(),
                TableData {
                    rows: 1,
                    digest: (*digest).to_owned(),
                },
            )
        };
        Fingerprint {
            format: Format1,
            sha256: pgseal_verify::digest::Digest::of(b""),
            database: "d".to_owned(),
            server_version_num: 150_000,
            taken: pgseal_verify::format::timestamp::Timestamp::from_time_or_date("2026-01-01")
                .unwrap(),
            scope: Scope::All,
            objects: objects.iter().map(own).collect(),
            data: data.iter().map(rows).collect(),
        }
    }

    fn lines(a: &Fingerprint, b: &Fingerprint) -> Vec<String> {
        let differences = differences(a, b);
        let folded = folded(a, b, &differences);
        let all: usize = folded.iter().map(|one| 1 + one.members.len()).sum();
        assert_eq!(all, differences.len(), "none is lost");
        folded.iter().map(Folded::to_string).collect()
    }

    const TABLE: &[(&str, &str)] = &[
        ("table public.t", "owner: x"),
        ("column public.t.a", "type: integer"),
        ("column public.t.\"b.c\"", "type: integer"),
        ("comment on column public.t.a", "text: x"),
        (
            "index public.t_a",
            "definition: CREATE INDEX t_a ON public.t USING btree (a)",
        ),
        (
            "index public.t_b",
            "definition: CREATE INDEX t_b ON ONLY public.t USING btree (\"b.c\")",
        ),
        (
            "constraint \"x on public.u\" on public.t",
            "definition: CHECK (a > 0)",
        ),
        (
            "sequence public.t_a_seq",
            "owner: x\nowned by: column public.t.a\ngrants: y",
        ),
        (
            "statistics object public.s",
            "owner: x\ndefinition: CREATE STATISTICS public.s ON a, b FROM public.t",
        ),
    ];

    #[test]
    fn what_belongs_to_a_new_table_is_told_in_its_line() {
        let none = fingerprint(&[], &[]);
        let with = fingerprint(
            TABLE,
            &[("public.t", "aa"), ("public.t_a_seq", "value 1, called")],
        );
        let said = "(2 columns, 1 comment, 1 constraint, 2 indexes, 1 sequence, 1 statistics object, its rows, its value)";
        assert_eq!(
            lines(&none, &with),
            [format!("table public.t is new {said}")]
        );
        assert_eq!(
            lines(&with, &none),
            [format!("table public.t is missing {said}")]
        );
    }

    #[test]
    fn members_of_what_is_in_both_stand_alone() {
        let (a, b) = (fingerprint(&TABLE[..1], &[]), fingerprint(&TABLE[..5], &[]));
        let expected = [
            "column public.t.\"b.c\" is new",
            "column public.t.a is new (1 comment)",
            "index public.t_a is new",
        ];
        assert_eq!(lines(&a, &b), expected);
        // A missing object is not folded into a new one.
        let other = fingerprint(
            &[("view public.t", "x"), ("view column public.t.z", "x")],
            &[],
        );
        assert_eq!(
            lines(&b, &other),
            [
                "table public.t is missing (2 columns, 1 comment, 1 index)",
                "view public.t is new (1 column)"
            ]
        );
    }

    #[test]
    fn an_extension_brings_its_members() {
        let with = [
            (
                "extension e",
                "owner: x\nmembers: function public.f()\n    type public.y",
            ),
            ("function public.f()", "code: x"),
            ("function public.g()", "code: x"),
            ("type public.y", "owner: x"),
        ];
        let (none, with) = (fingerprint(&[], &[]), fingerprint(&with, &[]));
        assert_eq!(
            lines(&none, &with),
            [
                "extension e is new (2 objects)",
                "function public.g() is new"
            ]
        );
    }
}
