//! What a statement creates, drops and renames, as far as its own words tell.

use super::alterations::alter;
use super::index_columns;
use super::signature;
use super::temporary;
use super::tokens::{ObjectName, Tokens};

/// A kind of object; what is dropped by the same words is the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Table,
    View,
    Index,
    Function,
    Type,
    Schema,
    Sequence,
    Trigger,
    Column,
}

impl Kind {
    /// As people call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::View => "view",
            Self::Index => "index",
            Self::Function => "function",
            Self::Type => "type",
            Self::Schema => "schema",
            Self::Sequence => "sequence",
            Self::Trigger => "trigger",
            Self::Column => "column",
        }
    }
}

/// An object that a statement names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub kind: Kind,
    pub name: ObjectName,
    /// The table that it goes with: of an index, trigger, column, partition or owned sequence.
    pub of: Option<ObjectName>,
    /// `IF NOT EXISTS` or `OR REPLACE`: it may have been there before. `IF EXISTS`: it may be gone already.
    pub conditional: bool,
    /// `OR REPLACE`: it is as this says, whether it was there or not.
    pub replaces: bool,
    /// Of an index or an owned sequence: the columns that it is made of or for. It goes with any of them.
    pub columns: Vec<String>,
    /// Of a function: the types of its arguments, if they can be told.
    pub arguments: Option<Vec<String>>,
}

impl Object {
    /// One of which no more is known.
    pub fn new(kind: Kind, name: ObjectName, of: Option<ObjectName>) -> Self {
        Self { kind, name, of, conditional: false, replaces: false, columns: Vec::new(), arguments: None }
    }

    /// The schema that it is in, if it is written: an index is where its table is.
    pub fn schema(&self) -> Option<&String> {
        let of = if self.kind == Kind::Index { self.of.as_ref() } else { None };
        self.name.schema.as_ref().or_else(|| of?.schema.as_ref())
    }

    /// Whether it is an index that the server finds a name for.
    pub fn is_unnamed(&self) -> bool {
        self.kind == Kind::Index && self.name.name.ends_with('_')
    }
}

/// What a statement does to objects.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    pub created: Vec<Object>,
    /// What it creates for this connection alone.
    pub temporary: Option<String>,
    pub dropped: Vec<Object>,
    /// From, to.
    pub renamed: Vec<(Object, String)>,
    /// What goes into another schema, and which.
    pub moved: Option<(Object, String)>,
    /// A table or sequence, and the table that it goes with from now on.
    pub hung: Option<(Object, Option<Owner>)>,
    /// All names in a statement that makes what hangs on others.
    pub mentioned: Vec<ObjectName>,
    /// `DROP ... CASCADE`
    pub cascade: bool,
    /// The table of `ALTER TABLE`, `CREATE INDEX`, `CREATE TRIGGER`; the view or type of `ALTER`.
    pub about: Option<ObjectName>,
}

impl Effects {
    /// Whether it does nothing to objects that their names would tell.
    pub fn is_nothing(&self) -> bool {
        let Self { created, temporary, dropped, renamed, moved, hung, .. } = self;
        created.is_empty()
            && temporary.is_none()
            && dropped.is_empty()
            && renamed.is_empty()
            && moved.is_none()
            && hung.is_none()
    }
}

/// The table that something goes with, and of a sequence the column.
#[derive(Clone, Debug)]
pub struct Owner {
    pub table: ObjectName,
    pub column: Option<String>,
}

/// Reads a statement.
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
];

/// The kind of object that words mean, and the place behind them.
pub fn kind(tokens: &Tokens<'_>, i: usize) -> Option<(Kind, usize)> {
    KINDS.iter().find(|(words, _)| tokens.are(i, words)).map(|(words, kind)| (*kind, i + words.len()))
}

