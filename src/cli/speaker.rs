//! What `approve` and `withdraw` share: whoever says something about a release, and where it is written.

use std::path::Path;

use super::args::{authenticate, now, open};
use super::error::CliError;
use super::exit::Exit;
use super::output::{Output, shown};
use super::rewrite;
use super::signer::SignerArgs;
use super::tbs::TbsArgs;
use crate::bundle::UntrustedBundle;
use crate::bundle::add::{Addition, write_approvals};
use crate::bundle::approval::{self, Word};
use crate::durable;
use crate::format::approval::ApprovalStatement;
use crate::format::json;
use crate::format::manifest::Manifest;
use crate::format::statement::{PAYLOAD_TYPE, ReleaseId};
use crate::format::timestamp::Timestamp;
use crate::trust::added::ClaimedStatement;
use crate::trust::{KeyId, TrustRoot, When};

/// Who says something, and where to.
pub struct Speaker<'a> {
    pub file: &'a Path,
    pub root: Option<&'a TrustRoot>,
    pub signer: &'a SignerArgs,
    pub tbs: &'a TbsArgs,
    pub output: Option<&'a Path>,
}

impl Speaker<'_> {
    /// Signs a word and writes it.
    pub fn speak(&self, manifest: &Manifest, id: ReleaseId, word: Word, out: Output) -> Result<Exit, CliError> {
        let make =
            |word: Word| approval::statement(manifest, id, word).map_err(|error| CliError::new(Exit::Internal, error));
        if self.tbs.is_given() {
            return self.tbs.write(self.file, PAYLOAD_TYPE, &make(word)?, out);
        }
        let signer = self.signer.open()?;
        let key = signer.public_key().id();
        self.check_role(key, &word)?;
        let sign = |word: Word| -> Result<ClaimedStatement, CliError> {
            let body = make(word)?;
            let signature = signer.sign(PAYLOAD_TYPE, &body)?;
            Ok(ClaimedStatement { key, body, signature })
        };
        let word = match self.output {
            Some(path) => {
                let statements = [sign(word.clone())?];
                let written = durable::create_new(path, |file| write_approvals(&statements, file).map(drop));
                written.map_err(|error| CliError::io(path, &error))?;
                word
            }
            None => {
                let (_, word) = rewrite::add(self.file, |bundle| {
                    if bundle.claimed_release_id() != id {
                        let text = format!("{}: changed while it was read", shown(self.file));
                        return Err(CliError::new(Exit::Internal, text));
                    }
                    let word = after(word, bundle, key);
                    Ok((vec![Addition::Statement(sign(word.clone())?)], word))
                })?;
                word
            }
        };
        self.tell(manifest, id, key, &word, out);
        Ok(Exit::Done)
    }

    /// An approval by a key that has not the role would count for nothing, and a stranger's makes every host refuse
    /// the bundle.
    fn check_role(&self, key: KeyId, word: &Word) -> Result<(), CliError> {
        let Some(root) = self.root else { return Ok(()) };
        match root.role_of(&key) {
            Some(role) if *role == word.role => Ok(()),
            Some(role) => {
                let text = format!("key {key} has the role {role} in the trust root, not {}", word.role);
                Err(CliError::new(Exit::Usage, text).hint("nothing was signed"))
            }
            None => Err(unknown(key)),
        }
    }

    fn tell(&self, manifest: &Manifest, id: ReleaseId, key: KeyId, word: &Word, out: Output) {
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
        out.line(format!("{} by {key} as {}: {}", word.decision, word.role, shown(place)));
        if self.output.is_some() {
            out.note(format!(
                "it travels beside the bundle (--approval {0}) or goes into it: pgseal attach FILE {0}",
                shown(place)
            ));
        }
    }
}

/// A key that nobody knows.
pub fn unknown(key: KeyId) -> CliError {
    CliError::new(Exit::Usage, format!("key {key} is not in the trust root"))
        .hint("nothing was signed; `pgseal trust add-key` gives it a role")
}

/// The word of somebody who has spoken before comes after it, also within the same second.
fn after(mut word: Word, bundle: &UntrustedBundle, key: KeyId) -> Word {
    let said = bundle.claimed_added().statements.iter().find(|said| said.key == key);
    let said = said.and_then(|said| json::from_canonical::<ApprovalStatement>(&said.body).ok());
    if let Some(said) = said
        && let Some(next) = Timestamp::from_seconds(said.predicate.at.seconds() + 1)
    {
        word.at = word.at.max(next);
    }
    word
}

/// Opens the bundle and reads what it says. With a trust root, only after its signatures held.
pub fn look(file: &Path, root: Option<&TrustRoot>, out: Output) -> Result<(UntrustedBundle, Manifest), CliError> {
    let bundle = open(file)?;
    let manifest = match root {
        Some(root) => {
            let authentic = authenticate(file, root, When::At(now()))?;
            if authentic.release_id() != bundle.claimed_release_id() {
                return Err(CliError::new(Exit::Internal, format!("{}: changed while it was read", shown(file))));
            }
            authentic.manifest().clone()
        }
        None => {
            out.warning("no trust root was named (--trust): nobody has checked who made this release");
            bundle.claimed_release().map_err(|error| CliError::from(error).about(file))?.predicate
        }
    };
    Ok((bundle, manifest))
}
