//! `pgseal attach FILE ITEM...`

use std::path::{Path, PathBuf};

use super::approvals;
use super::args::{TrustArgs, now, open_error, public_key};
use super::rewrite;
use super::{CliError, Exit, Output, ResultExt, display_path, optional};
use crate::bundle::add::Addition;
use crate::bundle::attach::{AttachmentValidator, Item};
use crate::open_file;
use crate::trust::KeyId;
use pgseal_verify::format::approval::ApprovalStatement;
use pgseal_verify::format::json;
use pgseal_verify::limits;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The bundle; replaced by one with more in it
    file: PathBuf,
    /// The addition: an approval file, a signature of 64 bytes, or a time stamp (RFC 3161)
    #[arg(required = true, value_name = "ITEM")]
    items: Vec<PathBuf>,
    /// The public key of a signature [default: the one of the trust root that it is by]
    #[arg(long, value_name = "KEY.pub")]
    key: Option<PathBuf>,
    /// The signed bytes, as --tbs wrote them [default: the release]
    #[arg(long, value_name = "TBS")]
    tbs: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.trust.load_if_there()?;
    let items = args.items.iter().map(|path| read(path));
    let items: Vec<Item> = items.collect::<Result<_, _>>()?;
    let key = args.key.as_deref().map(public_key).transpose()?;
    let tbs = args.tbs.as_deref().map(bytes_of).transpose()?;
    if root.is_none() {
        out.warning("no trust root was named (--trust): it was not checked whether a host takes what is added");
    }
    let (statement, (id, added)) = rewrite::add(&args.file, out, |bundle| {
        let validator = AttachmentValidator {
            bundle,
            root: root.as_ref(),
            key: key.as_ref(),
            tbs: tbs.as_deref(),
            now: now(),
        };
        let (mut additions, mut added) = (Vec::new(), Vec::new());
        for (item, path) in items.iter().zip(&args.items) {
            let before = additions.len();
            let taken = validator.take(item, &mut additions);
            taken.about(path)?;
            added.extend(additions[before..].iter().map(|addition| {
                let (kind, key) = kind(addition);
                let line = format!(
                    "{} {}",
                    what(addition),
                    approvals::owner(root.as_ref(), key)
                );
                (path.clone(), (kind, key), line)
            }));
        }
        Ok((additions, (bundle.claimed_release_id(), added)))
    })?;
    out.document(&serde_json::json!({
        "file": args.file.to_string_lossy(),
        "release": statement.predicate.release,
        "release_id": id,
        "added": added.iter().map(|(path, (kind, key), _)| serde_json::json!({
            "item": path.to_string_lossy(), "kind": kind, "key_id": key,
        })).collect::<Vec<_>>(),
    }));
    for (path, _, line) in added {
        let (file, path) = (display_path(&args.file), display_path(&path));
        out.line(format!("{file}: added {path}: {line}"));
    }
    Ok(Exit::Done)
}

fn kind(addition: &Addition) -> (&'static str, KeyId) {
    match addition {
        Addition::Signature((key, _)) => ("signature", *key),
        Addition::Statement(added) => ("statement", added.key),
        Addition::Token((key, _)) => ("time stamp for the signature", *key),
    }
}

/// The addition for people, without its key. An approval names its role and code, which show
/// whether it fits the others.
fn what(addition: &Addition) -> String {
    let Addition::Statement(added) = addition else {
        return format!("{} by", kind(addition).0);
    };
    let Ok(said) = json::from_canonical::<ApprovalStatement>(&added.body) else {
        return "notarisation by".to_owned();
    };
    let (decision, role) = (said.predicate.decision, said.predicate.role);
    let apr = optional(", ", said.predicate.apr.as_ref());
    format!("{decision} as {role}{apr}, by")
}

fn read(path: &Path) -> Result<Item, CliError> {
    Item::parse(bytes_of(path)?).about(path)
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, CliError> {
    let source = open_file::open(path).map_err(|error| open_error(path, &error))?;
    let most = limits::STATEMENT_BYTES + 1024;
    if source.size() > most {
        return Err(CliError::new(
            Exit::Malformed,
            "the file is too large to be added to a bundle",
        )
        .about(path));
    }
    let mut bytes = vec![0; source.size() as usize];
    source.read_exact_at(&mut bytes, 0).at(path)?;
    Ok(bytes)
}
