//! Warnings of `lint` that the release's author acknowledged, printed for reviewers and operators.

use super::{Output, escape};
use pgseal_verify::format::manifest::{Acknowledgement, Manifest};

/// Prints one line per acknowledgement.
pub fn show(manifest: &Manifest, out: Output) {
    for acknowledged in &manifest.acknowledged {
        out.line(sentence(acknowledged));
    }
}

fn sentence(acknowledged: &Acknowledgement) -> String {
    let Acknowledgement {
        rule,
        file,
        line,
        reason,
    } = acknowledged;
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    format!(
        "acknowledged warning [{rule}] {}{line}: {}",
        escape(file.as_str()),
        escape(reason)
    )
}
