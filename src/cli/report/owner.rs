//! The questions of an owner: duration, waiting users, the way back, and losses.

use crate::readiness::human_time::{at_most, count, listed, seconds, sentence};
use crate::readiness::{Measured, ReleaseFacts, Waits};
use pgseal_verify::format::receipt::TierRecord;

/// Maximum number of tables named for a kind of waiting.
const TABLES: usize = 10;

const UNKNOWN: &str = "Not known yet: no signed rehearsal of this release is here.";

/// A question with its answer: one or more sentences.
pub type Question = (&'static str, Vec<String>);

/// Answers the questions from the receipt of the run in effect, or from the relevant rehearsal.
pub fn questions(release: &ReleaseFacts) -> Vec<Question> {
    let measured = release.measured();
    let measured = measured.as_ref();
    let ran = release.receipt_in_effect().map(|kept| &kept.document.tiers);
    let back = ("Can it be undone?", back(measured));
    let lost = ("Does anything get lost?", lost(release));
    let mut all = match ran {
        Some(tiers) => vec![("How long did it take?", vec![took(tiers)]), back, lost],
        None => vec![
            ("How long does it take?", vec![duration(measured)]),
            ("Who has to wait?", waiting(measured)),
            back,
            lost,
        ],
    };
    let accepted = release.manifest.acknowledged.len() as u64;
    if accepted > 0 {
        let warnings = count(accepted, "warning");
        let text = format!("The author accepted {warnings}; the reasons are below.");
        all.push(("Was there a warning?", vec![text]));
    }
    all
}

fn took(tiers: &[TierRecord]) -> String {
    let all = tiers.iter().map(|tier| tier.milliseconds).sum();
    format!("Its steps took {}.", seconds(all))
}

/// The answer without a measure: a rehearsal whose run did not hold measures nothing.
fn unknown(rehearsal: Option<&Measured<'_>>) -> String {
    match rehearsal {
        None => UNKNOWN.to_owned(),
        Some(broken) => format!(
            "Not known: {} broke off before the run was done.",
            broken.the()
        ),
    }
}

fn duration(measured: Option<&Measured<'_>>) -> String {
    let Some((measured, run)) = measured.and_then(|one| Some((one, one.step("run")?))) else {
        return unknown(measured);
    };
    let (took, the, ended) = (seconds(run), measured.the(), measured.ended());
    sentence(&format!(
        "{took}, measured by {the}{ended}. On a busier server it can take longer"
    ))
}

fn waiting(rehearsal: Option<&Measured<'_>>) -> Vec<String> {
    let Some(measured) = rehearsal.filter(|one| one.step("run").is_some()) else {
        return vec![unknown(rehearsal)];
    };
    let waits = measured.waits(None);
    if waits.is_empty() {
        return vec!["No user has to wait.".to_owned()];
    }
    waits.iter().map(blocked).collect()
}

/// `public.channels can't be used for up to 2.0 s.`
fn blocked(waits: &Waits<'_>) -> String {
    let named = waits.tables.iter().take(TABLES);
    let mut tables: Vec<String> = named.map(|table| (*table).to_owned()).collect();
    let more = waits.tables.len() - tables.len();
    tables.extend((more > 0).then(|| count(more as u64, "other table")));
    let how = match waits.readers {
        true => "can't be used",
        false => "can be read, but not changed,",
    };
    let longest = at_most(waits.milliseconds);
    format!("{} {how} for up to {longest}.", listed(&tables))
}

fn back(measured: Option<&Measured<'_>>) -> Vec<String> {
    let Some(measured) = measured else {
        return vec![UNKNOWN.to_owned()];
    };
    let (proof, is_proved) = measured.proof();
    let yes = if is_proved { "Yes. " } else { "" };
    let took = measured.step("rollback");
    let took = took.map(|took| format!("The rollback took {} there.", seconds(took)));
    std::iter::once(format!("{yes}{proof}"))
        .chain(took)
        .collect()
}

fn lost(release: &ReleaseFacts) -> Vec<String> {
    if release.left.is_empty() {
        return vec!["Nothing is known that a rollback would leave behind.".to_owned()];
    }
    let intro = "A rollback leaves behind:".to_owned();
    std::iter::once(intro)
        .chain(release.left.iter().cloned())
        .collect()
}
