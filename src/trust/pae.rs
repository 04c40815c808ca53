//! What is signed: the pre-authentication encoding of DSSE v1
//! (<https://github.com/secure-systems-lab/dsse/blob/master/protocol.md>).

/// `DSSEv1 LEN(type) type LEN(body) body`: the type is signed too, so that a document of one kind never passes for another.
pub fn pre_authentication_encoding(payload_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), body.len());
    [head.as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64, Encoding};

    use super::pre_authentication_encoding;

    /// "Test Vectors" of protocol.md, from the payload as its envelope spells it. Its signature is ECDSA: not for us.
    #[test]
    fn the_specifications_example() {
        let body = Base64::decode_vec("aGVsbG8gd29ybGQ=").expect("base64");
        assert_eq!(body, b"hello world");
        let encoded = pre_authentication_encoding("http://example.com/HelloWorld", &body);
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn lengths_count_bytes() {
        assert_eq!(pre_authentication_encoding("t/\u{e4}", b""), b"DSSEv1 4 t/\xc3\xa4 0 ");
    }
}
