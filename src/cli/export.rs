//! `pgseal export`

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::args::{TrustArgs, authenticate, now, time};
use super::{CliError, Exit, Output, ResultExt, display_path};
use crate::bundle::AuthenticatedBundle;
use crate::durable;
use crate::trust::{JudgedAt, key_list};
use pgseal_verify::format::timestamp::Timestamp;

#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("format").required(true))]
pub struct Args {
    /// The bundle, for --dsse, --sigstore and --sha256sums; it is authenticated first
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// DSSE envelopes as JSON lines: the release with all its signatures, then each approval and notarisation
    #[arg(long, group = "format", requires = "file")]
    dsse: bool,
    /// Sigstore bundles (v0.3) as JSON lines: one for each signature, with its time stamps; hints are key ids
    #[arg(long, group = "format", requires = "file")]
    sigstore: bool,
    /// SHA256SUMS of the signed files, for `sha256sum -c` where `tar -x` unpacked the bundle
    #[arg(long, group = "format", requires = "file")]
    sha256sums: bool,
    /// The trust root's keys as OpenSSH's allowed signers (9.1 or later); principals are ROLE/OWNER
    #[arg(long, group = "format", conflicts_with_all = ["file", "as_of"])]
    allowed_signers: bool,
    /// All of the trust root's keys as PEM, each below a line with its id, owner, role and status
    #[arg(long, group = "format", conflicts_with_all = ["file", "as_of"])]
    public_keys: bool,
    /// Where to write it; must not exist [default: standard output]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Judge by this time instead of now, as `verify` does
    #[arg(long, value_name = "TIME", value_parser = time)]
    as_of: Option<Timestamp>,
    #[command(flatten)]
    trust: TrustArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.trust.load()?;
    let when = args
        .as_of
        .map_or_else(|| JudgedAt::At(now()), JudgedAt::AsOf);
    let one = |text: String| std::iter::once(Ok(text.into_bytes()));
    // clap guarantees exactly one format.
    let Some(file) = &args.file else {
        return match args.allowed_signers {
            true => write(
                args,
                "allowed-signers",
                one(key_list::allowed_signers(&root)),
                out,
            ),
            false => write(args, "public-keys", one(key_list::public_keys(&root)), out),
        };
    };
    let bundle: AuthenticatedBundle = authenticate(file, &root, when)?;
    if args.dsse {
        let envelopes = bundle.envelopes().map(|envelope| line(&envelope));
        return write(args, "dsse", envelopes, out);
    }
    if args.sha256sums {
        return write(args, "sha256sums", one(bundle.stored_sums()), out);
    }
    let bundles = bundle.sigstore_bundles();
    let bundles = bundles.map_err(|error| CliError::internal(error).about(file))?;
    write(args, "sigstore", bundles.map(|bundle| line(&bundle)), out)
}

/// Writes piece by piece, because an export of a large release with many signatures is many times
/// the release's size.
fn write(
    args: &Args,
    format: &str,
    pieces: impl Iterator<Item = std::io::Result<Vec<u8>>>,
    out: Output,
) -> Result<Exit, CliError> {
    let mut bytes: u64 = 0;
    let mut count = |piece: &Vec<u8>| bytes += piece.len() as u64;
    let Some(path) = args.output.as_deref() else {
        for piece in pieces {
            out.bytes(&piece.map_err(CliError::internal)?)?;
        }
        return Ok(Exit::Done);
    };
    let written = durable::create_new(path, |file| {
        pieces
            .inspect(|piece| piece.iter().for_each(&mut count))
            .try_for_each(|piece| file.write_all(&piece?))
    });
    written.at(path)?;
    out.document(
        &serde_json::json!({ "file": path.to_string_lossy(), "format": format, "bytes": bytes }),
    );
    out.line(format!("wrote {}, {bytes} bytes", display_path(path)));
    Ok(Exit::Done)
}

/// Serializes a document as one line.
fn line(document: &impl Serialize) -> std::io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(document)?;
    line.push(b'\n');
    Ok(line)
}
