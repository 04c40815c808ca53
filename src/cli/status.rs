//! `pgseal status --db URL`

use std::path::PathBuf;

use super::args::ConnectionArgs;
use super::settings;
use super::{CliError, Exit, Output, Paint, display_path, escape, optional};
use crate::record::ledger::{Entry, Happened, Step};
use crate::release::dependencies;
use crate::release::resolve::Resolution;
use crate::release::resume;
use crate::release::status::{self, Ending, FailedAttempt, Status, Unfinished};
use pgseal_verify::format::timestamp::Timestamp;

/// Maximum number of ledger rows shown, so that all output fits on one screen.
const SHOWN: usize = 12;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Directory of the journals
    #[arg(long, value_name = "DIR", default_value_os_t = settings::receipts())]
    receipts: PathBuf,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let connect = args.connection.connector()?;
    let status = status::ask(&connect, &args.receipts)?;
    out.document(&document(&status));
    show(&status, out);
    for (path, error) in &status.unread {
        out.warning(format!(
            "{}: {error}; an unfinished run may be recorded there",
            display_path(path)
        ));
    }
    let unknown = status.unfinished.iter().any(|unfinished| {
        use Ending::{InProgress, Resolved};
        matches!(
            unfinished.ending,
            Resolved(Resolution::Unknown(_)) | InProgress
        )
    });
    Ok(match &status.stopped {
        _ if unknown => Exit::Unknown,
        Some(_) => Exit::Partial,
        None => Exit::Done,
    })
}

fn document(status: &Status) -> serde_json::Value {
    let row = |entry: &Entry| {
        serde_json::json!({
            "at": entry.at, "action": entry.action, "release": entry.release, "version": entry.version,
            "sequence": entry.sequence, "release_id": entry.release_id, "run_id": entry.run_id,
            "transaction_id": entry.transaction_id, "role": entry.role,
            "requires": entry.requires, "conflicts": entry.conflicts,
        })
    };
    serde_json::json!({
        "target": status.target,
        "in_effect": status.in_effect().into_iter().map(row).collect::<Vec<_>>(),
        "ledger": status.ledger.iter().map(row).collect::<Vec<_>>(),
        "stopped": status.stopped.as_ref().map(|(entry, steps)| serde_json::json!({
            "run": row(entry),
            "steps": steps.iter().map(step_document).collect::<Vec<_>>(),
        })),
        "unmet": dependencies::unmet_here(&status.ledger).iter()
            .map(|unmet| serde_json::json!({
                "by": unmet.by, "requires": unmet.requires, "found": unmet.found, "message": unmet.to_string(),
            }))
            .collect::<Vec<_>>(),
        "lock_holder": status.holder,
        "unfinished": status.unfinished.iter()
            .map(|unfinished| serde_json::json!({
                "journal": unfinished.journal.to_string_lossy(), "what": unfinished.what, "ending": ending(unfinished).0,
                "is_history": status.is_history(unfinished),
            }))
            .collect::<Vec<_>>(),
        "lacking": status.lacking.iter()
            .map(|lacking| serde_json::json!({
                "journal": lacking.journal.to_string_lossy(), "what": lacking.what, "ended": lacking.ended,
                "is_elsewhere": lacking.is_elsewhere,
            }))
            .collect::<Vec<_>>(),
        "failed": status.failed.as_ref().map(attempt_document),
        "attempts": status.attempts.iter().map(attempt_document).collect::<Vec<_>>(),
        "unread": status.unread.iter()
            .map(|(path, error)| serde_json::json!({ "path": path.to_string_lossy(), "error": error.to_string() }))
            .collect::<Vec<_>>(),
    })
}

fn attempt_document(failed: &FailedAttempt) -> serde_json::Value {
    serde_json::json!({
        "journal": failed.journal.to_string_lossy(), "what": failed.what, "ended": failed.ended,
        "cause": failed.cause,
    })
}

