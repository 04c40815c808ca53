//! Timestamps (RFC 3161) by authorities that the `openssl` program creates; nothing is stored in the repository.

use std::collections::BTreeSet;

use pgseal::trust::timestamp::{
    TimestampAuthority, TimestampError, canonical, is_about, looks_like_one,
};
use pgseal_testkit::tsa::{DATA, P256, P384, PURPOSE, RSA, Tsa, issue, self_sign};
use pgseal_verify::format::timestamp::Timestamp;
use proptest::prelude::*;

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[test]
fn every_form_of_a_response_verifies() {
    for key in [RSA, P256, P384] {
        for digest in ["sha256", "sha384", "sha512"] {
            // By default, openssl 3.0 identifies its certificate by SHA-1 (RFC 2634).
            for named in ["sha1", "sha256", "sha512"] {
                if digest == "sha512" && key != RSA {
                    continue;
                }
                let lines = format!(
                    "signer_digest = {digest}\ness_cert_id_alg = {named}\ness_cert_id_chain = yes\n"
                );
                let tsa = Tsa::with(key, PURPOSE, &lines);
                let authority = tsa.authority();
                let imprint = format!("-{digest}");
                for query in [&[imprint.as_str(), "-no_nonce"][..], &[&imprint, "-cert"]] {
                    let before = now();
                    let response = tsa.response(query);
                    let token = canonical(&response).expect("a response");
                    let stamped = authority
                        .verify(&token, DATA)
                        .expect("a time stamp")
                        .seconds();
                    assert!((before..=now()).contains(&stamped), "{stamped}");
                    assert!(
                        token.len() < 1024 && looks_like_one(&token) && looks_like_one(&response)
                    );
                    assert!(is_about(&token, DATA) && !is_about(&token, b"other"));
                    assert_eq!(
                        canonical(&token),
                        Ok(token.clone()),
                        "canonical is canonical"
                    );
                    tsa.openssl(&[
                        "ts",
                        "-reply",
                        "-in",
                        "response",
                        "-token_out",
                        "-out",
                        "bare",
                    ]);
                    assert_eq!(
                        canonical(&tsa.read("bare")),
                        Ok(token.clone()),
                        "a bare token is as good"
                    );
                    assert!(
                        authority.verify(&response, DATA).is_err(),
                        "a response is not a token"
                    );
                }
            }
        }
    }
}

