//! Parts shared by `approve` and `withdraw`: the signer, the role and the destination of a
//! statement.

use std::path::{Path, PathBuf};

use super::approvals;
use super::args::{TrustArgs, authenticate, now, open};
use super::rewrite;
use super::signer::SignerArgs;
use super::tbs::TbsArgs;
use super::{CliError, Exit, Kind, Output, ResultExt, display_path, optional};
use crate::bundle::add::{Addition, write_approvals};
use crate::bundle::approval::{self, AttestationDraft};
use crate::bundle::{AuthenticatedBundle, UntrustedBundle};
use crate::durable;
use crate::trust::attestations::ClaimedStatement;
use crate::trust::{JudgedAt, KeyId, Signer, TrustRoot, policy};
use pgseal_verify::format::approval::{Approval, ApprovalStatement, Decision};
use pgseal_verify::format::json;
use pgseal_verify::format::manifest::Manifest;
use pgseal_verify::format::name::Name;
use pgseal_verify::format::statement::{PAYLOAD_TYPE, ReleaseId};
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::trust_document::ROLES_WITH_A_TASK;

/// Signer, role and destination of a statement.
#[derive(clap::Args, Debug)]
pub struct AttestArgs {
    /// The bundle; replaced by one with the statement in it, unless -o
    pub file: PathBuf,
    #[command(flatten)]
    signer: SignerArgs,
    #[command(flatten)]
    tbs: TbsArgs,
    /// The role in which you approve [default: your key's in the trust root]
    #[arg(long)]
    role: Option<Name>,
    /// Reason, recorded in the statement
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Write the statement to this file, to travel beside the bundle
    #[arg(short, long, value_name = "APPROVAL", conflicts_with = "tbs")]
    output: Option<PathBuf>,
    #[command(flatten)]
    pub trust: TrustArgs,
}

/// Opened signer, role and destination of a statement. All of them are validated before the
/// operator is prompted.
pub struct Attestor<'a> {
    file: &'a Path,
    signer: Option<Box<dyn Signer>>,
    tbs: &'a TbsArgs,
    output: Option<&'a Path>,
    role: Name,
    root: Option<&'a TrustRoot>,
}

impl<'a> Attestor<'a> {
    /// Opens the key and finds its role, if none is named.
    pub fn open(args: &'a AttestArgs, root: Option<&'a TrustRoot>) -> Result<Self, CliError> {
        let output = args.output.as_deref();
        if let Some(path) = output.filter(|path| path.symlink_metadata().is_ok()) {
            return Err(CliError::exists(path));
        }
        let signer = match args.tbs.is_given() {
            true => None,
            false => Some(args.signer.open()?),
        };
        let key = signer.as_ref().map(|signer| signer.public_key().id());
        let role = match (&args.role, root.zip(key)) {
            (role, Some((root, key))) => role_of(root, key, role.as_ref())?,
            (Some(role), None) => role.clone(),
            (None, None) => {
                return Err(CliError::usage("in which role?").hint("name it by --role ROLE"));
            }
        };
        if ROLES_WITH_A_TASK.contains(&role.as_str()) {
            let text = format!("a key of the role {role} doesn't approve");
            return Err(CliError::usage(text).hint(
                "approvals are given by roles of their own, for example l2; nothing was signed",
            ));
        }
        Ok(Self {
            file: &args.file,
            signer,
            tbs: &args.tbs,
            output,
            role,
            root,
        })
    }

    /// Role of the statement.
    pub fn role(&self) -> Name {
        self.role.clone()
    }

    /// The signing key, if it is available here.
    pub fn key(&self) -> Option<KeyId> {
        self.signer.as_ref().map(|signer| signer.public_key().id())
    }

