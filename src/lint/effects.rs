//! Objects that a statement creates, drops and renames, as far as its text shows.

use super::alterations::alter;
use super::objects::{Kind, Object};
use psql_script::{ObjectName, Tokens};

/// The schema of temporary objects.
const TEMPORARY: &str = "pg_temp";

/// The effects of a statement on objects.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    pub created: Vec<Object>,
    /// The temporary object that it creates.
    pub temporary: Option<String>,
    pub dropped: Vec<Object>,
    /// Old object, new name.
    pub renamed: Vec<(Object, String)>,
    /// An object moved to another schema.
    pub moved: Option<Object>,
    /// An attached partition or owned sequence, of its new table.
    pub joined: Option<Object>,
    /// A detached partition, of its old table.
    pub detached: Option<Object>,
    /// `DROP ... CASCADE`
    pub cascade: bool,
    /// The table of `ALTER TABLE`, `CREATE INDEX`, `CREATE TRIGGER`; the view or type of `ALTER`.
    pub about: Option<ObjectName>,
}

impl Effects {
    /// The partition that it attaches, of its table.
    pub fn attached(&self) -> Option<&Object> {
        self.joined
            .as_ref()
            .filter(|joined| joined.kind == Kind::Table)
    }
}

/// The effects of a statement.
pub fn effects(tokens: &Tokens<'_>) -> Effects {
    let effects = match tokens.word(0).to_ascii_lowercase().as_str() {
        "create" => create(tokens),
        "select" | "with" => select_into(tokens),
        "drop" => drop(tokens),
        "alter" => alter(tokens),
        _ => None,
    };
    effects.unwrap_or_default()
}

const KINDS: &[(&[&str], Kind)] = &[
    (&["foreign", "table"], Kind::Table),
    (&["table"], Kind::Table),
    (&["materialized", "view"], Kind::View),
    (&["view"], Kind::View),
    (&["index"], Kind::Index),
    (&["function"], Kind::Function),
    (&["procedure"], Kind::Function),
    (&["aggregate"], Kind::Function),
    (&["routine"], Kind::Function),
    (&["type"], Kind::Type),
    (&["domain"], Kind::Type),
    (&["schema"], Kind::Schema),
    (&["sequence"], Kind::Sequence),
    (&["constraint", "trigger"], Kind::Trigger),
    (&["trigger"], Kind::Trigger),
    (&["policy"], Kind::Policy),
    (&["rule"], Kind::Rule),
    (&["event", "trigger"], Kind::EventTrigger),
    (&["extension"], Kind::Extension),
    (&["publication"], Kind::Publication),
    (&["subscription"], Kind::Subscription),
    (&["statistics"], Kind::Statistics),
    (&["role"], Kind::Role),
    (&["collation"], Kind::Collation),
];

/// The kind of object named by keywords at `i`, and the index after them.
pub fn kind(tokens: &Tokens<'_>, i: usize) -> Option<(Kind, usize)> {
    KINDS
        .iter()
        .find(|(words, _)| tokens.are(i, words))
        .map(|(words, kind)| (*kind, i + words.len()))
}

fn create(tokens: &Tokens<'_>) -> Option<Effects> {
    let i = tokens.behind(1, &["or", "replace"]);
    let replaces = i > 1;
    let (i, is_temporary) = modifiers(tokens, i);
    let (kind, next) = kind(tokens, i)?;
    let next = tokens.behind(next, &["concurrently"]);
    let first = tokens.behind(next, &["if", "not", "exists"]);
    let conditional = replaces || first > next;
    let first = tokens.behind(first, &["authorization"]);
    let named = if kind == Kind::Index && tokens.is(first, "on") {
        None
    } else {
        Some(tokens.name(first)?)
    };
    let behind = named.as_ref().map_or(first, |(_, behind)| *behind);
    let after = |word| {
        let at = (behind..tokens.len()).find(|i| tokens.is(*i, word))?;
        let (table, _) = tokens.name(tokens.behind(at + 1, &["only"]))?;
        Some(table)
    };
    let of = match kind {
        Kind::Index | Kind::Trigger | Kind::Policy => after("on"),
        // CREATE RULE name AS ON event TO table
        Kind::Rule => after("to"),
        Kind::Table if tokens.are(behind, &["partition", "of"]) => after("of"),
        Kind::Sequence => owner(tokens, behind).map(|(table, _)| table),
        _ => None,
    };
    let at = tokens.start(if named.is_some() { first } else { i });
    let name = match named {
        Some((name, _)) => name,
        None => {
            let table = of.clone()?;
            let name = format!("{}_", table.name);
            ObjectName { name, ..table }
        }
    };
    if is_temporary || name.schema.as_deref() == Some(TEMPORARY) {
        return Some(temporary(name));
    }
    let about = of
        .clone()
        .filter(|_| matches!(kind, Kind::Index | Kind::Trigger | Kind::Table));
    let mentions = match kind {
        Kind::View | Kind::Index | Kind::Function | Kind::Trigger | Kind::Sequence => {
            mentions(tokens, first, tokens.len())
        }
        _ => Vec::new(),
    };
    let object = Object {
        at,
        conditional,
        replaces,
        mentions,
        ..Object::new(kind, name, of)
    };
    Some(Effects {
        created: vec![object],
        about,
        ..Effects::default()
    })
}

/// The index after the words between `CREATE` or `INTO` and the kind, and whether `TEMPORARY` is
/// one of them.
fn modifiers(tokens: &Tokens<'_>, from: usize) -> (usize, bool) {
    const WORDS: &str = "global local unlogged unique recursive temp temporary";
    let behind = (from..)
        .find(|i| !tokens.is_listed(*i, WORDS))
        .unwrap_or(from);
    (
        behind,
        (from..behind).any(|i| tokens.is_listed(i, "temp temporary")),
    )
}

