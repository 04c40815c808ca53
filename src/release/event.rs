//! Events that an observer receives during a run.

use std::time::Duration;

use super::failure::Failure;
use super::waiting::Blocked;
use crate::database::Notice;
use pgseal_verify::format::receipt::{GateAnswer, TierRecord, VerifyRecord};
use pgseal_verify::format::run_limits::TimeLimit;
use psql_script::Position;

/// Receives events. The library itself prints nothing.
pub trait Observer {
    /// Called for each event, in order.
    fn event(&mut self, event: Event<'_>);
}

/// Receives reports from another thread while the run waits for a statement.
pub trait BackgroundObserver: Send + Sync {
    /// A statement waits for a lock, or its blockers have changed.
    fn blocked(&self, by: &Blocked);
}

/// One event of a run.
#[derive(Debug)]
pub enum Event<'a> {
    Gate(&'a GateAnswer),
    /// A transaction of tiers or of a single statement is about to begin.
    Transaction,
    /// A tier or rollback script begins: its number from 1, the total, its name.
    Begin(usize, usize, &'a str),
    /// Statements were sent in one message and the server works on them. Each is reported when
    /// done.
    OnTheWay {
        /// Position of the first statement.
        from: &'a Position,
        /// Position of the last statement.
        to: &'a Position,
        statements: usize,
    },
    /// A statement is about to be sent or, in a batch, is done.
    Statement {
        /// Position of the statement.
        at: &'a Position,
        /// The command: `CREATE TABLE`, `INSERT`, ...
        verb: &'a str,
    },
    /// Text of `\echo` and similar commands.
    Echo(&'a str),
    /// The server sent a notice.
    Notice {
        /// Position of the statement.
        at: &'a Position,
        notice: &'a Notice,
    },
    /// A tier is done, not yet committed.
    Done(usize, usize, &'a TierRecord),
    /// In a rehearsal, the locks of a transaction after a tier, and again before its COMMIT.
    Locked {
        /// Name of the tier that ran last.
        tier: &'a str,
        /// `schema.relation` and mode of every lock that can block other sessions.
        held: &'a [(String, String)],
    },
    /// A verify script was run.
    Verified(&'a VerifyRecord),
    /// The fate of a statement that was interrupted in an earlier run.
    Found {
        /// Position of the statement.
        at: &'a Position,
        /// Whether it is sent again.
        again: bool,
        how: &'a str,
    },
    /// The server still works on a statement of a lost client.
    StillRunning {
        /// Position of the statement.
        at: &'a Position,
        why: &'a str,
    },
    /// Cleanup of an interrupted statement's leftovers.
    Cleaning {
        /// Position of the statement.
        at: &'a Position,
        what: &'a str,
    },
    /// Another pgseal run holds the lock of this database; the attempt is repeated.
    LockHeld {
        /// The holder, if the server reports it.
        by: Option<&'a str>,
        /// Whether this was reported before.
        again: bool,
        /// Time until the next attempt.
        pause: Duration,
    },
    /// The transaction failed without changes and is retried.
    Retrying {
        failure: &'a Failure,
        /// The reason why a retry may help.
        reason: &'static str,
        /// Number of the retry, from 1.
        retry: u32,
        /// Maximum number of retries.
        of: u32,
        /// Time until the retry.
        pause: Duration,
    },
    /// A script raised a time limit above the release's, or switched it off; it is put back.
    Limited {
        /// Position of the statement.
        at: &'a Position,
        /// Name of the setting.
        setting: &'a str,
        /// The limit that is in force again.
        limit: TimeLimit,
    },
    /// The transaction is complete and about to be committed.
    Commit,
    /// The transaction is committed, and has given its locks back.
    Committed,
    /// A part of a run is committed, and others are to come: the run can stop here.
    CommitPoint {
        /// Name of the tier: of a transaction the last; empty if it has none.
        tier: &'a str,
        /// Position of the statement; `None` behind a transaction of tiers.
        at: Option<&'a Position>,
    },
    /// The answer to COMMIT was lost; the server is queried on a new connection, for the nth time.
    Resolving(u32, &'a str),
}

/// Ignores all events.
pub struct Silent;

impl Observer for Silent {
    fn event(&mut self, _: Event<'_>) {}
}

impl BackgroundObserver for Silent {
    fn blocked(&self, _: &Blocked) {}
}
