//! Folds differences for people: the parts of a new or missing object are counted in the object's
//! line.

use std::collections::HashMap;
use std::fmt;

use super::difference::{Change, Difference};
use pgseal_verify::format::fingerprint::Fingerprint;
use pgseal_verify::plural;

/// A difference, and the differences that it implies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded<'a> {
    pub difference: &'a Difference,
    /// Its parts, which are new or missing with it.
    pub members: Vec<&'a Difference>,
}

/// Kinds with columns, constraints, indexes and rows.
const RELATIONS: &[&str] = &["table ", "foreign table ", "view ", "materialized view "];

/// Kinds of parts: the beginning of their identity, and the noun that counts them.
const PARTS: [(&str, &str); 16] = [
    ("comment on ", "comment"),
    ("security label of ", "security label"),
    ("rows of ", "its rows"),
    ("value of ", "its value"),
    ("column ", "column"),
    ("view column ", "column"),
    ("materialized view column ", "column"),
    ("foreign table column ", "column"),
    ("domain constraint ", "domain constraint"),
    ("constraint ", "constraint"),
    ("index ", "index"),
    ("trigger ", "trigger"),
    ("sequence ", "sequence"),
    ("policy ", "policy"),
    ("rule ", "rule"),
    ("statistics object ", "statistics object"),
];

/// Folds the differences between two fingerprints; the order stays the same.
pub fn folded<'a>(
    a: &Fingerprint,
    b: &Fingerprint,
    differences: &'a [Difference],
) -> Vec<Folded<'a>> {
    let owners = Owners::of(a, b, differences);
    let mut members: HashMap<usize, Vec<&Difference>> = HashMap::new();
    let mut roots = Vec::new();
    for (at, difference) in differences.iter().enumerate() {
        match owners.root(at) {
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

/// Finds the owners of parts among the objects that only one fingerprint has.
struct Owners<'a> {
    differences: &'a [Difference],
    fingerprints: [&'a Fingerprint; 2],
    /// Index of each new or missing object, by identity.
    places: HashMap<&'a str, usize>,
    /// The extension of each member, by identity.
    extensions: HashMap<&'a str, &'a str>,
}

impl<'a> Owners<'a> {
    fn of(a: &'a Fingerprint, b: &'a Fingerprint, differences: &'a [Difference]) -> Self {
        let whole = differences.iter().enumerate();
        let whole = whole.filter(|(_, difference)| is_whole(difference));
        let mut owners = Self {
            differences,
            fingerprints: [a, b],
            places: whole.map(|(at, whole)| (&*whole.object, at)).collect(),
            extensions: HashMap::new(),
        };
        for extension in differences.iter().filter(|difference| is_whole(difference)) {
            let definition = owners.definition(extension);
            if extension.object.starts_with("extension ")
                && let Some((_, members)) = definition.split_once("\nmembers: ")
            {
                let members = members.lines().map(str::trim_start);
                let members = members.map(|member| (member, extension.object.as_str()));
                owners.extensions.extend(members);
            }
        }
        owners
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
        let named = |identity: &str| {
            let at = *self.places.get(identity)?;
            (self.differences[at].change == difference.change).then_some(at)
        };
        let object = difference.object.as_str();
        let by_name = match part(object) {
            Some((noun, name)) => {
                let (kinds, owner) = owner(noun, name, self.definition(difference))?;
                let mut kinds = kinds.iter();
                kinds.find_map(|kind| named(&format!("{kind}{owner}")))
            }
            None => None,
        };
        by_name.or_else(|| named(self.extensions.get(object)?))
    }

    fn definition(&self, difference: &Difference) -> &'a str {
        let side = usize::from(difference.change != Change::Missing);
        let definition = self.fingerprints[side].objects.get(&difference.object);
        definition.map_or("", String::as_str)
    }
}

fn is_whole(difference: &Difference) -> bool {
    matches!(difference.change, Change::Missing | Change::Added)
}

/// The noun for a part, and its name.
fn part(object: &str) -> Option<(&'static str, &str)> {
    let part = |(prefix, noun)| Some((noun, object.strip_prefix(prefix)?));
    PARTS.into_iter().find_map(part)
}

/// The owner of a part: its possible kinds, and its name.
fn owner<'t>(
    noun: &str,
    name: &'t str,
    definition: &'t str,
) -> Option<(&'static [&'static str], &'t str)> {
    let property = |name| definition.lines().find_map(|line| line.strip_prefix(name));
    Some(match noun {
        "comment" => (&[""], name),
        "security label" => (&[""], name.split_once(" on ")?.1),
        "its rows" => (RELATIONS, name),
        "its value" => (&["sequence "], name),
        "column" => (RELATIONS, split_last(name, ".")?.0),
        "domain constraint" => (&["type "], split_last(name, " on ")?.1),
        "index" => {
            let (_, on) = split_last(definition.split_once(" USING ")?.0, " ON ")?;
            (RELATIONS, on.strip_prefix("ONLY ").unwrap_or(on))
        }
        "statistics object" => (
            RELATIONS,
            property("definition: ")?.rsplit_once(" FROM ")?.1,
        ),
        "sequence" => (
            RELATIONS,
            split_last(property("owned by: column ")?, ".")?.0,
        ),
        _ => (RELATIONS, split_last(name, " on ")?.1),
    })
}

