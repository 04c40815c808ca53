//! `pgseal fingerprint diff A B`

use std::io::Read;
use std::path::{Path, PathBuf};

use super::super::{CliError, Exit, Output, Paint, ResultExt, display_path, escape};
use crate::fingerprint::{self, Change, Difference, Folded};
use pgseal_verify::format::fingerprint::Fingerprint;
use pgseal_verify::limits;
use pgseal_verify::plural::{count, tables_and_sequences};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The first fingerprint
    a: PathBuf,
    /// The second fingerprint
    b: PathBuf,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let (a, b) = (read(&args.a)?, read(&args.b)?);
    if a.scope != b.scope {
        let text = format!(
            "{} and {} don't cover the same tables",
            display_path(&args.a),
            display_path(&args.b)
        );
        return Err(CliError::usage(text).hint("take both with the same --schema-only or --tables"));
    }
    let (of_a, of_b) = (a.server_version_num / 10_000, b.server_version_num / 10_000);
    if of_a != of_b {
        out.warning(format!(
            "PostgreSQL {of_a} and {of_b} may spell the same definition differently"
        ));
    }
    let differences = fingerprint::differences(&a, &b);
    out.document(&serde_json::json!({
        "a": a.sha256,
        "b": b.sha256,
        "alike": differences.is_empty(),
        "differences": differences.iter().map(document).collect::<Vec<_>>(),
    }));
    let folded = fingerprint::folded(&a, &b, &differences);
    folded.iter().for_each(|folded| show(folded, out));
    if differences.is_empty() {
        out.line(format!(
            "{} {}, {}",
            out.paint(Paint::Good, "alike:"),
            count(a.objects.len(), "object"),
            tables_and_sequences(a.data.len())
        ));
        return Ok(Exit::Done);
    }
    let number = count(differences.len(), "difference");
    let folded = match folded.len() {
        all if all == differences.len() => String::new(),
        lines => format!(", told in {}", count(lines, "line")),
    };
    out.line(format!("{number}{folded}"));
    Ok(Exit::Faults)
}

pub fn document(difference: &Difference) -> serde_json::Value {
    let (change, before, after) = match &difference.change {
        Change::Missing => ("missing", None, None),
        Change::Added => ("added", None, None),
        Change::Changed { before, after } => ("changed", Some(before), Some(after)),
    };
    serde_json::json!({
        "object": difference.object, "change": change, "text": difference.heading(), "before": before, "after": after,
    })
}

pub fn show(folded: &Folded<'_>, out: Output) {
    out.line(escape(&folded.to_string()));
    let (before, after) = folded.difference.lines();
    for (mark, paint, lines) in [("-", Paint::Bad, before), ("+", Paint::Good, after)] {
        for line in lines {
            out.line(out.paint(paint, format!("    {mark} {}", escape(line))));
        }
    }
}

fn read(path: &Path) -> Result<Fingerprint, CliError> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).at(path)?;
    file.take(limits::FINGERPRINT_BYTES)
        .read_to_end(&mut bytes)
        .at(path)?;
    fingerprint::parse(&bytes).map_err(|error| {
        CliError::new(Exit::Malformed, format!("{} is not a fingerprint: {error}", display_path(path)))
            .hint("a fingerprint is what `pgseal fingerprint --db URL -o FILE` writes; it is never edited")
    })
}
