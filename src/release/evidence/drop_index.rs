//! DROP INDEX CONCURRENTLY: the server marks the index invalid, then dead, then removes it. Each
//! step is committed, and a repeated drop resumes there.

use super::answer::{Before, Effect, Refused};
use super::index::by_oid;
use crate::database::{DatabaseError, Session};

/// Records the index that the name refers to. After the drop, the name may resolve to an index in
/// another schema.
pub(super) fn before(session: &mut dyn Session, named: Option<u32>) -> Result<Before, Refused> {
    let relation = named.map(|oid| by_oid(session, oid)).transpose()?.flatten();
    let index = relation
        .filter(|relation| relation.index.is_some())
        .map(|relation| relation.oid);
    Ok(Before::DropIndex { index })
}

/// Confirms that the index is gone.
pub(super) fn confirm(
    session: &mut dyn Session,
    index: Option<u32>,
) -> Result<Option<String>, Refused> {
    let Some(index) = index else { return Ok(None) };
    match by_oid(session, index)? {
        None => Ok(None),
        Some(there) => Err(Refused::not_so(&format!(
            "index {} is still there",
            there.name
        ))),
    }
}

/// Finds whether the index exists, is partly dropped or is gone. `named` is the index that the name
/// refers to now.
pub(super) fn find(
    session: &mut dyn Session,
    index: Option<u32>,
    named: Option<u32>,
) -> Result<Effect, DatabaseError> {
    let Some(index) = index else {
        return Ok(Effect::NotThere(
            "there was no such index before it was sent".to_owned(),
        ));
    };
    let Some(there) = by_oid(session, index)? else {
        return Ok(Effect::Took("the index is gone".to_owned()));
    };
    let shown = there.name;
    if named != Some(index) {
        return Ok(Effect::Undecidable(format!(
            "the index that was to be dropped is now {shown}, and the statement would look for another one: drop it or keep \
             it, then say whether the statement counts as done"
        )));
    }
    Ok(Effect::NotThere(
        if there.index.is_some_and(|index| index.valid) {
            format!("index {shown} is still there and valid")
        } else {
            format!("index {shown} is still there, dropped in part: dropping it again ends it")
        },
    ))
}
