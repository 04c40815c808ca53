//! Signed answers: `--receipt-key` of the commands that only read.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::args::{PassphraseArgs, now};
use super::host::operator;
use super::{CliError, Exit, Kind, Output, display_path};
use crate::database::{Connect, Purpose};
use crate::record::{evidence, receipt_key};
use crate::release::target;
use crate::trust::{SecretKey, TrustRoot};
use pgseal_verify::digest::{Digest, hex};
use pgseal_verify::format::evidence::{AnswerKind, EvidenceStatement, SignedAnswer};
use pgseal_verify::format::fingerprint::Fingerprint;
use pgseal_verify::format::manifest::Release;
use pgseal_verify::format::receipt::{ObservedTarget, TrustReference};
use pgseal_verify::format::statement::{DigestSet, Subject, title};
use pgseal_verify::format::version::PGSEAL;

#[derive(clap::Args, Debug)]
pub struct EvidenceArgs {
    /// Sign the answer with this secret key, and store it in --receipts as *.evidence.json
    #[arg(long, value_name = "KEY")]
    receipt_key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Signs the answer of one command, if the operator named a key.
pub struct Witness {
    kind: AnswerKind,
    key: Option<SecretKey>,
    dir: PathBuf,
}

/// The subject of an answer, and its circumstances.
pub struct About {
    subject: Subject,
    release: Option<Release>,
    trust: TrustReference,
    target: Option<ObservedTarget>,
}

impl EvidenceArgs {
    /// Whether answers are signed.
    pub fn is_given(&self) -> bool {
        self.receipt_key.is_some()
    }

    /// Path of the key.
    pub fn key(&self) -> Option<&Path> {
        self.receipt_key.as_deref()
    }

    /// Opens the key. This may wait for a passphrase, so it precedes any use of the clock, the trust
    /// root and the database.
    pub fn open(&self, kind: AnswerKind, receipts: &Path) -> Result<Witness, CliError> {
        Ok(Witness {
            kind,
            key: self.passphrase.keys(self.receipt_key.as_slice())?.pop(),
            dir: receipts.to_owned(),
        })
    }
}

impl About {
    /// An answer about a release.
    pub fn release(
        trust: TrustReference,
        release: &Release,
        id: Digest,
        target: Option<ObservedTarget>,
    ) -> Self {
        Self {
            subject: subject(title(&release.name, &release.version), id),
            release: Some(release.clone()),
            trust,
            target,
        }
    }

    /// A fingerprint: it is about the content of a database.
    pub fn database(
        trust: TrustReference,
        found: &Fingerprint,
        target: Option<ObservedTarget>,
    ) -> Self {
        // docs/decisions/081
        Self {
            subject: subject(found.database.clone(), found.sha256),
            release: None,
            trust,
            target,
        }
    }
}

fn subject(name: String, sha256: Digest) -> Subject {
    let digest = DigestSet { sha256 };
    Subject { name, digest }
}

/// The trust root of a judgement.
pub fn trust(root: &TrustRoot) -> TrustReference {
    TrustReference {
        version: root.document().version,
        sha256: root.digest(),
    }
}

impl Witness {
    /// Fails if the trust root does not let the key sign now.
    pub fn check(&self, root: &TrustRoot) -> Result<(), CliError> {
        match &self.key {
            Some(key) => Ok(receipt_key::check(root, &key.public_key().id(), now())?),
            None => Ok(()),
        }
    }

    /// The database as it describes itself on a session of its own, if the answer is signed. A
    /// server that can't be reached has no description.
    pub fn observe(&self, connect: &dyn Connect) -> Option<ObservedTarget> {
        self.key.as_ref()?;
        let mut session = connect.connect(Purpose::Read).ok()?;
        target::observe(session.as_mut()).ok()
    }

    /// Signs and stores an answer that was printed, and returns the end of the command. A good
    /// answer that can't be stored ends with exit code 40; a bad one keeps its own.
    pub fn conclude(
        self,
        about: Option<About>,
        answer: Value,
        ended: Result<Exit, CliError>,
        out: Output,
    ) -> Result<Exit, CliError> {
        let Some(key) = &self.key else {
            return ended;
        };
        let exit = match &ended {
            Ok(exit) => *exit,
            Err(error) => error.exit,
        };
        let stored = match about {
            Some(about) => self.store(key, about, answer, exit),
            None => Err(std::io::Error::other(
                "no release is authentic that it could be about",
            )),
        };
        let error = match stored {
            Ok(path) => {
                // Standard output may be the answer's alone.
                out.note(format!("evidence: {}", display_path(path)));
                return ended;
            }
            Err(error) => error,
        };
        let dir = display_path(&self.dir);
        let text = format!("{dir}: the signed answer could not be stored: {error}");
        Err(match ended {
            Err(mut error) => {
                error.lines.push(text);
                error
            }
            Ok(Exit::Done) => CliError::new(Kind::NoReceipt, text)
                .hint("the answer above holds; name a writable directory by --receipts DIR, and ask again"),
            Ok(exit) => CliError::new(Kind::NoReceipt, text).exit(exit),
        })
    }

    fn store(
        &self,
        key: &SecretKey,
        about: About,
        answer: Value,
        exit: Exit,
    ) -> std::io::Result<PathBuf> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(std::io::Error::other)?;
        let (evidence_id, at) = (hex(&random), now());
        let of = about.release.as_ref();
        let of = of.map(|release| format!("{}-{}-", release.name, release.version));
        let (of, kind) = (of.unwrap_or_default(), self.kind.as_str());
        let stem = format!("{of}{kind}-{}-{}", at.compact(), &evidence_id[..8]);
        let statement = EvidenceStatement {
            subject: vec![about.subject],
            predicate: SignedAnswer {
                evidence_id,
                kind: self.kind,
                release: about.release,
                at,
                exit: exit.code(),
                target: about.target,
                trust: about.trust,
                operator: operator(),
                pgseal: PGSEAL.to_owned(),
                answer,
                signer: key.public_key().id().digest(),
            },
        };
        evidence::write(&self.dir, &stem, &statement, key)
    }
}
