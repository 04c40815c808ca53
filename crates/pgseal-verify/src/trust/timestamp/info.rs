//! Content of a token (TSTInfo, RFC 3161, 2.4.2): the digest of the data, and the time.

use der::asn1::Any;
use der::{DateTime, Decode, Tag, Tagged};

use super::TimestampError;
use super::algorithm::Hash;
use super::syntax::{Accuracy, TstInfo};
use crate::format::timestamp::Timestamp;

/// Content signed by an authority.
pub(super) struct Info {
    hash: Hash,
    imprint: Vec<u8>,
    /// The stamped time, with its fraction cut off.
    pub begins: Timestamp,
    /// The stamped time, rounded up to a whole second.
    pub ends: Timestamp,
    /// The first whole second at which the data existed for certain: time plus accuracy, rounded
    /// up.
    pub latest: Timestamp,
}

impl Info {
    /// Parses a TSTInfo.
    pub fn read(bytes: &[u8]) -> Result<Self, TimestampError> {
        let info = TstInfo::from_der(bytes)?;
        if info.version != 1 {
            return Err(TimestampError::form("the version of its content is not 1"));
        }
        if let Some(critical) = info
            .extensions
            .iter()
            .flatten()
            .find(|extension| extension.critical)
        {
            return Err(TimestampError::CriticalExtension(
                critical.extn_id.to_string(),
            ));
        }
        let hash = Hash::of_identifier(&info.imprint.algorithm)?;
        let (seconds, micros) =
            moment(&info.time).ok_or_else(|| TimestampError::form("its time is malformed"))?;
        let at = |micros: u64| {
            let seconds = seconds
                .checked_add(micros.div_ceil(1_000_000))
                .and_then(|seconds| i64::try_from(seconds).ok());
            let timestamp = seconds.and_then(Timestamp::from_seconds);
            timestamp
                .ok_or_else(|| TimestampError::form("its time is not in the years 1970 to 9999"))
        };
        let latest = at(micros + info.accuracy.as_ref().map_or(0, in_micros))?;
        Ok(Self {
            hash,
            imprint: info.imprint.hash.as_bytes().to_vec(),
            begins: at(0)?,
            ends: at(micros)?,
            latest,
        })
    }

    /// True if the imprint is of `data`.
    pub fn is_about(&self, data: &[u8]) -> bool {
        self.hash.of(data) == self.imprint
    }
}

fn in_micros(accuracy: &Accuracy) -> u64 {
    let millis =
        u64::from(accuracy.seconds.unwrap_or(0)) * 1000 + u64::from(accuracy.millis.unwrap_or(0));
    millis * 1000 + u64::from(accuracy.micros.unwrap_or(0))
}

/// Parses `YYYYMMDDhhmmss[.f...]Z` to seconds since the epoch, and microseconds rounded up.
fn moment(time: &Any) -> Option<(u64, u64)> {
    if time.tag() != Tag::GeneralizedTime {
        return None;
    }
    let text = std::str::from_utf8(time.value()).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let part = |from: usize, to: usize| whole[from..to].parse::<u16>().ok();
    let small = |from: usize| u8::try_from(part(from, from + 2)?).ok();
    let date = DateTime::new(
        part(0, 4)?,
        small(4)?,
        small(6)?,
        small(8)?,
        small(10)?,
        small(12)?,
    )
    .ok()?;
    let kept = &fraction[..fraction.len().min(6)];
    let micros = format!("{kept:0<6}").parse::<u64>().ok()?;
    let more = fraction[kept.len()..].bytes().any(|digit| digit != b'0');
    Some((date.unix_duration().as_secs(), micros + u64::from(more)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(u64, u64)> {
        moment(&Any::new(Tag::GeneralizedTime, text.as_bytes()).expect("short"))
    }

    #[test]
    fn fractions_round_up() {
        assert_eq!(read("19700102000000Z"), Some((86_400, 0)));
        assert_eq!(read("19700102000000.5Z"), Some((86_400, 500_000)));
        assert_eq!(read("19700102000000.0000001Z"), Some((86_400, 1)));
        assert_eq!(read("19700102000000.9999991Z"), Some((86_400, 1_000_000)));
    }

    #[test]
    fn other_spellings_are_no_time() {
        for wrong in [
            "",
            "Z",
            "19700102000000",
            "197001020000Z",
            "19700102000000.Z",
            "19700102000000+01Z",
            "19700132000000Z",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        for wrong in [
            "1970010200000\u{e9}Z",
            "19700102000000.5.5Z",
            "19700102000000,5Z",
            "+9700102000000Z",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        use der::Encode;
        use der::asn1::{Int, ObjectIdentifier, OctetString};
        use x509_cert::ext::Extension;

        use super::super::syntax::MessageImprint;

        let oid = ObjectIdentifier::new_unwrap("1.2.3.4");
        let octets = |bytes: &[u8]| OctetString::new(bytes).expect("short");
        let made = |version, critical| {
            let hash = octets(&Hash::Sha256.of(b"data"));
            let info = TstInfo {
                version,
                policy: oid,
                imprint: MessageImprint {
                    algorithm: Hash::Sha256.identifier(),
                    hash,
                },
                serial_number: Int::new(&[1]).expect("short"),
                time: Any::new(Tag::GeneralizedTime, b"20260102030405Z".as_slice()).expect("short"),
                accuracy: None,
                ordering: false,
                nonce: None,
                authority: None,
                extensions: Some(vec![Extension {
                    extn_id: oid,
                    critical,
                    extn_value: octets(b""),
                }]),
            };
            Info::read(&info.to_der().expect("short"))
        };
        assert!(
            made(1, false).is_ok_and(|info| info.is_about(b"data") && info.latest == info.begins)
        );
        assert!(
            matches!(made(1, true), Err(TimestampError::CriticalExtension(oid)) if oid == "1.2.3.4")
        );
        assert!(matches!(
            made(2, false),
            Err(TimestampError::NotATimestamp(_))
        ));
    }
}
