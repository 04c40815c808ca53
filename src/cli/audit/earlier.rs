//! What an audit found earlier or elsewhere, as `--jsonl` wrote it, joined with what it finds now.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::spelling::Spelling;
use crate::audit::finding::told;
use crate::audit::place::Found;
use crate::audit::shard::Shard;
use crate::audit::sweep::Swept;
use crate::audit::{Fault, FaultKind, Finding, Judge, Kind, across, lines};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::shown;
use crate::trust::policy::is_behind;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::limits::FINDING_BYTES;

/// Earlier findings by path.
pub struct Earlier(BTreeMap<String, Finding>);

/// By what an earlier audit must have judged to be of this one, and how its paths are spelled here.
pub struct Reader<'a> {
    /// The trust root, and the clock.
    pub judge: &'a Judge<'a>,
    /// The time that this audit asks for, where it does.
    pub as_of: Option<Timestamp>,
    /// How this audit spells paths.
    pub spelling: Spelling,
}

impl Reader<'_> {
    /// Reads files of lines. Of two lines about one path the later one counts.
    pub fn read(&self, files: &[PathBuf]) -> Result<Earlier, CliError> {
        let (mut earlier, mut parts) = (BTreeMap::new(), BTreeSet::new());
        for path in files {
            self.read_file(path, |mut finding| {
                if finding.kind == Kind::Part {
                    parts.extend(finding.path.strip_prefix(PART).and_then(|part| part.parse::<Shard>().ok()));
                } else {
                    finding.path = self.spelling.own(finding.path);
                }
                across::forget(&mut finding);
                earlier.insert(finding.path.clone(), finding);
            })?;
        }
        match parts.iter().flat_map(|part| part.all()).find(|part| !parts.contains(part)) {
            None => Ok(Earlier(earlier)),
            Some(lacking) => Err(CliError::new(Exit::Usage, format!("part {lacking} is not among what is merged"))
                .hint("what only some parts say is no audit: give --merge all of them, also those without files")),
        }
    }

    fn read_file(&self, path: &Path, mut tell: impl FnMut(Finding)) -> Result<(), CliError> {
        let io = |error| CliError::io(path, &error);
        if !std::fs::metadata(path).map_err(io)?.is_file() {
            return Err(CliError::new(Exit::Usage, format!("{} is not a regular file", shown(path)))
                .hint("--merge takes all that follows it: name the paths to audit before it"));
        }
        let refused = |why: String| CliError::new(Exit::Usage, format!("{}: {why}", shown(path)));
        let (mut file, mut line) = (BufReader::new(File::open(path).map_err(io)?), Vec::new());
        for number in 1.. {
            line.clear();
            file.by_ref().take(FINDING_BYTES + 1).read_until(b'\n', &mut line).map_err(io)?;
            if line.is_empty() {
                break;
            }
            if line.len() as u64 > FINDING_BYTES {
                let text = format!("line {number} has more than {} MiB, which no finding has", FINDING_BYTES >> 20);
                return Err(refused(text).hint(HINT));
            }
            let finding = lines::read(number, &line).map_err(|error| refused(error.to_string()).hint(HINT))?;
            self.fits(&finding)
                .map_err(|why| refused(format!("line {number} was judged {why}")).hint("audit these files again"))?;
            tell(finding);
        }
        Ok(())
    }

    /// Verdicts of another trust root, or of another time than the one that is asked for, are not those of this audit.
    fn fits(&self, finding: &Finding) -> Result<(), String> {
        let Finding { trust_sha256, as_of, .. } = finding;
        if *trust_sha256 != self.judge.root.digest() {
            return Err(format!("by another trust root ({})", trust_sha256.short()));
        }
        match self.as_of {
            Some(asked) if *as_of != asked => Err(format!("as of {as_of}")),
            None if is_behind(self.judge.now, *as_of) => {
                Err(format!("as of {as_of}, which is in the future by this host's clock ({})", self.judge.now))
            }
            _ => Ok(()),
        }
    }
}

/// How the line begins that says which part of an audit the others are.
pub const PART: &str = "part ";

const HINT: &str = "--merge takes what `pgseal audit --jsonl` wrote";

impl Earlier {
    /// Whether a file was audited earlier and has the size and the time that it had then. What is judged with files beside
    /// it is never known: they may have changed, and no line tells their sizes. Nor is what shares its path with another
    /// file: nobody knows which line is whose.
    pub fn has_as_it_is(&self, found: &Found) -> bool {
        let path = told(&found.path);
        let is_same =
            |line: &Finding| (line.kind, line.bytes, line.modified) == (found.kind, found.bytes, found.modified);
        !found.kind.has_others_beside()
            && self.0.get(&path).is_some_and(is_same)
            && !self.0.contains_key(&format!("{path}#2"))
    }

    /// How many files it knew that are below none of the paths: nobody looks whether they are still there.
    pub fn elsewhere(&self, paths: &[PathBuf]) -> usize {
        let places: Vec<String> = paths.iter().map(|path| told(path)).collect();
        let is_file = |finding: &&Finding| !matches!(finding.kind, Kind::Part | Kind::Log) && !finding.is_absent();
        let files = self.0.values().filter(is_file);
        files.filter(|finding| !places.iter().any(|place| is_below(&finding.path, place))).count()
    }

    /// With what was found now, which counts. What is below the paths that were listed now, and was not there, is gone.
    pub fn join(self, swept: Swept, listed: &[PathBuf]) -> Vec<Finding> {
        let Swept { findings, passed_over, looked_into } = swept;
        let listed: Vec<String> = listed.iter().map(|path| told(path)).collect();
        let closed: Vec<String> = findings
            .iter()
            .filter(|finding| finding.kind.is_place() && finding.is_faulty())
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
        // So is a tar file: what was wrong with it is told again, or isn't so any more.
        all.retain(|path, finding| {
            let is_asked_anew = finding.kind == Kind::Tar && looked_into.contains(path)
                || finding.is_passed_over() && below(path, &listed);
            says(finding) && !is_asked_anew
        });
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
