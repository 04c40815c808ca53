//! Approvals and evidence as text.

use std::num::NonZeroU32;

use super::escape::{escape, optional};
use crate::format::approval::Decision;
use crate::format::name::AprCode;
use crate::trust::attestations::SignedApproval;
use crate::trust::evidence::Evidence;
use crate::trust::policy::{self, Tally};
use crate::trust::{JudgedAt, KeyId, TrustRoot};

/// One line about an approval.
pub fn sentence(root: &TrustRoot, signed: &SignedApproval, when: JudgedAt) -> String {
    let approval = signed.approval();
    let what = match approval.decision {
        Decision::Approve => "approved by",
        Decision::Withdraw => "approval withdrawn by",
    };
    let apr = optional(", ", approval.apr.as_ref());
    let until = optional(", until ", approval.expires.as_ref());
    let runs = for_runs(approval.runs);
    let on = approval.only_on.as_ref().map(|on| escape(&on.to_string()));
    let on = optional(", only on ", on.as_ref());
    let why = match policy::counts(root, signed, None, when) {
        Err(reason) if approval.decision == Decision::Approve => {
            format!("; does not count: it {}", escape(&reason))
        }
        _ => String::new(),
    };
    let reason = approval.reason.as_deref();
    let reason = reason.map_or(String::new(), |reason| format!(" ({})", escape(reason)));
    let (owner, role, evidence) = (escape(signed.owner()), &approval.role, signed.evidence());
    format!("{what} {owner} as {role}{apr}, {evidence}{until}{runs}{on}{reason}{why}")
}

/// `ann (2fcf953b1c8e)`; the whole key id if no trust root names its owner.
pub fn owner(root: Option<&TrustRoot>, key: KeyId) -> String {
    match root.and_then(|root| root.entry(&key)) {
        Some(entry) => format!("{} ({})", escape(&entry.owner), key.digest().short()),
        None => format!("key {key}"),
    }
}

/// Text for a number of runs other than one, such as `, for 2 runs`.
pub fn for_runs(runs: NonZeroU32) -> String {
    match runs.get() {
        1 => String::new(),
        runs => format!(", for {runs} runs"),
    }
}

/// Text for the time at which evidence proves that a signature existed, such as
/// `, notarised 2026-11-21T07:00:00Z`. Empty without such evidence.
pub fn since(evidence: Evidence) -> String {
    if evidence.time().is_some() {
        format!(", {evidence}")
    } else {
        String::new()
    }
}

/// One line per entry of `tallies`, such as `approvals for APR-7: l2 1 of 2`.
pub fn lines(tallies: &[(Option<AprCode>, Vec<Tally>)]) -> Vec<String> {
    let line = |(code, tallies): &(Option<AprCode>, Vec<Tally>)| {
        let list: Vec<String> = tallies.iter().map(ToString::to_string).collect();
        let (code, list) = (optional(" for ", code.as_ref()), list.join(", "));
        let rest = match tallies.iter().all(Tally::is_met) {
            true => "",
            false => ": `pgseal run` would refuse",
        };
        format!("approvals{code}: {list}{rest}")
    };
    tallies.iter().map(line).collect()
}
