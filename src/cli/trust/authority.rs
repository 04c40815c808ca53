//! `pgseal trust add-authority / retire-authority / revoke-authority`: the time stamping
//! authorities (RFC 3161) that count.

use std::path::PathBuf;

use super::super::args::{now, small_text, time};
use super::super::{CliError, Exit, Output};
use super::next::{self, NextArgs};
use super::{WHEN, stem};
use crate::trust::draft::{DraftError, NextVersion};
use crate::trust::timestamp::TimestampAuthority;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::trust_document::TrustDocument;

#[derive(clap::Args, Debug)]
pub struct AddArgs {
    #[command(flatten)]
    next: NextArgs,
    /// The certificate that signs its time stamps (PEM), not the one of its issuer
    #[arg(long, value_name = "TSA.pem")]
    certificate: PathBuf,
    /// Owner [default: the file's name]
    #[arg(long)]
    owner: Option<String>,
    /// Its time stamps count up to then
    #[arg(long, value_name = WHEN, value_parser = time)]
    not_after: Option<Timestamp>,
}

#[derive(clap::Args, Debug)]
pub struct RetireArgs {
    #[command(flatten)]
    next: NextArgs,
    /// Its id or the first 8 digits of it, or its owner
    #[arg(long, value_name = "AUTHORITY")]
    authority: String,
    /// Its time stamps count up to then [default: now]
    #[arg(long, value_name = WHEN, value_parser = time)]
    not_after: Option<Timestamp>,
}

#[derive(clap::Args, Debug)]
pub struct RevokeArgs {
    #[command(flatten)]
    next: NextArgs,
    /// Its id or the first 8 digits of it, or its owner
    #[arg(long, value_name = "AUTHORITY")]
    authority: String,
}

pub fn add(args: &AddArgs, out: Output) -> Result<Exit, CliError> {
    let pem = small_text(&args.certificate);
    let pem = pem.map_err(|error| CliError::usage(error).about(&args.certificate))?;
    let authority = TimestampAuthority::from_pem(&pem).map_err(|error| {
        CliError::usage(error)
            .about(&args.certificate)
            .hint("it must be the one certificate that signs time stamps, with the extended key usage timeStamping")
    })?;
    let owner = args
        .owner
        .clone()
        .unwrap_or_else(|| stem(&args.certificate));
    next::make(
        "add-authority",
        &args.next,
        |next| Ok(next.add_authority(&authority, owner, args.not_after)?),
        out,
    )
}

pub fn retire(args: &RetireArgs, out: Output) -> Result<Exit, CliError> {
    let edit = |next: &mut NextVersion| {
        let id = find(next.document(), &args.authority)?;
        Ok(next.retire_authority(id, args.not_after.unwrap_or_else(now))?)
    };
    next::make("retire-authority", &args.next, edit, out)
}

pub fn revoke(args: &RevokeArgs, out: Output) -> Result<Exit, CliError> {
    let edit = |next: &mut NextVersion| {
        let id = find(next.document(), &args.authority)?;
        Ok(next.revoke_authority(id)?)
    };
    next::make("revoke-authority", &args.next, edit, out)
}

/// Finds the single authority that matches the argument.
fn find(document: &TrustDocument, text: &str) -> Result<Digest, DraftError> {
    let authorities = document.timestamp_authorities.iter();
    let named = authorities
        .filter(|entry| {
            entry.owner == text || (text.len() >= 8 && entry.id.to_string().starts_with(text))
        })
        .map(|entry| entry.id);
    match named.collect::<Vec<Digest>>()[..] {
        [id] => Ok(id),
        [] => Err(DraftError::no_authority(document, text)),
        ref ids => Err(DraftError::ManyKeys {
            text: text.to_owned(),
            ids: ids.to_vec(),
        }),
    }
}
