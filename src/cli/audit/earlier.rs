//! What an audit found earlier or elsewhere, as `--jsonl` wrote it, joined with what it finds now.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::audit::finding::told;
use crate::audit::shard::Shard;
use crate::audit::sweep::Swept;
use crate::audit::{Fault, FaultKind, Finding, Kind, across, lines};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::shown;
use crate::format::timestamp::Timestamp;
use crate::trust::TrustRoot;

/// Earlier findings by path.
pub struct Earlier(BTreeMap<String, Finding>);

/// Reads files of lines. Of two lines about one path the later one counts.
pub fn read(files: &[PathBuf], root: &TrustRoot, as_of: Option<Timestamp>) -> Result<Earlier, CliError> {
    let (mut earlier, mut parts) = (BTreeMap::new(), BTreeSet::new());
    for path in files {
        let io = |error| CliError::io(path, &error);
        if !std::fs::metadata(path).map_err(io)?.is_file() {
            return Err(CliError::new(Exit::Usage, format!("{} is not a regular file", shown(path)))
                .hint("--merge takes all that follows it: name the paths to audit before it"));
        }
        for (at, line) in BufReader::new(File::open(path).map_err(io)?).lines().enumerate() {
            let line = line.map_err(io)?;
            let mut finding = lines::read(at + 1, &line)
                .map_err(|error| CliError::new(Exit::Usage, format!("{}: {error}", shown(path))).hint(HINT))?;
            fits(path, at + 1, &finding, root, as_of)?;
            if finding.kind == Kind::Part {
                parts.extend(finding.path.strip_prefix(PART).and_then(|part| part.parse::<Shard>().ok()));
            }
            across::forget(&mut finding);
            earlier.insert(finding.path.clone(), finding);
        }
    }
    match parts.iter().flat_map(|part| part.all()).find(|part| !parts.contains(part)) {
        None => Ok(Earlier(earlier)),
        Some(lacking) => Err(CliError::new(Exit::Usage, format!("part {lacking} is not among what is merged"))
            .hint("what only some parts say is no audit: give --merge all of them, also those without files")),
    }
}

/// How the line begins that says which part of an audit the others are.
pub const PART: &str = "part ";

const HINT: &str = "--merge takes what `pgseal audit --jsonl` wrote";

/// Verdicts of another trust root, or of another time than the one that is asked for, are not those of this audit.
fn fits(
    path: &Path,
    line: usize,
    finding: &Finding,
    root: &TrustRoot,
    as_of: Option<Timestamp>,
) -> Result<(), CliError> {
    let refused = |why: String| {
        CliError::new(Exit::Usage, format!("{}: line {line} was {why}", shown(path))).hint("audit these files again")
    };
    if finding.trust_sha256 != root.digest() {
        return Err(refused(format!("judged by another trust root ({})", finding.trust_sha256.short())));
    }
    match as_of {
        Some(as_of) if finding.as_of != as_of => Err(refused(format!("judged as of {}", finding.as_of))),
        _ => Ok(()),
    }
}

impl Earlier {
    /// Whether a path was audited earlier.
    pub fn contains(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// With what was found now, which counts. What is below the paths that were listed now, and was not there, is gone.
    pub fn join(self, swept: Swept, listed: &[PathBuf]) -> Vec<Finding> {
        let Swept { findings, passed_over } = swept;
        let listed: Vec<String> = listed.iter().map(|path| told(path)).collect();
        let closed: Vec<String> = findings
            .iter()
            .filter(|finding| matches!(finding.kind, Kind::Directory | Kind::Tar))
            .map(|finding| finding.path.clone())
            .collect();
        let mut all = self.0;
        let below = |path: &str, places: &[String]| places.iter().any(|place| is_below(path, place));
        let is_gone = |path: &str| {
            passed_over.binary_search_by(|passed| passed.as_str().cmp(path)).is_err()
                && below(path, &listed)
                && !below(path, &closed)
        };
        // What is listed now is asked anew; what was only missed then, and isn't there now either, says nothing.
        all.values_mut().filter(|finding| below(&finding.path, &listed)).for_each(across::forget_place);
        let says = |finding: &Finding| {
            finding.facts.is_some() || finding.is_faulty() || !finding.notes.is_empty() || finding.kind == Kind::Part
        };
        all.retain(|_, finding| says(finding));
        let now: BTreeSet<&str> = findings.iter().map(|finding| finding.path.as_str()).collect();
        for (path, finding) in &mut all {
            // Logs are no files that are listed; they are asked behind this.
            if finding.kind != Kind::Log && !now.contains(path.as_str()) && is_gone(path) {
                let text = "it was here when it was audited earlier, and is gone";
                finding.faults.push(Fault::new(FaultKind::Gone, text));
            }
        }
        for finding in findings {
            all.insert(finding.path.clone(), finding);
        }
        all.into_values().collect()
    }
}

/// Whether a path as findings have it is a place, or below it.
pub fn is_below(path: &str, place: &str) -> bool {
    let place = place.strip_suffix('/').unwrap_or(place);
    // `.` is told as `./a`.
    path == place || path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/'))
}
