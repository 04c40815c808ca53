//! `pgseal withdraw FILE`

use std::num::NonZeroU32;

use super::args::now;
use super::attestor::{AttestArgs, Attestor, look};
use super::{CliError, Exit, Output};
use crate::bundle::approval::AttestationDraft;
use pgseal_verify::format::approval::Decision;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    attest: AttestArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let args = &args.attest;
    let root = args.trust.load_if_there()?;
    let seen = look(&args.file, root.as_ref(), out)?;
    let speaker = Attestor::open(args, root.as_ref())?;
    if !speaker.has_approved(&seen.bundle) {
        out.warning(
            "the bundle has no approval of yours: a withdrawal counts against your own approvals elsewhere, and is no veto",
        );
    }
    let word = AttestationDraft {
        decision: Decision::Withdraw,
        role: speaker.role(),
        apr: None,
        at: now(),
        expires: None,
        only_on: None,
        runs: NonZeroU32::MIN,
        reason: args.reason.clone(),
    };
    let exit = speaker.attest(&seen.manifest, seen.bundle.claimed_release_id(), word, out)?;
    out.note(
        "copies that were made before don't know of it: `pgseal trust set-policy FILE --block RELEASE-ID` stops them",
    );
    Ok(exit)
}
