//! Rules of the trust root for a run, other than signatures: its own expiry, the release's
//! sequence, and required approvals.

use std::collections::BTreeSet;

use super::attestations::SignedApproval;
use super::judge::JudgedAt;
use super::root::TrustRoot;
use crate::format::approval::Decision;
use crate::format::manifest::Release;
use crate::format::name::{AprCode, Name};
use crate::format::receipt::ObservedTarget;
use crate::format::release_source::{ReleaseSource, RepositoryPattern, SourceName};
use crate::format::statement::ReleaseId;
use crate::format::timestamp::Timestamp;
use crate::format::window::{Freeze, Window, next_open};

/// Maximum lag of this host's clock behind a time from another clock, in seconds. Five minutes is
/// Kerberos's tolerance (RFC 4120, section 1.6); a clock set back to revive an expired document
/// lags far more.
pub const CLOCK_SKEW_SECONDS: i64 = 300;

/// Reason why an authentic release must not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum PolicyError {
    /// The clock is behind the trust root's date, so it is wrong.
    #[error(
        "this host's clock ({now}) is behind {seen}, when version {version} of the trust root was issued"
    )]
    ClockBehind {
        /// Time of this host's clock.
        now: Timestamp,
        /// Date of the trust root.
        seen: Timestamp,
        /// Version of the trust root.
        version: u32,
    },
    /// The trust root has expired.
    #[error("the trust root (version {version}) expired on {expired}")]
    Expired {
        /// Version of the trust root.
        version: u32,
        /// Date of expiry.
        expired: Timestamp,
    },
    /// The trust root blocks this release.
    #[error("the trust root blocks this release ({0})")]
    Blocked(ReleaseId),
    /// Replay of an old release.
    #[error("the trust root wants sequence {minimum} or later of {name}, this is {found}")]
    Sequence {
        /// Name of the release.
        name: Name,
        /// The lowest sequence that may run.
        minimum: u32,
        /// The release's sequence.
        found: u32,
    },
    /// The release does not come from a repository that the trust root names.
    #[error(
        "the trust root wants a release of the repository {}, this one {}", listed(.allowed), named(.found)
    )]
    Source {
        /// Repositories that the trust root names.
        allowed: Vec<RepositoryPattern>,
        /// The release's repository.
        found: Option<SourceName>,
    },
    /// No run may begin at this time.
    #[error("{}{}", rule(.freeze, .windows), opens(.next))]
    OutsideWindow {
        /// The freeze that the time is in.
        freeze: Option<Freeze>,
        /// The windows, if there are any.
        windows: Vec<Window>,
        /// The next moment at which a run may begin; `None` if there is none in the next years.
        next: Option<Timestamp>,
    },
    /// Required approvals are missing.
    #[error("approvals are missing: {}", missing(.0))]
    Approvals(Vec<Tally>),
    /// Required approvals count, and their runs on this database are used.
    #[error("HELD: the approved runs are used here: {}", missing(.0))]
    Used(Vec<Tally>),
}

/// Count of the approvals that a run needs from a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Name of the role.
    pub role: Name,
    /// Number of distinct keys that must approve.
    pub needed: u8,
    /// Number of distinct keys that did.
    pub counted: usize,
    /// Reasons why other approvals did not count, for people.
    pub why: Vec<String>,
    /// APR codes of approvals that would count if the run used that code.
    pub other_codes: Vec<AprCode>,
}

impl Tally {
    /// Whether there are enough approvals.
    pub fn is_met(&self) -> bool {
        self.counted >= usize::from(self.needed)
    }
}

/// Formats as `l2 1 of 2`.
impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} of {}", self.role, self.counted, self.needed)
    }
}

/// Checks whether the trust root is current at a time, and permits this release.
pub fn check_policy(
    root: &TrustRoot,
    release: &Release,
    id: ReleaseId,
    when: JudgedAt,
) -> Result<(), PolicyError> {
    let document = root.document();
    let version = document.version;
    let time = match when {
        JudgedAt::At(now) => {
            if let Some(seen) = document.issued.filter(|issued| is_behind(now, *issued)) {
                return Err(PolicyError::ClockBehind { now, seen, version });
            }
            now
        }
        JudgedAt::AsOf(time) => time,
        JudgedAt::Undo | JudgedAt::TrustRoot => return Ok(()),
    };
    if time >= document.expires {
        return Err(PolicyError::Expired {
            version,
            expired: document.expires,
        });
    }
    if document.policy.blocked_releases.contains(&id.digest()) {
        return Err(PolicyError::Blocked(id));
    }
    match document.policy.minimum_sequence.get(&release.name) {
        Some(minimum) if release.sequence < *minimum => Err(PolicyError::Sequence {
            name: release.name.clone(),
            minimum: *minimum,
            found: release.sequence,
        }),
        _ => Ok(()),
    }
}

