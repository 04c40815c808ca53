//! Table-level locks that a statement takes on the relations it names (PostgreSQL manual, "Explicit
//! Locking" and the pages of the commands). Locks of readers and writers, ACCESS SHARE to ROW
//! EXCLUSIVE, are not reported: they block only DDL.

use super::effects::effects;
use super::objects::Kind;
use psql_script::{ObjectName, Tokens};

/// A lock on a relation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Lock {
    /// `schema.relation`.
    pub relation: String,
    pub mode: Mode,
}

/// Lock modes from the weakest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub enum Mode {
    /// Blocks other DDL and VACUUM, but no readers or writers.
    ShareUpdateExclusiveLock,
    /// Blocks writers; several sessions may hold it.
    ShareLock,
    /// Blocks writers; one session at a time may hold it.
    ShareRowExclusiveLock,
    /// Blocks writers and SELECT FOR UPDATE.
    ExclusiveLock,
    AccessExclusiveLock,
}

impl Mode {
    /// The mode with this name in `pg_locks`; `None` for the modes of readers and writers.
    pub fn named(name: &str) -> Option<Self> {
        let all = [
            ShareUpdateExclusiveLock,
            ShareLock,
            ShareRowExclusiveLock,
            ExclusiveLock,
            AccessExclusiveLock,
        ];
        all.into_iter().find(|mode| mode.as_str() == name)
    }

    /// The name in `pg_locks`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ShareUpdateExclusiveLock => "ShareUpdateExclusiveLock",
            Self::ShareLock => "ShareLock",
            Self::ShareRowExclusiveLock => "ShareRowExclusiveLock",
            Self::ExclusiveLock => "ExclusiveLock",
            Self::AccessExclusiveLock => "AccessExclusiveLock",
        }
    }

    /// Whether readers wait for it as well as writers; `None` if both go on.
    pub fn readers_wait(self) -> Option<bool> {
        match self {
            Self::ShareUpdateExclusiveLock => None,
            Self::ShareLock | Self::ShareRowExclusiveLock | Self::ExclusiveLock => Some(false),
            Self::AccessExclusiveLock => Some(true),
        }
    }
}

use Mode::{
    AccessExclusiveLock, ExclusiveLock, ShareLock, ShareRowExclusiveLock, ShareUpdateExclusiveLock,
};

/// The locks of a statement, by relation.
pub(super) fn locks(tokens: &Tokens<'_>) -> Vec<(ObjectName, Mode)> {
    let is = |word: &str| tokens.is(0, word);
    if is("create") {
        created(tokens)
    } else if is("drop") {
        use Kind::{Index, Sequence, Table, Trigger, View};
        let mode = unless_concurrent(tokens, 2, AccessExclusiveLock);
        let dropped = effects(tokens).dropped.into_iter();
        dropped
            .filter(|object| matches!(object.kind, Table | View | Index | Sequence | Trigger))
            .map(|object| (object.of.unwrap_or(object.name), mode))
            .collect()
    } else if is("alter") {
        altered(tokens)
    } else if is("truncate") {
        let names = list(tokens, tokens.behind(1, &["table"])).into_iter();
        names.map(|name| (name, AccessExclusiveLock)).collect()
    } else if is("lock") {
        let names = list(tokens, tokens.behind(1, &["table"])).into_iter();
        let mode = named_mode(tokens);
        names.filter_map(|name| Some((name, mode?))).collect()
    } else if tokens.are(0, &["refresh", "materialized", "view"]) {
        let mode = if tokens.is(3, "concurrently") {
            ExclusiveLock
        } else {
            AccessExclusiveLock
        };
        one(tokens, tokens.behind(3, &["concurrently"]), mode)
    } else if tokens.are(0, &["comment", "on"]) && tokens.is_listed(2, "table view") {
        one(tokens, 3, ShareUpdateExclusiveLock)
    } else if is("cluster") {
        one(tokens, tokens.behind(1, &["verbose"]), AccessExclusiveLock)
    } else if tokens.are(0, &["reindex", "table"]) {
        let mode = unless_concurrent(tokens, 2, ShareLock);
        one(tokens, tokens.behind(2, &["concurrently"]), mode)
    } else if tokens.are(0, &["reindex", "index"]) {
        let mode = unless_concurrent(tokens, 2, AccessExclusiveLock);
        one(tokens, tokens.behind(2, &["concurrently"]), mode)
    } else if is("vacuum") || is("analyze") {
        let behind = if tokens.is(1, "(") {
            tokens.behind_parenthesis(1)
        } else {
            1
        };
        let full = (1..behind.max(3)).any(|i| tokens.is(i, "full"));
        let skipped = "full freeze verbose analyze";
        let first = (behind..tokens.len()).find(|i| !tokens.is_listed(*i, skipped));
        let mode = if full {
            AccessExclusiveLock
        } else {
            ShareUpdateExclusiveLock
        };
        first.map_or_else(Vec::new, |first| one(tokens, first, mode))
    } else {
        Vec::new()
    }
}

/// The weaker lock of `CONCURRENTLY` if that is at `i`, else this one.
fn unless_concurrent(tokens: &Tokens<'_>, i: usize, mode: Mode) -> Mode {
    if tokens.is(i, "concurrently") {
        ShareUpdateExclusiveLock
    } else {
        mode
    }
}

fn one(tokens: &Tokens<'_>, at: usize, mode: Mode) -> Vec<(ObjectName, Mode)> {
    let name = tokens.name(at).into_iter();
    name.map(|(name, _)| (name, mode)).collect()
}

