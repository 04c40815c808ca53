//! `pgseal trust init FILE --root-key ROOT.key --role ...`

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use super::super::args::{PassphraseArgs, now, public_key, time};
use super::super::{CliError, Exit, Output, display_path};
use super::{WHEN, gate_role, requirement, role_name, show, stem};
use crate::trust::draft::{self, NewKey};
use crate::trust::root::name;
use crate::trust::{DraftRoot, PublicKey, Signer, signatures, store};
use pgseal_verify::format::database_pattern::DatabasePattern;
use pgseal_verify::format::name::Name;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::trust_document::{GateRole, Policy, Role};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Where to write it; must not exist
    file: PathBuf,
    /// A secret key that signs it, and whose public half gets the role root; may be repeated
    #[arg(long, value_name = "ROOT.key", required = true)]
    root_key: Vec<PathBuf>,
    /// How many root keys must sign the next version
    #[arg(long, value_name = "N", default_value_t = 1)]
    root_threshold: u8,
    /// A role, how many of its keys must sign (or approve, by --require), and its public keys; may be repeated
    #[arg(long, value_name = "NAME:THRESHOLD=A.pub,B.pub", value_parser = role_spec, required = true)]
    role: Vec<RoleSpec>,
    /// A run needs approvals of this role: so many, or as many as its threshold; may be repeated
    #[arg(long, value_name = "ROLE[=N]", value_parser = requirement)]
    require: Vec<(Name, Option<u8>)>,
    /// A run needs the receipt of a rehearsal, signed by a key of the role receipt
    #[arg(long)]
    require_rehearsal: bool,
    /// That rehearsal may be at most so many days old [default: any age]
    #[arg(long, value_name = "DAYS", requires = "require_rehearsal")]
    rehearsal_max_age: Option<NonZeroU32>,
    /// Releases may run only on this database: a name, * for any characters; may be repeated
    #[arg(long, value_name = "NAME[@SYSTEM_IDENTIFIER]")]
    target: Vec<DatabasePattern>,
    /// The role that gates and probes are asked as: one that may only read, or any, also a superuser
    #[arg(long, value_name = "WHAT", value_parser = gate_role(), default_value = "reader")]
    gate_role: GateRole,
    /// From then on nothing runs by it [default: in one year]
    #[arg(long, value_name = WHEN, value_parser = time)]
    expires: Option<Timestamp>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Clone, Debug)]
struct RoleSpec {
    role: Name,
    threshold: u8,
    keys: Vec<PathBuf>,
}

const YEAR: i64 = 365 * 24 * 60 * 60;

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    if args.file.symlink_metadata().is_ok() {
        let message = format!("{} exists already", display_path(&args.file));
        return Err(CliError::usage(message).hint("`pgseal trust add-key` makes its next version"));
    }
    let root_keys = args.passphrase.keys(&args.root_key)?;
    let (mut keys, mut thresholds) = (Vec::new(), BTreeMap::new());
    thresholds.insert(name("root"), args.root_threshold);
    for (key, path) in root_keys.iter().zip(&args.root_key) {
        put_in(&mut keys, name("root"), key.public_key(), path)?;
    }
    for spec in &args.role {
        let known = thresholds.insert(spec.role.clone(), spec.threshold);
        if known.is_some() {
            return Err(CliError::usage(format!(
                "role {} is given twice (root keys are given by --root-key)",
                spec.role
            )));
        }
        for path in &spec.keys {
            put_in(&mut keys, spec.role.clone(), public_key(path)?, path)?;
        }
    }
    if args.require_rehearsal && !thresholds.contains_key(&name("receipt")) {
        return Err(CliError::usage(
            "--require-rehearsal: no key has the role receipt, so nothing could run",
        )
        .hint("define it by --role receipt:1=HOST.pub; nothing was written"));
    }
    let policy = Policy {
        approvals: approvals(args, &thresholds)?,
        targets: args.target.clone(),
        require_rehearsal: args.require_rehearsal,
        rehearsal_max_age_days: args.rehearsal_max_age,
        gate_role: args.gate_role,
        ..Policy::default()
    };
    let now = now();
    let expires = args
        .expires
        .or_else(|| Timestamp::from_seconds(now.seconds() + YEAR))
        .unwrap_or(now);
    // An expired document was not issued now: it serves to judge the past.
    let issued = Some(now).filter(|now| *now < expires);
    if issued.is_none() {
        out.warning(format!(
            "{expires} is in the past: nothing runs by this trust root"
        ));
    }
    let wrong = |error: &dyn std::fmt::Display| CliError::usage(error).hint("nothing was written");
    let document = draft::first(keys, thresholds, policy, issued, expires);
    let draft = DraftRoot::of(&document).map_err(|error| wrong(&error))?;
    let signers: Vec<&dyn Signer> = root_keys.iter().map(|key| key as &dyn Signer).collect();
    let signed = signatures::sign(&draft, &signers)?;
    draft
        .root_signatures(&signed)
        .map_err(|error| wrong(&error))?;
    store::create(&args.file, &draft, &signed)?;
    let file = display_path(&args.file);
    out.note(format!("wrote {file} and its signature below {file}.sigs"));
    let progress = signatures::progress(&draft, None, &signed)?;
    show::Shown::new(&args.file, &draft, progress, &[]).print(out);
    Ok(Exit::Done)
}

/// Adds a key with its only role.
fn put_in(keys: &mut Vec<NewKey>, role: Name, key: PublicKey, path: &Path) -> Result<(), CliError> {
    if let Some(known) = keys.iter().find(|known| known.key.id() == key.id()) {
        let text = match &known.role {
            has if *has == role => {
                format!("{} is there twice: a key counts once", display_path(path))
            }
            has => format!(
                "{} has the role {has} already: a key has one role",
                display_path(path)
            ),
        };
        return Err(CliError::usage(text).hint("name another key for it; nothing was written"));
    }
    keys.push(NewKey {
        role,
        key,
        owner: stem(path),
        not_before: None,
        not_after: None,
    });
    Ok(())
}

fn approvals(args: &Args, thresholds: &BTreeMap<Name, u8>) -> Result<BTreeMap<Name, u8>, CliError> {
    let role = |(role, threshold): (&Name, &u8)| {
        (
            role.clone(),
            Role {
                threshold: *threshold,
            },
        )
    };
    let roles = thresholds.iter().map(role).collect();
    let one = |(role, count): &(Name, Option<u8>)| {
        let count = draft::approvals(&roles, role, *count).map_err(|error| {
            CliError::usage(format!("--require {role}: {error}")).hint("define it by --role")
        })?;
        Ok((role.clone(), count))
    };
    args.require.iter().map(one).collect()
}

fn role_spec(text: &str) -> Result<RoleSpec, String> {
    let parts = text
        .split_once('=')
        .and_then(|(head, keys)| Some((head.split_once(':')?, keys)));
    let ((role, threshold), keys) = parts.ok_or("write NAME:THRESHOLD=A.pub,B.pub")?;
    Ok(RoleSpec {
        role: role_name(role)?,
        threshold: threshold
            .parse()
            .map_err(|_| format!("{threshold:?} is not a threshold from 1 to 255"))?,
        keys: keys.split(',').map(PathBuf::from).collect(),
    })
}
