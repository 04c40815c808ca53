//! Repeated attempts of a command until everything is there: `gate --watch` and `run --wait`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::args::now;
use super::database_command::DatabaseCommand;
use super::events;
use super::progress::Notifier;
use super::{CliError, Kind};
use pgseal_verify::format::receipt::Waited;
use pgseal_verify::format::statement::ReleaseId;
use pgseal_verify::format::timestamp::Timestamp;

/// The end of a wait without success: the missing conditions. The first one is the reason.
pub struct GivenUp(pub Vec<CliError>);

impl From<GivenUp> for CliError {
    fn from(GivenUp(missing): GivenUp) -> Self {
        let mut missing = missing.into_iter();
        let first = missing.next();
        let mut error = first.unwrap_or_else(|| Self::internal("the wait ended for no reason"));
        let others = missing.flat_map(|other| other.lines);
        let others = others.map(|line| format!("  also missing: {line}"));
        error.lines.extend(others);
        error
    }
}

/// The parts of a command that stay the same from attempt to attempt.
pub struct Begun {
    release: ReleaseId,
    pub command: DatabaseCommand,
}

impl Begun {
    pub fn new(release: ReleaseId, command: DatabaseCommand) -> Self {
        Self { release, command }
    }

    /// Refuses a bundle that was replaced by another release.
    pub fn check(&self, found: ReleaseId, file: &Path) -> Result<(), CliError> {
        check_same(self.release, found, file).map_err(|error| {
            error
                .hint("nothing was run; a wait is for one release: begin another one for this file")
        })
    }
}

/// Refuses a file that holds another release than before.
pub fn check_same(expected: ReleaseId, found: ReleaseId, file: &Path) -> Result<(), CliError> {
    if found == expected {
        return Ok(());
    }
    let text = format!(
        "expected release {expected}, found {found}: the file was replaced by another release"
    );
    Err(CliError::new(Kind::ReleaseChanged, text)
        .about(file)
        .hint("it was not run; a command is for the releases that it began with"))
}

/// A wait for conditions.
pub struct Waiting {
    interval: Duration,
    until: Option<Timestamp>,
    notifier: Notifier,
    /// The bundle, which may be replaced meanwhile.
    file: PathBuf,
    /// Length and time of the bundle when it was last found faulty.
    fault: Option<Option<(u64, SystemTime)>>,
    missing: Vec<Condition>,
    waited: Vec<(Kind, u64)>,
    /// Time of the last attempt.
    last: Timestamp,
}

/// A missing condition.
struct Condition {
    kind: Kind,
    text: String,
    since: Timestamp,
}

impl Waiting {
    /// Begins a wait. `file` is the bundle.
    pub fn begin(interval: u64, until: Option<Timestamp>, notifier: Notifier, file: &Path) -> Self {
        Self {
            interval: Duration::from_secs(interval),
            until,
            notifier,
            file: file.to_owned(),
            fault: None,
            missing: Vec::new(),
            waited: Vec::new(),
            last: now(),
        }
    }

    /// Records the missing conditions of an attempt, and pauses until the next one. Fails if waiting
    /// cannot mend one of them, or the time is over.
    pub fn pause_for(
        &mut self,
        mut missing: Vec<CliError>,
        command: &DatabaseCommand,
    ) -> Result<(), GivenUp> {
        self.fault = None;
        if let Some(at) = missing.iter().position(|error| !error.kind.may_pass()) {
            missing[..=at].rotate_right(1);
            return Err(GivenUp(missing));
        }
        let is_hidden = missing.iter().any(|error| hides(error.kind));
        self.record(&missing, |kind| is_hidden && !is_of_host(kind));
        self.pause(missing, command)
    }

    /// Like [`Self::pause_for`], after an error of the bundle, the trust root or a file beside them.
    ///
    /// A copy replaces a file step by step, so a fault in a file that was whole before ends the wait
    /// only if the next attempt finds it in an unchanged bundle.
    pub fn pause_for_fault(
        &mut self,
        error: CliError,
        command: &DatabaseCommand,
    ) -> Result<(), GivenUp> {
        let stamp = fs::metadata(&self.file)
            .and_then(|is| Ok((is.len(), is.modified()?)))
            .ok();
        let is_whole = matches!(
            error.kind,
            Kind::ReleaseChanged | Kind::TrustExpired | Kind::ReleaseBlocked | Kind::SequenceTooLow
        );
        let is_unchanged = self.fault == Some(stamp);
        if (is_whole || is_unchanged) && !error.kind.may_pass() {
            return Err(GivenUp(vec![error]));
        }
        self.fault = Some(stamp);
        self.record(std::slice::from_ref(&error), |_| true);
        self.pause(vec![error], command)
    }

