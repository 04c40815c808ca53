//! Objects that a statement creates, alters, drops or writes to, and the locks it takes on them, as
//! far as its text shows.

use super::effects::effects;
use super::modes::{self, Lock};
use super::objects::{Kind, Object};
use psql_script::{ObjectName, Tokens, calls_something};

/// Largest statement in bytes that is read whole; of longer ones only the first tokens are.
const WHOLE_BYTES: usize = 512 * 1024;

/// Effect on an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    Creates,
    /// Altered; it exists before.
    Alters,
    Writes,
    Drops,
}

impl How {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creates => "creates",
            Self::Alters => "alters",
            Self::Writes => "writes",
            Self::Drops => "drops",
        }
    }
}

/// An object and the effect on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Touch {
    /// Effect on the object.
    pub how: How,
    /// `table`, `view`, `index`, ...
    pub kind: &'static str,
    /// `schema.name`; for a trigger or column with its table, for an unnamed index `of TABLE`.
    pub name: String,
}

/// The effects of a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touches {
    pub objects: Vec<Touch>,
    /// Locks on the named relations, except for those of readers and writers.
    pub locks: Vec<Lock>,
    /// Whether it may have effects beyond its text: a code block, a function, generated statements.
    pub hidden: bool,
}

/// The effects of a statement. `path` are the schemas in which unqualified names are looked up.
pub fn touches(sql: &str, path: &[String]) -> Touches {
    let tokens = if sql.len() > WHOLE_BYTES {
        Tokens::first(sql, 64)
    } else {
        Tokens::new(sql)
    };
    let named = |name: &ObjectName| qualified(name, path);
    let mut found = Touches {
        hidden: is_hidden(&tokens, sql),
        ..Touches::default()
    };
    let mut add = |how, kind, name| {
        let touch = Touch { how, kind, name };
        if !found.objects.contains(&touch) {
            found.objects.push(touch);
        }
    };
    let effects = effects(&tokens);
    let of = |object: &Object| match (&object.of, object.kind) {
        (Some(table), Kind::Trigger | Kind::Column) => {
            format!("{}.{}", named(table), object.name.name)
        }
        (Some(table), Kind::Index) if object.is_unnamed() => format!("of {}", named(table)),
        (_, Kind::Index) => named(&ObjectName {
            schema: object.schema().cloned(),
            ..object.name.clone()
        }),
        _ if object.kind == Kind::Schema => object.name.name.clone(),
        _ if object.kind > Kind::Constraint => object.name.to_string(),
        _ => named(&object.name),
    };
    let created = effects.created.iter().map(|object| (How::Creates, object));
    let dropped = effects.dropped.iter().map(|object| (How::Drops, object));
    let all = created.chain(dropped);
    let mut own = all
        .filter(|(_, object)| object.kind != Kind::Constraint)
        .peekable();
    let is_altered = own.peek().is_none() && tokens.is(0, "alter");
    for (how, object) in own {
        let how = if object.kind == Kind::Column {
            How::Alters
        } else {
            how
        };
        add(how, object.kind.as_str(), of(object));
    }
    if let Some(about) = effects.about.as_ref().filter(|_| is_altered) {
        let kind = altered_kind(&tokens);
        let name = if kind == "schema" {
            about.name.clone()
        } else {
            named(about)
        };
        add(How::Alters, kind, name);
    }
    for name in written(&tokens) {
        add(How::Writes, "table", named(&name));
    }
    if tokens.are(0, &["refresh", "materialized", "view"])
        && let Some((name, _)) = tokens.name(tokens.behind(3, &["concurrently"]))
    {
        add(How::Writes, "materialized view", named(&name));
    }
    found.locks = modes::locks(&tokens)
        .into_iter()
        .map(|(name, mode)| Lock {
            relation: named(&name),
            mode,
        })
        .collect();
    found
}

/// The name with its schema, if only one is possible.
fn qualified(name: &ObjectName, path: &[String]) -> String {
    match (&name.schema, path) {
        (None, [only]) => format!("{only}.{}", name.name),
        _ => name.to_string(),
    }
}

fn is_hidden(tokens: &Tokens<'_>, sql: &str) -> bool {
    let asks = tokens.is_listed(0, "select with values") || tokens.is(0, "(");
    tokens.is_listed(0, "do call execute") || asks && calls_something(sql)
}

