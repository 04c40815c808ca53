//! The answer about one file.

use serde::Serialize;

/// The verdict on a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Authentic,
    Fault,
    /// A receipt without a signature: it proves nothing.
    Unsigned,
    /// It has a time stamp, which this page can't check.
    Unchecked,
}

/// The answer about one file. All text is escaped, and stays foreign text.
#[derive(Debug, Serialize)]
pub struct Finding {
    pub verdict: Verdict,
    /// What the file is, in a line.
    pub headline: String,
    /// The sentences of the program.
    pub lines: Vec<String>,
    pub faults: Vec<String>,
    pub notes: Vec<String>,
    pub release: Option<String>,
    pub release_id: Option<String>,
    /// Owners of the keys that signed.
    pub signers: Vec<String>,
    pub tables: Vec<Table>,
    /// The files of a bundle that can be read.
    pub contents: Vec<Content>,
}

/// A table with a caption.
#[derive(Debug, Serialize)]
pub struct Table {
    pub caption: &'static str,
    pub head: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
}

/// A file of a bundle.
#[derive(Debug, Serialize)]
pub struct Content {
    pub path: String,
    pub size: u64,
    /// `runbook`, `tier`, `gate` and so on.
    pub role: String,
}

impl Finding {
    pub fn authentic(headline: String, lines: Vec<String>) -> Self {
        Self {
            verdict: Verdict::Authentic,
            headline,
            lines,
            faults: Vec::new(),
            notes: Vec::new(),
            release: None,
            release_id: None,
            signers: Vec::new(),
            tables: Vec::new(),
            contents: Vec::new(),
        }
    }

    pub fn fault(fault: String) -> Self {
        Self {
            verdict: Verdict::Fault,
            faults: vec![fault],
            ..Self::authentic(String::new(), Vec::new())
        }
    }

    /// A file with a time stamp, which may be in order.
    pub fn unchecked(why: String) -> Self {
        let advice = "this page can't check time stamps: ask `pgseal verify` or `pgseal audit` about this file";
        Self {
            verdict: Verdict::Unchecked,
            notes: vec![why, advice.to_owned()],
            ..Self::authentic(String::new(), Vec::new())
        }
    }
}
