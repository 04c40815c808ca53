//! `pgseal trust init / add-key / show`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::args::{PassphraseArgs, TrustArgs, now, public_key, time};
use super::error::CliError;
use super::exit::Exit;
use super::output::{Output, escape, shown};
use crate::format::name::Name;
use crate::format::timestamp::Timestamp;
use crate::format::trust_document::Policy;
use crate::trust::draft::{self, NewKey};
use crate::trust::root::name;
use crate::trust::{TrustRoot, store};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: TrustCommand,
}

#[derive(Subcommand, Debug)]
enum TrustCommand {
    /// Make version 1 of a trust root
    Init(InitArgs),
    /// Make the next version, with one key more
    AddKey(AddKeyArgs),
    /// What the trust root says
    Show(ShowArgs),
}

#[derive(clap::Args, Debug)]
struct InitArgs {
    /// Where to write it; must not exist
    file: PathBuf,
    /// The secret key(s) that sign it; their public halves get the role root
    #[arg(long, value_name = "ROOT.key", required = true)]
    root_key: Vec<PathBuf>,
    /// How many root keys must sign the next version
    #[arg(long, value_name = "N", default_value_t = 1)]
    root_threshold: u8,
    /// A role, how many of its keys must sign, and its public keys
    #[arg(long, value_name = "NAME:THRESHOLD=A.pub,B.pub", value_parser = role_spec, required = true)]
    role: Vec<RoleSpec>,
    /// A run needs approvals of this role, as many as its threshold
    #[arg(long, value_name = "ROLE")]
    require: Vec<Name>,
    /// Releases may run only on this database
    #[arg(long, value_name = "DATABASE")]
    target: Vec<String>,
    /// From then on nothing runs by it [default: in one year]
    #[arg(long, value_name = "DATE", value_parser = time)]
    expires: Option<Timestamp>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(clap::Args, Debug)]
struct AddKeyArgs {
    /// The trust root; replaced by its next version
    file: PathBuf,
    /// The public key
    #[arg(long, value_name = "KEY.pub")]
    key: PathBuf,
    /// Its role
    #[arg(long)]
    role: Name,
    /// Whose it is [default: the file's name]
    #[arg(long)]
    owner: Option<String>,
    /// Its signatures count from then on
    #[arg(long, value_name = "TIME", value_parser = time)]
    not_before: Option<Timestamp>,
    /// Its signatures count up to then
    #[arg(long, value_name = "TIME", value_parser = time)]
    not_after: Option<Timestamp>,
    /// The secret root key(s) that sign the new version
    #[arg(long, value_name = "ROOT.key", required = true)]
    root_key: Vec<PathBuf>,
    /// A new expiry [default: as before]
    #[arg(long, value_name = "DATE", value_parser = time)]
    expires: Option<Timestamp>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(clap::Args, Debug)]
