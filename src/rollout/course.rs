//! The course of a rollout, as its journal or its receipt tells it.

use super::journal::{Begin, RolloutStep};
use crate::record::journal::Line;
use pgseal_verify::format::rollout::{DatabaseOutcome, RolloutDatabase};
use pgseal_verify::format::timestamp::Timestamp;

/// The steps of a journal, summed up.
#[derive(Clone, Debug)]
pub struct Course {
    pub begin: Begin,
    /// The time of the first step.
    pub at: Timestamp,
    /// The time of the last step.
    pub last: Timestamp,
    /// Each database with its last known result.
    pub databases: Vec<RolloutDatabase>,
    /// Databases that were begun.
    pub begun: Vec<bool>,
    /// Reason why no further database was begun.
    pub stopped: Option<String>,
    /// The exit code, unless the rollout was killed.
    pub exit: Option<u8>,
}

impl Course {
    /// Reads the lines of a journal; `None` without the first step, or if a step names a database
    /// that the first does not have.
    pub fn of(lines: Vec<Line<RolloutStep>>) -> Option<Self> {
        let mut lines = lines.into_iter();
        let Line { at, step, .. } = lines.next()?;
        let RolloutStep::Begin(begin) = step else {
            return None;
        };
        let databases = begin.databases.clone();
        let begun = databases
            .iter()
            .map(|one| one.outcome != DatabaseOutcome::Left);
        let mut course = Self {
            begun: begun.collect(),
            begin: *begin,
            at,
            last: at,
            databases,
            stopped: None,
            exit: None,
        };
        for line in lines {
            course.last = line.at;
            course.take(line.step)?;
        }
        Some(course)
    }

    fn take(&mut self, step: RolloutStep) -> Option<()> {
        match step {
            RolloutStep::Begin(_) => return None,
            RolloutStep::Started { at } => {
                *self.begun.get_mut(at)? = true;
                let one = self.databases.get_mut(at)?;
                *one = RolloutDatabase {
                    outcome: DatabaseOutcome::Unknown,
                    error: Some("it was begun, and no end is recorded".to_owned()),
                    ..RolloutDatabase::left(one.database.clone(), one.wave)
                };
            }
            RolloutStep::Ended { at, database } => *self.databases.get_mut(at)? = database,
            RolloutStep::Soak { .. } => {}
            RolloutStep::Stopping { why } => self.stopped = Some(why),
            RolloutStep::End { exit } => self.exit = Some(exit),
        }
        Some(())
    }
}
