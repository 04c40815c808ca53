//! Definitions, one text an object: a line for each property, `name: value`. Further lines of a
//! value are indented, so that no value can imitate another property.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::FingerprintError;
use super::catalog::{self, Query};
use super::{ledger, spelling};
use crate::database::{Session, Table};

/// The definition of every object by its identity.
pub(super) fn read(
    session: &mut dyn Session,
) -> Result<BTreeMap<String, String>, FingerprintError> {
    let major = session.server_version_num() / 10_000;
    let mut objects = BTreeMap::new();
    for Query { since, sql } in catalog::queries() {
        if major < *since {
            continue;
        }
        let Table { columns, rows } = session.rows(&catalog::expand(sql, major), usize::MAX)?;
        for row in rows {
            let mut values = row.into_iter();
            let identity = values.next().flatten().ok_or_else(|| {
                FingerprintError::Unsound(
                    "an object was dropped while it was read; try again".to_owned(),
                )
            })?;
            if ledger::is_its_own(&identity) {
                continue;
            }
            let lines = columns[1..]
                .iter()
                .zip(values)
                .filter_map(|(name, value)| Some(line(name, &value?)));
            add(&mut objects, identity, lines.collect::<Vec<_>>().join("\n"));
        }
    }
    Ok(objects)
}

/// Identities are unique. If two were equal, the result would contain both, independent of their
/// order.
fn add(objects: &mut BTreeMap<String, String>, identity: String, definition: String) {
    match objects.entry(identity) {
        std::collections::btree_map::Entry::Vacant(entry) => {
            entry.insert(definition);
        }
        std::collections::btree_map::Entry::Occupied(mut entry) => {
            let mut both = [std::mem::take(entry.get_mut()), definition];
            both.sort();
            entry.insert(both.join("\nalso:\n"));
        }
    }
}

fn line(name: &str, value: &str) -> String {
    let value = if name == "code" {
        Cow::Borrowed(value)
    } else {
        spelling::settled(value)
    };
    format!("{name}: {}", value.replace('\n', "\n    "))
}