/// Checks whether the trust root lets releases of this source run.
pub fn check_source(root: &TrustRoot, source: Option<&ReleaseSource>) -> Result<(), PolicyError> {
    let allowed = &root.policy().source_repositories;
    let found = source.and_then(ReleaseSource::repository);
    let is_allowed = |found: &SourceName| allowed.iter().any(|one| one.matches(found));
    if allowed.is_empty() || found.is_some_and(is_allowed) {
        return Ok(());
    }
    Err(PolicyError::Source {
        allowed: allowed.clone(),
        found: found.cloned(),
    })
}

/// Checks whether a run may begin at a time.
pub fn check_window(root: &TrustRoot, now: Timestamp) -> Result<(), PolicyError> {
    let policy = root.policy();
    let next = next_open(&policy.windows, &policy.freezes, now);
    if next == Some(now) {
        return Ok(());
    }
    let freeze = policy.freezes.iter().find(|freeze| freeze.contains(now));
    Err(PolicyError::OutsideWindow {
        freeze: freeze.cloned(),
        windows: policy.windows.clone(),
        next,
    })
}

/// Whether a clock is behind an observed time by more than [`CLOCK_SKEW_SECONDS`].
pub fn is_behind(now: Timestamp, seen: Timestamp) -> bool {
    now.seconds().saturating_add(CLOCK_SKEW_SECONDS) < seen.seconds()
}

/// Counts the approvals that a run needs, by role.
pub fn tally(
    root: &TrustRoot,
    approvals: &[SignedApproval],
    apr: Option<&str>,
    when: JudgedAt,
) -> Vec<Tally> {
    let of_role = |role: &Name, needed: u8| {
        let mut tally = Tally {
            role: role.clone(),
            needed,
            counted: 0,
            why: Vec::new(),
            other_codes: Vec::new(),
        };
        // Each key has one approval here, so the approvals are of distinct keys.
        for approval in approvals
            .iter()
            .filter(|approval| approval.approval().role == *role)
        {
            match counts(root, approval, apr, when) {
                Ok(()) => tally.counted += 1,
                Err(reason) => {
                    let only_the_code = counts(root, approval, None, when).is_ok();
                    tally
                        .other_codes
                        .extend(approval.approval().apr.clone().filter(|_| only_the_code));
                    tally.why.push(format!(
                        "key {} ({:?}) {reason}",
                        approval.key().digest().short(),
                        approval.owner()
                    ))
                }
            }
        }
        tally
    };
    root.policy()
        .approvals
        .iter()
        .map(|(role, needed)| of_role(role, *needed))
        .collect()
}

/// The approvals that a run uses: those that count, of the roles that the policy requires.
pub fn counting(
    root: &TrustRoot,
    approvals: &[SignedApproval],
    apr: Option<&str>,
    when: JudgedAt,
) -> Result<Vec<SignedApproval>, PolicyError> {
    let tallies = tally(root, approvals, apr, when);
    if tallies.iter().any(|tally| !tally.is_met()) {
        return Err(PolicyError::Approvals(tallies));
    }
    let required = &root.policy().approvals;
    let counting = approvals.iter().filter(|approval| {
        required.contains_key(&approval.approval().role)
            && counts(root, approval, apr, when).is_ok()
    });
    Ok(counting.cloned().collect())
}

/// The approvals of `counting` that are for a database and have runs left; fails if they do not meet
/// the policy. `used` is the number of runs that an approval was used for on this database.
pub fn unused(
    root: &TrustRoot,
    counting: &[SignedApproval],
    target: &ObservedTarget,
    used: impl Fn(&SignedApproval) -> u64,
) -> Result<Vec<SignedApproval>, PolicyError> {
    let is_here = |approval: &SignedApproval| approval.approval().is_for(target);
    let here = of_these(root, counting, is_here, elsewhere).map_err(PolicyError::Approvals)?;
    let has_left = |approval: &SignedApproval| used(approval) < allowed(approval);
    of_these(root, &here, has_left, used_up).map_err(PolicyError::Used)
}

/// The approvals that meet a condition; fails if they do not meet the policy. `why` is the reason why
/// another one does not count.
fn of_these(
    root: &TrustRoot,
    counting: &[SignedApproval],
    meets: impl Fn(&SignedApproval) -> bool,
    why: impl Fn(&SignedApproval) -> String,
) -> Result<Vec<SignedApproval>, Vec<Tally>> {
    let of_role = |(role, needed): (&Name, &u8)| {
        let given = counting
            .iter()
            .filter(|given| given.approval().role == *role);
        let (left, others): (Vec<_>, Vec<_>) = given.partition(|given| meets(given));
        Tally {
            role: role.clone(),
            needed: *needed,
            counted: left.len(),
            why: others.into_iter().map(&why).collect(),
            other_codes: Vec::new(),
        }
    };
    let tallies: Vec<Tally> = root.policy().approvals.iter().map(of_role).collect();
    if tallies.iter().any(|tally| !tally.is_met()) {
        return Err(tallies);
    }
    let left = counting.iter().filter(|approval| meets(approval));
    Ok(left.cloned().collect())
}