struct ShowArgs {
    /// The trust root [default: as --trust]
    file: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

#[derive(Clone, Debug)]
struct RoleSpec {
    role: Name,
    threshold: u8,
    keys: Vec<PathBuf>,
}

const YEAR: i64 = 365 * 24 * 60 * 60;

pub fn run(args: Args, out: Output) -> Result<Exit, CliError> {
    match args.command {
        TrustCommand::Init(args) => init(&args, out),
        TrustCommand::AddKey(args) => add_key(&args, out),
        TrustCommand::Show(args) => {
            let root = args.file.as_deref().map_or_else(|| args.trust.load(), |file| Ok(store::read(file)?))?;
            Ok(show(&root, out))
        }
    }
}

fn init(args: &InitArgs, out: Output) -> Result<Exit, CliError> {
    if args.file.symlink_metadata().is_ok() {
        let message = format!("{} exists already", shown(&args.file));
        return Err(CliError::new(Exit::Usage, message).hint("`pgseal trust add-key` makes its next version"));
    }
    let root_keys = args.passphrase.keys(&args.root_key)?;
    let (mut keys, mut thresholds) = (Vec::new(), BTreeMap::new());
    thresholds.insert(name("root"), args.root_threshold);
    for (key, path) in root_keys.iter().zip(&args.root_key) {
        keys.push(NewKey {
            role: name("root"),
            key: key.public_key(),
            owner: stem(path),
            not_before: None,
            not_after: None,
        });
    }
    for spec in &args.role {
        if thresholds.insert(spec.role.clone(), spec.threshold).is_some() {
            let text = format!("role {} is given twice (root keys are given by --root-key)", spec.role);
            return Err(CliError::new(Exit::Usage, text));
        }
        for path in &spec.keys {
            let key = public_key(path)?;
            keys.push(NewKey { role: spec.role.clone(), key, owner: stem(path), not_before: None, not_after: None });
        }
    }
    let mut approvals = BTreeMap::new();
    for role in &args.require {
        let threshold = thresholds.get(role).ok_or_else(|| {
            CliError::new(Exit::Usage, format!("--require {role}: there is no such role")).hint("define it by --role")
        })?;
        approvals.insert(role.clone(), *threshold);
    }
    let policy = Policy { approvals, targets: args.target.clone(), ..Policy::default() };
    let in_a_year = || Timestamp::from_seconds(now().seconds() + YEAR);
    let expires = args.expires.or_else(in_a_year).unwrap_or_else(now);
    if expires <= now() {
        out.warning(format!("{expires} is in the past: nothing runs by this trust root"));
    }
    let document = draft::first(keys, thresholds, policy, expires);
    let root = store::install(&args.file, &document, &root_keys).map_err(usage)?;
    out.note(format!("wrote {} and its signature below {}.sigs", shown(&args.file), shown(&args.file)));
    Ok(show(&root, out))
}

fn add_key(args: &AddKeyArgs, out: Output) -> Result<Exit, CliError> {
    let root = store::read(&args.file)?;
    let root_keys = args.passphrase.keys(&args.root_key)?;
    let key = NewKey {
        role: args.role.clone(),
        key: public_key(&args.key)?,
        owner: args.owner.clone().unwrap_or_else(|| stem(&args.key)),
        not_before: args.not_before,
        not_after: args.not_after,
    };
    let next = draft::with_key(&root, key, args.expires);
    let root = store::install_next(&args.file, &root, &next, &root_keys).map_err(usage)?;
    out.note(format!("wrote version {} of {}", root.document().version, shown(&args.file)));
    Ok(show(&root, out))
}

/// A document that does not hold because of what was asked for, not because somebody tampered with it.
fn usage(error: store::StoreError) -> CliError {
    match error {
        store::StoreError::Trust { source, .. } => CliError::new(Exit::Usage, source).hint("nothing was written"),
        other => other.into(),
    }
}

fn show(root: &TrustRoot, out: Output) -> Exit {
    let document = root.document();
    out.document(&serde_json::json!({ "sha256": root.digest(), "trust": document }));
    out.line(format!("trust root version {}, {}", document.version, root.digest()));
    let past =
        if document.expires <= now() { out.paint(super::output::Paint::Bad, " (expired)") } else { String::new() };
    out.line(format!("expires {}{past}", document.expires));
    for (role, definition) in &document.roles {
        out.line(format!("role {role}: {} of its keys must sign", definition.threshold));
        for key in document.keys.iter().filter(|key| key.role == *role) {
            let status = match key.status {
                crate::format::trust_document::KeyStatus::Active => "",
                crate::format::trust_document::KeyStatus::Retired => ", retired",
                crate::format::trust_document::KeyStatus::Revoked => ", revoked",
            };
            let from = key.not_before.map(|time| format!(", from {time}")).unwrap_or_default();
            let to = key.not_after.map(|time| format!(", until {time}")).unwrap_or_default();
            out.line(format!("  {} {}{status}{from}{to}", key.id, escape(&key.owner)));
        }
    }
    for (role, count) in &document.policy.approvals {
        out.line(format!("a run needs {count} approval(s) of {role}"));
    }
    if !document.policy.targets.is_empty() {
        out.line(format!("releases may run on: {}", escape(&document.policy.targets.join(", "))));
    }
    Exit::Done
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn role_spec(text: &str) -> Result<RoleSpec, String> {
    let parts = text.split_once('=').and_then(|(head, keys)| Some((head.split_once(':')?, keys)));
    let ((role, threshold), keys) = parts.ok_or("write NAME:THRESHOLD=A.pub,B.pub")?;
    Ok(RoleSpec {
        role: role.parse().map_err(|error: crate::format::name::NameError| error.to_string())?,
        threshold: threshold.parse().map_err(|_| format!("{threshold:?} is not a threshold from 1 to 255"))?,
        keys: keys.split(',').map(PathBuf::from).collect(),
    })
}
