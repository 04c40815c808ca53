//! ALTER TABLE ... DETACH PARTITION ... CONCURRENTLY: the server marks the partition as pending and
//! commits, then detaches it. An interruption between the two must be finished and cannot be
//! undone.

use super::answer::{Before, Effect, Refused};
use super::look::Look;
use super::names::first_column;
use crate::database::{DatabaseError, Session};
use crate::release::settings::quoted;
use psql_script::ObjectName;

/// Refuses while a partition of the table is being detached: the server allows one at a time.
pub(super) fn before(
    session: &mut dyn Session,
    parent: Option<u32>,
    partition: Option<u32>,
) -> Result<Before, Refused> {
    if let Some(parent) = parent {
        let pending = session.query(
            "select pg_catalog.format('%I.%I', n.nspname, c.relname)
             from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
                  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
             where i.inhparent = $1::oid and pg_catalog.to_jsonb(i) ->> 'inhdetachpending' = 'true'",
            &[parent.to_string().as_str()],
        )?;
        if let Some(name) = first_column(pending).next() {
            return Err(Refused::found(
                format!(
                    "partition {name} is detached in part: an earlier DETACH PARTITION CONCURRENTLY did not finish"
                ),
                format!(
                    "finish it with {}, then run again",
                    finalize(session, parent, &name)?
                ),
            ));
        }
    }
    let attached = state(session, parent, partition)?.is_some();
    Ok(Before::Detach {
        parent,
        partition,
        attached,
    })
}

/// DETACH PARTITION CONCURRENTLY with the state before it.
pub(super) struct Detach<'a> {
    /// The names of table and partition, and what they mean now.
    pub of: &'a ObjectName,
    pub name: &'a ObjectName,
    pub now: [Option<u32>; 2],
    pub parent: Option<u32>,
    pub partition: Option<u32>,
    /// Whether it was one of the parent's.
    pub attached: bool,
}

impl Look for Detach<'_> {
    fn relations(&self) -> Vec<u32> {
        self.parent.into_iter().chain(self.partition).collect()
    }

    /// Confirms that it is no longer a partition of the table.
    fn confirm(&self, session: &mut dyn Session) -> Result<Option<String>, Refused> {
        match state(session, self.parent, self.partition)? {
            None => Ok(None),
            Some(_) => {
                let what = format!("{} is still a partition", quoted(&self.name.name));
                Err(Refused::not_so(&what))
            }
        }
    }

    /// Finds whether the partition is attached, partly detached or detached.
    fn find(&self, session: &mut dyn Session, _: &str) -> Result<Effect, DatabaseError> {
        let shown = quoted(&self.name.name);
        if !self.attached {
            return Ok(Effect::NotThere(format!(
                "{shown} was no partition of it before the statement was sent"
            )));
        }
        Ok(match state(session, self.parent, self.partition)? {
            None => Effect::Took(format!("{shown} is no partition of it any more")),
            Some(State { pending: false, .. }) => {
                Effect::NotThere(format!("{shown} is still a partition"))
            }
            Some(State { name, parent, .. }) => Effect::Leftover {
                what: format!("partition {name} is detached in part"),
                cleanup: vec![finalize(session, parent, &name)?],
            },
        })
    }

    fn changed_name(&self, _: &mut dyn Session) -> Result<Option<String>, DatabaseError> {
        let [parent, partition] = self.now;
        Ok(if parent != self.parent {
            Some(self.of.to_string())
        } else {
            (partition != self.partition).then(|| self.name.to_string())
        })
    }
}

/// A partition of a table.
struct State {
    parent: u32,
    /// Its schema and name, quoted where SQL needs it.
    name: String,
    /// Whether it is partly detached. PostgreSQL 13 has no such state.
    pending: bool,
}

fn state(
    session: &mut dyn Session,
    parent: Option<u32>,
    partition: Option<u32>,
) -> Result<Option<State>, DatabaseError> {
    let (Some(parent), Some(partition)) = (parent, partition) else {
        return Ok(None);
    };
    let table = session.query(
        "select pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.to_jsonb(i) ->> 'inhdetachpending'
         from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
              join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         where i.inhparent = $1::oid and i.inhrelid = $2::oid",
        &[parent.to_string().as_str(), partition.to_string().as_str()],
    )?;
    Ok(table.rows.into_iter().next().map(|mut row| {
        let pending = row.pop().flatten().as_deref() == Some("true");
        State {
            parent,
            name: row.pop().flatten().unwrap_or_default(),
            pending,
        }
    }))
}

fn finalize(
    session: &mut dyn Session,
    parent: u32,
    partition: &str,
) -> Result<String, DatabaseError> {
    let table = session.query(
        "select pg_catalog.format('%I.%I', n.nspname, c.relname)
         from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = $1::oid",
        &[parent.to_string().as_str()],
    )?;
    let gone = || DatabaseError::unsound("the partitioned table went away meanwhile".to_owned());
    let parent = table.single().ok_or_else(gone)?;
    Ok(format!(
        "ALTER TABLE {parent} DETACH PARTITION {partition} FINALIZE"
    ))
}