fn step_document(step: &Step) -> serde_json::Value {
    serde_json::json!({
        "at": step.at, "happened": step.happened.as_str(), "tier": step.tier, "statement": step.statement,
        "place": step.place, "verb": step.verb,
    })
}

/// The evidence for a step's effect, if it is other than the server's answer.
fn how(step: &Step) -> Option<String> {
    let evidence = serde_json::from_str::<serde_json::Value>(step.evidence.as_deref()?).ok()?;
    Some(evidence.get("how")?.as_str()?.to_owned())
}

/// Prints a partial run: its failed attempts, its progress, and the two ways out.
fn show_stopped(status: &Status, (entry, steps): &(Entry, Vec<Step>), out: Output) {
    let holder = status.holder.as_deref();
    let title = escape(&format!("{} {}", entry.release, entry.version));
    let last = steps.iter().rev().find(|step| step.tier.is_some());
    let place = match last.map(|step| step.happened) {
        Some(Happened::Tier) => ", behind tier ",
        _ => ", in tier ",
    };
    let behind = optional(place, last.and_then(|step| step.tier.as_ref()));
    out.line(match holder.map(escape) {
        Some(who) => {
            let half_way = out.paint(Paint::Bad, "half way");
            format!("{title} is {half_way}{behind}, and a run goes on now ({who})")
        }
        None => {
            let stopped = out.paint(Paint::Bad, "STOPPED HALF WAY");
            let (run, at) = (escape(&entry.run_id), escape(&entry.at));
            format!("{stopped}: {title}{behind}: run {run} of {at}")
        }
    });
    for failed in &status.attempts {
        let word = out.paint(Paint::Bad, "failed");
        let receipt = display_path(failed.journal.with_extension("receipt.json"));
        let (at, cause) = (failed.ended, cause(failed));
        out.line(format!("    the attempt at {at} {word}{cause}: {receipt}"));
    }
    let line = |step: &Step| {
        let of = |text: &Option<String>| text.clone().unwrap_or_default();
        let happened = match (step.happened, how(step)) {
            (Happened::Committed, _) => "committed: all of the above".to_owned(),
            (happened, Some(how)) => format!("{}: {how}", happened.as_str()),
            (Happened::Tier, None) => "tier done".to_owned(),
            (happened, None) => happened.as_str().to_owned(),
        };
        vec![
            step.at.clone(),
            of(&step.tier),
            of(&step.place),
            of(&step.verb),
            happened,
        ]
    };
    out.table(
        &["at", "tier", "statement", "", "what happened"],
        steps.iter().map(line).collect(),
    );
    let interrupted = steps.last().filter(|_| resume::is_interrupted(steps));
    if let Some(step) = interrupted.filter(|_| holder.is_none()) {
        let place = escape(step.place.as_deref().unwrap_or_default());
        let next = match step.verb.as_deref() {
            Some("CALL" | "DO") => {
                "look how far it came, and say so by --resume --interrupted done, or --resume --interrupted again"
            }
            _ => "the catalog is asked when the run goes on",
        };
        out.line(format!(
            "the end of the statement at {place} is unknown: {next}"
        ));
    }
    if holder.is_none() {
        let first = match status.attempts.iter().any(|one| one.cause.is_some()) {
            true => "when the cause is mended in the database, ",
            false => "",
        };
        out.line(format!(
            "{first}`pgseal run --resume FILE` with the bundle of {title} goes on; `pgseal rollback FILE` goes back"
        ));
    }
}