    /// Whether the bundle has an approval by this key, or in this role if the key is elsewhere.
    pub fn has_approved(&self, bundle: &UntrustedBundle) -> bool {
        let is_own = |key: KeyId, said: &Approval| match self.key() {
            Some(own) => own == key,
            None => said.role == self.role,
        };
        let mut own = claimed(bundle, is_own).into_iter();
        own.any(|said| said.decision == Decision::Approve)
    }

    /// Signs a statement and writes it.
    pub fn attest(
        &self,
        manifest: &Manifest,
        id: ReleaseId,
        word: AttestationDraft,
        out: Output,
    ) -> Result<Exit, CliError> {
        let make = |word: AttestationDraft| {
            approval::statement(manifest, id, word).map_err(CliError::internal)
        };
        let Some(signer) = &self.signer else {
            // The signing key is unknown here: either one that already made statements in this role
            // or a new one.
            let word = after(word, &open(self.file)?, |_, said| said.role == self.role);
            return self.tbs.write(self.file, PAYLOAD_TYPE, &make(word)?, out);
        };
        let key = signer.public_key().id();
        let sign = |word: AttestationDraft| -> Result<ClaimedStatement, CliError> {
            let body = make(word)?;
            let signature = signer.sign(PAYLOAD_TYPE, &body)?;
            Ok(ClaimedStatement {
                key,
                body,
                signature,
            })
        };
        let word = match self.output {
            Some(path) => {
                self.refuse_if_withdrawn_later(&open(self.file)?, key, &word)?;
                let word = after(word, &open(self.file)?, |other, _| other == key);
                let statements = [sign(word.clone())?];
                let written =
                    durable::create_new(path, |file| write_approvals(&statements, file).map(drop));
                written.at(path)?;
                word
            }
            None => {
                let (_, word) = rewrite::add(self.file, out, |bundle| {
                    if bundle.claimed_release_id() != id {
                        let text =
                            format!("{}: changed while it was read", display_path(self.file));
                        return Err(CliError::internal(text));
                    }
                    self.refuse_if_withdrawn_later(bundle, key, &word)?;
                    let word = after(word, bundle, |other, _| other == key);
                    Ok((vec![Addition::Statement(sign(word.clone())?)], word))
                })?;
                word
            }
        };
        self.report(manifest, id, key, &word, out);
        Ok(Exit::Done)
    }

    /// Refuses an approval if the key has a withdrawal dated in the future, which would override
    /// it.
    fn refuse_if_withdrawn_later(
        &self,
        bundle: &UntrustedBundle,
        key: KeyId,
        word: &AttestationDraft,
    ) -> Result<(), CliError> {
        if word.decision != Decision::Approve {
            return Ok(());
        }
        for said in claimed(bundle, |other, _| other == key) {
            if said.decision == Decision::Withdraw && policy::is_behind(now(), said.at) {
                let text = format!(
                    "key {key} withdrew at {}, in the future by this host's clock",
                    said.at
                );
                return Err(CliError::usage(text).hint("is this clock right? Nothing was signed"));
            }
        }
        Ok(())
    }

    fn report(
        &self,
        manifest: &Manifest,
        id: ReleaseId,
        key: KeyId,
        word: &AttestationDraft,
        out: Output,
    ) {
        let place = self.output.unwrap_or(self.file);
        out.document(&serde_json::json!({
            "file": self.file.to_string_lossy(),
            "output": place.to_string_lossy(),
            "release": manifest.release,
            "release_id": id,
            "decision": word.decision,
            "role": word.role,
            "apr": word.apr,
            "at": word.at,
            "expires": word.expires,
            "only_on": word.only_on,
            "runs": (word.decision == Decision::Approve).then_some(word.runs),
            "key_id": key,
        }));
        let (decision, role, path) = (&word.decision, &word.role, display_path(place));
        let owner = approvals::owner(self.root, key);
        let apr = optional(", ", word.apr.as_ref());
        out.line(format!("{decision} by {owner} as {role}{apr}: {path}"));
        if self.output.is_some() {
            out.note(format!(
                "it travels beside the bundle (--approval {path}) or goes into it: pgseal attach FILE {path}"
            ));
        }
    }
}

