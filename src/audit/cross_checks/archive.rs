//! Indexes of the findings for the cross-checks.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Answer, Coverage, Severity};
use crate::audit::fault::{FaultKind, Scope};
use crate::audit::file_facts::{
    ApprovalFacts, FileFacts, ReceiptFacts, ReleaseFacts, TrustRootFacts,
};
use crate::audit::finding::Finding;
use crate::audit::kind::Kind;
use crate::tlog::CHECKPOINT;
use crate::trust::TrustRoot;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::database_pattern::DatabasePattern;
use pgseal_verify::format::file_name::Named;
use pgseal_verify::format::receipt::{Action, Outcome, TrustReference};
use pgseal_verify::format::window::{Freeze, Window};

/// All findings, indexed by subject.
pub struct Archive<'a> {
    pub findings: &'a [Finding],
    pub root: &'a TrustRoot,
    pub extent: Coverage,
    /// Releases with valid signatures by id, each with the indices of its bundles.
    pub bundles: BTreeMap<Digest, Vec<(usize, &'a ReleaseFacts)>>,
    /// Bundles that are not authentic, by claimed release id; the first of each.
    pub claimed: BTreeMap<Digest, usize>,
    /// Directories that have logs, each with a trailing slash.
    logs: Vec<&'a str>,
    /// Unsigned receipts and receipts with valid signatures, by path.
    pub receipts: Vec<ReceiptRecord<'a>>,
    /// Approvals by release id, from bundles and separate files. The files are sound and show the
    /// same release and target as the bundle.
    pub approvals: BTreeMap<Digest, Vec<&'a ApprovalFacts>>,
    /// The trust root of this audit (`None`) and its ancestors; each names the digest of the
    /// version before it.
    pub ancestors: BTreeMap<Digest, Option<&'a TrustRootFacts>>,
}

/// A receipt and its finding.
#[derive(Clone, Copy)]
pub struct ReceiptRecord<'a> {
    pub at: usize,
    /// The release that the receipt names.
    pub release: &'a ReleaseFacts,
    pub receipt: &'a ReceiptFacts,
    /// Severity of answers about this receipt: an unsigned one gives notes only.
    pub severity: Severity,
}

impl<'a> ReceiptRecord<'a> {
    /// System identifier and name of the database.
    pub fn database(&self) -> (Option<&'a str>, &'a str) {
        let receipt = self.receipt;
        (
            receipt.system_identifier.as_deref(),
            receipt.database.as_str(),
        )
    }

    /// Whether it is a run that changed the database, or may have.
    pub fn is_run(&self) -> bool {
        self.receipt.action == Action::Run && self.receipt.outcome != Outcome::Unchanged
    }

    /// Whether both are about the same release on the same database.
    pub fn is_about_same(&self, other: &Self) -> bool {
        let about = |record: &Self| (record.database(), record.release.id);
        about(self) == about(other)
    }

    /// A fault, or a note if the receipt is not signed.
    pub fn answer(&self, kind: FaultKind, sentence: String) -> Answer {
        Answer::new(self.at, self.severity, kind, sentence)
    }
}

impl<'a> Archive<'a> {
    /// Builds the indexes in one pass over the findings.
    pub fn new(findings: &'a [Finding], root: &'a TrustRoot, extent: Coverage) -> Self {
        let (mut bundles, mut receipts) = (BTreeMap::<Digest, Vec<_>>::new(), Vec::new());
        let mut claimed = BTreeMap::new();
        for (at, finding) in findings.iter().enumerate() {
            if let Some(id) = finding.claimed_id {
                claimed.entry(id).or_insert(at);
            }
            let Some((facts, release)) = finding.of_release() else {
                continue;
            };
            match (finding.kind, &facts.receipt) {
                (Kind::Bundle, _) => bundles.entry(release.id).or_default().push((at, release)),
                (Kind::Receipt, Some(receipt)) => receipts.push(ReceiptRecord {
                    at,
                    release,
                    receipt,
                    // An unsigned receipt can be forged, so it proves no fault.
                    severity: Severity::fault_if(!finding.is_unsigned()),
                }),
                _ => {}
            }
        }
        let logs = findings
            .iter()
            .filter(|finding| finding.kind == Kind::Log && finding.facts.is_some())
            .filter_map(|log| log.path.strip_suffix(CHECKPOINT))
            .collect();
        let mut archive = Self {
            findings,
            root,
            extent,
            bundles,
            claimed,
            logs,
            receipts,
            approvals: BTreeMap::new(),
            ancestors: ancestors(findings, root),
        };
        archive.approvals = archive.collect_approvals();
        archive
    }

