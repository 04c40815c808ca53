//! `pgseal withdraw FILE`

use std::path::PathBuf;

use super::args::{TrustArgs, now};
use super::attestor::{Attestor, look};
use super::signer::SignerArgs;
use super::tbs::TbsArgs;
use super::{CliError, Exit, Output};
use crate::bundle::approval::AttestationDraft;
use pgseal_verify::format::approval::Decision;
use pgseal_verify::format::name::Name;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The bundle; replaced by one with the withdrawal in it, unless -o
    file: PathBuf,
    #[command(flatten)]
    signer: SignerArgs,
    #[command(flatten)]
    tbs: TbsArgs,
    /// The role in which you approved [default: your key's in the trust root]
    #[arg(long)]
    role: Option<Name>,
    /// Why, in your own words
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Write the withdrawal to this file, to travel beside the bundle
    #[arg(short, long, value_name = "APPROVAL", conflicts_with = "tbs")]
    output: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.trust.load_if_there()?;
    let seen = look(&args.file, root.as_ref(), out)?;
    let signing = (&args.signer, &args.tbs);
    let speaker = Attestor::open(
        &args.file,
        root.as_ref(),
        signing,
        args.output.as_deref(),
        args.role.as_ref(),
    )?;
    let word = AttestationDraft {
        decision: Decision::Withdraw,
        role: speaker.role(),
        apr: None,
        at: now(),
        expires: None,
        reason: args.reason.clone(),
    };
    let exit = speaker.attest(&seen.manifest, seen.bundle.claimed_release_id(), word, out)?;
    out.note(
        "copies that were made before don't know of it: `pgseal trust set-policy FILE --block RELEASE-ID` stops them",
    );
    Ok(exit)
}
