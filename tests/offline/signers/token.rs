//! Keys on tokens of SoftHSM.

use super::softhsm::{PIN, SoftHsm, module, uri, with_softhsm};
use super::{KIND, openssl_verifies, outcome};
use cryptoki::context::Pkcs11;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectClass};
use cryptoki::session::Session;
use pgseal::trust::signer::SignerError;
use pgseal::trust::token::TokenError;
use pgseal::trust::{Signer, TokenKey};
use pgseal_testkit::keys::key;
use std::process::Command;
use zeroize::Zeroizing;

fn open(names: &str) -> Result<TokenKey, TokenError> {
    TokenKey::open(&uri(names), || Ok(Zeroizing::new(PIN.to_owned())))
}

fn refused(names: &str, why: &str) {
    let error = open(names).expect_err(why).to_string();
    assert!(error.contains(why), "{names}: {error}");
}

/// Opens a writable session on the only token; the module is open already.
fn session() -> Session {
    let module = Pkcs11::new(module()).expect("SoftHSM");
    let slots = module.get_slots_with_initialized_token().expect("slots");
    module.open_rw_session(slots[0]).expect("a session")
}

#[test]
fn a_token_signs_what_the_key_file_would() {
    with_softhsm(
        "signers::token::a_token_signs_what_the_key_file_would",
        |hsm| {
            hsm.token("release");
            let file = key("token");
            hsm.import("release", "a key", "a1", &file);
            for names in [
                "token=release;object=a%20key",
                "token=release;id=%a1",
                "type=private;object=a%20key;token=release",
            ] {
                let token = open(names).expect("the token has it");
                assert_eq!(token.public_key(), file.public_key());
                for body in [&b"{}"[..], b"", &[0xff; 300_000]] {
                    let signature = token.sign(KIND, body).expect("the token signs");
                    assert_eq!(signature, file.sign(KIND, body), "Ed25519 is deterministic");
                    openssl_verifies(&token.public_key(), body, &signature);
                }
                let shown = format!("{token:?}");
                assert!(
                    shown.contains(&file.public_key().id().to_string()) && !shown.contains(PIN),
                    "{shown}"
                );
            }
        },
    );
}

#[test]
fn a_key_made_on_the_token_signs_and_several_are_open_at_once() {
    with_softhsm(
        "signers::token::a_key_made_on_the_token_signs_and_several_are_open_at_once",
        |hsm| {
            hsm.token("release");
            hsm.import("release", "imported", "02", &key("token"));
            let imported = open("token=release;object=imported").expect("the token has it");
            let session = session();
            // The login belongs to the process. PrintableString "edwards25519" (PKCS#11 3.0, section 2.3.5).
            let curve = b"\x13\x0cedwards25519".to_vec();
            let public = [
                Attribute::Token(true),
                Attribute::EcParams(curve),
                Attribute::Id(vec![1]),
            ];
            let secret = [
                Attribute::Token(true),
                Attribute::Sensitive(true),
                Attribute::Id(vec![1]),
                Attribute::Sign(true),
            ];
            session
                .generate_key_pair(&Mechanism::EccEdwardsKeyPairGen, &public, &secret)
                .expect("a pair");
            drop(session);
            let made = open("token=release;id=%01").expect("the token has it");
            openssl_verifies(
                &made.public_key(),
                b"{}",
                &made.sign(KIND, b"{}").expect("the token signs"),
            );
            drop(made);
            imported
                .sign(KIND, b"{}")
                .expect("the other key's end is not this one's");
        },
    );
}

