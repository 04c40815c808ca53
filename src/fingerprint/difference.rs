//! Differences between two fingerprints, by name.

use std::collections::BTreeSet;
use std::fmt;

use pgseal_verify::format::fingerprint::{Fingerprint, TableData};

/// An object that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Identity: `index public.widgets_name`, `rows of public.widgets`, `value of
    /// public.widgets_id_seq`.
    pub object: String,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Only the first fingerprint has the object.
    Missing,
    /// Only the second fingerprint has the object.
    Added,
    /// Both have the object, with different definitions.
    Changed { before: String, after: String },
}

/// All differences, objects before rows, each ordered by name. Rows are compared only if both
/// fingerprints contain them.
pub fn differences(a: &Fingerprint, b: &Fingerprint) -> Vec<Difference> {
    let mut found = Vec::new();
    let names: BTreeSet<&String> = a.objects.keys().chain(b.objects.keys()).collect();
    for name in names {
        if name.starts_with(COLUMN_ORDER) && !is_reordered(a.objects.get(name), b.objects.get(name))
        {
            continue;
        }
        compare(
            name.clone(),
            a.objects.get(name).cloned(),
            b.objects.get(name).cloned(),
            &mut found,
        );
    }
    let names: BTreeSet<&String> = a.data.keys().chain(b.data.keys()).collect();
    for name in names {
        let (a_rows, b_rows) = (a.data.get(name), b.data.get(name));
        if a.scope != b.scope && (a_rows.is_none() || b_rows.is_none()) {
            continue;
        }
        let is_value = a_rows
            .or(b_rows)
            .is_some_and(|data| data.digest.starts_with("value "));
        let object = format!("{} of {name}", if is_value { "value" } else { "rows" });
        compare(object, a_rows.map(text), b_rows.map(text), &mut found);
    }
    found
}

/// Prefix of the identity of a table's column order.
const COLUMN_ORDER: &str = "column order of ";

/// Whether columns that both have are in another order. New and missing columns are differences of
/// their own.
fn is_reordered(before: Option<&String>, after: Option<&String>) -> bool {
    let (Some(before), Some(after)) = (before, after) else {
        return false;
    };
    let (before, after) = (columns(before), columns(after));
    let both = |of: &[&str], other: &[&str]| -> Vec<String> {
        let both = of.iter().filter(|column| other.contains(column));
        both.map(ToString::to_string).collect()
    };
    both(&before, &after) != both(&after, &before)
}

/// The columns of a column order.
fn columns(definition: &str) -> Vec<&str> {
    let columns = definition.strip_prefix("columns: ").unwrap_or_default();
    columns.lines().map(str::trim_start).collect()
}

fn compare(
    object: String,
    before: Option<String>,
    after: Option<String>,
    found: &mut Vec<Difference>,
) {
    let change = match (before, after) {
        (Some(before), Some(after)) if before == after => return,
        (Some(before), Some(after)) => Change::Changed { before, after },
        (Some(_), None) => Change::Missing,
        (None, Some(_)) => Change::Added,
        (None, None) => return,
    };
    found.push(Difference { object, change });
}

fn text(data: &TableData) -> String {
    match data.digest.strip_prefix("value ") {
        Some(value) => format!("value: {value}"),
        None => format!("rows: {}\ndigest: {}", data.rows, data.digest),
    }
}

impl Difference {
    /// The table, `schema.table`, whose columns are in another order.
    pub fn reordered(&self) -> Option<&str> {
        self.object.strip_prefix(COLUMN_ORDER)
    }

    /// The type, `schema.type`, and its new labels, if new labels are all that differs.
    pub fn new_labels(&self) -> Option<(&str, Vec<String>)> {
        let Change::Changed { before, after } = &self.change else {
            return None;
        };
        let name = self.object.strip_prefix("type ")?;
        let is_new = |label: &&str| !labels(before).contains(label);
        let (new, kept): (Vec<_>, Vec<_>) = labels(after).into_iter().partition(is_new);
        if kept != labels(before) || self.properties() != ["labels"] {
            return None;
        }
        let new = new.into_iter().map(unquoted);
        Some((name, new.collect::<Option<_>>()?))
    }