fn temporary(name: ObjectName) -> Effects {
    Effects {
        temporary: Some(name.name),
        ..Effects::default()
    }
}

/// `SELECT ... INTO table`, which creates a table.
fn select_into(tokens: &Tokens<'_>) -> Option<Effects> {
    let mut i = 0;
    while i < tokens.len() && (!tokens.is(i, "into") || tokens.is_listed(i - 1, "insert merge")) {
        i = if tokens.is(i, "(") {
            tokens.behind_parenthesis(i)
        } else {
            i + 1
        };
    }
    let (i, is_temporary) = modifiers(tokens, i + 1);
    let i = tokens.behind(i, &["table"]);
    let (name, _) = tokens.name(i)?;
    if is_temporary || name.schema.as_deref() == Some(TEMPORARY) {
        return Some(temporary(name));
    }
    let object = Object {
        at: tokens.start(i),
        ..Object::new(Kind::Table, name, None)
    };
    Some(Effects {
        created: vec![object],
        ..Effects::default()
    })
}

/// The table and column of `OWNED BY table.column`.
pub fn owner(tokens: &Tokens<'_>, behind: usize) -> Option<(ObjectName, String)> {
    let owned = (behind..tokens.len()).find(|i| tokens.are(*i, &["owned", "by"]))?;
    let (column, next) = tokens.name(owned + 2)?;
    // The first of three names is the schema.
    let schema = tokens.identifier(owned + 2).filter(|_| next > owned + 5);
    let name = column.schema?;
    Some((ObjectName { schema, name }, column.name))
}

/// The identifiers between two token indices, including schemas.
pub fn mentions(tokens: &Tokens<'_>, from: usize, to: usize) -> Vec<String> {
    (from..to).filter_map(|i| tokens.identifier(i)).collect()
}

fn drop(tokens: &Tokens<'_>) -> Option<Effects> {
    let (kind, next) = kind(tokens, 1)?;
    let next = tokens.behind(next, &["concurrently"]);
    let mut i = tokens.behind(next, &["if", "exists"]);
    let conditional = i > next;
    let last = (0..tokens.len()).rfind(|i| !tokens.is(*i, ";"))?;
    let mut effects = Effects {
        cascade: tokens.is(last, "cascade"),
        ..Effects::default()
    };
    while let Some((name, behind)) = tokens.name(i) {
        let of = if matches!(kind, Kind::Trigger | Kind::Policy | Kind::Rule)
            && tokens.is(behind, "on")
        {
            tokens.name(behind + 1).map(|(table, _)| table)
        } else {
            None
        };
        effects.dropped.push(Object {
            conditional,
            ..Object::new(kind, name, of)
        });
        let behind = if tokens.is(behind, "(") {
            tokens.behind_parenthesis(behind)
        } else {
            behind
        };
        if !tokens.is(behind, ",") {
            break;
        }
        i = behind + 1;
    }
    Some(effects)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn created(sql: &str) -> Vec<String> {
        let effects = effects(&Tokens::new(sql));
        let of = |object: &Object| {
            object
                .of
                .as_ref()
                .map(|of| format!(" of {of}"))
                .unwrap_or_default()
        };
        effects
            .created
            .iter()
            .map(|object| format!("{} {}{}", object.kind.as_str(), object.name, of(object)))
            .collect()
    }

    #[test]
    fn creations() {
        for (sql, objects) in [
            ("create table if not exists a.b (c int);", vec!["table a.b"]),
            ("create unlogged table t as select 1", vec!["table t"]),
            (
                "create table p1 partition of p for values in (1)",
                vec!["table p1 of p"],
            ),
            ("create temp table t (a int)", vec![]),
            (
                "create unique index concurrently if not exists i on only s.t using btree (a)",
                vec!["index i of s.t"],
            ),
            ("create index on t (a)", vec!["index t_ of t"]),
            (
                "create or replace function f(a int) returns int language sql as $$ select 1 $$",
                vec!["function f"],
            ),
            (
                "create constraint trigger g after insert on t for each row execute function f()",
                vec!["trigger g of t"],
            ),
            ("create schema authorization joe", vec!["schema joe"]),
            ("create materialized view v as select 1", vec!["view v"]),
            (
                "alter table only t add column a int default f(1, 2), add b text, add constraint c check (a in (1, 2)), \
                 add if not exists d int",
                vec![
                    "column a of t",
                    "column b of t",
                    "constraint c of t",
                    "column d of t",
                ],
            ),
            ("alter table t alter column a set default 1", vec![]),
            ("comment on table t is 'create table u'", vec![]),
        ] {
            assert_eq!(created(sql), objects, "{sql}");
        }
    }

    #[test]
    fn drops_and_renames() {
        let dropped = |sql: &str| {
            let effects = effects(&Tokens::new(sql));
            let names = effects
                .dropped
                .iter()
                .map(|object| format!("{} {}", object.kind.as_str(), object.name));
            (names.collect::<Vec<_>>(), effects.cascade)
        };
        assert_eq!(
            dropped("drop table if exists a.b, c cascade;"),
            (vec!["table a.b".into(), "table c".into()], true)
        );
        assert_eq!(
            dropped("drop function f(int, text), g()"),
            (vec!["function f".into(), "function g".into()], false)
        );
        assert_eq!(
            dropped("alter table t drop column if exists a"),
            (vec!["column a".into()], false)
        );
        assert_eq!(dropped("drop;"), (vec![], false));
        assert_eq!(dropped("drop"), (vec![], false));
        assert_eq!(
            effects(&Tokens::new("alter table t rename to u")).renamed[0].1,
            "u"
        );
    }
}