    fn collect_approvals(&self) -> BTreeMap<Digest, Vec<&'a ApprovalFacts>> {
        let mut approvals = BTreeMap::<_, Vec<_>>::new();
        // Approvals in a faulty file have unknown value.
        let sound = self.findings.iter().filter(|finding| finding.is_sound());
        for (facts, release) in sound.filter_map(Finding::of_release) {
            let mut bundles = self.bundles.get(&release.id).into_iter().flatten();
            if !bundles.any(|(bundle, _)| self.shows_another(facts, *bundle)) {
                let of_release: &mut Vec<_> = approvals.entry(release.id).or_default();
                of_release.extend(&facts.approvals);
            }
        }
        approvals
    }

    /// The releases of the bundles, each once.
    pub fn releases(&self) -> impl Iterator<Item = &'a ReleaseFacts> {
        let bundles = self.bundles.values();
        bundles.filter_map(|bundles| Some(bundles.first()?.1))
    }

    /// Whether there is any bundle, authentic or not.
    pub fn has_bundles(&self) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|finding| finding.kind == Kind::Bundle)
    }

    /// The receipts of runs that changed the database, or may have.
    pub fn runs(&self) -> impl Iterator<Item = &ReceiptRecord<'a>> {
        self.receipts.iter().filter(|record| record.is_run())
    }

    /// Whether the approvals were given for another release or target than the bundle has.
    pub fn shows_another(&self, approvals: &FileFacts, bundle: usize) -> bool {
        let shown = self.findings[bundle]
            .facts
            .as_ref()
            .and_then(|facts| facts.shown);
        shown.is_some_and(|own| approvals.shown != Some(own))
    }

    /// Signed receipts, each document once.
    pub fn signed_receipts(&self) -> Vec<ReceiptRecord<'a>> {
        let mut seen = std::collections::BTreeSet::new();
        self.receipts
            .iter()
            .filter(|record| record.severity == Severity::Fault)
            .filter(|record| seen.insert(record.receipt.sha256))
            .copied()
            .collect()
    }

    /// The first bundle with one of these names that is not authentic, so its release is unknown.
    pub fn doubtful(&self, dir: &str, names: &[String]) -> Option<&'a Finding> {
        let own = |name: &String| {
            let path = format!("{dir}{name}");
            let at = self
                .findings
                .binary_search_by(|finding| finding.path.cmp(&path))
                .ok()?;
            Some(&self.findings[at])
        };
        names
            .iter()
            .filter_map(own)
            .find(|finding| finding.kind == Kind::Bundle && is_doubtful(finding))
    }

    /// Sorts conflicting releases, each with one of its bundles; the first is the reference for the
    /// others. The reference is a logged release, or else the first by path: an unlogged copy
    /// elsewhere must not discredit the logged release.
    pub fn ranked(&self, releases: Vec<&'a ReleaseFacts>) -> Vec<(usize, &'a ReleaseFacts)> {
        let rank = |release: &'a ReleaseFacts| {
            let bundles = self.bundles.get(&release.id)?;
            let logged = bundles.iter().find(|(at, _)| self.is_logged(*at));
            Some((logged.is_none(), logged.or(bundles.first())?.0, release))
        };
        let mut ranked: Vec<_> = releases.into_iter().filter_map(rank).collect();
        ranked.sort();
        ranked
            .into_iter()
            .map(|(_, at, release)| (at, release))
            .collect()
    }

    /// A receipt that is not authentic and has the name of a run of this release.
    pub fn doubtful_run(&self, release: &ReleaseFacts) -> Option<&'a Finding> {
        let start = format!("{}-{}-run-", release.name, release.version);
        let is_run = |finding: &&Finding| {
            finding
                .path
                .rsplit('/')
                .next()
                .is_some_and(|name| name.starts_with(&start))
        };
        let mut receipts = self
            .findings
            .iter()
            .filter(|finding| finding.kind == Kind::Receipt && is_doubtful(finding));
        receipts.find(is_run)
    }

    /// Whether the archive's log has this file with the same content. Members of tar files are
    /// never logged.
    fn is_logged(&self, at: usize) -> bool {
        let finding = &self.findings[at];
        let in_log = |dir: &str| {
            finding
                .path
                .strip_prefix(dir)
                .is_some_and(|below| !is_in_tar(below))
        };
        finding
            .faults
            .iter()
            .chain(&finding.notes)
            .all(|fault| fault.kind.scope() != Scope::Place)
            && self.logs.iter().any(|dir| in_log(dir))
    }

    pub fn path(&self, at: usize) -> &'a str {
        &self.findings[at].path
    }

    /// Trust roots with valid signatures by their own keys.
    pub fn trust_roots(&self) -> impl Iterator<Item = (usize, &'a TrustRootFacts)> + use<'a> {
        trust_roots(self.findings)
    }

    /// The policy of the version of the trust root that admitted a run, if that version is known.
    pub fn admitted_by(&self, reference: &TrustReference) -> Option<Policy<'a>> {
        match self.ancestors.get(&reference.sha256)? {
            Some(root) => Some(Policy {
                approvals: &root.approvals,
                blocked: &root.blocked_releases,
                rehearsal: root.require_rehearsal,
                run_on: &root.require_run_on,
                windows: &root.windows,
                freezes: &root.freezes,
            }),
            None => Some(self.policy()),
        }
    }

    /// The policy of the trust root of this audit.
    pub fn policy(&self) -> Policy<'a> {
        let policy = self.root.policy();
        Policy {
            approvals: &policy.approvals,
            blocked: &policy.blocked_releases,
            rehearsal: policy.require_rehearsal,
            run_on: &policy.require_run_on,
            windows: &policy.windows,
            freezes: &policy.freezes,
        }
    }
}

