//! Keys held by an ssh-agent. The agent signs; pgseal never has the secret half.
//!
//! The protocol is draft-ietf-sshm-ssh-agent (formerly draft-miller-ssh-agent). pgseal uses two of
//! its requests: list the keys (11, answered by 12) and sign (13, answered by 14). They are
//! implemented here because the available crates add 48 others, all of an earlier RustCrypto
//! generation than pgseal's (ssh-agent-client-rs 1.1, ssh-agent-lib 0.6: RSA, P-256 to P-521, a
//! second Ed25519).
//!
//! The agent is trusted with its keys but not with its answers. Answers have a maximum length and a
//! deadline, and every signature is verified with the public key.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::key_id::KeyId;
use super::note::NoteText;
use super::pae::pre_authentication_encoding;
use super::public_key::PublicKey;
use super::signer::{Signer, SignerError};
use super::ssh::{self, Reader, put_string};
use pgseal_verify::plural::count;

/// Maximum length of a message. OpenSSH's agent accepts no longer one, and no longer answer is
/// accepted.
const MOST_BYTES: usize = 256 << 10;
/// Deadline for answers that need no confirmation by the agent's user.
const PATIENCE: Duration = Duration::from_secs(5);
/// Deadline for signatures, which the user may have to confirm (`ssh-add -c`).
const PATIENCE_WITH_USERS: Duration = Duration::from_secs(120);

/// SSH_AGENTC_REQUEST_IDENTITIES and its answer (section 3.5 of the draft).
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
/// SSH_AGENTC_SIGN_REQUEST and its answer (section 3.6).
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
/// SSH_AGENT_FAILURE and SSH_AGENT_EXTENSION_FAILURE; they give no reason.
const FAILURES: [u8; 2] = [5, 28];

/// A key that was in the agent when its keys were listed.
#[derive(Debug)]
pub struct AgentKey {
    socket: PathBuf,
    public: PublicKey,
}

/// Error in finding or using an agent's key.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error("no ssh-agent at {socket}: {source}", socket = socket.display())]
    Unreachable { socket: PathBuf, source: io::Error },
    /// The agent has other keys, or none.
    #[error(
        "the ssh-agent does not have the key {id}; it has {} and {others} of other kinds",
        count(*ed25519, "other Ed25519 key")
    )]
    NoKey {
        id: KeyId,
        /// Number of the agent's Ed25519 keys.
        ed25519: usize,
        /// Number of its other keys.
        others: usize,
    },
    #[error("the ssh-agent refused (it may be locked, or its user said no)")]
    Refused,
    #[error("the ssh-agent gave no answer in {seconds} seconds")]
    Silent { seconds: u64 },
    #[error("the ssh-agent hung up: {0}")]
    Broken(io::Error),
    #[error("the ssh-agent's answer is no answer: {0}")]
    Protocol(&'static str),
    #[error("{bytes} bytes to sign are more than an ssh-agent takes ({MOST_BYTES})")]
    TooLarge { bytes: usize },
}

impl AgentKey {
    pub fn find(socket: &Path, public: PublicKey) -> Result<Self, AgentError> {
        let answer = ask(socket, &[REQUEST_IDENTITIES], PATIENCE)?;
        let blobs = identities(&answer)?;
        if blobs.contains(&&ssh::key_blob(&public)[..]) {
            return Ok(Self {
                socket: socket.to_owned(),
                public,
            });
        }
        let ed25519 = blobs
            .iter()
            .filter(|blob| ssh::key_of_blob(blob).is_ok())
            .count();
        Err(AgentError::NoKey {
            id: public.id(),
            ed25519,
            others: blobs.len() - ed25519,
        })
    }

    fn signature(&self, message: &[u8]) -> Result<[u8; 64], AgentError> {
        let mut request = vec![SIGN_REQUEST];
        put_string(&mut request, &ssh::key_blob(&self.public));
        put_string(&mut request, message);
        // No flags: the defined ones select a digest for RSA.
        request.extend_from_slice(&0_u32.to_be_bytes());
        let answer = ask(&self.socket, &request, PATIENCE_WITH_USERS)?;
        let mut reader = expect(&answer, SIGN_RESPONSE)?;
        let signature = reader
            .string()
            .filter(|_| reader.is_at_end())
            .and_then(ssh::signature_of_blob);
        signature.ok_or(AgentError::Protocol("it holds no Ed25519 signature"))
    }