    fn pause(&mut self, missing: Vec<CliError>, command: &DatabaseCommand) -> Result<(), GivenUp> {
        let pause = self.until.map_or(self.interval, |until| {
            Duration::from_secs(elapsed(now(), until)).min(self.interval)
        });
        self.tick(pause, command)
            .map_err(|interrupted| GivenUp(vec![interrupted]))?;
        match self.until {
            Some(until) if now() >= until => {
                let hint = format!("it was awaited until {until}, and nothing was done");
                let given_up = |error: CliError| error.also_hint(&hint);
                Err(GivenUp(missing.into_iter().map(given_up).collect()))
            }
            _ => Ok(()),
        }
    }

    /// Ends the wait because nothing is missing any more.
    pub fn end(&mut self) {
        self.record(&[], |_| false);
    }

    /// The seconds for which each condition was missing.
    pub fn waited(&self) -> Vec<Waited> {
        let one = |(kind, seconds): &(Kind, u64)| Waited {
            condition: kind.as_str().to_owned(),
            seconds: *seconds,
        };
        self.waited.iter().map(one).collect()
    }

    /// Sleeps, with a sign of life on a terminal.
    fn tick(&self, mut left: Duration, command: &DatabaseCommand) -> Result<(), CliError> {
        while !left.is_zero() {
            let draws = self.notifier.moving(|| self.line());
            let piece = if draws { left.min(TICK) } else { left };
            let pause = command.stop.pause(piece);
            pause.map_err(|_| command.command.interrupted())?;
            left -= piece;
        }
        Ok(())
    }

    /// The moving line.
    fn line(&self) -> String {
        let now = now();
        let one = |is: &Condition| format!("{} for {} s", is.kind.as_str(), elapsed(is.since, now));
        let all: Vec<String> = self.missing.iter().map(one).collect();
        format!("waiting: {}", all.join(", "))
    }

    /// Adds the time since the last attempt to the conditions that it missed, and reports changes.
    /// Of the earlier conditions that are not `missing` now, those that the attempt could not judge
    /// `stay`.
    fn record(&mut self, missing: &[CliError], stays: impl Fn(Kind) -> bool) {
        let (now, last) = (now(), self.last);
        self.last = now;
        for kind in self.missing.iter().map(|condition| condition.kind) {
            let seconds = elapsed(last, now);
            match self.waited.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, sum)) => *sum += seconds,
                None => self.waited.push((kind, seconds)),
            }
        }
        let before = std::mem::take(&mut self.missing);
        for error in missing {
            let (kind, text) = (condition(error.kind), error.lines.join(" "));
            if self.missing.iter().any(|one| one.kind == kind) {
                continue;
            }
            let known = before.iter().find(|one| one.kind == kind);
            if !known.is_some_and(|one| one.text == text || varies(kind)) {
                let word = kind.as_str();
                let line = format!("{now} waiting for {word}: {text}");
                self.notifier.line(line);
                events::waiting(kind, &text);
            }
            let since = known.map_or(now, |one| one.since);
            self.missing.push(Condition { kind, text, since });
        }
        for gone in before {
            if self.missing.iter().any(|one| one.kind == gone.kind) {
                continue;
            }
            if stays(gone.kind) {
                self.missing.push(gone);
                continue;
            }
            let (word, seconds) = (gone.kind.as_str(), elapsed(gone.since, now));
            let line = format!("{now} no longer waiting for {word}, after {seconds} s");
            self.notifier.line(line);
            events::arrived(gone.kind);
        }
    }
}

/// Interval between two changes of the moving line.
const TICK: Duration = Duration::from_secs(1);

/// The condition of an error: a connection that can't be made or gets lost is one condition.
fn condition(kind: Kind) -> Kind {
    match kind {
        Kind::ConnectionLost => Kind::NoConnection,
        _ => kind,
    }
}

/// Whether the text of the same condition may differ between two attempts. It is shown once.
fn varies(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::NoConnection | Kind::ServerError | Kind::ClockBehind
    )
}

/// Whether the error leaves open which conditions of the database are met.
fn hides(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::NoConnection
            | Kind::ConnectionLost
            | Kind::ServerError
            | Kind::Standby
            | Kind::Locked
    )
}

/// Whether the condition is about files and the clock of this host.
fn is_of_host(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Io
            | Kind::ClockBehind
            | Kind::ApprovalsMissing
            | Kind::AprMismatch
            | Kind::RehearsalMissing
            | Kind::OutsideWindow
    )
}

/// Seconds between two times of the host's clock; none if it was set back.
fn elapsed(from: Timestamp, to: Timestamp) -> u64 {
    to.seconds()
        .saturating_sub(from.seconds())
        .max(0)
        .unsigned_abs()
}
