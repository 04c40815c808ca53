//! The trust root and times of an audit.

use crate::trust::{JudgedAt, TrustRoot};
use pgseal_verify::format::timestamp::Timestamp;

/// The trust root and times of an audit.
pub struct Judge<'r> {
    pub root: &'r TrustRoot,
    pub as_of: Timestamp,
    pub now: Timestamp,
}

impl Judge<'_> {
    /// The requested time: a signature counts from its proven time on.
    pub fn then(&self) -> JudgedAt {
        JudgedAt::AsOf(self.as_of)
    }

    /// The present, as for an action about to happen.
    pub fn now(&self) -> JudgedAt {
        JudgedAt::At(self.now)
    }
}
