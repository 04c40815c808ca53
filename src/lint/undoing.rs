//! What the statements of the rollback scripts do, as far as it can be compared with what the tiers did.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::objects::{Effects, Object, effects};
use super::rollback::{is_same, taken_back};
use super::scripts::place;
use super::search_path::target;
use super::temporary::is_temporary;
use super::tokens::{Kind as TokenKind, ObjectName, Tokens};
use crate::bundle::problem::Problem;
use psql_script::{Position, Statement};

/// A partition and its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    pub of: ObjectName,
    pub name: ObjectName,
}

/// What one statement says that it does.
#[derive(Default)]
pub struct Deed {
    pub effects: Effects,
    /// The table, view, function that it defines or writes.
    pub subject: Option<ObjectName>,
    pub attached: Option<Partition>,
    pub detached: Option<Partition>,
    /// The body of a DO block, lower case.
    dynamic: Option<String>,
}

impl Deed {
    /// Reads a statement.
    pub fn of(sql: &str) -> Self {
        let head = Tokens::first(sql, 24);
        if ["create", "drop", "alter"].iter().any(|word| head.is(0, word)) {
            let tokens = Tokens::of(sql);
            let (attached, detached) = (partition(&tokens, "attach"), partition(&tokens, "detach"));
            return Self { effects: effects(&tokens), subject: target(&head), attached, detached, dynamic: None };
        }
        if head.is(0, "do") {
            let tokens = Tokens::of(sql);
            let texts = tokens.iter().filter(|token| token.kind == TokenKind::Text);
            let body = texts.map(|token| token.text.to_ascii_lowercase()).collect();
            return Self { dynamic: Some(body), ..Self::default() };
        }
        let copied = || if head.is(0, "copy") { head.name(1).map(|(name, _)| name) } else { None };
        Self { subject: target(&head).or_else(copied), ..Self::default() }
    }

    /// Whether it makes again what a tier dropped.
    pub fn restores(&self, dropped: &Object) -> bool {
        self.effects.created.iter().any(|made| is_same(made, dropped))
    }

    /// Whether it is about this table, or in a DO block names it.
    pub fn is_about(&self, name: &ObjectName) -> bool {
        self.subject.as_ref().is_some_and(|subject| can_be(subject, name))
            || self.dynamic.as_ref().is_some_and(|body| body.contains(&name.name.to_ascii_lowercase()))
    }

    fn is_nothing(&self) -> bool {
        let Effects { dropped, renamed, .. } = &self.effects;
        self.subject.is_none() && self.dynamic.is_none() && dropped.is_empty() && renamed.is_empty()
    }
}

/// Whether two names can mean the same.
pub fn can_be(a: &ObjectName, b: &ObjectName) -> bool {
    let schemas = a.schema.as_ref().zip(b.schema.as_ref());
    a.name == b.name && schemas.map_or_else(|| is_temporary(a) == is_temporary(b), |(a, b)| a == b)
}

/// `ALTER TABLE of ATTACH PARTITION name`, or `DETACH`.
fn partition(tokens: &Tokens<'_>, verb: &str) -> Option<Partition> {
    if !tokens.are(0, &["alter", "table"]) {
        return None;
    }
    let (of, next) = tokens.name(tokens.behind(tokens.behind(2, &["if", "exists"]), &["only"]))?;
    let next = tokens.behind(next, &["*"]);
    let name = if tokens.are(next, &[verb, "partition"]) { tokens.name(next + 2) } else { None };
    name.map(|(name, _)| Partition { of, name })
}

/// A statement of a rollback script.
pub struct Undoing {
    pub at: Position,
    pub deed: Deed,
    ways: BTreeSet<usize>,
}

/// All rollback scripts.
#[derive(Default)]
pub struct Rollback {
    pub statements: Vec<Undoing>,
    /// The first statement of the script that is being read, and its ways.
    first: usize,
    ways: usize,
    /// Which of that script's places and subjects were seen.
    places: HashMap<(Arc<str>, u32, u32), usize>,
    subjects: HashSet<(Option<String>, Option<String>, Option<String>)>,
    /// Statements under a condition: somebody asks first.
    guarded: BTreeSet<usize>,
}

