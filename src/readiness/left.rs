//! Effects of a release that a rollback leaves behind, as far as the release shows them.

use super::human_time::listed;
use crate::bundle::AuthenticatedBundle;
use crate::lint::points::{self, Undo};

/// Rules whose warnings are about the rollback.
const ABOUT_ROLLBACK: [&str; 5] = [
    "missing-rollback",
    "rollback-not-from-every-point",
    "ban-drop-column",
    "ban-drop-table",
    "ban-drop-schema",
];

/// One line for each effect.
pub fn left(bundle: &AuthenticatedBundle) -> Vec<String> {
    let manifest = bundle.manifest();
    let mut left = Vec::new();
    for point in points::of_bundle(bundle) {
        let why = match &point.undo {
            Undo::Nothing | Undo::By(_) => continue,
            Undo::Left(what) => what.as_str(),
            Undo::Unseen => "no rollback script is seen to undo it",
        };
        let (text, file, line) = (&point.text, &point.at.file, point.at.line);
        left.push(format!("{text} ({file}:{line}): {why}"));
    }
    for tier in manifest
        .tiers
        .iter()
        .filter(|tier| !tier.dispatch.is_empty())
    {
        let (names, tier) = (listed(&tier.dispatch), tier.name.as_str());
        left.push(format!(
            "effects outside of the database, by {} in tier {}",
            names, tier
        ));
    }
    for table in &manifest.reordered {
        left.push(format!("another order of the columns of {}", table));
    }
    for accepted in &manifest.acknowledged {
        let (file, rule) = (accepted.file.as_str(), accepted.rule.as_str());
        if ABOUT_ROLLBACK.contains(&rule) {
            left.push(format!(
                "{}, accepted by the author ({rule}): {}",
                file, accepted.reason
            ));
        }
    }
    left
}
