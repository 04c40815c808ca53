//! Bundles with their approvals.

use std::collections::BTreeMap;
use std::path::Path;

use crate::files::Files;
use crate::finding::{Content, Finding};
use pgseal_verify::format::file_name::Named;
use pgseal_verify::format::manifest::Manifest;
use pgseal_verify::format::statement::title;
use pgseal_verify::trust::attestations::Attestation;
use pgseal_verify::trust::evidence::TokenError;
use pgseal_verify::trust::policy;
use pgseal_verify::trust::timestamp::TimestampError;
use pgseal_verify::words::escape::{escape, escape_lines};
use pgseal_verify::words::{approvals as said, bundle as words};
use pgseal_verify::{
    AttestationError, Attestations, AuthenticateError, AuthenticatedBundle, EntryPath, JudgedAt,
    Timestamp, TrustRoot, UntrustedBundle,
};

/// Largest file that is shown, in bytes.
const SHOWN_BYTES: u64 = 4 << 20;

/// Judges as `pgseal verify --contents --approval DIR` does.
pub fn judge(files: &Files<'_>, file: usize, root: &TrustRoot, now: Timestamp) -> Finding {
    match judged(files, file, root, now) {
        Ok(finding) => finding,
        Err(Refused::Fault(why)) => Finding::fault(escape(&why)),
        Err(Refused::Unchecked(why)) => Finding::unchecked(escape(&why)),
    }
}

/// The reason for which a bundle is not believed.
enum Refused {
    Fault(String),
    /// A time stamp, which needs another program.
    Unchecked(String),
}

impl Refused {
    fn new(path: &str, error: &AuthenticateError) -> Self {
        let why = format!("{path}: {error}");
        match error {
            AuthenticateError::Token(token) if is_unchecked(token) => Self::Unchecked(why),
            _ => Self::Fault(why),
        }
    }

    fn fault(error: impl std::fmt::Display) -> Self {
        Self::Fault(error.to_string())
    }
}

/// Whether the error is only that this build checks no time stamps.
pub fn is_unchecked(error: &TokenError) -> bool {
    matches!(
        error,
        TokenError::Token {
            source: TimestampError::Unchecked,
            ..
        }
    )
}

fn judged(
    files: &Files<'_>,
    file: usize,
    root: &TrustRoot,
    now: Timestamp,
) -> Result<Finding, Refused> {
    let when = JudgedAt::At(now);
    let bundle = with_approvals(files, authenticate(files, file, root, when)?)?;
    bundle.check_policy().map_err(Refused::fault)?;
    bundle.check_contents().map_err(Refused::fault)?;
    let manifest = bundle.manifest();
    let tallies = policy::tallies(root, bundle.approvals(), bundle.takes_apr(), when);
    let mut lines = words::signed(&bundle, when);
    lines.push(words::files(&bundle, true));
    lines.extend(said::lines(&tallies));
    let name = title(&manifest.release.name, &manifest.release.version);
    let owners = bundle.signatories().iter();
    Ok(Finding {
        release: Some(name.clone()),
        release_id: Some(bundle.release_id().to_string()),
        signers: owners.map(|signatory| escape(&signatory.owner)).collect(),
        contents: contents(manifest),
        ..Finding::authentic(name, lines)
    })
}

fn authenticate<'r>(
    files: &Files<'_>,
    file: usize,
    root: &'r TrustRoot,
    when: JudgedAt,
) -> Result<AuthenticatedBundle<'r>, Refused> {
    let path = files.path(file);
    let untrusted = UntrustedBundle::parse(files.open(file))
        .map_err(|error| Refused::Fault(format!("{path}: {error}")))?;
    let bundle = untrusted.authenticate(root, when);
    bundle.map_err(|error| Refused::new(path, &error))
}

