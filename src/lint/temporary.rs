//! Temporary objects: while one is there, its name without a schema is its own, and says nothing of what is in a schema. What
//! is made on or of one is temporary too.

use std::collections::BTreeSet;

use super::objects::{Effects, Kind, Object};
use super::tokens::ObjectName;

/// The schema of what is temporary.
pub const SCHEMA: &str = "pg_temp";

/// The temporary objects of one connection.
#[derive(Clone, Default)]
pub struct Temporary(BTreeSet<String>);

impl Temporary {
    /// What the next statement does, with names that say which objects are temporary ones.
    pub fn told_apart(&mut self, effects: &Effects) -> Effects {
        let mut told = effects.clone();
        let Effects { created, dropped, renamed, moved, hung, .. } = &mut told;
        let taken = dropped.iter_mut().chain(renamed.iter_mut().map(|(from, _)| from));
        let taken = taken.chain(moved.iter_mut().map(|(from, _)| from));
        for object in taken.chain(hung.iter_mut().map(|(object, _)| object)) {
            self.tell_object(object);
        }
        // What is made without TEMP is where the path says; what it is on may be temporary.
        for of in created.iter_mut().filter_map(|object| object.of.as_mut()) {
            self.tell(of);
        }
        if let Some((_, Some(owner))) = hung {
            self.tell(&mut owner.table);
        }
        created.retain(|made| {
            let on_ours = made.of.as_ref().is_some_and(is_temporary);
            let of_ours = made.kind == Kind::View && effects.mentioned.iter().any(|name| self.is_ours(name));
            if (on_ours || of_ours) && is_relation(made.kind) {
                self.0.insert(made.name.name.clone());
            }
            !on_ours && !of_ours
        });
        for dropped in told.dropped.iter().filter(|dropped| is_temporary(&dropped.name)) {
            self.0.remove(&dropped.name.name);
        }
        for (from, to) in told.renamed.iter().filter(|(from, _)| is_temporary(&from.name)) {
            self.0.remove(&from.name.name);
            self.0.insert(to.clone());
        }
        self.0.extend(told.temporary.clone());
        told
    }

    fn tell_object(&self, object: &mut Object) {
        object.of.iter_mut().for_each(|of| self.tell(of));
        // A function, a column, a schema is not looked for among what is temporary.
        if is_relation(object.kind) || object.kind == Kind::Type {
            self.tell(&mut object.name);
        }
    }

    fn tell(&self, name: &mut ObjectName) {
        if self.is_ours(name) {
            name.schema = Some(SCHEMA.to_owned());
        }
    }

    fn is_ours(&self, name: &ObjectName) -> bool {
        is_temporary(name) || name.schema.is_none() && self.0.contains(&name.name)
    }
}

/// Whether a name says that it is a temporary object's.
pub fn is_temporary(name: &ObjectName) -> bool {
    name.schema.as_deref() == Some(SCHEMA)
}

fn is_relation(kind: Kind) -> bool {
    matches!(kind, Kind::Table | Kind::View | Kind::Index | Kind::Sequence)
}
