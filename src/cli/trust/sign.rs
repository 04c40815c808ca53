//! `pgseal trust sign DRAFT --key ROOT.key`, and `trust attach` for signatures made elsewhere.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::super::args::{TrustArgs, now, public_key};
use super::super::signer::SignerArgs;
use super::super::{CliError, Exit, Output, display_path};
use super::next::{change, may_sign};
use super::refusal;
use super::show::{self, Change, Shown};
use crate::durable;
use crate::trust::root::ClaimedSignature;
use crate::trust::rotation::{self, Candidate};
use crate::trust::{DraftRoot, Signer, TrustRoot, signatures, store};

#[derive(clap::Args, Debug)]
#[command(mut_arg("key", |arg| arg.help("The secret key; may be repeated")))]
#[command(mut_arg("trust", |arg| arg.help(BEFORE)))]
pub struct Args {
    /// The draft; its signatures are files in DRAFT.sigs
    draft: PathBuf,
    #[command(flatten)]
    signer: SignerArgs,
    /// Write the exact bytes to sign to this new file, and sign nothing
    #[arg(long, value_name = "OUT", group = "signer")]
    tbs: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

/// Help text of `--trust` for commands that sign a draft.
const BEFORE: &str = "The version before the draft, to show what changes [default: PGSEAL_TRUST, then /etc/pgseal/trust.json]";

#[derive(clap::Args, Debug)]
pub struct AttachArgs {
    /// The draft
    draft: PathBuf,
    /// The signature: 64 raw bytes over the output of `trust sign --tbs`
    signature: PathBuf,
    /// The public half of the root key that made it
    #[arg(long, value_name = "ROOT.pub")]
    key: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let collector = SignatureCollector::to_sign(&args.draft, &args.trust)?;
    let Some(tbs) = &args.tbs else {
        collector.show_changes(out);
        let signers = args.signer.open_all()?;
        for signer in &signers {
            may_sign(
                &collector.draft,
                collector.before.as_ref(),
                &signer.public_key().id(),
            )?;
        }
        let signers: Vec<&dyn Signer> = signers.iter().map(AsRef::as_ref).collect();
        return collector.add(signatures::sign(&collector.draft, &signers)?, out);
    };
    let written = durable::create_new(tbs, |file| {
        file.write_all(&signatures::to_be_signed(&collector.draft))
    });
    written.map_err(|error| CliError::not_created(tbs, &error))?;
    collector.show_changes(out);
    out.note(format!(
        "wrote {}: sign these bytes by Ed25519 as they are",
        display_path(tbs)
    ));
    out.note(format!(
        "then: pgseal trust attach {} SIGNATURE --key ROOT.pub",
        display_path(&args.draft)
    ));
    collector.answer(&collector.known, out)
}

pub fn attach(args: &AttachArgs, out: Output) -> Result<Exit, CliError> {
    let collector = SignatureCollector::to_attach(&args.draft, &args.trust, out)?;
    let key = public_key(&args.key)?;
    may_sign(&collector.draft, collector.before.as_ref(), &key.id())?;
    let signature = read_signature(&args.signature)?;
    let signature = signatures::made_elsewhere(&collector.draft, &key, signature).map_err(|error| {
        CliError::from(error).about(&args.signature).hint(format!(
            "sign exactly the bytes that `pgseal trust sign {} --tbs OUT` writes; nothing was added",
            display_path(&args.draft)
        ))
    })?;
    collector.show_changes(out);
    collector.add(vec![signature], out)
}

/// A draft, its existing signatures and the version before it.
struct SignatureCollector<'a> {
    file: &'a Path,
    draft: DraftRoot,
    known: Vec<ClaimedSignature>,
    before: Option<TrustRoot>,
    steps: Vec<Change>,
}

impl<'a> SignatureCollector<'a> {
    /// Opens a draft to sign. Fails if its changes can't be shown, since a signer must see them.
    fn to_sign(file: &'a Path, trust: &TrustArgs) -> Result<Self, CliError> {
        let candidate = store::read_draft(file)?;
        // Version 1 has no predecessor, and this host's trust root may belong to another owner.
        let first = candidate.draft.document().version == 1;
        let here = if first {
            trust.load_if_named()?
        } else {
            trust.load_if_there()?
        };
        can_be_shown(&candidate.draft, here.as_ref())?;
        refusal::from_the_future(candidate.draft.document(), now())?;
        Self::of(file, candidate, here)
    }

    /// Opens a draft to attach a signature. The signer has seen the changes elsewhere.
    fn to_attach(file: &'a Path, trust: &TrustArgs, out: Output) -> Result<Self, CliError> {
        let collector = Self::of(file, store::read_draft(file)?, trust.load_if_named()?)?;
        if collector.before.is_none() && collector.draft.document().version > 1 {
            out.note(
                "what changes can't be shown: name the version before the draft by --trust FILE",
            );
        }
        Ok(collector)
    }

