//! The structure of the report, shared by all formats: sections of blocks, rendered by
//! `markdown.rs` and `page.rs`.

use super::Report;
use super::operator::{Command, commands, shortened};
use super::owner::{Question, questions};
use crate::cli::release_text;
use crate::readiness::human_time::{count, day_and_time, near, seconds, sentence, span};
use crate::readiness::{
    Approver, Cell, Kept, Proof, ReleaseFacts, Signer, Status, Took, TookIn, Turn, UsedApprover,
    timeline, values, why,
};
use pgseal_verify::format::rehearsal::{Rehearsal, RehearsalOutcome};

/// A part of the report.
pub struct Section {
    /// Anchor in the page.
    pub id: &'static str,
    /// Title, the same in all formats.
    pub heading: &'static str,
    /// Label if the page folds the section.
    pub folded: Option<&'static str>,
    pub blocks: Vec<Block>,
}

/// A piece of a section.
pub enum Block {
    Text(String),
    Note(&'static str),
    /// Questions of the owner, with their answers.
    Questions(Vec<Question>),
    /// Tasks in order.
    Tasks(Vec<String>),
    /// Sentences in order.
    Steps(Vec<String>),
    /// Commands, each with its purpose.
    Commands(Vec<Command>),
    /// The questions and their answers.
    Matrix,
    Timeline(Vec<Turn>),
    /// Values that the release is judged by, under three heads.
    Values([&'static str; 3], Vec<ValueRow>),
    /// People and their statements.
    People(Vec<(String, String)>),
    /// Steps of the rehearsal: name, whether it held, detail.
    Rehearsal(Vec<(String, bool, String)>),
    /// Pieces of evidence, numbered from 1.
    Evidence,
    /// Terms and their values.
    ReadinessFacts(Vec<(&'static str, String)>),
    /// Names of files that do not count, with reasons.
    Uncounted(Vec<(String, String)>),
}

/// A row of [`Block::Values`].
pub struct ValueRow {
    /// Column of the probe.
    pub name: String,
    /// Content under each head.
    pub cells: [String; 3],
    /// Index of the cell with the current content.
    pub now: usize,
    /// Whether the current content is the expected one; `None` if it was not compared.
    pub holds: Option<bool>,
    /// Whether the current content can't be compared, as the expected one is relative to the start
    /// of the run.
    pub is_relative: bool,
    /// Whether the release changes the value.
    pub changes: bool,
}

/// Mark of a value in place of a tick, if there is nothing to compare it with.
pub const NOT_COMPARED: &str = " · not compared now";

/// Returns all sections in order, without empty ones.
pub fn sections(report: &Report) -> Vec<Section> {
    let verdict = &report.verdict;
    let (opens, then) = match verdict.status {
        Status::Ready => ("What opens it", "What happens when it runs"),
        Status::Blocked | Status::Held => ("What opens it", "What happens then"),
        Status::Done => ("What opens it", "What happens now"),
        Status::Stop => ("What to repair", "What happens now"),
    };
    let tasks: Vec<_> = verdict.missing.iter().map(|one| one.what.clone()).collect();
    let steps_then: Vec<_> = verdict
        .then
        .iter()
        .map(|text| shortened(&report.facts, text))
        .collect();
    let commands = commands(&report.facts, verdict);
    let some = |is_empty: bool, block: Block| if is_empty { Vec::new() } else { vec![block] };
    let release = report.facts.release.as_deref();
    let of_release =
        |blocks: fn(&ReleaseFacts) -> Vec<Block>| release.map(blocks).unwrap_or_default();
    let note = "Every answer rests on evidence, which it links to. Without evidence, or with evidence that is too old, the answer is \
                UNKNOWN, and that never counts as a yes.";
    let all = [
        (
            "owner",
            "For the owner",
            of_release(|release| vec![Block::Questions(questions(release))]),
        ),
        (
            "missing",
            opens,
            some(tasks.is_empty(), Block::Tasks(tasks)),
        ),
        (
            "then",
            then,
            some(steps_then.is_empty(), Block::Steps(steps_then)),
        ),
        (
            "operator",
            "For the operator",
            some(commands.is_empty(), Block::Commands(commands)),
        ),
        (
            "matrix",
            "Nine questions and their answers",
            vec![Block::Note(note), Block::Matrix],
        ),
        ("timeline", "Step by step", of_release(steps)),
        ("values", "Before and after", of_release(before_and_after)),
        ("people", "Who signed and who approved", of_release(people)),
        ("rehearsal", "The rehearsal", of_release(rehearsal)),
        (
            "acknowledged",
            "Warnings that the author accepted",
            of_release(acknowledged),
        ),
        (
            "evidence",
            "The evidence",
            some(evidence(report).is_empty(), Block::Evidence),
        ),
        ("technical", "Technical details", technical(report)),
    ];
    let folded = |id, blocks: &[Block]| match id {
        "operator" => Some("The commands"),
        // Without one, a sentence says so.
        "rehearsal" if blocks.len() > 1 => Some("What was tried, step by step"),
        "technical" => Some("Release id, target, trust root, and files that count for nothing"),
        _ => None,
    };
    let section = |(id, heading, blocks): (_, _, Vec<Block>)| Section {
        id,
        heading,
        folded: folded(id, &blocks),
        blocks,
    };
    all.into_iter()
        .map(section)
        .filter(|section| !section.blocks.is_empty())
        .collect()
}

/// Returns every piece of evidence once, in the order of first mention.
pub fn evidence(report: &Report) -> Vec<&Proof> {
    let mut all: Vec<&Proof> = Vec::new();
    for proof in report.matrix.cells.iter().flat_map(|cell| &cell.proofs) {
        if !all.contains(&proof) {
            all.push(proof);
        }
    }
    all
}

/// Returns the evidence of an answer with its numbers in the list.
pub fn evidence_of<'a>(report: &'a Report, cell: &Cell) -> Vec<(usize, &'a Proof)> {
    let numbered = evidence(report)
        .into_iter()
        .enumerate()
        .map(|(at, proof)| (at + 1, proof));
    numbered
        .filter(|(_, proof)| cell.proofs.contains(proof))
        .collect()
}

/// Age of an answer's evidence, and its expiry.
pub fn freshness(report: &Report, cell: &Cell) -> String {
    let Some(at) = cell.at else {
        return "No evidence. ".to_owned();
    };
    let now = report.facts.now;
    let age = now.seconds() - at.seconds();
    let from = if age < 60 {
        "From less than a minute ago".to_owned()
    } else {
        format!("From {}, {} ago", day_and_time(at), span(age))
    };
    match cell.until {
        None => format!("{from}. "),
        Some(until) if now > until => format!("{from}; too old since {}. ", day_and_time(until)),
        Some(until) => format!("{from}; counts until {}. ", near(until, now)),
    }
}

fn steps(release: &ReleaseFacts) -> Vec<Block> {
    let turns = timeline(release);
    let measured = turns
        .iter()
        .find_map(|turn| turn.took.as_ref())
        .map(|took| match took.measured {
            TookIn::Run => Block::Note("The times are of the run itself."),
            TookIn::Rehearsal => Block::Note("The times are of the rehearsal, on a copy."),
        });
    std::iter::once(Block::Timeline(turns))
        .chain(measured)
        .collect()
}

/// Name of a tier, how it is committed, and its duration.
pub fn tier(turn: &Turn) -> String {
    let alone = if turn.alone {
        " · committed step by step"
    } else {
        ""
    };
    let took = turn
        .took
        .as_ref()
        .map(|took| format!(" · {}", duration(took)))
        .unwrap_or_default();
    format!("{}{alone}{took}", turn.name)
}

fn duration(took: &Took) -> String {
    format!(
        "{} · {} · {}",
        seconds(took.milliseconds),
        count(took.statements, "statement"),
        count(took.rows, "row")
    )
}

fn before_and_after(release: &ReleaseFacts) -> Vec<Block> {
    let done = release.in_effect().is_some();
    let heads = if done {
        ["Before", "Now", "Promised"]
    } else {
        ["Now", "Expected now", "Promised after"]
    };
    let mut rows: Vec<ValueRow> = values(release)
        .into_iter()
        .map(|value| {
            let changes = value.baseline != value.finalized;
            let (first, second) = if done {
                (value.before, value.now)
            } else {
                (value.now, value.baseline)
            };
            let cells =
                [first, second, value.finalized].map(|text| text.unwrap_or_else(|| "—".to_owned()));
            ValueRow {
                name: value.name,
                cells,
                now: usize::from(done),
                holds: value.holds,
                is_relative: value.is_relative,
                changes,
            }
        })
        .collect();
    rows.sort_by_key(|row| !row.changes);
    let note = "These are the values that the release is judged by. Values that change come first.";
    vec![Block::Note(note), Block::Values(heads, rows)]
}

fn people(release: &ReleaseFacts) -> Vec<Block> {
    let signed = release.signers.iter().map(|signer| {
        (
            signer.owner.clone(),
            format!("signed the release{}", since(signer)),
        )
    });
    let used = release.used.as_deref().unwrap_or_default();
    let counted = used
        .iter()
        .map(|used| (used.owner.clone(), used_statement(used)));
    let is_used = |approver: &Approver| {
        let mut used = used.iter();
        used.any(|used| used.key == approver.key && used.at == approver.at)
    };
    let approved = release
        .approvers
        .iter()
        .filter(|approver| !is_used(approver))
        .map(|approver| (approver.owner.clone(), statement(approver)));
    let people: Vec<_> = signed.chain(counted).chain(approved).collect();
    let is_needed = !release.tallies.is_empty();
    let none = match release.in_effect() {
        _ if people.len() > release.signers.len() => None,
        None if is_needed => Some("No approval has been given yet."),
        Some(_) if is_needed && release.used.is_none() => {
            Some("The ledger's row does not say which approvals counted when it ran.")
        }
        Some(_) if is_needed => Some("It ran without an approval."),
        _ => Some("No approval is needed: the trust root of this host asks for none."),
    };
    let mut blocks = vec![Block::People(people)];
    blocks.extend(none.map(|text| Block::Text(text.to_owned())));
    blocks
}

fn since(signer: &Signer) -> String {
    signer
        .at
        .map(|at| format!(", {} on {}.", signer.evidence, day_and_time(at)))
        .unwrap_or_else(|| ".".to_owned())
}

fn statement(approver: &Approver) -> String {
    let apr = approver
        .apr
        .as_ref()
        .map(|apr| format!(" under {apr}"))
        .unwrap_or_default();
    let until = approver
        .expires
        .map(|until| format!(", valid until {}", day_and_time(until)))
        .unwrap_or_default();
    let at = day_and_time(approver.at);
    match &approver.why_not {
        None => format!("approved it as {}{apr} on {at}{until}.", approver.role),
        Some(why) => format!(
            "spoke as {} on {at}, which does not count: {why}.",
            approver.role
        ),
    }
}

fn used_statement(used: &UsedApprover) -> String {
    let role = match &used.role {
        Some((role, Some(apr))) => format!(" as {role} under {apr}"),
        Some((role, None)) => format!(" as {role}"),
        None => String::new(),
    };
    let at = day_and_time(used.at);
    format!("approved it{role} on {at}; it counted for the run.")
}

fn rehearsal(release: &ReleaseFacts) -> Vec<Block> {
    let Some(kept) = release.newest_rehearsal() else {
        let text = "No signed rehearsal of this very release is here. In a rehearsal the release runs on a copy of the database, is \
                    undone there, and the states before and after are compared.";
        return vec![Block::Text(text.to_owned())];
    };
    let steps = kept
        .document
        .steps
        .iter()
        .map(|step| (step.name.clone(), step.ok, step.detail.clone()));
    vec![
        Block::Text(summary(kept)),
        Block::Rehearsal(steps.collect()),
    ]
}

fn summary(kept: &Kept<Rehearsal>) -> String {
    let rehearsal = &kept.document;
    let outcome = match rehearsal.outcome {
        RehearsalOutcome::Proved => "Every step held.".to_owned(),
        RehearsalOutcome::Limited if rehearsal.untried_points() > 0 => {
            "Every step held, but not every point where a run can stop was tried.".to_owned()
        }
        RehearsalOutcome::Limited => "Every step held, but not all rows were compared.".to_owned(),
        RehearsalOutcome::Incomplete => {
            sentence(&format!("It did not come to its end{}", why(rehearsal)))
        }
        RehearsalOutcome::Failed => sentence(&format!("It failed{}", why(rehearsal))),
    };
    let of = rehearsal
        .source
        .database
        .as_ref()
        .map_or("a dump".to_owned(), |name| format!("the database {name}"));
    let stand_in = match &rehearsal.approval {
        Some(_) => {
            " On the copy, a script stood in for the people who open the gate; it counts nowhere else."
        }
        None => "",
    };
    let dump = rehearsal
        .source
        .dump()
        .map(|dump| format!(" The copy was {dump}."))
        .unwrap_or_default();
    format!(
        "On {} the release was rehearsed on a copy of {of}, in {}. {outcome} The receipt is signed by {}.{stand_in}{dump}",
        day_and_time(rehearsal.finished),
        count(rehearsal.steps.len() as u64, "step"),
        kept.owner,
    )
}

fn acknowledged(release: &ReleaseFacts) -> Vec<Block> {
    let lines = release_text::acknowledged(&release.manifest).into_iter();
    lines.map(Block::Text).collect()
}

fn technical(report: &Report) -> Vec<Block> {
    let Some(release) = report.facts.release.as_deref() else {
        let file = &report.facts.file;
        return vec![Block::Text(format!(
            "File {file}. Nothing of it is shown, since it is not authentic."
        ))];
    };
    let mut blocks = vec![Block::ReadinessFacts(facts(report, release))];
    if !release.uncounted.is_empty() {
        blocks.push(Block::Uncounted(release.uncounted.clone()));
    }
    blocks
}

fn facts(report: &Report, release: &ReleaseFacts) -> Vec<(&'static str, String)> {
    let manifest = &release.manifest;
    let target = &manifest.target;
    let server = target
        .server
        .as_ref()
        .map(|range| format!(", PostgreSQL {range}"))
        .unwrap_or_default();
    let role = target
        .role
        .as_ref()
        .map(|role| format!(", role {role}"))
        .unwrap_or_default();
    let mut facts = vec![
        ("File", report.facts.file.clone()),
        ("Release id", release.release_id.to_string()),
        ("Sequence", manifest.release.sequence.to_string()),
        (
            "Made for",
            format!("database {}{server}{role}", target.database),
        ),
        (
            "Trust root",
            format!(
                "version {}, {}",
                release.trust.version, release.trust.sha256
            ),
        ),
    ];
    if let Some(source) = &manifest.source {
        facts.push(("Source", source.to_string()));
    }
    if let Some(answers) = release.answers() {
        let system = answers
            .target
            .system_identifier
            .as_deref()
            .unwrap_or("unknown");
        let text = format!(
            "{}, PostgreSQL {}, system {system}, role {}",
            answers.target.database, answers.target.server_version, answers.target.role
        );
        facts.push(("Database asked", text));
    }
    facts.push(("Exit code", report.verdict.exit.to_string()));
    facts
}