/// The names of a list, each with `ONLY` or `*`.
pub(super) fn list(tokens: &Tokens<'_>, mut i: usize) -> Vec<ObjectName> {
    let mut names = Vec::new();
    while let Some((name, behind)) = tokens.name(tokens.behind(i, &["only"])) {
        names.push(name);
        let behind = tokens.behind(behind, &["*"]);
        if !tokens.is(behind, ",") {
            break;
        }
        i = behind + 1;
    }
    names
}

fn created(tokens: &Tokens<'_>) -> Vec<(ObjectName, Mode)> {
    let effects = effects(tokens);
    let mut locks = Vec::new();
    for object in &effects.created {
        let of = object.of.clone();
        match object.kind {
            Kind::Index => {
                let at = (0..6).find(|i| tokens.is(*i, "concurrently"));
                let mode = unless_concurrent(tokens, at.unwrap_or(0), ShareLock);
                locks.extend(of.map(|table| (table, mode)));
            }
            Kind::Trigger => locks.extend(of.map(|table| (table, ShareRowExclusiveLock))),
            Kind::Table => {
                locks.extend(of.map(|parent| (parent, AccessExclusiveLock)));
                locks.extend(references(tokens));
            }
            Kind::View if tokens.are(1, &["or", "replace"]) => {
                locks.push((object.name.clone(), AccessExclusiveLock))
            }
            Kind::Policy | Kind::Rule => {
                locks.extend(of.map(|table| (table, AccessExclusiveLock)));
            }
            _ => {}
        }
    }
    locks
}

/// The tables referenced by foreign keys.
fn references(tokens: &Tokens<'_>) -> Vec<(ObjectName, Mode)> {
    let behind = (0..tokens.len()).filter(|i| tokens.is(*i, "references"));
    behind
        .filter_map(|i| tokens.name(i + 1))
        .map(|(name, _)| (name, ShareRowExclusiveLock))
        .collect()
}

fn altered(tokens: &Tokens<'_>) -> Vec<(ObjectName, Mode)> {
    let kind = tokens.behind(tokens.behind(1, &["foreign"]), &["materialized"]);
    if !tokens.is_listed(kind, "table view index sequence") {
        return Vec::new();
    }
    let first = tokens.behind(tokens.behind(kind + 1, &["if", "exists"]), &["only"]);
    let Some((table, behind)) = tokens.name(first) else {
        return Vec::new();
    };
    let mode = match tokens.word(1).to_ascii_lowercase().as_str() {
        "table" => actions(tokens, behind),
        "sequence" => ShareRowExclusiveLock,
        "index" => ShareUpdateExclusiveLock,
        _ => AccessExclusiveLock,
    };
    let mut locks = vec![(table, mode)];
    locks.extend(references(tokens));
    for i in behind..tokens.len() {
        if tokens.are(i, &["attach", "partition"]) || tokens.are(i, &["detach", "partition"]) {
            locks.extend(one(tokens, i + 2, AccessExclusiveLock));
        }
    }
    locks
}

/// The strongest lock among the actions of ALTER TABLE.
fn actions(tokens: &Tokens<'_>, mut i: usize) -> Mode {
    let mut strongest = ShareUpdateExclusiveLock;
    while i < tokens.len() && !tokens.is(i, ";") {
        strongest = strongest.max(action(tokens, i));
        while i < tokens.len() && !tokens.is(i, ",") {
            i = if tokens.is(i, "(") {
                tokens.behind_parenthesis(i)
            } else {
                i + 1
            };
        }
        i += 1;
    }
    strongest
}

fn action(tokens: &Tokens<'_>, i: usize) -> Mode {
    let to_comma = || (i..tokens.len()).take_while(|i| !tokens.is(*i, ","));
    let has = |words: &[&str]| to_comma().any(|i| tokens.are(i, words));
    if tokens.is(i, "add") && has(&["foreign", "key"])
        || tokens.is_listed(i, "enable disable") && has(&["trigger"])
    {
        return ShareRowExclusiveLock;
    }
    let is_weak = tokens.are(i, &["validate", "constraint"])
        || tokens.are(i, &["attach", "partition"])
        || tokens.are(i, &["detach", "partition"]) && has(&["concurrently"])
        || tokens.are(i, &["cluster", "on"])
        || tokens.are(i, &["set", "("])
        || tokens.are(i, &["reset", "("])
        || tokens.is(i, "alter") && has(&["set", "statistics"])
        || tokens.is(i, "alter") && has(&["set", "("]);
    if is_weak {
        ShareUpdateExclusiveLock
    } else {
        AccessExclusiveLock
    }
}

fn named_mode(tokens: &Tokens<'_>) -> Option<Mode> {
    let Some(from) = (1..tokens.len()).find(|i| tokens.is(*i, "in")) else {
        return Some(AccessExclusiveLock);
    };
    let named: [(&[&str], Option<Mode>); 8] = [
        (&["access", "share"], None),
        (&["row", "share"], None),
        (&["row", "exclusive"], None),
        (
            &["share", "update", "exclusive"],
            Some(ShareUpdateExclusiveLock),
        ),
        (&["share", "row", "exclusive"], Some(ShareRowExclusiveLock)),
        (&["share"], Some(ShareLock)),
        (&["exclusive"], Some(ExclusiveLock)),
        (&["access", "exclusive"], Some(AccessExclusiveLock)),
    ];
    named
        .into_iter()
        .find(|(words, _)| tokens.are(from + 1, words))
        .and_then(|(_, mode)| mode)
}