fn allowed(approval: &SignedApproval) -> u64 {
    u64::from(approval.approval().runs.get())
}

/// `key 1a2b3c4d ("ana")`
fn signer(approval: &SignedApproval) -> String {
    let (key, owner) = (approval.key().digest().short(), approval.owner());
    format!("key {key} ({owner:?})")
}

fn elsewhere(approval: &SignedApproval) -> String {
    let on = approval.approval().only_on.as_ref();
    let on = on.map(ToString::to_string).unwrap_or_default();
    format!("{} approved it for {on:?} only", signer(approval))
}

fn used_up(approval: &SignedApproval) -> String {
    let at = approval.approval().at;
    let runs = match allowed(approval) {
        1 => "one run".to_owned(),
        runs => format!("{runs} runs"),
    };
    format!("{} approved {runs} at {at}", signer(approval))
}

/// The APR codes of counting approvals. A run must use one of them.
pub fn codes(root: &TrustRoot, approvals: &[SignedApproval], when: JudgedAt) -> BTreeSet<AprCode> {
    let counting = approvals
        .iter()
        .filter(|signed| counts(root, signed, None, when).is_ok());
    counting
        .filter_map(|signed| signed.approval().apr.clone())
        .collect()
}

/// Counts the approvals that a run needs. If approvals name several APR codes, there is a tally for
/// each code, the best first. Empty if no approvals are required.
pub fn tallies(
    root: &TrustRoot,
    approvals: &[SignedApproval],
    with_code: bool,
    when: JudgedAt,
) -> Vec<(Option<AprCode>, Vec<Tally>)> {
    if root.policy().approvals.is_empty() {
        return Vec::new();
    }
    let codes = codes(root, approvals, when);
    if !with_code || codes.len() < 2 {
        return vec![(None, tally(root, approvals, None, when))];
    }
    let of = |code: AprCode| {
        let tallies = tally(root, approvals, Some(code.as_str()), when);
        (Some(code), tallies)
    };
    let mut all: Vec<_> = codes.into_iter().map(of).collect();
    all.sort_by_key(|(_, tallies)| {
        std::cmp::Reverse(tallies.iter().map(|tally| tally.counted).sum::<usize>())
    });
    all
}

/// Checks whether an approval counts at a time; the error is the reason, for people.
pub fn counts(
    root: &TrustRoot,
    signed: &SignedApproval,
    apr: Option<&str>,
    when: JudgedAt,
) -> Result<(), String> {
    let approval = signed.approval();
    signed.key_counts(root, &approval.role, when)?;
    if approval.decision == Decision::Withdraw {
        return Err(format!("withdrew on {}", approval.at));
    }
    match when {
        JudgedAt::At(now) if is_behind(now, approval.at) => {
            return Err(format!(
                "approved at {}, which is in the future by this host's clock",
                approval.at
            ));
        }
        JudgedAt::AsOf(time) if time < approval.at => {
            return Err(format!("approved later, at {}", approval.at));
        }
        JudgedAt::At(time) | JudgedAt::AsOf(time) => {
            if let Some(expired) = approval.expires.filter(|expires| time > *expires) {
                return Err(format!("approved until {expired}"));
            }
        }
        JudgedAt::Undo | JudgedAt::TrustRoot => {}
    }
    let given = approval.apr.as_ref().map(|apr| apr.as_str());
    match apr {
        Some(apr) if given != Some(apr) => Err(format!(
            "approved {}, not {apr}",
            given.unwrap_or("no APR code")
        )),
        _ => Ok(()),
    }
}

fn listed(allowed: &[RepositoryPattern]) -> String {
    let all: Vec<String> = allowed.iter().map(ToString::to_string).collect();
    all.join(" or ")
}

fn named(found: &Option<SourceName>) -> String {
    match found {
        Some(found) => format!("is of {found}"),
        None => "names none".to_owned(),
    }
}

fn rule(freeze: &Option<Freeze>, windows: &[Window]) -> String {
    match freeze {
        Some(Freeze { from, to }) => {
            format!("the trust root lets no run begin from {from} until {to}")
        }
        None => {
            let windows: Vec<String> = windows.iter().map(ToString::to_string).collect();
            let windows = windows.join(", ");
            format!("the trust root lets runs begin in this window only: {windows}")
        }
    }
}

fn opens(next: &Option<Timestamp>) -> String {
    match next {
        Some(next) => format!("; the next moment is {next}"),
        None => String::new(),
    }
}

fn missing(tallies: &[Tally]) -> String {
    let short = tallies.iter().filter(|tally| !tally.is_met());
    let counts: Vec<String> = short.clone().map(ToString::to_string).collect();
    let why: String = short
        .flat_map(|tally| &tally.why)
        .map(|reason| format!("; {reason}"))
        .collect();
    format!("{}{why}", counts.join(", "))
}
