//! `pgseal withdraw FILE`

use std::path::PathBuf;

use super::args::{TrustArgs, now};
use super::error::CliError;
use super::exit::Exit;
use super::output::Output;
use super::signer::SignerArgs;
use super::speaker::{Speaker, look, unknown};
use super::tbs::TbsArgs;
use crate::bundle::approval::Word;
use crate::format::approval::Decision;
use crate::format::name::Name;

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
    let (bundle, manifest) = look(&args.file, root.as_ref(), out)?;
    let role = match (&args.role, &root, args.tbs.is_given()) {
        (Some(role), ..) => role.clone(),
        (None, Some(root), false) => {
            let id = args.signer.open()?.public_key().id();
            root.role_of(&id).cloned().ok_or_else(|| unknown(id))?
        }
        _ => return Err(CliError::new(Exit::Usage, "in which role did you approve?").hint("name it by --role ROLE")),
    };
    let word =
        Word { decision: Decision::Withdraw, role, apr: None, at: now(), expires: None, reason: args.reason.clone() };
    let id = bundle.claimed_release_id();
    Speaker {
        file: &args.file,
        root: root.as_ref(),
        signer: &args.signer,
        tbs: &args.tbs,
        output: args.output.as_deref(),
    }
    .speak(&manifest, id, word, out)
}