fn show(status: &Status, out: Output) {
    show_wrong(status, out);
    let (database, version) = (&status.target.database, &status.target.server_version);
    let (database, version) = (escape(database), escape(version));
    out.line(format!("database {database}, PostgreSQL {version}"));
    let in_effect = status.in_effect();
    for entry in &in_effect {
        let title = escape(&format!("{} {}", entry.release, entry.version));
        let effect = out.paint(Paint::Good, "in effect");
        out.line(match status.stopped {
            // Both commands would be refused.
            Some(_) => format!("{title} was {effect} before it"),
            None => format!(
                "{title} is {effect}: `pgseal check FILE` shows whether it holds, `pgseal rollback FILE` undoes it"
            ),
        });
        show_road(entry, out);
    }
    if in_effect.is_empty() && !status.ledger.is_empty() && status.stopped.is_none() {
        out.line("no release is in effect: all that ran here is rolled back");
    }
    if status.ledger.is_empty() {
        out.line("no release has run here: `pgseal plan FILE` shows what one would do");
    } else {
        let row = |entry: &Entry| {
            let title = format!("{} {}", entry.release, entry.version);
            let id = entry.release_id.chars().take(12).collect();
            vec![
                entry.at.clone(),
                action(entry).to_owned(),
                title,
                id,
                entry.transaction_id.clone(),
                entry.role.clone(),
            ]
        };
        let head = ["at", "action", "release", "id", "transaction", "role"];
        let earlier = status.ledger.len().saturating_sub(SHOWN);
        if earlier > 0 {
            out.line(format!(
                "the ledger's last {SHOWN} rows, behind {earlier} earlier ones (--json has all):"
            ));
        }
        let rows = status.ledger.iter().skip(earlier).map(row).collect();
        out.table(&head, rows);
    }
}

/// The action of a ledger row; a run that is not complete is no run like the others.
fn action(entry: &Entry) -> &str {
    match entry.action.as_str() {
        "run" if !entry.finished => "half run",
        action => action,
    }
}

/// Prints what is wrong or in progress, before the state of the database.
fn show_wrong(status: &Status, out: Output) {
    let mut endings = status.unfinished.iter().map(|one| &one.ending);
    let is_going_on = endings.any(|ending| *ending == Ending::InProgress);
    match (&status.stopped, status.holder.as_deref()) {
        (Some(stopped), _) => show_stopped(status, stopped, out),
        (None, _) if is_going_on => {
            out.line("a run or rollback is going on here: wait, and ask again");
        }
        (None, Some(who)) => out.line(format!(
            "a run or plan is in progress here, from elsewhere ({}): wait, and ask again",
            escape(who)
        )),
        (None, None) => {}
    }
    for line in attempts(status, out) {
        out.line(line);
    }
    show_lacking(status, out);
    for unmet in dependencies::unmet_here(&status.ledger) {
        let bad = out.paint(Paint::Bad, "unmet");
        out.line(format!("{bad}: {}", escape(&unmet.to_string())));
    }
}

/// One line for each attempt that is no history, newest first.
fn attempts(status: &Status, out: Output) -> Vec<String> {
    let unfinished = status.unfinished.iter();
    let unfinished = unfinished.filter(|unfinished| !status.is_history(unfinished));
    let mut lines: Vec<(Option<Timestamp>, String)> = unfinished
        .map(|unfinished| (unfinished.begun, unfinished_line(status, unfinished)))
        .collect();
    if let Some(failed) = &status.failed {
        let later = |(begun, _): &(Option<Timestamp>, String)| *begun > Some(failed.ended);
        let which = match lines.iter().any(later) {
            true => "an earlier attempt",
            false => "the last attempt",
        };
        lines.push((Some(failed.ended), failed_line(which, failed, out)));
    }
    lines.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    lines.into_iter().map(|(_, line)| line).collect()
}

fn unfinished_line(status: &Status, unfinished: &Unfinished) -> String {
    let (text, mut next) = ending(unfinished);
    if status.stopped.is_some() && matches!(unfinished.ending, Ending::Resolved(_)) {
        next = "the ledger above says how far the run came";
    }
    let what = escape(&unfinished.what);
    let begun = optional(", begun at ", unfinished.begun.as_ref());
    let ended = match unfinished.ending {
        Ending::InProgress => "",
        Ending::Resolved(Resolution::Committed) => " did not hear the answer to COMMIT",
        _ => " ended without a word",
    };
    let (path, text) = (display_path(&unfinished.journal), escape(&text));
    let comma = if begun.is_empty() || ended.is_empty() {
        ""
    } else {
        ","
    };
    format!("{what}{begun}{comma}{ended} ({path}): {text}; {next}")
}

