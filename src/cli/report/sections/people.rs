//! Who signed, who approved, and what the rehearsal showed.

use crate::cli::html::{Html, section};
use crate::matrix::words::{count, day_and_time, sentence};
use crate::matrix::{Approver, Kept, ReleaseFacts, Signer, why};
use pgseal_verify::format::rehearsal::{Rehearsal, RehearsalOutcome};

pub fn write(release: &ReleaseFacts, html: &mut Html) {
    section(html, "people", "Who signed and who approved", |html| {
        html.element("ul", &[("class", "people")], |html| {
            for signer in &release.signers {
                html.element("li", &[], |html| {
                    html.leaf("strong", &[], &signer.owner);
                    html.text(&format!(" signed the release{}", since(signer)));
                });
            }
            for approver in &release.approvers {
                html.element("li", &[], |html| {
                    html.leaf("strong", &[], &approver.owner);
                    html.text(&format!(" {}", said(approver)));
                });
            }
        });
        if release.approvers.is_empty() {
            let nobody = if release.tallies.is_empty() {
                "Nobody was asked to approve it: the trust root of this host asks for no approval."
            } else {
                "Nobody has approved it yet."
            };
            html.leaf("p", &[], nobody);
        }
    });
}

/// Since when a signature exists, where anybody says so.
pub fn since(signer: &Signer) -> String {
    signer.at.map(|at| format!(", {} on {}.", signer.evidence, day_and_time(at))).unwrap_or_else(|| ".".to_owned())
}

/// What somebody said.
pub fn said(approver: &Approver) -> String {
    let apr = approver.apr.as_ref().map(|apr| format!(" under {apr}")).unwrap_or_default();
    let until = approver.expires.map(|until| format!(", valid until {}", day_and_time(until))).unwrap_or_default();
    let at = day_and_time(approver.at);
    match &approver.why_not {
        None => format!("approved it as {}{apr} on {at}{until}.", approver.role),
        Some(why) => format!("spoke as {} on {at}, which does not count: {why}.", approver.role),
    }
}

pub fn rehearsal(release: &ReleaseFacts, html: &mut Html) {
    section(html, "rehearsal", "The rehearsal", |html| {
        let Some(kept) = release.newest_rehearsal() else {
            html.leaf(
                "p",
                &[],
                "No signed rehearsal of this very release is here. In a rehearsal the release runs on a copy of \
                the database, is undone there, and what was before is compared with what is after.",
            );
            return;
        };
        html.leaf("p", &[], &summary(kept));
        html.element("ol", &[("class", "rehearsal")], |html| {
            for step in &kept.document.steps {
                html.element("li", &[], |html| {
                    let verdict = if step.ok { "✓ held" } else { "✕ did not hold" };
                    html.leaf("strong", &[], &step.name);
                    html.text(" ");
                    html.leaf("span", &[("class", if step.ok { "held" } else { "failed" })], verdict);
                    html.text(&format!(" {}", step.detail));
                });
            }
        });
    });
}

/// What a rehearsal showed, in a sentence or two.
pub fn summary(kept: &Kept<Rehearsal>) -> String {
    let rehearsal = &kept.document;
    let outcome = match rehearsal.outcome {
        RehearsalOutcome::Proved => "Every step held.".to_owned(),
        RehearsalOutcome::Limited => "Every step held, but not all rows were compared.".to_owned(),
        RehearsalOutcome::Incomplete => sentence(&format!("It did not come to its end{}", why(rehearsal))),
        RehearsalOutcome::Failed => sentence(&format!("It failed{}", why(rehearsal))),
    };
    let of = rehearsal.source.database.as_ref().map_or("a dump".to_owned(), |name| format!("the database {name}"));
    let stand_in = match &rehearsal.approval {
        Some(_) => " On the copy, a script stood in for the people who open the gate; it counts nowhere else.",
        None => "",
    };
    let dump = rehearsal.source.dump().map(|dump| format!(" The copy was {dump}.")).unwrap_or_default();
    format!(
        "On {} the release was rehearsed on a copy of {of}, in {}. {outcome} The receipt is signed by {}.{stand_in}{dump}",
        day_and_time(rehearsal.finished),
        count(rehearsal.steps.len() as u64, "step"),
        kept.owner,
    )
}
