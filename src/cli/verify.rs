//! `pgseal verify FILE`

use super::args::{BundleArgs, now, time};
use super::error::CliError;
use super::exit::Exit;
use super::output::{Output, Paint, escape};
use crate::format::statement::title;
use crate::format::timestamp::Timestamp;
use crate::trust::{When, policy};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    /// Judge keys and trust root by this time instead of now
    #[arg(long, value_name = "TIME", value_parser = time)]
    as_of: Option<Timestamp>,
    /// Also decompress, and check the digest of every content
    #[arg(long)]
    contents: bool,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let when = args.as_of.unwrap_or_else(now);
    let (root, bundle) = args.bundle.authenticate(When::At(when))?;
    let manifest = bundle.manifest();
    policy::admits(&root, &manifest.release, bundle.release_id(), when)?;
    if args.contents {
        bundle.check_contents()?;
    }
    let dispatch: Vec<&String> = manifest.tiers.iter().flat_map(|tier| &tier.dispatch).collect();
    let count = bundle.file_count();
    out.document(&serde_json::json!({
        "file": args.bundle.file.to_string_lossy(),
        "release": manifest.release,
        "release_id": bundle.release_id(),
        "target": manifest.target,
        "signers": bundle.signers().iter()
            .map(|signer| serde_json::json!({ "key_id": signer.key, "owner": signer.owner })).collect::<Vec<_>>(),
        "files": count,
        "contents_checked": args.contents,
        "dispatch": dispatch,
        "as_of": when,
    }));
    let ok = out.paint(Paint::Good, "authentic");
    out.line(format!("{ok}: {}", title(&manifest.release.name, &manifest.release.version)));
    out.line(format!("release id {}", bundle.release_id()));
    for signer in bundle.signers() {
        out.line(format!("signed by {} ({})", escape(&signer.owner), signer.key));
    }
    let what = if args.contents { "files and contents" } else { "files" };
    out.line(format!("{count}/{count} {what} OK"));
    if !dispatch.is_empty() {
        let list = dispatch.iter().map(|name| escape(name)).collect::<Vec<_>>().join(", ");
        out.line(format!("reaches out of the database by: {list}"));
    }
    Ok(Exit::Done)
}
