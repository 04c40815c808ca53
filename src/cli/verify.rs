//! `pgseal verify FILE`

use std::path::PathBuf;

use super::approvals;
use super::args::{ApprovalArgs, BundleArgs, now, time};
use super::log_proof;
use super::points;
use super::{CliError, Exit, Output, Paint, escape};
use crate::bundle::{AuthenticatedBundle, Signatory};
use crate::lint;
use crate::trust::JudgedAt;
use crate::trust::attestations::SignedApproval;
use crate::trust::policy::{PolicyError, Tally};
use pgseal_verify::format::approval::Decision;
use pgseal_verify::format::statement::title;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::words::bundle as words;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    #[command(flatten)]
    approvals: ApprovalArgs,
    /// Judge by this time instead of now: keys by their windows, signatures by their proven time where it is older
    #[arg(long, value_name = "TIME", value_parser = time)]
    as_of: Option<Timestamp>,
    /// Also decompress, and check the digest of every content
    #[arg(long)]
    contents: bool,
    /// The proof that an archive's log has the bundle; one that doesn't hold is an error [default: FILE.tlog-proof, where there
    /// is one; one that doesn't hold is a warning]
    #[arg(long, value_name = "PROOF")]
    log_proof: Option<PathBuf>,
    /// End with 11 unless it has the approvals that a run needs
    #[arg(long)]
    require_approvals: bool,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let (now, when) = (now(), args.as_of);
    let judged = when.map_or(JudgedAt::At(now), JudgedAt::AsOf);
    let times = if args.contents { 2 } else { 1 };
    let root = args.bundle.root()?;
    let (bundle, moved) = args.bundle.authenticate_shown(&root, judged, times, out)?;
    let about = (&root, bundle.release_id());
    let with = AuthenticatedBundle::with_approval;
    let bundle = args.approvals.add_to(bundle, about, with)?;
    let manifest = bundle.manifest();
    bundle.check_policy()?;
    if args.contents {
        bundle.check_contents()?;
    }
    moved.finish();
    let (given, file, id) = (
        args.log_proof.as_deref(),
        &args.bundle.file,
        bundle.release_id(),
    );
    let logged = log_proof::check(given, file, &root, id, out)?;
    let dispatch = manifest.tiers.iter().flat_map(|tier| &tier.dispatch);
    let dispatch: Vec<&String> = dispatch.collect();
    let points = lint::points::of_bundle(&bundle);
    let count = bundle.file_count();
    let tallies = approvals::tallies(&root, bundle.approvals(), bundle.takes_apr(), judged);
    // A run takes one of several codes; the first is the one with the most approvals.
    let first = tallies.first();
    let first = first
        .map(|(_, tallies)| tallies.as_slice())
        .unwrap_or_default();
    out.document(&serde_json::json!({
        "file": args.bundle.file.to_string_lossy(),
        "release": manifest.release,
        "release_id": bundle.release_id(),
        "source": manifest.source,
        "target": manifest.target,
        "signers": signers(&bundle),
        "approvals": bundle.approvals().iter()
            .map(|signed| approvals::document(&root, signed, judged)).collect::<Vec<_>>(),
        "quorum": approvals::quorum(first),
        "files": count,
        "contents_checked": args.contents,
        "dispatch": dispatch,
        "points": points::document(&points),
        "log": logged.as_ref().map(log_proof::document),
        "as_of": when.unwrap_or(now),
    }));
    if let Some(time) = when {
        let version = root.document().version;
        out.line(format!(
            "as of {time}, by version {version} of the trust root"
        ));
        if root.document().issued.is_some_and(|issued| time < issued) {
            out.note("the trust root was issued later: it says what is known of keys since then");
        }
    }
    let ok = out.paint(Paint::Good, "authentic");
    let title = title(&manifest.release.name, &manifest.release.version);
    out.line(format!("{ok}: {title}"));
    for line in words::signed(&bundle, judged) {
        out.line(line);
    }
    out.line(words::files(&bundle, args.contents));
    if let Some(logged) = &logged {
        log_proof::show(logged, out);
    }
    for line in approvals::lines(&tallies) {
        out.line(line);
    }
    let later = |signed: &SignedApproval| {
        let said = signed.approval();
        said.decision == Decision::Withdraw && when.is_some_and(|time| time < said.at)
    };
    if bundle.approvals().iter().any(later) {
        out.note("an approval was withdrawn after that time, and is no longer in the bundle");
    }
    points::show(&points, out);
    if !dispatch.is_empty() {
        let list: Vec<String> = dispatch.iter().map(|name| escape(name)).collect();
        let list = list.join(", ");
        out.line(format!("reaches out of the database by: {list}"));
    }
    if args.require_approvals && !first.iter().all(Tally::is_met) {
        return Err(PolicyError::Approvals(first.to_vec()).into());
    }
    Ok(Exit::Done)
}

fn signers(bundle: &AuthenticatedBundle) -> Vec<serde_json::Value> {
    let signer = |Signatory {
                      key,
                      owner,
                      evidence,
                  }: &Signatory| {
        let evidence = approvals::evidence(*evidence);
        serde_json::json!({ "key_id": key, "owner": owner, "evidence": evidence })
    };
    bundle.signatories().iter().map(signer).collect()
}
