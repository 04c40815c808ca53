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
    /// A table or sequence, and its new parent table or owner.
    pub joined: Option<(Object, Option<Owner>)>,
    /// `DROP ... CASCADE`
    pub cascade: bool,
    /// The table of `ALTER TABLE`, `CREATE INDEX`, `CREATE TRIGGER`; the view or type of `ALTER`.
    pub about: Option<ObjectName>,
}

impl Effects {
    /// Whether the statement's names show no effect on objects.
    pub fn is_nothing(&self) -> bool {
        let Self {
            created,
            temporary,
            dropped,
            renamed,
            moved,
            joined,
            ..
        } = self;
        created.is_empty()
            && temporary.is_none()
            && dropped.is_empty()
            && renamed.is_empty()
            && moved.is_none()
            && joined.is_none()
    }
}

/// The table to which an object belongs, and for a sequence the column.
#[derive(Clone, Debug)]
pub struct Owner {
    pub table: ObjectName,
    pub column: Option<String>,
}

/// The effects of a statement.
pub fn effects(tokens: &Tokens<'_>) -> Effects {
    if tokens.is(0, "create") {
        create(tokens)
    } else if tokens.is(0, "select") || tokens.is(0, "with") {
        select_into(tokens)
    } else if tokens.is(0, "drop") {
        drop(tokens)
    } else if tokens.is(0, "alter") {
        alter(tokens)
    } else {
        Effects::default()
    }
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

fn create(tokens: &Tokens<'_>) -> Effects {
    let mut i = tokens.behind(1, &["or", "replace"]);
    let replaces = i > 1;
    let mut conditional = replaces;
    let mut is_temporary = false;
    // Temporary objects are gone at the end of the run.
    while let Some(word) = [
        "global",
        "local",
        "unlogged",
        "unique",
        "recursive",
        "temp",
        "temporary",
    ]
    .into_iter()
    .find(|word| tokens.is(i, word))
    {
        is_temporary |= word.starts_with("temp");
        i += 1;
    }
    let Some((kind, next)) = kind(tokens, i) else {
        return Effects::default();
    };
    let next = tokens.behind(next, &["concurrently"]);
    let first = tokens.behind(next, &["if", "not", "exists"]);
    conditional |= first > next;
    let named =
        if kind == Kind::Index && tokens.is(first, "on") || tokens.is(first, "authorization") {
            None
        } else {
            tokens.name(first)
        };
    let behind = named.as_ref().map_or(first, |(_, behind)| *behind);
    let of = match kind {
        Kind::Index | Kind::Trigger | Kind::Policy => {
            let on = (behind..tokens.len()).find(|i| tokens.is(*i, "on"));
            on.and_then(|on| tokens.name(tokens.behind(on + 1, &["only"])))
        }
        // CREATE RULE name AS ON event TO table
        Kind::Rule => (behind..tokens.len())
            .find(|i| tokens.is(*i, "to"))
            .and_then(|to| tokens.name(to + 1)),
        Kind::Table if tokens.are(behind, &["partition", "of"]) => tokens.name(behind + 2),
        _ => None,
    };
    let of = of.map(|(table, _)| table);
    let of = of.or_else(|| {
        if kind == Kind::Sequence {
            Some(owner(tokens, behind)??.table)
        } else {
            None
        }
    });
    let (name, at) = match (named, kind) {
        (Some((name, _)), _) => (name, first),
        (None, Kind::Index) => {
            let Some(of) = &of else {
                return Effects::default();
            };
            (
                ObjectName {
                    schema: of.schema.clone(),
                    name: format!("{}_", of.name),
                },
                i,
            )
        }
        (None, _) => match tokens.name(first + 1) {
            Some((name, _)) => (name, first + 1),
            None => return Effects::default(),
        },
    };
    if is_temporary || name.schema.as_deref() == Some(TEMPORARY) {
        return Effects {
            temporary: Some(name.name),
            ..Effects::default()
        };
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
    let at = tokens.start(at);
    let object = Object {
        at,
        conditional,
        replaces,
        mentions,
        ..Object::new(kind, name, of)
    };
    Effects {
        created: vec![object],
        about,
        ..Effects::default()
    }
}

/// `SELECT ... INTO table`, which creates a table.
fn select_into(tokens: &Tokens<'_>) -> Effects {
    let mut i = 0;
    while i < tokens.len()
        && !(tokens.is(i, "into") && !tokens.is(i - 1, "insert") && !tokens.is(i - 1, "merge"))
    {
        i = if tokens.is(i, "(") {
            tokens.behind_parenthesis(i)
        } else {
            i + 1
        };
    }
    i += 1;
    let mut is_temporary = false;
    while let Some(word) = ["global", "local", "unlogged", "temp", "temporary", "table"]
        .into_iter()
        .find(|word| tokens.is(i, word))
    {
        is_temporary |= word.starts_with("temp");
        i += 1;
    }
    match tokens.name(i) {
        Some((name, _)) if is_temporary || name.schema.as_deref() == Some(TEMPORARY) => Effects {
            temporary: Some(name.name),
            ..Effects::default()
        },
        Some((name, _)) => {
            let object = Object {
                at: tokens.start(i),
                ..Object::new(Kind::Table, name, None)
            };
            Effects {
                created: vec![object],
                ..Effects::default()
            }
        }
        None => Effects::default(),
    }
}

/// `OWNED BY table.column`; the inner `None` is `OWNED BY NONE`.
pub fn owner(tokens: &Tokens<'_>, behind: usize) -> Option<Option<Owner>> {
    let owned = (behind..tokens.len()).find(|i| tokens.are(*i, &["owned", "by"]))?;
    let (column, next) = tokens.name(owned + 2)?;
    let Some(table) = column.schema else {
        return Some(None);
    };
    // The first of three names is the schema.
    let schema = if next > owned + 5 {
        tokens.identifier(owned + 2)
    } else {
        None
    };
    let table = ObjectName {
        schema,
        name: table,
    };
    Some(Some(Owner {
        table,
        column: Some(column.name),
    }))
}

/// The identifiers between two token indices, including schemas.
pub fn mentions(tokens: &Tokens<'_>, from: usize, to: usize) -> Vec<String> {
    (from..to).filter_map(|i| tokens.identifier(i)).collect()
}

fn drop(tokens: &Tokens<'_>) -> Effects {
    let Some((kind, next)) = kind(tokens, 1) else {
        return Effects::default();
    };
    let next = tokens.behind(next, &["concurrently"]);
    let mut i = tokens.behind(next, &["if", "exists"]);
    let conditional = i > next;
    let mut effects = Effects {
        cascade: tokens.is(tokens.len().saturating_sub(1), "cascade"),
        ..Effects::default()
    };
    effects.cascade |= tokens.is(tokens.len().saturating_sub(1), ";")
        && tokens.is(tokens.len().saturating_sub(2), "cascade");
    while let Some((name, mut behind)) = tokens.name(i) {
        let mut of = None;
        if matches!(kind, Kind::Trigger | Kind::Policy | Kind::Rule) && tokens.is(behind, "on") {
            of = tokens.name(behind + 1).map(|(table, _)| table);
        }
        effects.dropped.push(Object {
            conditional,
            ..Object::new(kind, name, of)
        });
        if tokens.is(behind, "(") {
            behind = tokens.behind_parenthesis(behind);
        }
        if !tokens.is(behind, ",") {
            break;
        }
        i = behind + 1;
    }
    effects
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
