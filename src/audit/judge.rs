//! By what files are judged: one trust root, and two times.

use crate::trust::{TrustRoot, When};
use pgseal_verify::format::timestamp::Timestamp;

/// By what files are judged.
pub struct Judge<'r> {
    /// The trust root.
    pub root: &'r TrustRoot,
    /// The time that was asked for.
    pub as_of: Timestamp,
    /// The host's clock.
    pub now: Timestamp,
}

impl Judge<'_> {
    /// As of then: a signature counts from its proven time on.
    pub fn then(&self) -> When {
        When::AsOf(self.as_of)
    }

    /// As of now: what is about to be done.
    pub fn now(&self) -> When {
        When::At(self.now)
    }
}
