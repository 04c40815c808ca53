//! `unqualified-name-after-search-path`. A run sets the signed schemas. After a script sets others,
//! neither a reader nor the rules here can resolve its unqualified names.

use super::scripts::place;
use crate::bundle::problem::Problem;
use psql_script::{ObjectName, Position, Statement, Tokens, assigns_search_path};

/// The state of search_path while a script is read.
#[derive(Default)]
pub struct SearchPath {
    changed: Option<Position>,
    first: Option<(String, Position)>,
    more: usize,
}

impl SearchPath {
    /// Records a statement by its first tokens.
    pub fn see(&mut self, head: &Tokens<'_>, statement: &Statement) {
        if changes(head) || assigns_search_path(&statement.sql) {
            self.changed
                .get_or_insert_with(|| place(statement, head.start(0)));
        } else if self.changed.is_some()
            && let Some((name, at)) = target(head).filter(|(name, _)| name.schema.is_none())
        {
            match self.first {
                None => self.first = Some((name.name, place(statement, at))),
                Some(_) => self.more += 1,
            }
        }
    }

    /// One problem for each script, at the first such name.
    pub fn problem(self) -> Option<Problem> {
        let ((name, at), changed) = self.first.zip(self.changed)?;
        let more = if self.more == 0 {
            String::new()
        } else {
            format!(", and {} more", self.more)
        };
        let text = format!(
            "{name:?} has no schema, and line {} changed search_path{more}",
            changed.line
        );
        Some(Problem::at(&at, text).rule("unqualified-name-after-search-path"))
    }
}

/// `SET search_path`, `RESET search_path`, `SET SCHEMA`.
fn changes(head: &Tokens<'_>) -> bool {
    let i = setting(head);
    head.is(0, "set") && head.is_listed(i, "search_path schema")
        || head.is(0, "reset") && head.is(1, "search_path")
}

/// The index of the name in `SET [LOCAL | SESSION] name`.
pub fn setting(head: &Tokens<'_>) -> usize {
    if head.is_listed(1, "local session") {
        2
    } else {
        1
    }
}

/// The object that a statement defines or writes, and the byte offset of its name.
pub fn target(head: &Tokens<'_>) -> Option<(ObjectName, usize)> {
    const KINDS: &str = "table view index function procedure aggregate type domain sequence";
    let at = match head {
        _ if head.are(0, &["insert", "into"]) || head.are(0, &["delete", "from"]) => 2,
        _ if head.is(0, "update") => 1,
        _ if head.is(0, "truncate") => head.behind(1, &["table"]),
        // Temporary objects have their own schema.
        _ if (1..4).any(|i| head.is_listed(i, "temp temporary")) => return None,
        _ if head.is_listed(0, "create alter drop") => {
            let kind = (1..6).find(|i| head.is_listed(*i, KINDS))?;
            let i = head.behind(kind + 1, &["concurrently"]);
            let i = head.behind(head.behind(i, &["if", "not", "exists"]), &["if", "exists"]);
            if head.is(0, "create") && head.is(kind, "index") {
                let on = (i..head.len()).find(|i| head.is(*i, "on"))?;
                head.behind(on + 1, &["only"])
            } else {
                head.behind(i, &["only"])
            }
        }
        _ => return None,
    };
    let at = head.behind(at, &["only"]);
    head.name(at).map(|(name, _)| (name, head.start(at)))
}
