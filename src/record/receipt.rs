//! Writes receipts: `STEM.receipt.json`, and `STEM.receipt.sig` (64 raw bytes over the DSSE pre-authentication
//! encoding) when the host has a `receipt` key.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::durable;
use crate::format::json;
use crate::format::receipt::{Receipt, ReceiptPredicateType, ReceiptStatement};
use crate::format::statement::{DigestSet, PAYLOAD_TYPE, ReleaseId, StatementType, Subject, title};
use crate::trust::SecretKey;

/// Writes a new receipt and gives its path. The signature is there before the document that it is for.
pub fn write(
    dir: &Path,
    stem: &str,
    release_id: ReleaseId,
    receipt: Receipt,
    key: Option<&SecretKey>,
) -> io::Result<PathBuf> {
    let statement = ReceiptStatement {
        type_: StatementType::V1,
        subject: vec![Subject {
            name: title(&receipt.release.name, &receipt.release.version),
            digest: DigestSet { sha256: release_id.digest() },
        }],
        predicate_type: ReceiptPredicateType::V1,
        predicate: Receipt { signer: key.map(|key| key.public_key().id().digest()), ..receipt },
    };
    let bytes = json::to_canonical(&statement).map_err(io::Error::other)?;
    if let Some(key) = key {
        let signature = key.sign(PAYLOAD_TYPE, &bytes);
        durable::create_new(&dir.join(format!("{stem}.receipt.sig")), |file| file.write_all(&signature))?;
    }
    let path = dir.join(format!("{stem}.receipt.json"));
    durable::create_new(&path, |file| file.write_all(&bytes))?;
    Ok(path)
}