/// The role of a key, which must equal the named one. An approval in another role would not count,
/// and one by an unknown key makes every host refuse the bundle.
fn role_of(root: &TrustRoot, key: KeyId, named: Option<&Name>) -> Result<Name, CliError> {
    let Some(role) = root.role_of(&key) else {
        return Err(
            CliError::new(Kind::KeyRole, format!("key {key} is not in the trust root"))
                .hint("nothing was signed; `pgseal trust add-key` gives it a role"),
        );
    };
    if let Some(named) = named.filter(|named| *named != role) {
        let text = format!("key {key} has the role {role} in the trust root, not {named}");
        return Err(CliError::new(Kind::KeyRole, text).hint(format!(
            "nothing was signed; your key speaks as --role {role}"
        )));
    }
    counts_now(root, key, role)?;
    Ok(role.clone())
}

/// Requires that new signatures of a key count in its role.
pub fn counts_now(root: &TrustRoot, key: KeyId, role: &Name) -> Result<(), CliError> {
    root.counts(&key, role, JudgedAt::At(now()))
        .map_err(|reason| {
            let text = format!("key {key} does not count now: it {reason}");
            CliError::new(Kind::KeyRole, text)
                .hint("nothing was signed; `pgseal trust show` says which keys count")
        })
}

/// Dates a statement after the earlier ones of the same key or role, also within the same second.
fn after(
    mut word: AttestationDraft,
    bundle: &UntrustedBundle,
    is_theirs: impl Fn(KeyId, &Approval) -> bool,
) -> AttestationDraft {
    for said in claimed(bundle, is_theirs) {
        // An approval is not dated after a statement from the future: it would not count, and a
        // wrong clock would spread from one statement to the next.
        let moves = word.decision == Decision::Withdraw || !policy::is_behind(now(), said.at);
        if let Some(next) = Timestamp::from_seconds(said.at.seconds() + 1).filter(|_| moves) {
            word.at = word.at.max(next);
        }
    }
    word
}

/// The claimed statements of a bundle that match.
fn claimed(
    bundle: &UntrustedBundle,
    is_theirs: impl Fn(KeyId, &Approval) -> bool,
) -> Vec<Approval> {
    let statements = bundle.claimed_attestations().statements.iter();
    let approvals = statements.filter_map(|added| {
        let statement = json::from_canonical::<ApprovalStatement>(&added.body).ok()?;
        is_theirs(added.key, &statement.predicate).then_some(statement.predicate)
    });
    approvals.collect()
}

/// A bundle as read for approval or withdrawal.
pub struct Seen<'r> {
    pub bundle: UntrustedBundle,
    pub manifest: Manifest,
    /// The same bundle, authenticated; `None` without a trust root.
    pub authentic: Option<AuthenticatedBundle<'r>>,
}

/// Opens the bundle and reads its manifest, with a trust root only after validating the signatures.
pub fn look<'r>(
    file: &Path,
    root: Option<&'r TrustRoot>,
    out: Output,
) -> Result<Seen<'r>, CliError> {
    let bundle = open(file)?;
    let Some(root) = root else {
        out.warning(
            "no trust root was named (--trust): the signer of this release was not checked",
        );
        let manifest = bundle.claimed_release().about(file)?.predicate;
        return Ok(Seen {
            bundle,
            manifest,
            authentic: None,
        });
    };
    let authentic = authenticate(file, root, JudgedAt::At(now()))?;
    if authentic.release_id() != bundle.claimed_release_id() {
        return Err(CliError::new(
            Kind::Io,
            format!("{}: changed while it was read", display_path(file)),
        ));
    }
    Ok(Seen {
        bundle,
        manifest: authentic.manifest().clone(),
        authentic: Some(authentic),
    })
}
