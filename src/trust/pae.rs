//! What is signed: the pre-authentication encoding of DSSE v1
//! (<https://github.com/secure-systems-lab/dsse/blob/master/protocol.md>).

/// `DSSEv1 LEN(type) type LEN(body) body`: the type is signed too, so that a document of one kind never passes for another.
pub fn pre_authentication_encoding(payload_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), body.len());
    [head.as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_specifications_example() {
        let encoded = super::pre_authentication_encoding("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }
}
