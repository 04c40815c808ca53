//! `pgseal trust add-key / retire / revoke / rotate`: drafts the next version with other keys.

use std::path::{Path, PathBuf};

use super::super::args::{now, public_key, small_text, time};
use super::super::{CliError, Exit, Output};
use super::next::{self, NextArgs};
use super::{WHEN, stem};
use crate::trust::PublicKey;
use crate::trust::draft::{DraftError, NewKey, NextVersion, keys_named};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::name::Name;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::trust_document::TrustDocument;

#[derive(clap::Args, Debug)]
pub struct AddKeyArgs {
    #[command(flatten)]
    next: NextArgs,
    /// The public key
    #[arg(long, value_name = "KEY.pub")]
    key: PathBuf,
    /// Its role
    #[arg(long)]
    role: Name,
    /// Owner [default: the file's name]
    #[arg(long)]
    owner: Option<String>,
    /// Its signatures count from then on
    #[arg(long, value_name = WHEN, value_parser = time)]
    not_before: Option<Timestamp>,
    /// Its signatures count up to then
    #[arg(long, value_name = WHEN, value_parser = time)]
    not_after: Option<Timestamp>,
}

#[derive(clap::Args, Debug)]
pub struct RetireArgs {
    #[command(flatten)]
    next: NextArgs,
    /// The key: its file, its id or the first 8 digits of it, or its owner
    #[arg(long, value_name = "KEY")]
    key: String,
    /// Its signatures count up to then [default: now]
    #[arg(long, value_name = WHEN, value_parser = time)]
    not_after: Option<Timestamp>,
}

#[derive(clap::Args, Debug)]
pub struct RevokeArgs {
    #[command(flatten)]
    next: NextArgs,
    /// The key: its file, its id or the first 8 digits of it, or its owner
    #[arg(long, value_name = "KEY")]
    key: String,
    /// Start of the compromise [default: always, so that not even proven older signatures count]
    #[arg(long, value_name = WHEN, value_parser = time)]
    compromised_since: Option<Timestamp>,
    /// A public key that takes its place at once, for the last key of a role
    #[arg(long, value_name = "NEW.pub")]
    new: Option<PathBuf>,
    /// Owner of the new key [default: the file's name]
    #[arg(long, requires = "new")]
    owner: Option<String>,
}

#[derive(clap::Args, Debug)]
pub struct RotateArgs {
    #[command(flatten)]
    next: NextArgs,
    /// The key that retires: its file, its id or the first 8 digits of it, or its owner
    #[arg(long, value_name = "KEY")]
    old: String,
    /// The public key that takes its place
    #[arg(long, value_name = "NEW.pub")]
    new: PathBuf,
    /// Owner of the new key [default: the file's name]
    #[arg(long)]
    owner: Option<String>,
    /// Signatures of the old one count up to then [default: now]
    #[arg(long, value_name = WHEN, value_parser = time)]
    not_after: Option<Timestamp>,
}

pub fn add_key(args: &AddKeyArgs, out: Output) -> Result<Exit, CliError> {
    let new = NewKey {
        role: args.role.clone(),
        key: public_key(&args.key)?,
        owner: args.owner.clone().unwrap_or_else(|| stem(&args.key)),
        not_before: args.not_before,
        not_after: args.not_after,
    };
    next::make("add-key", &args.next, |next| Ok(next.add(new)?), out)
}

pub fn retire(args: &RetireArgs, out: Output) -> Result<Exit, CliError> {
    let edit = |next: &mut NextVersion| {
        let key = find(next.document(), &args.key)?;
        next.retire(key, args.not_after.unwrap_or_else(now))?;
        Ok(())
    };
    next::make("retire", &args.next, edit, out)
}

pub fn revoke(args: &RevokeArgs, out: Output) -> Result<Exit, CliError> {
    let new = args.new.as_deref();
    let new = new
        .map(|path| new_key(path, args.owner.as_ref()))
        .transpose()?;
    let edit = |next: &mut NextVersion| {
        let key = find(next.document(), &args.key)?;
        next.revoke(key, args.compromised_since)?;
        if let Some(new) = new {
            let role = next.role_of(key)?;
            next.add(new(role))?;
        }
        Ok(())
    };
    next::make("revoke", &args.next, edit, out)
}

pub fn rotate(args: &RotateArgs, out: Output) -> Result<Exit, CliError> {
    let new = new_key(&args.new, args.owner.as_ref())?;
    let edit = |next: &mut NextVersion| {
        let old = find(next.document(), &args.old)?;
        let role = next.role_of(old)?;
        next.retire(old, args.not_after.unwrap_or_else(now))?;
        Ok(next.add(new(role))?)
    };
    next::make("rotate", &args.next, edit, out)
}

/// Reads the public key that takes another's place, in the role that it will have.
fn new_key(path: &Path, owner: Option<&String>) -> Result<impl FnOnce(Name) -> NewKey, CliError> {
    let (key, owner) = (public_key(path)?, owner.cloned());
    let owner = owner.unwrap_or_else(|| stem(path));
    Ok(move |role| NewKey {
        role,
        key,
        owner,
        not_before: None,
        not_after: None,
    })
}

/// Finds the single key that matches the argument.
fn find(document: &TrustDocument, text: &str) -> Result<Digest, CliError> {
    let mut ids = keys_named(document, text);
    let file = Path::new(text);
    let text_of_file = small_text(file).ok();
    let key = text_of_file.and_then(|text| PublicKey::from_text(&text).ok());
    let id = key.map(|key| key.id().digest());
    ids.extend(id.filter(|id| document.keys.iter().any(|key| key.id == *id)));
    ids.sort();
    ids.dedup();
    match ids[..] {
        [id] => Ok(id),
        [] => {
            if text.ends_with(".pub") {
                public_key(file)?;
            }
            Err(DraftError::NoKey(text.to_owned()).into())
        }
        _ => {
            let text = text.to_owned();
            Err(DraftError::ManyKeys { text, ids }.into())
        }
    }
}
