//! Signs a receipt that was stored without a signature, while its journal proves it.

use std::io::{self, Write};
use std::path::Path;

use super::journal_check::prove;
use super::{claims, read_parts};
use crate::durable;
use crate::record::size;
use crate::trust::SecretKey;
use pgseal_verify::format::receipt::{Receipt, ReceiptStatement};
use pgseal_verify::format::statement::PAYLOAD_TYPE;
use pgseal_verify::record::signed::ReceiptError;

/// Reasons why a receipt is not signed later.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    #[error("it is signed already")]
    Signed,
    #[error("its journal does not prove it: {0}")]
    NotProved(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Signs the receipt of a run or rollback, in place. The journal beside it has to agree with it.
///
/// A signature that was interrupted, behind the document and before its signature file, is finished.
pub fn sign(path: &Path, key: &SecretKey) -> Result<ReceiptStatement, SignError> {
    // The file behind a link, by one signer at a time.
    let path = &path.canonicalize()?;
    let _lock = durable::lock(path, &|| ())?;
    let parts = read_parts(path)?;
    let statement = claims(&parts.document)?;
    let own = key.public_key().id().digest();
    let signer = statement.predicate.signer;
    if parts.signature.is_some() || signer.is_some_and(|signer| signer != own) {
        return Err(SignError::Signed);
    }
    prove(path, &statement)?.map_err(SignError::NotProved)?;
    let statement = ReceiptStatement {
        predicate: Receipt {
            signer: Some(own),
            ..statement.predicate
        },
        ..statement
    };
    let bytes = size::fitted(statement.clone(), size::shorten_receipt).map_err(io::Error::other)?;
    durable::replace(path, |file| file.write_all(&bytes))?;
    let signature = key.sign(PAYLOAD_TYPE, &bytes);
    durable::create_new(&path.with_extension("sig"), |file| {
        file.write_all(&signature)
    })?;
    Ok(statement)
}