/// Adds the approvals of all approval files; those of other releases are left out.
fn with_approvals<'r>(
    files: &Files<'_>,
    mut bundle: AuthenticatedBundle<'r>,
) -> Result<AuthenticatedBundle<'r>, Refused> {
    let (root, id) = (bundle.root(), bundle.release_id());
    for (at, _) in files.named(|path| Named::of(path) == Some(Named::Approval)) {
        let path = files.path(at);
        let about = |error: String| Refused::Fault(format!("{path}: {error}"));
        let added =
            Attestations::parse(files.open(at)).map_err(|error| about(error.to_string()))?;
        for claimed in &added.statements {
            if let Err(AttestationError::OtherRelease { .. }) = root.attestation(claimed, id) {
                continue;
            }
            bundle = bundle
                .with_approval(claimed)
                .map_err(|error| Refused::new(path, &AuthenticateError::from(error)))?;
        }
    }
    Ok(bundle)
}

/// The files in the order in which people read them: runbooks first.
fn contents(manifest: &Manifest) -> Vec<Content> {
    let mut roles: BTreeMap<&EntryPath, String> = BTreeMap::new();
    let tiers = manifest
        .tiers
        .iter()
        .map(|tier| (&tier.file, format!("tier {}", tier.name)));
    roles.extend(tiers);
    let runbooks = manifest.runbooks.iter();
    roles.extend(runbooks.map(|runbook| (&runbook.file, "runbook".to_owned())));
    let content = |file: &pgseal_verify::format::manifest::File| Content {
        path: file.path.to_string(),
        size: file.size,
        role: roles.get(&file.path).cloned().unwrap_or_default(),
    };
    let mut contents: Vec<Content> = manifest.files.iter().map(content).collect();
    contents.sort_by_key(|content| (content.role != "runbook", content.role.is_empty()));
    contents
}

/// The text of a file, compared with its signed digest before it is shown.
pub fn text(
    files: &Files<'_>,
    file: usize,
    root: &TrustRoot,
    now: Timestamp,
    path: &str,
) -> Result<String, String> {
    let bundle = authenticate(files, file, root, JudgedAt::At(now));
    let bundle = bundle.map_err(|refused| match refused {
        Refused::Fault(why) | Refused::Unchecked(why) => why,
    })?;
    let path: EntryPath = path.parse().map_err(|error| format!("{path}: {error}"))?;
    match bundle.file(&path) {
        Some((_, file)) if file.size > SHOWN_BYTES => {
            return Err(format!(
                "{path} has {} bytes, too many to show them here",
                file.size
            ));
        }
        _ => {}
    }
    let bytes = bundle.content(&path).map_err(|error| error.to_string())?;
    let text = std::str::from_utf8(&bytes).map_err(|_| format!("{path} is not text"))?;
    Ok(escape_lines(text))
}

/// Judges an approval file: each of its statements by itself, for any release.
pub fn approvals(files: &Files<'_>, file: usize, root: &TrustRoot, now: Timestamp) -> Finding {
    let added = match Attestations::parse(files.open(file)) {
        Ok(added) => added,
        Err(error) => return Finding::fault(escape(&format!("malformed: {error}"))),
    };
    let mut finding = Finding::authentic("approvals beside a bundle".to_owned(), Vec::new());
    for claimed in &added.statements {
        match root.added_to_any(claimed) {
            Ok((id, Attestation::Approval(signed))) => {
                let approval = signed.approval();
                let name = title(&approval.release.name, &approval.release.version);
                finding.headline = format!("approval of {name}");
                finding.release = Some(name);
                finding.release_id = Some(id.to_string());
                finding.signers.push(escape(signed.owner()));
                finding.lines.push(format!("release id {id}"));
                finding
                    .lines
                    .push(said::sentence(root, &signed, JudgedAt::At(now)));
            }
            Ok((id, Attestation::Notarisation(_))) => {
                finding
                    .lines
                    .push(format!("a notarisation of release {id}"));
            }
            Err(error) => finding
                .faults
                .push(escape(&format!("not authentic: {error}"))),
        }
    }
    if finding.faults.is_empty() {
        return finding;
    }
    Finding {
        faults: finding.faults,
        ..Finding::fault(String::new())
    }
}

/// The name without directories.
pub fn name(path: &str) -> &str {
    let name = Path::new(path).file_name().and_then(|name| name.to_str());
    name.unwrap_or(path)
}
