//! What an observer may see of a run while it goes on.

use std::time::Duration;

use super::failure::Failure;
use super::waiting::Blocked;
use crate::database::Notice;
use pgseal_verify::format::limits_of_run::TimeLimit;
use pgseal_verify::format::receipt::{GateAnswer, TierRecord, VerifyRecord};
use psql_script::Position;

/// Sees events. The library itself prints nothing.
pub trait Observer {
    /// Called for each event, in order.
    fn event(&mut self, event: Event<'_>);
}

/// Hears what the run itself can't say, since it waits: called from another thread, while a statement is under way.
pub trait Aside: Send + Sync {
    /// A statement waits for somebody, or for somebody else than before.
    fn blocked(&self, by: &Blocked);
}

/// One thing that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A gate answered.
    Gate(&'a GateAnswer),
    /// A tier, or rollback script, begins: its number from 1, of how many, its name.
    Begin(usize, usize, &'a str),
    /// Statements have been sent in one message, and the server works on them now. Each is told when it is done.
    OnTheWay {
        /// Where the first stands.
        from: &'a Position,
        /// Where the last stands.
        to: &'a Position,
        /// How many they are.
        statements: usize,
    },
    /// A statement is about to be sent, or, in a batch, is done.
    Statement {
        /// Where it stands.
        at: &'a Position,
        /// What it is: `CREATE TABLE`, `INSERT`, ...
        verb: &'a str,
    },
    /// `\echo` and its kin.
    Echo(&'a str),
    /// The server said something beside its answer.
    Notice {
        /// The statement's place.
        at: &'a Position,
        /// What it said.
        notice: &'a Notice,
    },
    /// A tier is done, not yet committed.
    Done(usize, usize, &'a TierRecord),
    /// In a rehearsal, what a tier's transaction holds after the tier.
    Locked {
        /// The tier.
        tier: &'a str,
        /// `schema.relation` and the mode, of every lock that others could wait for.
        held: &'a [(String, String)],
    },
    /// A verify script was asked.
    Verified(&'a VerifyRecord),
    /// A statement that an earlier run was interrupted in: what became of it.
    Found {
        /// Its place.
        at: &'a Position,
        /// Whether it is sent again.
        again: bool,
        /// How that is known.
        how: &'a str,
    },
    /// The server still works on a statement whose client is gone.
    StillRunning {
        /// Its place.
        at: &'a Position,
        /// How that is known.
        why: &'a str,
    },
    /// What an interrupted statement left behind is cleaned up.
    Cleaning {
        /// Its place.
        at: &'a Position,
        /// What it left.
        what: &'a str,
    },
    /// Another run of pgseal has the lock of this database; it is tried again.
    LockHeld {
        /// Who has it, if the server says so.
        by: Option<&'a str>,
        /// Whether it was told before.
        again: bool,
        /// How long until the next try.
        pause: Duration,
    },
    /// The transaction failed, nothing was changed, and it is tried once more.
    Retrying {
        /// How it failed.
        failure: &'a Failure,
        /// Why another try may help.
        reason: &'static str,
        /// Which retry it will be, from 1.
        retry: u32,
        /// How many are allowed.
        of: u32,
        /// How long until then.
        pause: Duration,
    },
    /// A script set a time limit higher than the release's, or off; it is put back.
    Limited {
        /// The statement's place.
        at: &'a Position,
        /// The setting.
        setting: &'a str,
        /// The limit that is in force again.
        limit: TimeLimit,
    },
    /// The transaction is complete and about to be committed.
    Commit,
    /// The answer to COMMIT was lost; the server is asked on a new connection, for the nth time.
    Resolving(u32, &'a str),
}

/// Sees nothing.
pub struct Silent;

impl Observer for Silent {
    fn event(&mut self, _: Event<'_>) {}
}

impl Aside for Silent {
    fn blocked(&self, _: &Blocked) {}
}
