//! The warnings of `lint` that a release's author has let stay, for those who decide about it.

use super::output::{Output, escape};
use pgseal_verify::format::manifest::{Acknowledgement, Manifest};

/// One line each.
pub fn show(manifest: &Manifest, out: Output) {
    for acknowledged in &manifest.acknowledged {
        out.line(sentence(acknowledged));
    }
}

fn sentence(acknowledged: &Acknowledgement) -> String {
    let Acknowledgement { rule, file, line, reason } = acknowledged;
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    format!("acknowledged warning [{rule}] {}{line}: {}", escape(file.as_str()), escape(reason))
}
