//! Temporary objects: while one is there, its name without a schema is its own, and says nothing of what is in a schema.

use std::collections::BTreeSet;

use super::objects::{Effects, Object};
use super::tokens::ObjectName;

/// The schema of what is temporary.
pub const SCHEMA: &str = "pg_temp";

/// The temporary objects of one connection.
#[derive(Default)]
pub struct Temporary(BTreeSet<String>);

impl Temporary {
    /// What the next statement does, with names that say which objects are temporary ones.
    pub fn told_apart(&mut self, effects: &Effects) -> Effects {
        let mut told = effects.clone();
        for object in
            told.created.iter_mut().chain(&mut told.dropped).chain(told.renamed.iter_mut().map(|(from, _)| from))
        {
            // What is made without TEMP is where the path says; what it is on may be temporary.
            object.of.iter_mut().for_each(|of| self.tell(of));
        }
        told.dropped.iter_mut().for_each(|object| self.tell(&mut object.name));
        told.renamed.iter_mut().for_each(|(from, _)| self.tell(&mut from.name));
        let is_ours = |object: &Object| object.name.schema.as_deref() == Some(SCHEMA);
        for dropped in told.dropped.iter().filter(|dropped| is_ours(dropped)) {
            self.0.remove(&dropped.name.name);
        }
        for (from, to) in told.renamed.iter().filter(|(from, _)| is_ours(from)) {
            self.0.remove(&from.name.name);
            self.0.insert(to.clone());
        }
        self.0.extend(told.temporary.clone());
        told
    }

    fn tell(&self, name: &mut ObjectName) {
        if name.schema.is_none() && self.0.contains(&name.name) {
            name.schema = Some(SCHEMA.to_owned());
        }
    }
}
