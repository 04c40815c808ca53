//! `pgseal lint DIR --acknowledge REASON`

use std::io::Write;
use std::path::Path;

use crate::bundle::release_toml::{self, FILE};
use crate::cli::{CliError, Output, ResultExt, escape};
use crate::durable;
use crate::lint::Finding;
use crate::lint::acknowledge::blocks;
use pgseal_verify::plural::count;

/// Appends a block to release.toml for each warning that is not acknowledged, and returns their
/// number.
pub fn write(
    dir: &Path,
    findings: &[Finding],
    reason: &str,
    out: Output,
) -> Result<usize, CliError> {
    if reason.trim().is_empty() {
        return Err(CliError::usage("the reason is empty")
            .hint("approvers read it: say why the warnings may stay"));
    }
    let blocks = blocks(findings, reason);
    let all = blocks.rules.iter().map(|(_, number)| number).sum();
    if all == 0 {
        out.line("no warning to acknowledge");
        return Ok(0);
    }
    let path = dir.join(FILE);
    let mut text = std::fs::read_to_string(&path).at(&path)?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&blocks.text);
    release_toml::parse(&text).map_err(|problem| {
        CliError::usage(format!("{FILE} can't take blocks at its end: {problem}"))
            .hint("nothing was written; write acknowledgements as [[acknowledge]], at the end of the file")
    })?;
    durable::replace(&path, |file| file.write_all(text.as_bytes())).at(&path)?;
    for (rule, number) in &blocks.rules {
        let places = count(*number, "place");
        out.line(escape(&format!("{FILE}: acknowledged {rule}, {places}")));
    }
    Ok(all)
}
