//! Database objects by kind and name, and an index of them.

use std::collections::HashMap;

use psql_script::ObjectName;

/// Kind of object; objects dropped by the same command have the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
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
    Constraint,
    Policy,
    Rule,
    EventTrigger,
    Extension,
    Publication,
    Subscription,
    Statistics,
    Role,
    Collation,
}

impl Kind {
    /// The name for people.
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
            Self::Constraint => "constraint",
            Self::Policy => "policy",
            Self::Rule => "rule",
            Self::EventTrigger => "event trigger",
            Self::Extension => "extension",
            Self::Publication => "publication",
            Self::Subscription => "subscription",
            Self::Statistics => "statistics",
            Self::Role => "role",
            Self::Collation => "collation",
        }
    }
}

/// An object named by a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub kind: Kind,
    pub name: ObjectName,
    /// Byte offset of its name.
    pub at: usize,
    /// Its table, for an index, trigger, column, constraint, policy, rule, partition or owned
    /// sequence.
    pub of: Option<ObjectName>,
    /// `IF NOT EXISTS` or `OR REPLACE`: it may have existed before. `IF EXISTS`: it may be gone
    /// already.
    pub conditional: bool,
    /// `OR REPLACE`: the statement determines its definition, whether it existed or not.
    pub replaces: bool,
    /// Names in its CREATE statement, on which it may depend.
    pub mentions: Vec<String>,
}

impl Object {
    /// An object without further details.
    pub fn new(kind: Kind, name: ObjectName, of: Option<ObjectName>) -> Self {
        Self {
            kind,
            name,
            at: 0,
            of,
            conditional: false,
            replaces: false,
            mentions: Vec::new(),
        }
    }

    /// Its schema, if written; an index has the schema of its table.
    pub fn schema(&self) -> Option<&String> {
        let of = if self.kind == Kind::Index {
            self.of.as_ref()
        } else {
            None
        };
        self.name.schema.as_ref().or_else(|| of?.schema.as_ref())
    }

    /// Whether it is an index whose name the server chooses.
    pub fn is_unnamed(&self) -> bool {
        self.kind == Kind::Index && self.name.name.ends_with('_')
    }

    /// Whether two objects can be the same.
    pub fn can_be(&self, other: &Self) -> bool {
        let schemas = self
            .schema()
            .zip(other.schema())
            .is_none_or(|(a, b)| a == b);
        let of = self
            .of
            .as_ref()
            .zip(other.of.as_ref())
            .is_none_or(|(a, b)| can_be(a, b));
        self.kind == other.kind && self.name.name == other.name.name && schemas && of
    }
}

/// Whether two names can refer to the same object.
pub fn can_be(a: &ObjectName, b: &ObjectName) -> bool {
    a.name == b.name
        && a.schema
            .as_ref()
            .zip(b.schema.as_ref())
            .is_none_or(|(a, b)| a == b)
}

/// Objects by unqualified name.
#[derive(Default)]
pub struct Objects(HashMap<String, Vec<Object>>);

impl Objects {
    pub fn extend(&mut self, objects: impl IntoIterator<Item = Object>) {
        for object in objects {
            let known = self.0.entry(object.name.name.clone()).or_default();
            known.push(object);
        }
    }

    pub fn of_name(&self, name: &str) -> &[Object] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    pub fn contains(&self, object: &Object) -> bool {
        self.of_name(&object.name.name)
            .iter()
            .any(|known| known.can_be(object))
    }

    pub fn contains_relation(&self, name: &ObjectName) -> bool {
        let is_relation = |kind| {
            matches!(
                kind,
                Kind::Table | Kind::View | Kind::Type | Kind::Schema | Kind::Sequence
            )
        };
        self.of_name(&name.name)
            .iter()
            .any(|known| is_relation(known.kind) && can_be(&known.name, name))
    }
}
