//! The lower of the two spellings of an ECDSA signature: anyone can turn (r, s) into (r, n - s),
//! which is equally valid.

use der::asn1::UintRef;
use der::{Decode, Encode, Sequence};

/// RFC 3279, 2.2.3.
#[derive(Sequence)]
struct EcdsaSignature<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

/// The signature with the lower of `s` and `n - s`.
pub(super) fn lower(signature: &[u8]) -> der::Result<Vec<u8>> {
    let EcdsaSignature { r, s } = EcdsaSignature::from_der(signature)?;
    // The key determines the curve, but is not available here. A P-384 signature this short occurs
    // once in 2^256.
    let short = r.as_bytes().len() <= ORDER_P_256.len() && s.as_bytes().len() <= ORDER_P_256.len();
    let order: &[u8] = if short { &ORDER_P_256 } else { &ORDER_P_384 };
    match negated(order, s.as_bytes()) {
        Some(negated) if below(&negated, s.as_bytes()) => EcdsaSignature {
            r,
            s: UintRef::new(&negated)?,
        }
        .to_der(),
        _ => EcdsaSignature { r, s }.to_der(),
    }
}

/// The order of P-256 (SEC 2, 2.4.2), big-endian.
const ORDER_P_256: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The order of P-384 (SEC 2, 2.5.1), big-endian.
const ORDER_P_384: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];

/// `order - s`, big-endian; `None` if `s` is not below the order, which is impossible in a valid
/// signature.
fn negated(order: &[u8], s: &[u8]) -> Option<Vec<u8>> {
    let missing = order.len().checked_sub(s.len())?;
    let mut borrow = 0;
    let mut difference: Vec<u8> = Vec::with_capacity(order.len());
    for (at, of_order) in order.iter().enumerate().rev() {
        let of_s = if at < missing { 0 } else { s[at - missing] };
        let digit = 256 + u16::from(*of_order) - u16::from(of_s) - borrow;
        borrow = u16::from(digit < 256);
        difference.push((digit % 256) as u8);
    }
    difference.reverse();
    (borrow == 0).then_some(difference)
}

/// Compares big-endian numbers of any length.
fn below(one: &[u8], other: &[u8]) -> bool {
    let trimmed =
        |bytes: &[u8]| bytes[bytes.iter().take_while(|byte| **byte == 0).count()..].to_vec();
    let (one, other) = (trimmed(one), trimmed(other));
    (one.len(), &one) < (other.len(), &other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_become_the_lower() {
        for order in [&ORDER_P_256[..], &ORDER_P_384[..]] {
            let one = UintRef::new(&[1]).expect("short");
            // r distinguishes the curves: it is long on the larger one.
            let r = UintRef::new(&order[1..]).expect("short");
            let low = EcdsaSignature { r, s: one }.to_der().expect("short");
            let most = negated(order, &[1]).expect("below the order");
            let high = EcdsaSignature {
                r,
                s: UintRef::new(&most).expect("short"),
            }
            .to_der()
            .expect("short");
            assert_eq!(lower(&low).expect("a signature"), low);
            assert_eq!(lower(&high).expect("a signature"), low);
        }
    }

    #[test]
    fn numbers_are_subtracted_and_compared() {
        assert_eq!(negated(&[1, 0, 0], &[1]), Some(vec![0, 255, 255]));
        assert_eq!(negated(&[1, 0], &[1, 1]), None);
        assert_eq!(negated(&[1], &[1, 1]), None);
        assert!(below(&[0, 0, 9], &[1, 0]) && !below(&[1, 0], &[0, 0, 9]) && !below(&[0, 7], &[7]));
    }
}
