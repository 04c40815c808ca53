//! Lists the keys of a trust root in the formats of other tools. Owners are foreign text, so they
//! are encoded to stay within their line.

use super::root::TrustRoot;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::trust_document::{KeyEntry, KeyStatus};

/// Formats the keys as OpenSSH's allowed signers (ssh-keygen(1), ALLOWED SIGNERS): one line for
/// each key whose signatures can count.
///
/// The principal is `ROLE/OWNER`, with the owner percent-encoded (RFC 3986, 2.1). A window becomes
/// `valid-after` and `valid-before`, which are inclusive, as in the trust root. The list omits
/// revoked keys, retired keys without an end, and windows that ssh-keygen rejects (of one second;
/// up to 1970-01-01T00:00:00Z).
pub fn allowed_signers(root: &TrustRoot) -> String {
    let line = |entry: &KeyEntry| {
        let epoch = |time: &Timestamp| time.seconds() == 0;
        let window = entry
            .not_before
            .zip(entry.not_after)
            .is_none_or(|(from, to)| from < to);
        let ends = entry.status == KeyStatus::Active || entry.not_after.is_some();
        let counts = entry.status != KeyStatus::Revoked && ends;
        if !counts || !window || entry.not_after.as_ref().is_some_and(epoch) {
            return None;
        }
        let from = entry
            .not_before
            .filter(|time| !epoch(time))
            .map(|time| ("valid-after", time));
        let to = entry.not_after.map(|time| ("valid-before", time));
        let options: Vec<String> = from
            .into_iter()
            .chain(to)
            .map(|(name, time)| format!("{name}=\"{}\"", digits(time)))
            .collect();
        let options = if options.is_empty() {
            String::new()
        } else {
            format!("{} ", options.join(","))
        };
        Some(format!("{}/{} {options}", entry.role, word(&entry.owner)))
    };
    root.draft()
        .keys()
        .filter_map(|(key, entry)| Some(line(entry)? + &key.to_openssh(&key.id().to_string())))
        .collect()
}

/// Formats every key as PEM, each below a line `# KEYID OWNER ROLE STATUS` with the owner
/// percent-encoded. openssl ignores text between PEM blocks.
pub fn public_keys(root: &TrustRoot) -> String {
    let block = |(key, entry): (&super::PublicKey, &KeyEntry)| {
        let status = match entry.status {
            KeyStatus::Active => "active",
            KeyStatus::Retired => "retired",
            KeyStatus::Revoked => "revoked",
        };
        format!(
            "# {} {} {} {status}\n{}",
            key.id(),
            word(&entry.owner),
            entry.role,
            key.to_pem()
        )
    };
    root.draft().keys().map(block).collect()
}

/// Formats a time as `YYYYMMDDHHMMSSZ`; the `Z` needs OpenSSH 9.1 or later.
fn digits(time: Timestamp) -> String {
    time.to_string().replace(['-', ':', 'T'], "")
}

/// Encodes text as one word without quotes, commas, wildcards or slashes. Bytes outside the list
/// below become `%XX`.
fn word(text: &str) -> String {
    let spelled = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'@' | b'+' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(spelled).collect()
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn an_owner_is_one_word() {
        assert_eq!(word("anna@example.org"), "anna@example.org");
        assert_eq!(
            word("Anna M\u{fc}ller, \"*\"!\n#%/"),
            "Anna%20M%C3%BCller%2C%20%22%2A%22%21%0A%23%25%2F"
        );
    }
}
