//! `pgseal trust`: one file per subcommand.

mod authority;
mod draft;
mod init;
mod install;
mod next;
mod policy;
mod refusal;
mod roles;
mod show;
mod sign;
mod warnings;

use std::path::Path;

use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::{CliError, Exit, Output};
use pgseal_verify::format::name::{Name, NameError};
use pgseal_verify::format::trust_document::GateRole;
use std::str::FromStr;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: TrustCommand,
}

#[derive(Subcommand, Debug)]
enum TrustCommand {
    /// Make version 1 of a trust root
    Init(init::Args),
    /// Draft the next version, with one key more
    AddKey(draft::AddKeyArgs),
    /// Draft the next version, in which a key makes no new signatures
    Retire(draft::RetireArgs),
    /// Draft the next version, in which no signature of a key counts, or by --compromised-since only proven older ones
    Revoke(draft::RevokeArgs),
    /// Draft the next version, with a new key in place of an old one
    Rotate(draft::RotateArgs),
    /// Draft the next version, with other thresholds or another policy
    SetPolicy(policy::Args),
    /// Draft the next version, with one time stamping authority (RFC 3161) more
    AddAuthority(authority::AddArgs),
    /// Draft the next version, in which an authority's new time stamps don't count
    RetireAuthority(authority::RetireArgs),
    /// Draft the next version, in which no time stamp of an authority counts
    RevokeAuthority(authority::RevokeArgs),
    /// Add root signatures to a draft, or write the bytes to sign
    Sign(sign::Args),
    /// Add a root signature that was made elsewhere to a draft
    Attach(sign::AttachArgs),
    /// Install exactly the next version, or a chain, each signed by enough root keys of it and of the one before
    Install(install::Args),
    /// Show a trust root or a draft
    Show(show::Args),
}

pub fn run(args: Args, out: Output) -> Result<Exit, CliError> {
    match args.command {
        TrustCommand::Init(args) => init::run(&args, out),
        TrustCommand::AddKey(args) => draft::add_key(&args, out),
        TrustCommand::Retire(args) => draft::retire(&args, out),
        TrustCommand::Revoke(args) => draft::revoke(&args, out),
        TrustCommand::Rotate(args) => draft::rotate(&args, out),
        TrustCommand::SetPolicy(args) => policy::run(&args, out),
        TrustCommand::AddAuthority(args) => authority::add(&args, out),
        TrustCommand::RetireAuthority(args) => authority::retire(&args, out),
        TrustCommand::RevokeAuthority(args) => authority::revoke(&args, out),
        TrustCommand::Sign(args) => sign::run(&args, out),
        TrustCommand::Attach(args) => sign::attach(&args, out),
        TrustCommand::Install(args) => install::run(&args, out),
        TrustCommand::Show(args) => show::run(&args, out),
    }
}

/// Value name of a time in help texts.
const WHEN: &str = "YYYY-MM-DD[THH:MM:SSZ]";

/// Default owner of a key: the file's stem.
fn stem(path: &Path) -> String {
    path.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Parses `NAME=N`.
fn named_number<N: FromStr>(text: &str) -> Result<(Name, N), String> {
    let (name, number) = text.split_once('=').ok_or("write NAME=N")?;
    let name = role_name(name)?;
    let number = number
        .parse()
        .map_err(|_| format!("{number:?} is not a number in its range"))?;
    Ok((name, number))
}

/// Parses `ROLE` or `ROLE=N`.
fn requirement(text: &str) -> Result<(Name, Option<u8>), String> {
    if text.contains('=') {
        return named_number(text).map(|(role, count)| (role, Some(count)));
    }
    role_name(text).map(|role| (role, None))
}

fn role_name(text: &str) -> Result<Name, String> {
    text.parse().map_err(|error: NameError| error.to_string())
}

/// Parses `reader` or `any`.
fn gate_role() -> impl TypedValueParser<Value = GateRole> {
    let names = [GateRole::Reader, GateRole::Any].map(GateRole::as_str);
    PossibleValuesParser::new(names).map(|name| match name.as_str() {
        "any" => GateRole::Any,
        _ => GateRole::Reader,
    })
}