fn altered_kind(tokens: &Tokens<'_>) -> &'static str {
    const KINDS: &str = "table view materialized index function procedure type domain schema sequence trigger foreign";
    match KINDS.split(' ').find(|kind| tokens.is(1, kind)) {
        Some("materialized") => "materialized view",
        Some("foreign") => "foreign table",
        Some(kind) => kind,
        None => "object",
    }
}

/// Tables in which a statement changes rows, also in a part of WITH.
fn written(tokens: &Tokens<'_>) -> Vec<ObjectName> {
    let mut names = Vec::new();
    let mut name = |i: usize| {
        names.extend(
            tokens
                .name(tokens.behind(i, &["only"]))
                .map(|(name, _)| name),
        )
    };
    if tokens.is(0, "copy") && !tokens.is(1, "(") {
        let into =
            (1..tokens.len().min(200)).find(|i| tokens.is(*i, "from") || tokens.is(*i, "to"));
        if into.is_some_and(|i| tokens.is(i, "from")) {
            name(1);
        }
        return names;
    }
    if tokens.is(0, "truncate") {
        return modes::list(tokens, tokens.behind(1, &["table"]));
    }
    let begins = |i: usize| i == 0 || tokens.is(i - 1, "(") || tokens.is(i - 1, ")");
    let last = if tokens.is_listed(0, "insert update delete merge with") {
        tokens.len()
    } else {
        0
    };
    for i in (0..last).filter(|i| begins(*i)) {
        if tokens.are(i, &["insert", "into"])
            || tokens.are(i, &["merge", "into"])
            || tokens.are(i, &["delete", "from"])
        {
            name(i + 2);
        } else if tokens.is(i, "update") {
            name(i + 1);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::touches;

    fn described(sql: &str) -> Vec<String> {
        let found = touches(sql, &["app".to_owned()]);
        let objects = found
            .objects
            .iter()
            .map(|touch| format!("{} {} {}", touch.how.as_str(), touch.kind, touch.name));
        let locks = found
            .locks
            .iter()
            .map(|lock| format!("{} {}", lock.mode.as_str(), lock.relation));
        objects
            .chain(locks)
            .chain(found.hidden.then(|| "hidden".to_owned()))
            .collect()
    }

    #[test]
    fn statements() {
        for (sql, expected) in [
            (
                "create table a.t (x int references u)",
                vec!["creates table a.t", "ShareRowExclusiveLock app.u"],
            ),
            (
                "create index i on a.t (x)",
                vec!["creates index a.i", "ShareLock a.t"],
            ),
            (
                "create index concurrently on t (x)",
                vec!["creates index of app.t", "ShareUpdateExclusiveLock app.t"],
            ),
            (
                "alter table t add column c int",
                vec!["alters column app.t.c", "AccessExclusiveLock app.t"],
            ),
            (
                "alter table t validate constraint c",
                vec!["alters table app.t", "ShareUpdateExclusiveLock app.t"],
            ),
            (
                "drop view if exists v, w",
                vec![
                    "drops view app.v",
                    "drops view app.w",
                    "AccessExclusiveLock app.v",
                    "AccessExclusiveLock app.w",
                ],
            ),
            ("create schema s", vec!["creates schema s"]),
            ("insert into t select * from u", vec!["writes table app.t"]),
            (
                "with x as (delete from a.b returning 1) update only t set a = 1",
                vec!["writes table a.b", "writes table app.t"],
            ),
            ("copy t (a) from stdin", vec!["writes table app.t"]),
            ("copy t to stdout", vec![]),
            (
                "truncate only t, u",
                vec![
                    "writes table app.t",
                    "writes table app.u",
                    "AccessExclusiveLock app.t",
                    "AccessExclusiveLock app.u",
                ],
            ),
            (
                "create trigger g before insert on t execute function f()",
                vec!["creates trigger app.t.g", "ShareRowExclusiveLock app.t"],
            ),
            (
                "create policy p on t",
                vec!["creates policy p", "AccessExclusiveLock app.t"],
            ),
            ("do $$ begin end $$", vec!["hidden"]),
            ("select app.f()", vec!["hidden"]),
            ("select count(*) from t", vec![]),
            ("lock table t in share mode", vec!["ShareLock app.t"]),
        ] {
            assert_eq!(described(sql), expected, "{sql}");
        }
    }
}
