//! Findings as lines of JSON, and back: how parts of an audit are put together.

use super::finding::Finding;

/// Why a line is no finding.
#[derive(Debug, thiserror::Error)]
#[error("line {line} is not a finding of this version of pgseal: {source}")]
pub struct LineError {
    /// Its number, from 1 on.
    pub line: usize,
    /// Why.
    pub source: serde_json::Error,
}

/// A finding as one line, without its line feed.
pub fn line(finding: &Finding) -> Result<String, serde_json::Error> {
    serde_json::to_string(finding)
}

/// The finding of a line.
pub fn read(number: usize, line: &[u8]) -> Result<Finding, LineError> {
    serde_json::from_slice(line).map_err(|source| LineError { line: number, source })
}
