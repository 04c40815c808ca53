//! Arguments of this invocation that `runbook` and `report` repeat in the command lines they print.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::args::BundleArgs;
use crate::bundle::AuthenticatedBundle;
use crate::runbook::Known;
use crate::trust::{JudgedAt, TrustRoot, policy};
use pgseal_verify::format::approval::APR_VARIABLE;

/// Arguments that only the displayed commands use.
#[derive(clap::Args, Debug, Clone)]
pub struct LineArgs {
    /// Show `rehearse` with this script, which opens the gates on the clone; it isn't read
    #[arg(long, value_name = "FILE.sql")]
    approve_with: Option<PathBuf>,
}

impl LineArgs {
    /// Facts for the templates, with the paths of the bundle and of the key for receipts as given.
    pub fn known(
        &self,
        bundle: &BundleArgs,
        receipt_key: Option<&Path>,
        values: BTreeMap<String, String>,
    ) -> Known {
        Known {
            file: word(&bundle.file),
            trust: bundle.trust.given().map(word),
            values,
            receipt_key: receipt_key.map(word),
            approve_with: self.approve_with.as_deref().map(word),
            ..Known::default()
        }
    }
}

/// A path as a word.
pub fn word(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The given variables, plus the approved code if the release takes one and exactly one is
/// approved.
pub fn values(
    given: BTreeMap<String, String>,
    root: &TrustRoot,
    bundle: &AuthenticatedBundle,
    when: JudgedAt,
) -> BTreeMap<String, String> {
    let mut codes = policy::codes(root, bundle.approvals(), when).into_iter();
    let mut values = given;
    if let (Some(code), None) = (codes.next(), codes.next())
        && bundle.takes_apr()
    {
        values
            .entry(APR_VARIABLE.to_owned())
            .or_insert_with(|| code.to_string());
    }
    values
}
