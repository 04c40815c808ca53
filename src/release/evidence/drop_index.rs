//! DROP INDEX CONCURRENTLY: the server marks the index invalid, then dead, then removes it. Each
//! step is committed, and a repeated drop resumes there.

use super::answer::{Before, Effect, Refused};
use super::index::{by_oid, index_of};
use super::look::Look;
use crate::database::{DatabaseError, Session};
use psql_script::ObjectName;

/// Records the index that the name refers to. After the drop, the name may resolve to an index in
/// another schema.
pub(super) fn before(session: &mut dyn Session, named: Option<u32>) -> Result<Before, Refused> {
    let is_index = index_of(session, named)?.is_some();
    let index = named.filter(|_| is_index);
    Ok(Before::DropIndex { index })
}

/// DROP INDEX CONCURRENTLY with the state before it.
pub(super) struct DropIndex<'a> {
    /// The name of the index, and what that means now.
    pub name: &'a ObjectName,
    pub now: Option<u32>,
    pub index: Option<u32>,
}

impl Look for DropIndex<'_> {
    fn relations(&self) -> Vec<u32> {
        self.index.into_iter().collect()
    }

    /// Confirms that the index is gone.
    fn confirm(&self, session: &mut dyn Session) -> Result<Option<String>, Refused> {
        let Some(index) = self.index else {
            return Ok(None);
        };
        by_oid(session, index)?.map_or(Ok(None), |there| {
            let what = format!("index {} is still there", there.name);
            Err(Refused::not_so(&what))
        })
    }

    /// Finds whether the index exists, is partly dropped or is gone.
    fn find(&self, session: &mut dyn Session, _: &str) -> Result<Effect, DatabaseError> {
        let Some(index) = self.index else {
            return Ok(Effect::NotThere(
                "there was no such index before it was sent".to_owned(),
            ));
        };
        let Some(there) = by_oid(session, index)? else {
            return Ok(Effect::Took("the index is gone".to_owned()));
        };
        let shown = there.name;
        if self.now != Some(index) {
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

    fn changed_name(&self, session: &mut dyn Session) -> Result<Option<String>, DatabaseError> {
        // It may have meant a relation that is no index.
        let is_index = index_of(session, self.now)?.is_some();
        Ok((self.now != self.index && is_index).then(|| self.name.to_string()))
    }
}
