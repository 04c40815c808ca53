//! Published Ed25519 test vectors, run against pgseal's verification and signing.

use base64ct::{Base64, Encoding};

use super::public_key::PublicKey;
use super::secret_key::SecretKey;

/// Wycheproof's tests, one a line; `tests/vectors/wycheproof/README.md` gives their origin.
const WYCHEPROOF: &str = include_str!("../../tests/vectors/wycheproof/ed25519.txt");

struct Case {
    id: u32,
    valid: bool,
    key: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

/// RFC 8032 (S. Josefsson, I. Liusvaara), section 7.1: name, secret key, public key, message,
/// signature. The 1023 bytes of TEST 1024 are also the message of Wycheproof's test 83.
const RFC_8032: [[&str; 5]; 5] = [
    [
        "TEST 1",
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "-",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
         5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "TEST 2",
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "TEST 3",
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
         18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
    [
        "TEST 1024",
        "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
        "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
        "of Wycheproof 83",
        "0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350\
         aa5371b1508f9f4528ecea23c436d94b5e8fcd4f681e30a6ac00a9704a188a03",
    ],
    [
        "TEST SHA(abc)",
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
         2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589\
         09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ],
];

#[test]
fn wycheproof_and_we_agree() {
    let cases = wycheproof();
    let accepted = |case: &Case| {
        let signature: Result<&[u8; 64], _> = case.signature.as_slice().try_into();
        signature.is_ok_and(|signature| {
            load(&case.key).is_some_and(|key| key.verifies(&case.message, signature))
        })
    };
    let differ: Vec<u32> = cases
        .iter()
        .filter(|case| accepted(case) != case.valid)
        .map(|case| case.id)
        .collect();
    assert!(
        differ.is_empty(),
        "our verdict is another on the tests {differ:?}"
    );

    let count = |is: fn(&Case) -> bool| cases.iter().filter(|case| is(case)).count();
    assert!(
        cases.iter().map(|case| case.id).eq(1..=151),
        "all are there, once"
    );
    assert_eq!(
        (count(|case| case.valid), count(|case| !case.valid)),
        (88, 63)
    );
    assert_eq!(
        count(|case| case.signature.len() != 64),
        12,
        "signatures of another length"
    );
    assert_eq!(
        count(|case| load(&case.key).is_none()),
        0,
        "no key is refused: the signatures decide"
    );
}

#[test]
fn rfc_8032_gives_these_keys_and_signatures() {
    for [name, seed, public, message, signature] in RFC_8032 {
        let message = match name {
            "TEST 1024" => wycheproof().swap_remove(82).message,
            _ => unhex(message),
        };
        let signature: [u8; 64] = unhex(signature).try_into().expect("64 bytes");
        let secret = SecretKey::from_seed(&unhex(seed).try_into().expect("32 bytes"));
        let public = load(&unhex(public)).expect("a key that is not weak");
        assert_eq!(secret.public_key(), public, "{name}");
        assert_eq!(secret.sign_encoded(&message), signature, "{name}");
        assert!(public.verifies(&message, &signature), "{name}");
        for bit in 0..512 {
            let mut changed = signature;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(
                !public.verifies(&message, &changed),
                "{name} with bit {bit} of the signature changed"
            );
        }
    }
}

fn wycheproof() -> Vec<Case> {
    let case = |line: &str| {
        let [id, verdict, key, message, signature] = line
            .split(' ')
            .collect::<Vec<_>>()
            .try_into()
            .expect("five fields");
        let valid = match verdict {
            "valid" => true,
            "invalid" => false,
            other => panic!("{id} is {other}"),
        };
        let [key, message, signature] = [key, message, signature].map(unhex);
        Case {
            id: id.parse().expect("a number"),
            valid,
            key,
            message,
            signature,
        }
    };
    WYCHEPROOF.lines().map(case).collect()
}

/// Loads a key the way a trust root does: SPKI, in base64. Returns `None` if it is rejected.
fn load(key: &[u8]) -> Option<PublicKey> {
    let spki = [&unhex("302a300506032b6570032100"), key].concat();
    PublicKey::from_base64(&Base64::encode_string(&spki)).ok()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = if text == "-" { "" } else { text };
    assert!(digits.len().is_multiple_of(2), "whole bytes: {text}");
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex");
    (0..digits.len()).step_by(2).map(byte).collect()
}