/// The line of an attempt that came to nothing.
fn failed_line(which: &str, failed: &FailedAttempt, out: Output) -> String {
    let (word, what) = (out.paint(Paint::Bad, "failed"), escape(&failed.what));
    let receipt = display_path(failed.journal.with_extension("receipt.json"));
    let (at, cause) = (failed.ended, cause(failed));
    format!("{which} {word}: {what}, at {at}{cause}; the database is as before: {receipt}")
}

/// The cause of a failed attempt, as its receipt has it.
fn cause(failed: &FailedAttempt) -> String {
    let first = failed.cause.as_deref().and_then(|text| text.lines().next());
    optional(": ", first.as_ref())
}

/// Prints the releases that a release in effect requires and excludes.
fn show_road(entry: &Entry, out: Output) {
    for (word, list) in [
        ("requires", &entry.requires),
        ("conflicts with", &entry.conflicts),
    ] {
        match list.as_deref() {
            None => out.line(format!("    {word}: the ledger's list can't be read")),
            Some(list) => list
                .iter()
                .for_each(|range| out.line(format!("    {word} {range}"))),
        }
    }
}

/// Prints one sentence about this server and one about others, each for the newest run.
fn show_lacking(status: &Status, out: Output) {
    for is_elsewhere in [false, true] {
        let lacking = status.lacking.iter();
        let of_them = || {
            lacking
                .clone()
                .filter(|lacking| lacking.is_elsewhere == is_elsewhere)
        };
        let Some(newest) = of_them().max_by_key(|lacking| lacking.ended) else {
            continue;
        };
        let more = match of_them().count() {
            1 => String::new(),
            count => format!(" (and {} before it)", count - 1),
        };
        let why = if is_elsewhere {
            "it was on another server with a database of this name"
        } else {
            "this server is in a state from before it, as a backup leaves it: find out why before anything else"
        };
        let (what, at) = (escape(&newest.what), newest.ended);
        let path = display_path(&newest.journal);
        out.line(format!(
            "{what}{more} was committed at {at} by its journal {path}, and the ledger here lacks it: {why}"
        ));
    }
}

/// The outcome of an unfinished run and the next step.
fn ending(unfinished: &Unfinished) -> (String, &'static str) {
    let (text, next) = match &unfinished.ending {
        Ending::NeverCommitted => (
            "COMMIT was never sent, the database is as before",
            "it may be tried again",
        ),
        Ending::Resolved(Resolution::Committed) => (
            "it was committed",
            "nothing is left to do; the ledger has its row",
        ),
        Ending::Resolved(Resolution::Aborted) => (
            "it was rolled back, the database is as before",
            "it may be tried again",
        ),
        Ending::Resolved(Resolution::Unknown(why)) => {
            let text = format!("the server can't say whether it was committed: {why}");
            return (text, "compare the probes by hand before anything else");
        }
        Ending::Resolved(Resolution::NotHere(why)) => {
            let next = "find out why before anything else; then it may be tried again";
            return (format!("it is not in this database: {why}"), next);
        }
        Ending::BetweenSteps => (
            "a part of it is committed",
            "the ledger above says how far it came",
        ),
        Ending::InProgress => (
            "it is going on now, and holds the lock",
            "wait, and ask again",
        ),
        Ending::Elsewhere(database) => {
            return (
                format!("it ran on another database ({database})"),
                "ask there",
            );
        }
        Ending::Damaged => (
            "the journal is damaged",
            "the ledger is what the database knows",
        ),
    };
    (text.to_owned(), next)
}
