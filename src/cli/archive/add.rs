//! `pgseal archive add DIR FILE...`

use std::path::PathBuf;

use super::super::args::{TrustArgs, now, time};
use super::super::error::CliError;
use super::super::error::archive::NOTHING_ADDED;
use super::super::exit::Exit;
use super::super::kind::Kind;
use super::super::output::{Output, display_path, escape};
use super::super::progress::Notifier;
use super::super::signer::SignerArgs;
use super::foreseen;
use crate::archiving::{AddError, ArchiveDir, AuthenticFile, Authenticator, KnownVersions, Plan};
use crate::audit::Fault;
use crate::tlog::append::LogError;
use crate::tlog::{LockedLog, Lost};
use crate::trust::JudgedAt;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::plural::count;

// A check signs nothing, so it needs no key.
#[derive(clap::Args, Debug)]
#[command(mut_group("signer", |signer| signer.required(false)))]
pub struct Args {
    /// The archive
    dir: PathBuf,
    /// Bundles, approvals, receipts (with their signatures and journals) and trust roots, or directories of
    /// them; files already in the archive are allowed
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    signer: SignerArgs,
    /// Judge by this time instead of now: keys by their windows, signatures by their proven time where it is older
    #[arg(long, value_name = "TIME", value_parser = time)]
    as_of: Option<Timestamp>,
    /// Say what an audit would say of the files, and add nothing
    #[arg(long)]
    check: bool,
    /// Add the files even if an audit will report faults because of them
    #[arg(long, conflicts_with = "check")]
    with_faults: bool,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.trust.load()?;
    let signer = match args.check {
        true => None,
        false => Some(args.signer.open()?),
    };
    if let Some(signer) = &signer {
        super::check_role(&root, &signer.public_key())?;
    }
    let when = JudgedAt::AsOf(args.as_of.unwrap_or_else(now));
    let waiting = || out.waits_for(&args.dir);
    let log = LockedLog::lock(&args.dir, &root, &waiting).map_err(|error| match error {
        // There may be no log yet.
        LogError::NoLog(_) if Lost::of(&args.dir).is_none() => error.into(),
        error => super::unusable(&args.dir, error),
    })?;
    let archive = ArchiveDir::open(&args.dir)?;
    let known = KnownVersions::gather(&args.trust.path(), &args.files, &args.dir);
    let authenticator = Authenticator::new(&archive, &root, when, known)?;
    let (files, unsigned) = authenticate(args, &authenticator, out)?;
    let plan = Plan::new(&authenticator, &log, files)?;
    let foreseen = foreseen::faults(&args.dir, &args.files, &root, args.as_of, out);
    foreseen::show(&foreseen, out);
    // What is logged cannot go.
    let adds = args.with_faults || foreseen.is_empty();
    let Some(signer) = signer.filter(|_| adds) else {
        return checked(args, &plan, &foreseen, out);
    };
    let first = log.head().size();
    let checkpoint = archive.add(&plan, log, &root, signer.as_ref())?;
    let size = first + plan.new.len() as u64;
    let added = (first..).zip(&plan.new);
    out.document(&serde_json::json!({
        "archive": args.dir.to_string_lossy(), "size": size, "checkpoint": checkpoint.as_ref().map(super::document),
        "added": added.clone().map(|(index, entry)| serde_json::json!({ "index": index, "entry": entry })).collect::<Vec<_>>(),
        "present": plan.present, "restored": plan.restored,
        "unsigned": unsigned.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
    }));
    for (index, entry) in added {
        out.line(format!(
            "{index}  {}  {}",
            entry.kind.as_str(),
            escape(entry.path.as_str())
        ));
    }
    plan.present
        .iter()
        .for_each(|path| out.line(format!("{}: is there already", escape(path.as_str()))));
    plan.restored
        .iter()
        .for_each(|path| out.line(format!("{}: put back", escape(path.as_str()))));
    out.line(format!(
        "{}: {} more, {}",
        display_path(&args.dir),
        plan.new.len(),
        count(size, "entry")
    ));
    Ok(Exit::Done)
}

/// The answer if nothing is added: of `--check`, and because of faults.
fn checked(
    args: &Args,
    plan: &Plan,
    foreseen: &[(String, Fault)],
    out: Output,
) -> Result<Exit, CliError> {
    let faults = foreseen.iter().map(|(path, fault)| {
        serde_json::json!({ "path": path, "kind": fault.kind, "sentence": fault.sentence })
    });
    out.document(&serde_json::json!({
        "archive": args.dir.to_string_lossy(),
        "would_add": plan.new.iter().map(|entry| &entry.path).collect::<Vec<_>>(),
        "faults": faults.collect::<Vec<_>>(),
    }));
    let (dir, more) = (
        display_path(&args.dir),
        count(plan.new.len() as u64, "entry"),
    );
    out.line(format!("{dir}: {more} to add; nothing was added"));
    if foreseen.is_empty() {
        return Ok(Exit::Done);
    }
    let faults = count(foreseen.len(), "fault");
    let text = format!("an audit would report {faults} because of these files");
    Err(CliError::new(Kind::Faults, text)
        .hint("nothing was added; a fault that is true belongs in the archive: --with-faults adds the files all the same; files that do not belong there can stay out"))
}

/// Authenticates the files given as arguments.
fn authenticate(
    args: &Args,
    authenticator: &Authenticator<'_>,
    out: Output,
) -> Result<(Vec<AuthenticFile>, Vec<PathBuf>), CliError> {
    let notifier = Notifier::drawing(out);
    let mut unsigned = Vec::new();
    let files = authenticator.authenticate_all(&args.files, &mut unsigned, &|done, total, path| {
        let path = display_path(path);
        notifier.moving(|| format!("{done} of {total} files authenticated: {path}"));
    });
    notifier.finish();
    for path in &unsigned {
        out.warning(format!(
            "{}: left out, because it is not signed; `pgseal receipt sign FILE --key KEY` signs one of a run or rollback",
            display_path(path)
        ));
    }
    let files = files.map_err(|error| match (&error, args.files.len()) {
        (AddError::Several(..), _) | (_, 1) => error.into(),
        _ => {
            let error = CliError::from(error);
            let hint = error.hint.iter().map(|hint| format!("; {hint}"));
            let hint = NOTHING_ADDED.to_owned() + &hint.collect::<String>();
            error.hint(hint)
        }
    })?;
    Ok((files, unsigned))
}
