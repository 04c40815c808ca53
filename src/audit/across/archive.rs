//! The findings, as questions want them.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Answer, Extent, Weight};
use crate::audit::facts::{ApprovalFacts, Facts, ReceiptFacts, ReleaseFacts, TrustRootFacts};
use crate::audit::fault::{Fault, FaultKind, Scope};
use crate::audit::finding::Finding;
use crate::audit::kind::Kind;
use crate::tlog::CHECKPOINT;
use crate::trust::TrustRoot;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::file_name::Named;
use pgseal_verify::format::receipt::{Outcome, TrustReference};

/// All findings by what they are about.
pub struct Archive<'a> {
    /// By path.
    pub findings: &'a [Finding],
    /// The trust root that judges.
    pub root: &'a TrustRoot,
    /// How much of the archive this is.
    pub extent: Extent,
    /// Releases whose signatures hold, by id: where their bundles are.
    pub bundles: BTreeMap<Digest, Vec<(usize, &'a ReleaseFacts)>>,
    /// Bundles that can't be believed, by the id that they say they have: the first of each.
    pub claimed: BTreeMap<Digest, usize>,
    /// The directories that have logs, each with the slash behind it.
    logs: Vec<&'a str>,
    /// Receipts whose signatures hold, or that nobody signed; by path.
    pub receipts: Vec<Told<'a>>,
    /// Everything that people say of a release, in bundles and beside them, by its id; of files that are well and show what
    /// the bundle shows.
    pub approvals: BTreeMap<Digest, Vec<&'a ApprovalFacts>>,
    /// Trust roots that led to the one that judges, and itself: each names the digest of the one before.
    pub ancestors: BTreeMap<Digest, Option<&'a TrustRootFacts>>,
}

/// A receipt.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// Which finding.
    pub at: usize,
    /// Of which release.
    pub release: &'a ReleaseFacts,
    /// What it says.
    pub receipt: &'a ReceiptFacts,
    /// What its signature is worth.
    pub weight: Weight,
}

impl Told<'_> {
    /// Whether something was done to the database, or may have been.
    pub fn did_something(&self) -> bool {
        self.receipt.outcome != Outcome::Unchanged
    }
}

impl<'a> Archive<'a> {
    /// Looks through the findings once.
    pub fn new(findings: &'a [Finding], root: &'a TrustRoot, extent: Extent) -> Self {
        let (mut bundles, mut receipts) = (BTreeMap::<Digest, Vec<_>>::new(), Vec::new());
        let mut claimed = BTreeMap::new();
        for (at, finding) in findings.iter().enumerate() {
            if let Some(id) = finding.claimed_id {
                claimed.entry(id).or_insert(at);
            }
            let Some(facts) = &finding.facts else { continue };
            let Some(release) = &facts.release else { continue };
            match (finding.kind, &facts.receipt) {
                (Kind::Bundle, _) => bundles.entry(release.id).or_default().push((at, release)),
                (Kind::Receipt, Some(receipt)) => {
                    // What anybody can have written proves nothing wrong either.
                    let weight = if finding.is_unsigned() { Weight::Note } else { Weight::Fault };
                    receipts.push(Told { at, release, receipt, weight });
                }
                _ => {}
            }
        }
        let logs = findings.iter().filter(|finding| finding.kind == Kind::Log && finding.facts.is_some());
        let logs = logs.filter_map(|log| log.path.strip_suffix(CHECKPOINT)).collect();
        let (approvals, ancestors) = (BTreeMap::new(), ancestors(findings, root));
        let archive = Self { findings, root, extent, bundles, claimed, logs, receipts, approvals, ancestors };
        Self { approvals: archive.said(), ..archive }
    }

