//! Authentic bundles as text.

use super::approvals;
use super::escape::escape;
use crate::bundle::authenticate::AuthenticatedBundle;
use crate::trust::JudgedAt;

/// Id, source, signers and approvals, one a line.
pub fn signed(bundle: &AuthenticatedBundle<'_>, when: JudgedAt) -> Vec<String> {
    let mut lines = vec![format!("release id {}", bundle.release_id())];
    if let Some(source) = &bundle.manifest().source {
        lines.push(escape(&format!("source {source}")));
    }
    lines.extend(bundle.signatories().iter().map(|signatory| {
        let (owner, key) = (escape(&signatory.owner), signatory.key);
        format!("signed by {owner} ({key}), {}", signatory.evidence)
    }));
    let approvals = bundle.approvals().iter();
    lines.extend(approvals.map(|signed| approvals::sentence(bundle.root(), signed, when)));
    lines
}

/// `5/5 files and contents OK`
pub fn files(bundle: &AuthenticatedBundle<'_>, with_contents: bool) -> String {
    let count = bundle.file_count();
    let what = match with_contents {
        true => "files and contents",
        false => "files",
    };
    format!("{count}/{count} {what} OK")
}