fn create(tokens: &Tokens<'_>) -> Effects {
    let mut i = tokens.behind(1, &["or", "replace"]);
    let replaces = i > 1;
    let mut conditional = replaces;
    let mut is_temporary = false;
    // What is temporary is gone at the end of the run.
    while let Some(word) = ["global", "local", "unlogged", "unique", "recursive", "temp", "temporary"]
        .into_iter()
        .find(|word| tokens.is(i, word))
    {
        is_temporary |= word.starts_with("temp");
        i += 1;
    }
    let Some((kind, next)) = kind(tokens, i) else { return Effects::default() };
    let next = tokens.behind(next, &["concurrently"]);
    let first = tokens.behind(next, &["if", "not", "exists"]);
    conditional |= first > next;
    let named = if kind == Kind::Index && tokens.is(first, "on") || tokens.is(first, "authorization") {
        None
    } else {
        tokens.name(first)
    };
    let behind = named.as_ref().map_or(first, |(_, behind)| *behind);
    let of = match kind {
        Kind::Index | Kind::Trigger => (behind..tokens.len()).find(|i| tokens.is(*i, "on")).and_then(|on| {
            let on = tokens.behind(on + 1, &["only"]);
            tokens.name(on)
        }),
        Kind::Table if tokens.are(behind, &["partition", "of"]) => tokens.name(behind + 2),
        _ => None,
    };
    let mut columns = match (&of, kind) {
        (Some((_, behind)), Kind::Index) => index_columns::names(tokens, *behind),
        _ => Vec::new(),
    };
    let mut of = of.map(|(table, _)| table);
    if kind == Kind::Sequence
        && let Some(Some(owner)) = owner(tokens, behind)
    {
        columns.extend(owner.column);
        of = Some(owner.table);
    }
    let name = match (named, kind) {
        (Some((name, _)), _) => name,
        (None, Kind::Index) => {
            let Some(of) = &of else { return Effects::default() };
            let at = tokens.get(i).map_or(0, |token| token.at);
            ObjectName { schema: of.schema.clone(), name: format!("{}_", of.name), at }
        }
        (None, _) => match tokens.name(first + 1) {
            Some((name, _)) => name,
            None => return Effects::default(),
        },
    };
    if is_temporary || name.schema.as_deref() == Some(temporary::SCHEMA) {
        return Effects { temporary: Some(name.name), ..Effects::default() };
    }
    let about = of.clone().filter(|_| kind != Kind::Sequence);
    let arguments = signature::arguments(tokens, next - 1, behind);
    Effects {
        created: vec![Object { conditional, replaces, columns, arguments, ..Object::new(kind, name, of) }],
        about,
        mentioned: mentioned(tokens, kind),
        ..Effects::default()
    }
}

/// `SELECT ... INTO table`, which makes one.
fn select_into(tokens: &Tokens<'_>) -> Effects {
    let mut i = 0;
    while i < tokens.len() && !(tokens.is(i, "into") && !tokens.is(i - 1, "insert") && !tokens.is(i - 1, "merge")) {
        i = if tokens.is(i, "(") { tokens.behind_parenthesis(i) } else { i + 1 };
    }
    i += 1;
    let mut is_temporary = false;
    while let Some(word) =
        ["global", "local", "unlogged", "temp", "temporary", "table"].into_iter().find(|word| tokens.is(i, word))
    {
        is_temporary |= word.starts_with("temp");
        i += 1;
    }
    match tokens.name(i) {
        Some((name, _)) if is_temporary || name.schema.as_deref() == Some(temporary::SCHEMA) => {
            Effects { temporary: Some(name.name), ..Effects::default() }
        }
        Some((name, _)) => Effects { created: vec![Object::new(Kind::Table, name, None)], ..Effects::default() },
        None => Effects::default(),
    }
}

/// `OWNED BY table.column`; inside, `None` for `OWNED BY NONE`.
pub fn owner(tokens: &Tokens<'_>, behind: usize) -> Option<Option<Owner>> {
    let owned = (behind..tokens.len()).find(|i| tokens.are(*i, &["owned", "by"]))?;
    let (column, next) = tokens.name(owned + 2)?;
    let Some(table) = column.schema else { return Some(None) };
    // Of three names the first is the schema.
    let schema = if next > owned + 5 { tokens.name_alone(owned + 2) } else { None };
    let table = ObjectName { schema, name: table, at: column.at };
    Some(Some(Owner { table, column: Some(column.name) }))
}