#[derive(Clone, Copy)]
pub struct Policy<'a> {
    pub approvals: &'a BTreeMap<pgseal_verify::format::name::Name, u8>,
    pub blocked: &'a [Digest],
    pub rehearsal: bool,
    pub run_on: &'a [DatabasePattern],
    pub windows: &'a [Window],
    pub freezes: &'a [Freeze],
}

/// Whether the file exists but its content is not authentic.
fn is_doubtful(finding: &Finding) -> bool {
    !finding.is_absent()
        && finding
            .facts
            .as_ref()
            .is_none_or(|facts| facts.release.is_none())
}

/// Whether the path has a component named like a tar file. It may also be a directory of that name:
/// the path does not distinguish them.
fn is_in_tar(path: &str) -> bool {
    Path::new(path)
        .ancestors()
        .skip(1)
        .any(|dir| Named::of(dir) == Some(Named::Tar))
}

fn trust_roots<'a>(
    findings: &'a [Finding],
) -> impl Iterator<Item = (usize, &'a TrustRootFacts)> + use<'a> {
    let of = |(at, finding): (usize, &'a Finding)| {
        Some((at, finding.facts.as_ref()?.trust_root.as_ref()?))
    };
    findings.iter().enumerate().filter_map(of)
}

/// The trust root of this audit and its ancestors, as far as the archive has the documents.
fn ancestors<'a>(
    findings: &'a [Finding],
    root: &TrustRoot,
) -> BTreeMap<Digest, Option<&'a TrustRootFacts>> {
    let all: BTreeMap<Digest, &TrustRootFacts> = trust_roots(findings)
        .map(|(_, facts)| (facts.sha256, facts))
        .collect();
    let mut ancestors = BTreeMap::from([(root.digest(), None)]);
    let mut before = root.document().prev_sha256;
    // The chain ends: a document can't contain its own digest or that of a later one.
    while let Some(facts) = before.and_then(|digest| all.get(&digest)) {
        ancestors.insert(facts.sha256, Some(*facts));
        before = facts.prev_sha256;
    }
    ancestors
}
