//! Parts shared by `approve` and `withdraw`: the signer, the role and the destination of a
//! statement.

use std::path::Path;

use super::args::{authenticate, now, open};
use super::rewrite;
use super::signer::SignerArgs;
use super::tbs::TbsArgs;
use super::{CliError, Exit, Kind, Output, ResultExt, display_path};
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

/// Signer, role and destination of a statement. All of them are validated before the operator is
/// prompted.
pub struct Attestor<'a> {
    file: &'a Path,
    signer: Option<Box<dyn Signer>>,
    tbs: &'a TbsArgs,
    output: Option<&'a Path>,
    role: Name,
}

impl<'a> Attestor<'a> {
    /// Opens the key and finds its role, if none is named.
    pub fn open(
        file: &'a Path,
        root: Option<&TrustRoot>,
        (signer, tbs): (&SignerArgs, &'a TbsArgs),
        output: Option<&'a Path>,
        role: Option<&Name>,
    ) -> Result<Self, CliError> {
        if let Some(path) = output.filter(|path| path.symlink_metadata().is_ok()) {
            return Err(CliError::new(
                Kind::FileExists,
                format!("{} exists already", display_path(path)),
            )
            .hint("name a new file"));
        }
        let signer = if tbs.is_given() {
            None
        } else {
            Some(signer.open()?)
        };
        let key = signer.as_ref().map(|signer| signer.public_key().id());
        let role = match (role, root.zip(key)) {
            (role, Some((root, key))) => role_of(root, key, role)?,
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
            file,
            signer,
            tbs,
            output,
            role,
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
        self.tell(manifest, id, key, &word, out);
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
        let theirs = bundle
            .claimed_attestations()
            .statements
            .iter()
            .filter(|added| added.key == key);
        for added in theirs.filter(|_| word.decision == Decision::Approve) {
            let said =
                json::from_canonical::<ApprovalStatement>(&added.body).map(|said| said.predicate);
            if let Ok(said) = said
                && said.decision == Decision::Withdraw
                && policy::is_behind(now(), said.at)
            {
                let text = format!(
                    "key {key} withdrew at {}, in the future by this host's clock",
                    said.at
                );
                return Err(CliError::usage(text).hint("is this clock right? Nothing was signed"));
            }
        }
        Ok(())
    }

    fn tell(
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
            "key_id": key,
        }));
        out.line(format!(
            "{} by {key} as {}: {}",
            word.decision,
            word.role,
            display_path(place)
        ));
        if self.output.is_some() {
            out.note(format!(
                "it travels beside the bundle (--approval {0}) or goes into it: pgseal attach FILE {0}",
                display_path(place)
            ));
        }
    }
}

/// The role of a key, which must equal the named one. An approval in another role would not count,
/// and one by an unknown key makes every host refuse the bundle.
fn role_of(root: &TrustRoot, key: KeyId, named: Option<&Name>) -> Result<Name, CliError> {
    let role = root.role_of(&key).ok_or_else(|| unknown(key))?;
    if named.is_none_or(|named| named == role) {
        return match root.counts(&key, role, JudgedAt::At(now())) {
            Ok(()) => Ok(role.clone()),
            Err(reason) => Err(CliError::new(
                Kind::KeyRole,
                format!("key {key} speaks for nobody now: it {reason}"),
            )
            .hint("nothing was signed; `pgseal trust show` says which keys count")),
        };
    }
    let named = named.map(Name::as_str).unwrap_or_default();
    Err(CliError::new(
        Kind::KeyRole,
        format!("key {key} has the role {role} in the trust root, not {named}"),
    )
    .hint(format!(
        "nothing was signed; your key speaks as --role {role}"
    )))
}

/// Error for a key that is not in the trust root.
fn unknown(key: KeyId) -> CliError {
    CliError::new(Kind::KeyRole, format!("key {key} is not in the trust root"))
        .hint("nothing was signed; `pgseal trust add-key` gives it a role")
}

/// Dates a statement after the earlier ones of the same key or role, also within the same second.
fn after(
    mut word: AttestationDraft,
    bundle: &UntrustedBundle,
    is_theirs: impl Fn(KeyId, &Approval) -> bool,
) -> AttestationDraft {
    for added in &bundle.claimed_attestations().statements {
        let said =
            json::from_canonical::<ApprovalStatement>(&added.body).map(|said| said.predicate);
        // An approval is not dated after a statement from the future: it would not count, and a
        // wrong clock would spread from one statement to the next.
        let moves = |said: &Approval| {
            word.decision == Decision::Withdraw || !policy::is_behind(now(), said.at)
        };
        if let Ok(said) = said
            && is_theirs(added.key, &said)
            && moves(&said)
            && let Some(next) = Timestamp::from_seconds(said.at.seconds() + 1)
        {
            word.at = word.at.max(next);
        }
    }
    word
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
        out.warning("no trust root was named (--trust): nobody has checked who made this release");
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