/// What something that hangs on others may hang on. What is made of nothing else is not among it.
pub fn mentioned(tokens: &Tokens<'_>, kind: Kind) -> Vec<ObjectName> {
    if !matches!(kind, Kind::View | Kind::Index | Kind::Function | Kind::Trigger | Kind::Column) {
        return Vec::new();
    }
    let (mut names, mut i) = (Vec::new(), 0);
    while i < tokens.len() {
        match tokens.name(i) {
            Some((name, next)) => {
                names.push(name);
                i = next;
            }
            None => i += 1,
        }
    }
    names
}

fn drop(tokens: &Tokens<'_>) -> Effects {
    let Some((kind, next)) = kind(tokens, 1) else { return Effects::default() };
    let next = tokens.behind(next, &["concurrently"]);
    let mut i = tokens.behind(next, &["if", "exists"]);
    let conditional = i > next;
    let mut effects = Effects { cascade: tokens.is(tokens.len().saturating_sub(1), "cascade"), ..Effects::default() };
    effects.cascade |=
        tokens.is(tokens.len().saturating_sub(1), ";") && tokens.is(tokens.len().saturating_sub(2), "cascade");
    while let Some((name, mut behind)) = tokens.name(i) {
        let mut of = None;
        if kind == Kind::Trigger && tokens.is(behind, "on") {
            of = tokens.name(behind + 1).map(|(table, _)| table);
        }
        let arguments = signature::arguments(tokens, next - 1, behind);
        effects.dropped.push(Object { conditional, arguments, ..Object::new(kind, name, of) });
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
        let effects = effects(&Tokens::of(sql));
        let of = |object: &Object| object.of.as_ref().map(|of| format!(" of {of}")).unwrap_or_default();
        effects.created.iter().map(|object| format!("{} {}{}", object.kind.as_str(), object.name, of(object))).collect()
    }

    #[test]
    fn creations() {
        for (sql, objects) in [
            ("create table if not exists a.b (c int);", vec!["table a.b"]),
            ("create unlogged table t as select 1", vec!["table t"]),
            ("create table p1 partition of p for values in (1)", vec!["table p1 of p"]),
            ("create temp table t (a int)", vec![]),
            ("create unique index concurrently if not exists i on only s.t using btree (a)", vec!["index i of s.t"]),
            ("create index on t (a)", vec!["index t_ of t"]),
            ("create or replace function f(a int) returns int language sql as $$ select 1 $$", vec!["function f"]),
            ("create constraint trigger g after insert on t for each row execute function f()", vec!["trigger g of t"]),
            ("create schema authorization joe", vec!["schema joe"]),
            ("create materialized view v as select 1", vec!["view v"]),
            (
                "alter table only t add column a int default f(1, 2), add b text, add constraint c check (a in (1, 2)), \
                 add if not exists d int",
                vec!["column a of t", "column b of t", "column d of t"],
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
            let effects = effects(&Tokens::of(sql));
            let names = effects.dropped.iter().map(|object| format!("{} {}", object.kind.as_str(), object.name));
            (names.collect::<Vec<_>>(), effects.cascade)
        };
        assert_eq!(dropped("drop table if exists a.b, c cascade;"), (vec!["table a.b".into(), "table c".into()], true));
        assert_eq!(dropped("drop function f(int, text), g()"), (vec!["function f".into(), "function g".into()], false));
        assert_eq!(dropped("alter table t drop column if exists a"), (vec!["column a".into()], false));
        assert_eq!(dropped("drop;"), (vec![], false));
        assert_eq!(dropped("drop"), (vec![], false));
        assert_eq!(effects(&Tokens::of("alter table t rename to u")).renamed[0].1, "u");
    }
}