#[test]
fn stock_openssl_verifies_the_canonical_token() {
    for key in [RSA, P256, P384] {
        let tsa = Tsa::new(key);
        let verify = |name: &str| {
            let token = ["ts", "-verify", "-data", name, "-in", "token", "-token_in"];
            tsa.try_openssl(&[&token[..], &["-CAfile", "cert", "-untrusted", "cert"]].concat())
        };
        tsa.write("other", b"other");
        // About half of openssl's ECDSA signatures have the high S, and are rewritten.
        let mut rewritten = BTreeSet::new();
        for _ in 0..24 {
            let token = canonical(&tsa.response(&["-sha256", "-cert"])).expect("a token");
            tsa.write("token", &token);
            assert_eq!(verify("data"), Ok(()));
            assert!(verify("other").is_err());
            assert!(tsa.authority().verify(&token, DATA).is_ok());
            let signature = &token[token.len() - 32..];
            rewritten.insert(!tsa.read("response").ends_with(signature));
        }
        assert_eq!(
            rewritten,
            if key == RSA {
                [false].into()
            } else {
                [false, true].into()
            }
        );
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_refused() {
    for key in [RSA, P256] {
        let tsa = Tsa::new(key);
        let (authority, token) = (tsa.authority(), tsa.token());
        assert!(authority.verify(&token, DATA).is_ok());
        for at in 0..token.len() * 8 {
            let mut flipped = token.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            assert!(
                authority.verify(&flipped, DATA).is_err(),
                "bit {at} of {}",
                token.len() * 8
            );
        }
        for cut in 0..token.len() {
            assert!(authority.verify(&token[..cut], DATA).is_err());
            assert!(canonical(&token[..cut]).is_err());
        }
        for byte in [0, 5, 0x30] {
            let longer = [&token[..], &[byte]].concat();
            assert!(authority.verify(&longer, DATA).is_err() && canonical(&longer).is_err());
        }
    }
}

#[test]
fn every_flipped_bit_of_a_response_leaves_the_token_or_spoils_it() {
    let tsa = Tsa::new(P256);
    let (authority, response) = (tsa.authority(), tsa.response(&["-sha256", "-cert"]));
    let token = canonical(&response).expect("a token");
    for at in 0..response.len() * 8 {
        let mut flipped = response.clone();
        flipped[at / 8] ^= 1 << (at % 8);
        if let Ok(other) = canonical(&flipped) {
            assert!(
                other == token || authority.verify(&other, DATA).is_err(),
                "bit {at}"
            );
        }
    }
}

#[test]
fn a_token_is_of_its_data_and_its_authority() {
    let tsa = Tsa::new(P256);
    let token = tsa.token();
    assert_eq!(
        tsa.authority().verify(&token, b"other"),
        Err(TimestampError::OtherData)
    );
    let other = |tsa: &Tsa| {
        matches!(
            tsa.authority().verify(&token, DATA),
            Err(TimestampError::OtherAuthority { .. })
        )
    };
    assert!(other(&Tsa::new(P256)), "the same name");
}

#[test]
fn the_next_certificate_of_the_same_key_is_another_authority() {
    let named = [PURPOSE, &["-set_serial", "1"]].concat();
    let tsa = Tsa::with(P256, &named, "signer_digest = sha256\n");
    let (token, before) = (tsa.token(), tsa.authority());
    tsa.openssl(
        &[
            &[
                "req", "-x509", "-config", "req.cnf", "-days", "60", "-key", "key", "-out", "cert",
            ],
            &named[..],
        ]
        .concat(),
    );
    assert!(before.verify(&token, DATA).is_ok());
    let after = tsa.authority().verify(&token, DATA);
    assert!(
        matches!(after, Err(TimestampError::OtherAuthority { .. })),
        "{after:?}"
    );
}

#[test]
fn the_same_name_and_serial_with_another_key_is_another_authority() {
    let arguments = [PURPOSE, &["-set_serial", "1"]].concat();
    let make = || Tsa::with(P256, &arguments, "signer_digest = sha256\n");
    let result = make().authority().verify(&make().token(), DATA);
    assert!(
        matches!(result, Err(TimestampError::OtherAuthority { .. })),
        "{result:?}"
    );
}

#[test]
fn an_authority_has_one_spelling() {
    let tsa = Tsa::new(P384);
    let authority = tsa.authority();
    let text = authority.to_base64();
    assert_eq!(
        TimestampAuthority::from_base64(&text),
        Ok(authority.clone())
    );
    assert_eq!(authority.name(), "CN=Stamps,O=Example");
    tsa.openssl(&["x509", "-in", "cert", "-outform", "DER", "-out", "der"]);
    assert_eq!(
        authority.id(),
        pgseal_verify::digest::Digest::of(&tsa.read("der"))
    );
    let half = text.len() / 2;
    for wrong in [
        format!("{}\n{}", &text[..half], &text[half..]),
        format!("{text}\n"),
        format!("{text}AAAA"),
        text.trim_end_matches('=').to_owned() + "A",
        text[..half / 4 * 4].to_owned(),
        String::new(),
    ] {
        let result = TimestampAuthority::from_base64(&wrong);
        assert!(
            matches!(result, Err(TimestampError::NotACertificate(_))),
            "{result:?}"
        );
    }
    let pem = String::from_utf8(tsa.read("cert")).expect("PEM");
    for wrong in [
        format!("{pem}{pem}"),
        pem.replace("CERTIFICATE", "PUBLIC KEY"),
        String::new(),
    ] {
        assert!(matches!(
            TimestampAuthority::from_pem(&wrong),
            Err(TimestampError::NotACertificate(_))
        ));
    }
}

#[test]
fn a_certificate_is_for_time_stamps_alone() {
    let wrong = [
        &[][..],
        &["-addext", "extendedKeyUsage=timeStamping"],
        &[
            "-addext",
            "extendedKeyUsage=critical,timeStamping,codeSigning",
        ],
        &["-addext", "extendedKeyUsage=critical,codeSigning"],
    ];
    for arguments in wrong {
        assert_eq!(
            Tsa::with(P256, arguments, "").try_authority(),
            Err(TimestampError::Purpose),
            "{arguments:?}"
        );
    }
}

#[test]
fn weak_and_unknown_keys_are_refused() {
    for key in [
        &["-newkey", "rsa:1024"][..],
        &["-newkey", "ed25519"],
        &["-newkey", "rsa-pss"],
        &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
        &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"],
    ] {
        let result = Tsa::with(key, PURPOSE, "").try_authority();
        assert!(
            matches!(result, Err(TimestampError::Key(_))),
            "{key:?}: {result:?}"
        );
    }
}

#[test]
fn weak_digests_are_refused() {
    let tsa = Tsa::new(RSA);
    let token = canonical(&tsa.response(&["-sha1", "-no_nonce"])).expect("well-formed");
    assert!(matches!(
        tsa.authority().verify(&token, DATA),
        Err(TimestampError::Algorithm(_))
    ));
    assert!(!is_about(&token, DATA));
    for (key, digest) in [
        (RSA, "sha1"),
        (P256, "sha1"),
        (P384, "sha512"),
        (RSA, "sha224"),
    ] {
        let tsa = Tsa::with(key, PURPOSE, &format!("signer_digest = {digest}\n"));
        let result = canonical(&tsa.response(&["-sha256"]));
        assert!(
            matches!(result, Err(TimestampError::Algorithm(_))),
            "{digest}: {result:?}"
        );
    }
}

#[test]
fn a_token_from_after_the_certificate_is_refused() {
    let tsa = Tsa::new(P256);
    for (first, last) in [
        ("20200101000000Z", "20210101000000Z"),
        ("20900101000000Z", "20910101000000Z"),
    ] {
        self_sign(&tsa, first, last);
        let result = tsa.authority().verify(&tsa.token(), DATA);
        assert!(
            matches!(result, Err(TimestampError::Expired { .. })),
            "{result:?}"
        );
    }
}

#[test]
fn time_is_rounded_up_by_the_accuracy() {
    let lines = "signer_digest = sha256\nclock_precision_digits = 6\naccuracy = secs:100, millisecs:500, microsecs:5\n";
    let tsa = Tsa::with(P256, PURPOSE, lines);
    let before = now();
    let stamped = tsa
        .authority()
        .verify(&tsa.token(), DATA)
        .expect("a time stamp");
    // 100.500005 seconds and a fraction of one, rounded up.
    assert!(
        (before + 101..=now() + 102).contains(&stamped.seconds()),
        "{stamped}"
    );
    assert!(stamped > Timestamp::from_seconds(before).expect("in range"));
}

#[test]
fn a_rejection_is_told_in_the_authoritys_words() {
    let tsa = Tsa::with(P256, PURPOSE, "signer_digest = sha256\n");
    let config = String::from_utf8(tsa.read("ts.cnf"))
        .expect("text")
        .replace("sha1, sha256, ", "");
    tsa.write("ts.cnf", config.as_bytes());
    match canonical(&tsa.response(&["-sha256"])) {
        Err(TimestampError::Rejected { status: 2, text }) => {
            assert!(text.contains("algorithm"), "{text}")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn other_files_are_no_time_stamps() {
    let tsa = Tsa::new(P256);
    tsa.openssl(&["x509", "-in", "cert", "-outform", "DER", "-out", "der"]);
    tsa.response(&["-sha256"]);
    let sign = [
        "cms",
        "-sign",
        "-binary",
        "-nodetach",
        "-in",
        "data",
        "-signer",
        "cert",
        "-inkey",
        "key",
    ];
    tsa.openssl(&[&sign[..], &["-outform", "DER", "-out", "cms"]].concat());
    for other in [
        tsa.read("der"),
        tsa.read("query"),
        tsa.read("cms"),
        tsa.read("data"),
        Vec::new(),
        vec![0x30, 0],
    ] {
        assert!(matches!(
            canonical(&other),
            Err(TimestampError::NotATimestamp(_))
        ));
        assert!(tsa.authority().verify(&other, DATA).is_err() && !is_about(&other, DATA));
    }
    let long = vec![0x30; 65_537];
    let result = canonical(&long);
    assert_eq!(
        result,
        Err(TimestampError::TooLong {
            found: 65_537,
            most: 65_536
        })
    );
    assert!(!looks_like_one(b"pgseal 1\n") && !looks_like_one(b""));
}

#[test]
fn a_certificate_of_an_agency_is_pinned_alone() {
    let agency = Tsa::with(P384, &["-addext", "keyUsage=critical,keyCertSign"], "");
    let tsa = Tsa::with(
        RSA,
        PURPOSE,
        "signer_digest = sha512\ness_cert_id_chain = yes\ncerts = agency\n",
    );
    issue(&agency, &tsa);
    let token = canonical(&tsa.response(&["-sha384", "-cert"])).expect("a token");
    assert!(tsa.authority().verify(&token, DATA).is_ok());
    tsa.write("token", &token);
    let verify = [
        "ts",
        "-verify",
        "-data",
        "data",
        "-in",
        "token",
        "-token_in",
        "-untrusted",
        "cert",
    ];
    tsa.openssl(&[&verify[..], &["-CAfile", "agency"]].concat());
}

#[test]
fn stock_openssl_verifies_by_the_pinned_certificate_alone_and_after_its_life() {
    let agency = Tsa::with(P384, &["-addext", "keyUsage=critical,keyCertSign"], "");
    let tsa = Tsa::new(RSA);
    issue(&agency, &tsa);
    tsa.write("token", &tsa.token());
    let verify = [
        "ts",
        "-verify",
        "-data",
        "data",
        "-in",
        "token",
        "-token_in",
        "-untrusted",
        "cert",
    ];
    let pinned = [&verify[..], &["-CAfile", "cert", "-partial_chain"]].concat();
    tsa.openssl(&pinned);
    assert!(
        tsa.try_openssl(&[&pinned[..], &["-attime", "4000000000"]].concat())
            .is_err()
    );
    tsa.openssl(&[&pinned[..], &["-no_check_time"]].concat());
}

#[test]
fn the_signature_names_the_certificate() {
    let tsa = Tsa::new(P256);
    tsa.write("token", &tsa.token());
    tsa.openssl(&[
        "cms",
        "-verify",
        "-noverify",
        "-inform",
        "DER",
        "-in",
        "token",
        "-certfile",
        "cert",
        "-out",
        "info",
    ]);
    // The same TSTInfo, signed by the same key with other attributes.
    let sign = |more: &[&str]| {
        let sign = [
            "cms",
            "-sign",
            "-binary",
            "-nodetach",
            "-econtent_type",
            "1.2.840.113549.1.9.16.1.4",
            "-in",
            "info",
        ];
        let with = [
            "-signer", "cert", "-inkey", "key", "-md", "sha256", "-outform", "DER", "-out",
            "signed",
        ];
        tsa.openssl(&[&sign[..], &with, more].concat());
        canonical(&tsa.read("signed"))
    };
    let named = sign(&["-cades"]).expect("a token");
    assert!(tsa.authority().verify(&named, DATA).is_ok());
    let nameless = sign(&[]).expect("a token");
    assert!(matches!(
        tsa.authority().verify(&nameless, DATA),
        Err(TimestampError::NotATimestamp(_))
    ));
    for other in [sign(&["-noattr"]), sign(&["-cades", "-keyid"])] {
        assert!(
            matches!(other, Err(TimestampError::NotATimestamp(_))),
            "{other:?}"
        );
    }
}

proptest! {
    #[test]
    fn garbage_never_panics(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = (canonical(&bytes), is_about(&bytes, DATA));
        if let Some(first) = bytes.first_mut() {
            *first = 0x30;
        }
        let _ = (canonical(&bytes), is_about(&bytes, DATA));
    }
}

#[test]
fn damaged_responses_never_panic() {
    let tsa = Tsa::new(RSA);
    let (authority, response, token) = (
        tsa.authority(),
        tsa.response(&["-sha256", "-cert"]),
        tsa.token(),
    );
    let changes = proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6);
    proptest!(ProptestConfig::with_cases(2000), |(changes in changes)| {
        for original in [&response, &token] {
            let mut damaged = original.clone();
            for (at, byte) in &changes {
                damaged[at.index(original.len())] = *byte;
            }
            let _ = canonical(&damaged);
            prop_assert!(authority.verify(&damaged, DATA).is_err() || damaged == token);
        }
    });
}
