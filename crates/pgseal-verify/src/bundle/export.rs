//! Exports a bundle's signatures in the formats of other tools. Only authenticated bytes are
//! exported, exactly as verified.

use base64ct::{Base64, Encoding};

use super::AuthenticatedBundle;
use crate::format::dsse::{Envelope, EnvelopeSignature};
use crate::format::sigstore::{
    PublicKeyIdentifier, Rfc3161SignedTimestamp, SigstoreBundle, SigstoreMediaType,
    TimestampVerificationData, VerificationMaterial,
};
use crate::format::statement::PAYLOAD_TYPE;
use crate::trust::root::ClaimedSignature;
use crate::trust::timestamp::{self, TimestampError};

/// Name of the signed document in the archive.
const STATEMENT: &str = "statement.json";

impl AuthenticatedBundle<'_> {
    /// One envelope for the release with all its signatures, then one for each approval and
    /// notarisation.
    pub fn envelopes(&self) -> impl Iterator<Item = Envelope> {
        let release =
            std::iter::once_with(|| envelope(&self.signed().release, &self.signed().signatures));
        let added = self.signed().added.statements.iter();
        release.chain(added.map(|added| envelope(&added.body, &[(added.key, added.signature)])))
    }

    /// A Sigstore bundle for each signature: the release's, then those of approvals and
    /// notarisations. Each includes the time stamps for its own signature.
    pub fn sigstore_bundles(&self) -> Result<impl Iterator<Item = SigstoreBundle>, TimestampError> {
        let release = self
            .signed()
            .signatures
            .iter()
            .map(|signature| (&self.signed().release, *signature));
        let added = self
            .signed()
            .added
            .statements
            .iter()
            .map(|added| (&added.body, (added.key, added.signature)));
        let stamped = |(body, signature)| Ok((body, signature, self.responses(&signature)?));
        let signatures: Vec<_> = release
            .chain(added)
            .map(stamped)
            .collect::<Result<_, TimestampError>>()?;
        Ok(signatures
            .into_iter()
            .map(|(body, signature, responses)| SigstoreBundle {
                media_type: SigstoreMediaType::V0_3,
                verification_material: VerificationMaterial {
                    public_key: PublicKeyIdentifier {
                        hint: signature.0.digest(),
                    },
                    tlog_entries: [],
                    timestamp_verification_data: Some(TimestampVerificationData {
                        rfc3161_timestamps: responses,
                    })
                    .filter(|data| !data.rfc3161_timestamps.is_empty()),
                },
                dsse_envelope: envelope(body, &[signature]),
            }))
    }

    /// The statement and every signed file of the archive, each with the digest of its stored bytes,
    /// as sha256sum writes them.
    pub fn stored_sums(&self) -> String {
        let files = self.files().iter();
        let files = files.map(|(_, stored)| (stored.stored_sha256, stored.member.path.as_str()));
        std::iter::once((self.release_id().digest(), STATEMENT))
            .chain(files)
            .map(|(sha256, name)| format!("{sha256}  {name}\n"))
            .collect()
    }

    /// Finds tokens by key and imprint, because a key may have signed both the release and a
    /// statement about it.
    fn responses(
        &self,
        (key, signature): &ClaimedSignature,
    ) -> Result<Vec<Rfc3161SignedTimestamp>, TimestampError> {
        let about = self
            .signed()
            .added
            .tokens
            .iter()
            .filter(|(id, _)| id == key)
            .map(|(_, token)| token);
        let response = |token: &Vec<u8>| {
            let signed_timestamp = Base64::encode_string(&timestamp::response(token)?);
            Ok(Rfc3161SignedTimestamp { signed_timestamp })
        };
        about
            .filter(|token| timestamp::is_about(token, signature))
            .map(response)
            .collect()
    }
}

fn envelope(body: &[u8], signatures: &[ClaimedSignature]) -> Envelope {
    let signature = |(key, bytes): &ClaimedSignature| EnvelopeSignature {
        keyid: key.digest(),
        sig: Base64::encode_string(bytes),
    };
    Envelope {
        payload: Base64::encode_string(body),
        payload_type: PAYLOAD_TYPE,
        signatures: signatures.iter().map(signature).collect(),
    }
}