    /// The lines of each definition that are missing in the other, in order.
    pub fn lines(&self) -> (Vec<&str>, Vec<&str>) {
        match &self.change {
            Change::Missing | Change::Added => (Vec::new(), Vec::new()),
            Change::Changed { before, after } => (only(before, after), only(after, before)),
        }
    }

    /// One line without values: `index public.widgets_name is missing`, `table public.t differs:
    /// options`.
    pub fn heading(&self) -> String {
        let object = &self.object;
        match &self.change {
            Change::Missing => format!("{object} is missing"),
            Change::Added => format!("{object} is new"),
            Change::Changed { before, after } if self.reordered().is_some() => {
                let list = |definition| columns(definition).join(", ");
                let (before, after) = (list(before), list(after));
                format!("{object} differs: ({before}) is now ({after})")
            }
            Change::Changed { .. } => {
                format!("{object} {}: {}", self.verb(), self.properties().join(", "))
            }
        }
    }

    fn verb(&self) -> &'static str {
        match self.object.starts_with("rows of ") {
            true => "differ",
            false => "differs",
        }
    }

    fn changes(&self, before: &str, after: &str) -> String {
        let changes = self
            .properties()
            .into_iter()
            .map(|name| change(name, value(before, name), value(after, name)));
        changes.collect::<Vec<_>>().join("; ")
    }

    /// The differing properties, such as `default` or `grants`.
    fn properties(&self) -> Vec<&str> {
        let Change::Changed { before, after } = &self.change else {
            return Vec::new();
        };
        let (before, after) = (properties(before), properties(after));
        let differing = before.iter().filter(|property| !after.contains(property));
        let differing = differing.chain(after.iter().filter(|property| !before.contains(property)));
        let mut names = Vec::new();
        for name in differing.map(|property| property.split(':').next().unwrap_or_default()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// One line, with the values before and after: `table public.t differs: options {} -> {f=1}`.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = &self.object;
        match &self.change {
            Change::Changed { before, after } if self.reordered().is_none() => {
                let changes = match object.starts_with("rows of ") {
                    true => rows_change(before, after),
                    false => self.changes(before, after),
                };
                write!(f, "{object} {}: {changes}", self.verb())
            }
            _ => f.write_str(&self.heading()),
        }
    }
}

/// The value of a property in a definition.
fn value<'a>(definition: &'a str, name: &str) -> Option<&'a str> {
    let mut properties = properties(definition).into_iter();
    let property = properties.find(|property| property.split(':').next() == Some(name))?;
    Some(property.strip_prefix(name)?.trim_start_matches([':', ' ']))
}

/// The labels of an enumeration, as literals.
fn labels(definition: &str) -> Vec<&str> {
    let lines = value(definition, "labels").unwrap_or_default().lines();
    let lines = lines.map(str::trim_start);
    lines.filter(|label| !label.is_empty()).collect()
}

/// The text of a literal of one line without escapes.
fn unquoted(literal: &str) -> Option<String> {
    let text = literal.strip_prefix('\'')?.strip_suffix('\'')?;
    Some(text.replace("''", "'"))
}

/// `options {} -> {f=1}`; of lists only the items that the other lacks.
fn change(name: &str, before: Option<&str>, after: Option<&str>) -> String {
    let is_one = |value: Option<&str>| value.is_some_and(|value| !value.contains('\n'));
    if is_one(before) && is_one(after) {
        let [before, after] = [before, after].map(|value| cut(value.unwrap_or_default()));
        return format!("{name} {before} -> {after}");
    }
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    let items = |lines: Vec<&str>| {
        let items: Vec<&str> = lines.into_iter().map(str::trim_start).collect();
        cut(&items.join(", "))
    };
    let items = [only(before, after), only(after, before)].map(items);
    format!("{name} {{{}}} -> {{{}}}", items[0], items[1])
}

/// Most characters of a value in a line.
const VALUE: usize = 120;

fn cut(text: &str) -> String {
    match text.char_indices().nth(VALUE) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

fn rows_change(before: &str, after: &str) -> String {
    let rows = |text| value(text, "rows").unwrap_or_default();
    match (rows(before), rows(after)) {
        (before, after) if before == after => {
            format!("{before} rows before and after, not the same")
        }
        (before, after) => format!("{before} -> {after} rows"),
    }
}

/// Lines of `text` that `other` lacks, or has less often.
fn only<'a>(text: &'a str, other: &str) -> Vec<&'a str> {
    let mut others: Vec<&str> = other.lines().collect();
    text.lines()
        .filter(|line| match others.iter().position(|other| other == line) {
            Some(at) => {
                others.swap_remove(at);
                false
            }
            None => true,
        })
        .collect()
}