impl Rollback {
    /// The next statements are another script's.
    pub fn next_script(&mut self) {
        for i in self.first..self.statements.len() {
            if self.statements[i].ways.len() < self.ways {
                self.guarded.insert(i);
            }
        }
        (self.first, self.ways) = (self.statements.len(), 0);
        self.places.clear();
        self.subjects.clear();
    }

    /// Notes a statement on a way.
    pub fn note(&mut self, way: usize, statement: &Statement) {
        self.ways = self.ways.max(way);
        let deed = Deed::of(&statement.sql);
        if deed.is_nothing() {
            return;
        }
        let at = place(statement, Tokens::first(&statement.sql, 1).get(0).map_or(0, |token| token.at));
        let key = (Arc::clone(&at.file), at.line, at.column);
        if let Some(known) = self.places.get(&key).and_then(|i| self.statements.get_mut(*i)) {
            known.ways.insert(way);
            return;
        }
        // Of rows that are put back one by one, the first says enough.
        let Effects { created, dropped, renamed, .. } = &deed.effects;
        let changes = !(created.is_empty() && dropped.is_empty() && renamed.is_empty()) || deed.attached.is_some();
        let (schema, name) = deed.subject.clone().map(|subject| (subject.schema, subject.name)).unzip();
        if self.subjects.insert((schema.flatten(), name, deed.dynamic.clone())) || changes {
            self.places.insert(key, self.statements.len());
            self.statements.push(Undoing { at, deed, ways: BTreeSet::from([way]) });
        }
    }

    /// The statement that takes back what a tier made.
    pub fn taking_back(&self, made: &Object) -> Option<&Undoing> {
        let back = self.statements.iter().map(|Undoing { deed, .. }| (&deed.effects, deed.dynamic.as_deref()));
        self.statements.get(taken_back(back, made)?)
    }

    /// The first statement that fits.
    pub fn find(&self, fits: impl Fn(&Deed) -> bool) -> Option<&Undoing> {
        self.statements.iter().find(|undoing| fits(&undoing.deed))
    }

    /// Statements that fail where a run stopped before `later` came: what the tiers do from the first on that has no
    /// transaction.
    pub fn fails_halfway(&self, later: &[Deed]) -> Vec<Problem> {
        let asked = |i: &usize| !self.guarded.contains(i);
        let unguarded = (0..self.statements.len()).filter(asked).map(|i| &self.statements[i]);
        let problems = unguarded.filter_map(|undoing| {
            let message = halfway(&undoing.deed, later)?;
            Some(Problem::at(&undoing.at, message).rule("rollback-not-from-every-point"))
        });
        problems.collect()
    }
}

fn halfway(deed: &Deed, later: &[Deed]) -> Option<String> {
    let drops = deed.effects.dropped.iter().filter(|dropped| !dropped.conditional);
    let mut missing =
        drops.filter(|dropped| later.iter().any(|deed| deed.effects.created.iter().any(|made| is_same(made, dropped))));
    if let Some(object) = missing.next() {
        let what = format!("the {} {} is not there yet", object.kind.as_str(), object.name);
        return Some(format!("this fails where {what}: a run can stop between two commits"));
    }
    let makes = deed.effects.created.iter().filter(|made| !made.conditional);
    let mut there =
        makes.filter(|made| later.iter().any(|deed| deed.effects.dropped.iter().any(|dropped| is_same(made, dropped))));
    if let Some(object) = there.next() {
        let what = format!("the {} {} is still there", object.kind.as_str(), object.name);
        return Some(format!("this fails where {what}: a run can stop between two commits"));
    }
    let attached = deed.attached.as_ref()?;
    let detaches = |deed: &Deed| deed.detached.as_ref().is_some_and(|detached| can_be(&detached.name, &attached.name));
    let name = &attached.name;
    later
        .iter()
        .any(detaches)
        .then(|| format!("this fails where the partition {name} is still attached: a run can stop between two commits"))
}