    fn said(&self) -> BTreeMap<Digest, Vec<&'a ApprovalFacts>> {
        let mut said = BTreeMap::<_, Vec<_>>::new();
        // Of what has a fault itself nobody knows what it is worth.
        for finding in self.findings.iter().filter(|finding| finding.is_sound()) {
            let Some(facts) = finding.facts.as_ref().filter(|facts| !facts.approvals.is_empty()) else { continue };
            let Some(release) = &facts.release else { continue };
            let mut bundles = self.bundles.get(&release.id).into_iter().flatten();
            if !bundles.any(|(bundle, _)| self.shows_another(facts, *bundle)) {
                said.entry(release.id).or_default().extend(&facts.approvals);
            }
        }
        said
    }

    /// Whether people were shown something else than the bundle that their approvals are bound to.
    pub fn shows_another(&self, approvals: &Facts, bundle: usize) -> bool {
        let shown = self.findings[bundle].facts.as_ref().and_then(|facts| facts.shown);
        shown.is_some_and(|own| approvals.shown != Some(own))
    }

    /// Receipts that somebody signed, each document once.
    pub fn signed_receipts(&self) -> Vec<Told<'a>> {
        let mut seen = std::collections::BTreeSet::new();
        let signed = self.receipts.iter().filter(|told| told.weight == Weight::Fault);
        signed.filter(|told| seen.insert(told.receipt.sha256)).copied().collect()
    }

    /// A bundle that is there by one of these names, and that can't be believed: nothing says which release it was.
    pub fn doubtful(&self, dir: &str, names: &[String]) -> Option<&'a Finding> {
        let own = |name: &String| {
            let path = format!("{dir}{name}");
            let at = self.findings.binary_search_by(|finding| finding.path.cmp(&path)).ok()?;
            Some(&self.findings[at])
        };
        names.iter().filter_map(own).find(|finding| finding.kind == Kind::Bundle && is_doubtful(finding))
    }

    /// Releases that can't all be right, each with the bundle where it is told, the measure of the others first: one that the log
    /// has, or else the first by its path. A copy elsewhere takes nothing away from the one that was logged.
    pub fn ranked(&self, releases: Vec<&'a ReleaseFacts>) -> Vec<(usize, &'a ReleaseFacts)> {
        let rank = |release: &'a ReleaseFacts| {
            let bundles = self.bundles.get(&release.id)?;
            let logged = bundles.iter().find(|(at, _)| self.is_logged(*at));
            Some((logged.is_none(), logged.or(bundles.first())?.0, release))
        };
        let mut ranked: Vec<_> = releases.into_iter().filter_map(rank).collect();
        ranked.sort();
        ranked.into_iter().map(|(_, at, release)| (at, release)).collect()
    }

    /// A receipt of a run of a release, by the name that a run gives it, that can't be believed.
    pub fn doubtful_run(&self, release: &ReleaseFacts) -> Option<&'a Finding> {
        let start = format!("{}-{}-run-", release.name, release.version);
        let is_run = |finding: &&Finding| finding.path.rsplit('/').next().is_some_and(|name| name.starts_with(&start));
        let mut receipts = self.findings.iter().filter(|finding| finding.kind == Kind::Receipt && is_doubtful(finding));
        receipts.find(is_run)
    }

    /// Whether the log of its archive has a file, and it is the file that was logged. No log has what is in a tar file.
    fn is_logged(&self, at: usize) -> bool {
        let finding = &self.findings[at];
        let in_log = |dir: &str| finding.path.strip_prefix(dir).is_some_and(|below| !is_in_tar(below));
        finding.faults.iter().chain(&finding.notes).all(|fault| fault.kind.scope() != Scope::Place)
            && self.logs.iter().any(|dir| in_log(dir))
    }

    /// A finding's path.
    pub fn path(&self, at: usize) -> &'a str {
        &self.findings[at].path
    }

    /// Trust roots whose own signatures hold.
    pub fn trust_roots(&self) -> impl Iterator<Item = (usize, &'a TrustRootFacts)> + use<'a> {
        trust_roots(self.findings)
    }

    /// What the version of the trust root by which a run was admitted says, where it is known.
    pub fn admitted_by(&self, reference: &TrustReference) -> Option<Policy<'a>> {
        match self.ancestors.get(&reference.sha256)? {
            Some(root) => Some(Policy {
                approvals: &root.approvals,
                blocked: &root.blocked_releases,
                rehearsal: root.require_rehearsal,
            }),
            None => Some(self.policy()),
        }
    }

    /// What the trust root that judges says.
    pub fn policy(&self) -> Policy<'a> {
        let policy = self.root.policy();
        Policy { approvals: &policy.approvals, blocked: &policy.blocked_releases, rehearsal: policy.require_rehearsal }
    }
}

/// What a trust root wants of runs.
#[derive(Clone, Copy)]
pub struct Policy<'a> {
    /// Approvals by role.
    pub approvals: &'a BTreeMap<pgseal_verify::format::name::Name, u8>,
    /// Releases that never run.
    pub blocked: &'a [Digest],
    /// Whether every run needs a rehearsal.
    pub rehearsal: bool,
}

/// Whether a file is there, and nothing of what it says may be believed.
fn is_doubtful(finding: &Finding) -> bool {
    !finding.is_absent() && finding.facts.as_ref().is_none_or(|facts| facts.release.is_none())
}

/// Whether a path leads through a tar file, or a directory by the name of one: which of them is not known here.
fn is_in_tar(path: &str) -> bool {
    Path::new(path).ancestors().skip(1).any(|dir| Named::of(dir) == Some(Named::Tar))
}

fn trust_roots<'a>(findings: &'a [Finding]) -> impl Iterator<Item = (usize, &'a TrustRootFacts)> + use<'a> {
    let of = |(at, finding): (usize, &'a Finding)| Some((at, finding.facts.as_ref()?.trust_root.as_ref()?));
    findings.iter().enumerate().filter_map(of)
}

/// From the trust root that judges back, as far as the archive has the documents.
fn ancestors<'a>(findings: &'a [Finding], root: &TrustRoot) -> BTreeMap<Digest, Option<&'a TrustRootFacts>> {
    let all: BTreeMap<Digest, &TrustRootFacts> =
        trust_roots(findings).map(|(_, facts)| (facts.sha256, facts)).collect();
    let mut ancestors = BTreeMap::from([(root.digest(), None)]);
    let mut before = root.document().prev_sha256;
    // A document can't name its own digest, nor a later one's: the chain ends.
    while let Some(facts) = before.and_then(|digest| all.get(&digest)) {
        ancestors.insert(facts.sha256, Some(*facts));
        before = facts.prev_sha256;
    }
    ancestors
}

/// An answer.
pub fn answer(at: usize, weight: Weight, kind: FaultKind, sentence: String) -> Answer {
    Answer { at, weight, fault: Fault::new(kind, sentence) }
}
