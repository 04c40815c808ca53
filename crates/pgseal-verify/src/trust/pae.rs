//! The signed bytes of a document: the pre-authentication encoding of DSSE v1
//! (<https://github.com/secure-systems-lab/dsse/blob/master/protocol.md>).

/// Encodes `DSSEv1 LEN(type) type LEN(body) body`: the type is signed too, so a signed document is
/// never valid as another type.
pub fn pre_authentication_encoding(payload_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Decodes type and body. `None` unless encoding them again gives the same bytes.
pub fn decode(encoding: &[u8]) -> Option<(&str, &[u8])> {
    let rest = encoding.strip_prefix(b"DSSEv1 ")?;
    let (payload_type, rest) = sized(rest)?;
    let (body, rest) = sized(rest.strip_prefix(b" ")?)?;
    let payload_type = std::str::from_utf8(payload_type).ok()?;
    let whole = rest.is_empty() && pre_authentication_encoding(payload_type, body) == encoding;
    whole.then_some((payload_type, body))
}

fn sized(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let blank = text.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&text[..blank]).ok()?.parse().ok()?;
    text[blank + 1..].split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64, Encoding};

    use super::pre_authentication_encoding;

    /// "Test Vectors" of protocol.md, from the payload as its envelope spells it. Its signature is
    /// ECDSA, which pgseal does not support.
    #[test]
    fn the_specifications_example() {
        let body = Base64::decode_vec("aGVsbG8gd29ybGQ=").expect("base64");
        assert_eq!(body, b"hello world");
        let encoded = pre_authentication_encoding("http://example.com/HelloWorld", &body);
        assert_eq!(
            encoded,
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
        assert_eq!(
            super::decode(&encoded),
            Some(("http://example.com/HelloWorld", &b"hello world"[..]))
        );
        for wrong in [
            &encoded[..encoded.len() - 1],
            b"DSSEv1 1 a 1 bc",
            b"DSSEv1 01 a 1 b",
            b"DSSEv1 9 a 1 b",
            b"",
        ] {
            assert_eq!(super::decode(wrong), None);
        }
    }

    #[test]
    fn lengths_count_bytes() {
        assert_eq!(
            pre_authentication_encoding("t/\u{e4}", b""),
            b"DSSEv1 4 t/\xc3\xa4 0 "
        );
    }
}
