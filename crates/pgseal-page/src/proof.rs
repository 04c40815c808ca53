//! Proofs that a log has a file.

use std::io;
use std::path::Path;

use crate::bundle::name;
use crate::files::Files;
use crate::finding::Finding;
use pgseal_verify::digest::Hasher;
use pgseal_verify::words::escape::{escape, optional};
use pgseal_verify::{ByteSource, Digest, ProofFile, TrustRoot};

const END: &str = ".tlog-proof";
/// Bytes of a file that are hashed at once.
const PIECE: usize = 1 << 20;

pub fn is_one(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.as_encoded_bytes().ends_with(END.as_bytes())
}

/// Judges a proof by the trust root's log keys, and compares it with its file if that is there.
pub fn judge(files: &Files<'_>, file: usize, root: &TrustRoot) -> Finding {
    let logged = files
        .small(file)
        .map_err(Into::into)
        .and_then(|bytes| ProofFile::parse(&bytes)?.authenticate(root));
    let logged = match logged {
        Ok(logged) => logged,
        Err(error) => return Finding::fault(escape(&format!("not authentic: {error}"))),
    };
    let (entry, head) = (logged.entry(), logged.head());
    let (kind, key) = (entry.kind.as_str(), head.key());
    let (origin, owner) = (escape(head.origin()), escape(root.owner(&key)));
    let (index, size) = (logged.index(), head.size());
    let lines = vec![
        format!("in the log {origin}: entry {index} of {size}, signed by {owner} ({key})"),
        format!(
            "{kind} {}, SHA-256 {}",
            escape(&entry.path.to_string()),
            entry.sha256
        ),
    ];
    let mut finding = Finding::authentic(format!("proof that a log has a {kind}"), lines);
    finding.release_id = Some(optional("", entry.release_id.as_ref()));
    finding.signers.push(owner);
    let own = name(files.path(file)).strip_suffix(END).unwrap_or_default();
    match files.beside(file, Path::new(own)).map(|at| digest(files.open(at).as_ref())) {
        None => finding.notes.push("its file is not here, so they were not compared".to_owned()),
        Some(Ok(found)) if logged.is_of(found) => {
            finding.lines.push("the file beside it is the logged one".to_owned());
        }
        Some(Ok(_)) => finding.notes.push(
            "the file beside it is not byte for byte the logged one: it is another file, or signatures or approvals were \
             added or taken away since"
                .to_owned(),
        ),
        Some(Err(error)) => finding.notes.push(escape(&format!("its file can't be read: {error}"))),
    }
    finding
}

fn digest(source: &dyn ByteSource) -> io::Result<Digest> {
    let (mut hasher, mut buffer, mut at) = (Hasher::default(), vec![0; PIECE], 0);
    while at < source.size() {
        let length = (source.size() - at).min(PIECE as u64) as usize;
        source.read_exact_at(&mut buffer[..length], at)?;
        hasher.update(&buffer[..length]);
        at += length as u64;
    }
    Ok(hasher.finish())
}