    fn of(file: &'a Path, candidate: Candidate, here: Option<TrustRoot>) -> Result<Self, CliError> {
        let Candidate { draft, signatures } = candidate;
        let before = here.filter(|root| draft.document().prev_sha256 == Some(root.digest()));
        if let Some(before) = &before {
            rotation::follows(before.draft(), &draft)?;
        }
        let steps = before
            .iter()
            .map(|before| change(before.draft(), &draft))
            .collect();
        Ok(Self {
            file,
            draft,
            known: signatures,
            before,
            steps,
        })
    }

    /// Shows the changes before any prompt or signature, so as notes and not as the answer.
    fn show_changes(&self, out: Output) {
        show::show_changes(&self.steps, |line| out.note(line));
    }

    /// Adds signatures, unless the result would have one that makes hosts reject it.
    fn add(&self, new: Vec<ClaimedSignature>, out: Output) -> Result<Exit, CliError> {
        let mut all: BTreeMap<_, _> = self.known.iter().copied().collect();
        let had = new
            .iter()
            .filter(|(id, signature)| all.get(id) == Some(signature))
            .count();
        all.extend(new.iter().copied());
        let all: Vec<ClaimedSignature> = all.into_iter().collect();
        signatures::progress(&self.draft, self.before.as_ref(), &all)
            .map_err(|error| show::not_signed(self.file, &error))?;
        store::add_signatures(self.file, &self.draft, &new)?;
        if had > 0 {
            out.note(format!("{had} of these signatures had been there already"));
        }
        // Read again: another signer may have signed meanwhile.
        self.answer(&store::read_draft(self.file)?.signatures, out)
    }

    fn answer(&self, signatures: &[ClaimedSignature], out: Output) -> Result<Exit, CliError> {
        let progress = signatures::progress(&self.draft, self.before.as_ref(), signatures)
            .map_err(|error| show::not_signed(self.file, &error))?;
        let shown = Shown::new(self.file, &self.draft, progress, &self.steps);
        out.document(&show::document(&shown));
        let (version, digest) = (self.draft.document().version, self.draft.digest());
        let file = display_path(self.file);
        out.line(format!("{file}: version {version}, {digest}"));
        out.line(show::signed_by(&progress, version));
        if self.before.is_none() && version > 1 {
            out.note(format!(
                "what version {} needs is not known here",
                version - 1
            ));
        }
        Ok(Exit::Done)
    }
}

/// Checks that this host's trust root is the version before the draft. Version 1 has none.
fn can_be_shown(draft: &DraftRoot, here: Option<&TrustRoot>) -> Result<(), CliError> {
    let version = draft.document().version;
    let before = version.saturating_sub(1);
    let blind = |why: &str| {
        let text = format!("what this draft changes can't be shown: {why}");
        Err(CliError::usage(text).hint(format!(
            "name version {before} by --trust FILE; nothing was signed"
        )))
    };
    let Some(root) = here else {
        return if version == 1 {
            Ok(())
        } else {
            blind("no trust root is named")
        };
    };
    let (at, digest) = (root.document().version, root.digest());
    if draft.document().prev_sha256 == Some(digest) || (version == 1 && digest == draft.digest()) {
        return Ok(());
    }
    let fork = |text: String| {
        let hint = "don't sign it: ask the owners of the root keys which one is theirs, and how the other was made";
        Err(CliError::new(Exit::NotAuthentic, text).hint(format!("{hint}; nothing was signed")))
    };
    match at {
        _ if digest == draft.digest() => blind("the trust root here is this very version"),
        _ if at == version => fork(format!(
            "this draft is version {version}, and another version {version} is installed ({digest})"
        )),
        _ if at > version => fork(format!(
            "this draft is version {version}, and version {at} is installed ({digest})"
        )),
        _ if at == before => fork(format!(
            "this draft follows another version {before} than the one here ({digest})"
        )),
        _ => blind(&format!("the trust root here is version {at}")),
    }
}

fn read_signature(path: &Path) -> Result<[u8; 64], CliError> {
    let wrong = |error: &dyn Display| CliError::usage(error).about(path);
    if !path.metadata().map_err(|error| wrong(&error))?.is_file() {
        return Err(wrong(&"not a regular file"));
    }
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(65).read_to_end(&mut bytes));
    read.map_err(|error| wrong(&error))?;
    <[u8; 64]>::try_from(bytes).map_err(|_| {
        wrong(&"a signature has 64 raw bytes").hint("not hexadecimal, not base64, and no Ed25519ph")
    })
}