    /// Signs a message and verifies the signature.
    fn checked(&self, message: &[u8]) -> Result<[u8; 64], SignerError> {
        let holder = || "ssh-agent".to_owned();
        let signature = self.signature(message);
        let signature = signature.map_err(|error| SignerError::Refused {
            holder: holder(),
            reason: error.to_string(),
        })?;
        if self.public.verifies(message, &signature) {
            Ok(signature)
        } else {
            Err(SignerError::Invalid { holder: holder() })
        }
    }
}

impl Signer for AgentKey {
    fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    fn sign(&self, payload_type: &str, body: &[u8]) -> Result<[u8; 64], SignerError> {
        self.checked(&pre_authentication_encoding(payload_type, body))
    }

    fn sign_note(&self, text: &NoteText) -> Result<[u8; 64], SignerError> {
        self.checked(text.as_bytes())
    }
}

/// The key blobs of an answer. Their comments are skipped, because they are unauthenticated.
fn identities(answer: &[u8]) -> Result<Vec<&[u8]>, AgentError> {
    let cut_off = || AgentError::Protocol("its list of keys is cut off");
    let mut reader = expect(answer, IDENTITIES_ANSWER)?;
    // The count is a claim, so it reserves no memory.
    let (count, mut blobs) = (reader.number().ok_or_else(cut_off)?, Vec::new());
    for _ in 0..count {
        blobs.push(reader.string().ok_or_else(cut_off)?);
        reader.string().ok_or_else(cut_off)?;
    }
    if reader.is_at_end() {
        Ok(blobs)
    } else {
        Err(AgentError::Protocol("bytes follow its list of keys"))
    }
}

fn expect(answer: &[u8], kind: u8) -> Result<Reader<'_>, AgentError> {
    let mut reader = Reader::new(answer);
    match reader.byte() {
        Some(byte) if byte == kind => Ok(reader),
        Some(byte) if FAILURES.contains(&byte) => Err(AgentError::Refused),
        _ => Err(AgentError::Protocol(
            "it is of another kind than the question",
        )),
    }
}

/// Sends one request on a new connection and returns the answer.
fn ask(socket: &Path, request: &[u8], patience: Duration) -> Result<Vec<u8>, AgentError> {
    if request.len() > MOST_BYTES {
        return Err(AgentError::TooLarge {
            bytes: request.len(),
        });
    }
    let stream = UnixStream::connect(socket);
    let mut stream = stream.map_err(|source| AgentError::Unreachable {
        socket: socket.to_owned(),
        source,
    })?;
    let mut message = Vec::with_capacity(4 + request.len());
    put_string(&mut message, request);
    let (until, mut length) = (Instant::now() + patience, [0; 4]);
    let mut exchange = || {
        stream.set_write_timeout(Some(patience))?;
        stream.write_all(&message)?;
        fill(&mut stream, &mut length, until)?;
        let length = u32::from_be_bytes(length) as usize;
        if !(1..=MOST_BYTES).contains(&length) {
            return Ok(None);
        }
        let mut answer = vec![0; length];
        fill(&mut stream, &mut answer, until).map(|()| Some(answer))
    };
    match exchange() {
        Ok(answer) => answer.ok_or(AgentError::Protocol("it is empty, or longer than 256 KiB")),
        // A socket's timeout is reported as EAGAIN.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
            ) =>
        {
            Err(AgentError::Silent {
                seconds: patience.as_secs(),
            })
        }
        Err(error) => Err(AgentError::Broken(error)),
    }
}

/// Fills the buffer before a deadline. An agent that sends single bytes does not get more time.
fn fill(stream: &mut UnixStream, mut buffer: &mut [u8], until: Instant) -> io::Result<()> {
    while !buffer.is_empty() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => buffer = &mut buffer[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