/// The text before and after the last `by` outside of double quotes.
fn split_last<'t>(text: &'t str, by: &str) -> Option<(&'t str, &'t str)> {
    let outside = |at: &usize| text[..*at].split('"').count() % 2 == 1;
    let at = text.rmatch_indices(by).map(|(at, _)| at).find(outside)?;
    Some((&text[..at], &text[at + by.len()..]))
}

/// One line: `table public.t is new (7 columns, 2 indexes)`.
impl fmt::Display for Folded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.difference.heading())?;
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for member in &self.members {
            let noun = match part(&member.object) {
                Some(("domain constraint", _)) => "constraint",
                part => part.map_or("object", |(noun, _)| noun),
            };
            match counts.iter_mut().find(|(known, _)| *known == noun) {
                Some((_, number)) => *number += 1,
                None => counts.push((noun, 1)),
            }
        }
        let text = |(noun, number): (&str, usize)| match noun {
            "its rows" | "its value" => noun.to_owned(),
            _ => plural::count(number, noun),
        };
        let counts: Vec<_> = counts.into_iter().map(text).collect();
        match counts.is_empty() {
            true => Ok(()),
            false => write!(f, " ({})", counts.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::differences;
    use pgseal_verify::format::fingerprint::{Scope, TableData};
    use pgseal_verify::format::version::Format1;

    /// Objects as `identity | definition`; rows as names and digests.
    fn fingerprint(objects: &[&str], data: &[(&str, &str)]) -> Fingerprint {
        let object = |line: &&str| {
            let (identity, definition) = line.split_once(" | ").unwrap();
            (identity.to_owned(), definition.to_owned())
        };
        let rows = |(name, digest): &(&str, &str)| {
            let digest = (*digest).to_owned();
            ((*name).to_owned(), TableData { rows: 1, digest })
        };
        Fingerprint {
            format: Format1,
            sha256: pgseal_verify::digest::Digest::of(b""),
            database: "d".to_owned(),
            server_version_num: 150_000,
            taken: pgseal_verify::format::timestamp::Timestamp::from_time_or_date("2026-01-01")
                .unwrap(),
            scope: Scope::All,
            objects: objects.iter().map(object).collect(),
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

    const TABLE: &[&str] = &[
        "table public.t | owner: x",
        "column public.t.a | type: integer",
        "column public.t.\"b.c\" | type: integer",
        "comment on column public.t.a | text: x",
        "index public.t_a | definition: CREATE INDEX t_a ON public.t USING btree (a)",
        "index public.t_b | definition: CREATE INDEX t_b ON ONLY public.t USING btree (\"b.c\")",
        "constraint \"x on public.u\" on public.t | definition: CHECK (a > 0)",
        "sequence public.t_a_seq | owner: x\nowned by: column public.t.a\ngrants: y",
        "statistics object public.s | definition: CREATE STATISTICS public.s ON a, b FROM public.t",
    ];

    #[test]
    fn parts_of_a_new_table_are_counted_in_its_line() {
        let none = fingerprint(&[], &[]);
        let rows = [("public.t", "aa"), ("public.t_a_seq", "value 1, called")];
        let with = fingerprint(TABLE, &rows);
        let parts = "(2 columns, 1 comment, 1 constraint, 2 indexes, 1 sequence, 1 statistics object, its rows, its value)";
        let expected = |change| [format!("table public.t is {change} {parts}")];
        assert_eq!(lines(&none, &with), expected("new"));
        assert_eq!(lines(&with, &none), expected("missing"));
    }

    #[test]
    fn members_of_an_object_in_both_have_lines_of_their_own() {
        let (a, b) = (fingerprint(&TABLE[..1], &[]), fingerprint(&TABLE[..5], &[]));
        let expected = [
            "column public.t.\"b.c\" is new",
            "column public.t.a is new (1 comment)",
            "index public.t_a is new",
        ];
        assert_eq!(lines(&a, &b), expected);
        // A missing object is not folded into a new one.
        let view = ["view public.t | x", "view column public.t.z | x"];
        let expected = [
            "table public.t is missing (2 columns, 1 comment, 1 index)",
            "view public.t is new (1 column)",
        ];
        assert_eq!(lines(&b, &fingerprint(&view, &[])), expected);
    }

    #[test]
    fn an_extension_brings_its_members() {
        let with = [
            "extension e | owner: x\nmembers: function public.f()\n    type public.y",
            "function public.f() | code: x",
            "function public.g() | code: x",
            "type public.y | owner: x",
        ];
        let expected = [
            "extension e is new (2 objects)",
            "function public.g() is new",
        ];
        let (none, with) = (fingerprint(&[], &[]), fingerprint(&with, &[]));
        assert_eq!(lines(&none, &with), expected);
    }
}