/// Splits a definition into properties, at lines without indentation.
fn properties(definition: &str) -> Vec<&str> {
    let (mut properties, mut start) = (Vec::new(), 0);
    for (at, _) in definition.match_indices('\n') {
        if !definition[at + 1..].starts_with("    ") {
            properties.push(&definition[start..at]);
            start = at + 1;
        }
    }
    properties.push(&definition[start..]);
    properties.retain(|property| !property.is_empty());
    properties
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_in_another_order() {
        let order = |list: &str| format!("columns: {}", list.replace(' ', "\n    "));
        let reordered = |a: &str, b: &str| is_reordered(Some(&order(a)), Some(&order(b)));
        assert!(reordered("a b c", "a c b"));
        assert!(reordered("a b", "b new a"));
        for (a, b) in [
            ("a b", "a b"),
            ("a b", "a new b"),
            ("a b c", "a c"),
            ("a", "b"),
        ] {
            assert!(!reordered(a, b), "{a}, {b}");
        }
        assert!(!is_reordered(None, Some(&order("a"))));
        let difference = Difference {
            object: "column order of public.t".to_owned(),
            change: Change::Changed {
                before: order("a b"),
                after: order("b a"),
            },
        };
        assert_eq!(
            (difference.to_string().as_str(), difference.reordered()),
            (
                "column order of public.t differs: (a, b) is now (b, a)",
                Some("public.t")
            )
        );
    }

    #[test]
    fn lines_and_properties_that_differ() {
        let index = |change| Difference {
            object: "index public.i".to_owned(),
            change,
        };
        let changed = |before: &str, after: &str| {
            let (before, after) = (before.to_owned(), after.to_owned());
            index(Change::Changed { before, after })
        };
        let both = changed(
            "owner: a\ngrants: x=SELECT\n    y=SELECT",
            "owner: a\ngrants: x=SELECT\noptions: f=1",
        );
        for (difference, line, lines) in [
            (
                both,
                "differs: grants, options",
                (vec!["    y=SELECT"], vec!["options: f=1"]),
            ),
            (index(Change::Missing), "is missing", (vec![], vec![])),
            (changed("", "a: 1"), "differs: a", (vec![], vec!["a: 1"])),
            (
                changed("a: 1\nb: 2", "b: 2\na: 1"),
                "differs: ",
                (vec![], vec![]),
            ),
        ] {
            assert_eq!(difference.heading(), format!("index public.i {line}"));
            assert_eq!(difference.lines(), lines);
        }
    }

    #[test]
    fn values_before_and_after() {
        let line = |object: &str, before: &str, after: &str| {
            let (before, after) = (before.to_owned(), after.to_owned());
            let object = object.to_owned();
            let change = Change::Changed { before, after };
            Difference { object, change }.to_string()
        };
        let long = "x".repeat(500);
        for (object, before, after, expected) in [
            (
                "table t",
                "owner: a",
                "owner: a\noptions: f=1",
                "differs: options {} -> {f=1}",
            ),
            (
                "table t",
                "owner: a: b",
                "owner: c",
                "differs: owner a: b -> c",
            ),
            (
                "table t",
                "grants: x\n    y\nowner: a",
                "grants: x\n    z\nowner: b",
                "differs: grants {y} -> {z}; owner a -> b",
            ),
            (
                "rows of t",
                "rows: 3\ndigest: a",
                "rows: 2\ndigest: b",
                "differ: 3 -> 2 rows",
            ),
            (
                "rows of t",
                "rows: 3\ndigest: a",
                "rows: 3\ndigest: b",
                "differ: 3 rows before and after, not the same",
            ),
            (
                "value of s",
                "value: 1, called",
                "value: 2, called",
                "differs: value 1, called -> 2, called",
            ),
            (
                "function f()",
                "code: a",
                &format!("code: {long}"),
                &format!("differs: code a -> {}...", &long[..120]),
            ),
        ] {
            assert_eq!(line(object, before, after), format!("{object} {expected}"));
        }
    }
}