#[test]
fn tokens_and_keys_that_are_not_there_or_there_twice_are_told() {
    with_softhsm(
        "signers::token::tokens_and_keys_that_are_not_there_or_there_twice_are_told",
        |hsm| {
            hsm.token("release");
            hsm.token("twin");
            hsm.token("twin");
            hsm.import("release", "one", "01", &key("one"));
            hsm.import("release", "pair", "02", &key("two"));
            hsm.import("release", "pair", "03", &key("three"));
            import_p256(hsm);
            refused("token=missing;object=one", "sees 3 tokens, of which 0");
            refused(
                "token=release;serial=1;object=one",
                "sees 3 tokens, of which 0",
            );
            refused("token=twin;object=one", "sees 3 tokens, of which 2");
            refused("token=release;object=missing", "0 Ed25519 secret keys");
            refused("token=release;object=one;id=%02", "0 Ed25519 secret keys");
            refused("token=release;object=pair", "2 Ed25519 secret keys");
            refused("token=release;object=p256", "0 Ed25519 secret keys");
            let second = open("token=release;object=pair;id=%03").expect("the id tells them apart");
            assert_eq!(second.public_key(), key("three").public_key());
            // SoftHSM lists the serial numbers itself.
            let list = outcome(Command::new("softhsm2-util").arg("--show-slots"))
                .done()
                .text();
            let token = list
                .split("Slot ")
                .find(|slot| slot.contains("release"))
                .expect("it is listed");
            let serial = token
                .lines()
                .find_map(|line| line.trim().strip_prefix("Serial number:"))
                .expect("it has one");
            open(&format!("serial={};object=one", serial.trim()))
                .expect("the serial number names the token");
        },
    );
}

fn import_p256(hsm: &SoftHsm) {
    let path = hsm.path("p256.key");
    let mut command = Command::new("openssl");
    command
        .args([
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-out",
        ])
        .arg(&path);
    outcome(&mut command).done();
    hsm.import_file("release", "p256", "04", &path);
}

#[test]
fn a_wrong_pin_opens_nothing() {
    with_softhsm("signers::token::a_wrong_pin_opens_nothing", |hsm| {
        hsm.token("release");
        hsm.import("release", "one", "01", &key("one"));
        let uri = uri("token=release;object=one");
        for wrong in ["11111111", "1", "", &"9".repeat(300)] {
            let error = TokenKey::open(&uri, || Ok(Zeroizing::new(wrong.to_owned())))
                .expect_err("the PIN is wrong");
            assert!(
                matches!(error, TokenError::Pin { locked: false, .. }),
                "{error}"
            );
        }
        let error = TokenKey::open(&uri, || Err(std::io::Error::other("no terminal")))
            .expect_err("there is no PIN");
        assert!(matches!(error, TokenError::NoPin { .. }), "{error}");
        open("token=release;object=one").expect("the right one");
    });
}

#[test]
fn a_signature_by_another_key_than_the_public_half_is_not_taken() {
    with_softhsm(
        "signers::token::a_signature_by_another_key_than_the_public_half_is_not_taken",
        |hsm| {
            hsm.token("release");
            hsm.import("release", "one", "01", &key("one"));
            let honest = open("token=release;object=one").expect("the token has it");
            // An attacker replaces the public key object.
            let session = session();
            let publics = [
                Attribute::Class(ObjectClass::PUBLIC_KEY),
                Attribute::Id(vec![1]),
            ];
            let found = session.find_objects(&publics).expect("a search");
            let other = key("another").public_key();
            let point = [&[0x04, 0x20], &other.as_bytes()[..]].concat();
            session
                .update_attributes(found[0], &[Attribute::Id(vec![9])])
                .expect("the owner may rename it");
            let object = [
                Attribute::Class(ObjectClass::PUBLIC_KEY),
                Attribute::KeyType(cryptoki::object::KeyType::EC_EDWARDS),
                Attribute::Token(true),
                Attribute::Id(vec![1]),
                Attribute::EcParams(b"\x13\x0cedwards25519".to_vec()),
                Attribute::EcPoint(point),
            ];
            session.create_object(&object).expect("a false public half");
            let token = open("token=release;object=one").expect("it looks right");
            assert_eq!(token.public_key(), other);
            let error = token.sign(KIND, b"{}").expect_err("it is not that key's");
            assert!(matches!(error, SignerError::Invalid { .. }), "{error}");
            honest
                .sign(KIND, b"{}")
                .expect("what was found before holds");
        },
    );
}
