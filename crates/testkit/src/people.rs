//! Additions to a release: approvals, notarisations, time stamps. Written independently of pgseal,
//! so that tests can make them invalid.

use pgseal::trust::SecretKey;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::json;
use pgseal_verify::format::statement::PAYLOAD_TYPE;
use serde_json::{Value, json};

use crate::bundles::statement;
use crate::tar::{Member, Tar};
use crate::tsa::Tsa;

/// The default time of test statements.
pub const AT: &str = "2026-11-21T07:00:00Z";

/// An approval of a bundle's release, for modification.
pub fn approval(bundle: &[u8], role: &str) -> Value {
    let manifest = &json_of(bundle)["predicate"];
    let (release, target) = (&manifest["release"], &manifest["target"]);
    about(
        bundle,
        "urn:pgseal:approval:v1",
        json!({
            "format": 1, "decision": "approve", "role": role, "apr": "APR-1", "release": release, "target": target,
            "at": AT,
        }),
    )
}

/// A notarisation of these keys' signatures in a bundle.
pub fn notarisation(bundle: &[u8], seen: &[&SecretKey], at: &str) -> Value {
    let mut signatures: Vec<Value> = seen
        .iter()
        .map(|key| json!({ "key_id": id(key), "sha256": Digest::of(&signature(bundle, key)).to_string(), "at": at }))
        .collect();
    signatures.sort_by_key(|seen| seen["key_id"].to_string());
    about(
        bundle,
        "urn:pgseal:notarisation:v1",
        json!({ "format": 1, "signatures": signatures }),
    )
}

fn about(bundle: &[u8], predicate_type: &str, predicate: Value) -> Value {
    let release = &json_of(bundle)["predicate"]["release"];
    let name = format!("{} {}", text(&release["name"]), text(&release["version"]));
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": name, "digest": { "sha256": Digest::of(&statement(bundle)).to_string() } }],
        "predicateType": predicate_type,
        "predicate": predicate,
    })
}

/// The bundle with one more signed statement.
pub fn say(bundle: &[u8], key: &SecretKey, said: &Value) -> Vec<u8> {
    say_bytes(
        bundle,
        key,
        &json::to_canonical(said).expect("only integers"),
    )
}

/// Like [`say`], with a statement of any form.
pub fn say_bytes(bundle: &[u8], key: &SecretKey, body: &[u8]) -> Vec<u8> {
    put(bundle, &id(key), body, &key.sign(PAYLOAD_TYPE, body))
}

/// The bundle with both parts of a statement, signed or not.
pub fn put(bundle: &[u8], id: &str, body: &[u8], signature: &[u8]) -> Vec<u8> {
    let mut tar = Tar::of(bundle);
    tar.add(Member::new(&format!("approvals/{id}.json"), body));
    tar.add(Member::new(&format!("approvals/{id}.sig"), signature));
    tar.bytes()
}

/// An approval file with one statement, kept apart from the bundle.
pub fn beside(key: &SecretKey, said: &Value) -> Vec<u8> {
    let mut tar = Tar {
        members: vec![Member::new("pgseal", b"pgseal 1\n")],
        end: vec![0; 1024],
    };
    let body = json::to_canonical(said).expect("only integers");
    tar.add(Member::new(&format!("approvals/{}.json", id(key)), &body));
    tar.add(Member::new(
        &format!("approvals/{}.sig", id(key)),
        &key.sign(PAYLOAD_TYPE, &body),
    ));
    tar.bytes()
}

/// The bundle with a time stamp for a key's signature.
pub fn stamp(bundle: &[u8], key: &SecretKey, token: &[u8]) -> Vec<u8> {
    let mut tar = Tar::of(bundle);
    tar.add(Member::new(&format!("timestamps/{}.tsr", id(key)), token));
    tar.bytes()
}

/// A token of an authority over any bytes.
pub fn token(tsa: &Tsa, data: &[u8]) -> Vec<u8> {
    tsa.write("data", data);
    tsa.token()
}

/// The entry of an authority in a trust document.
pub fn authority(tsa: &Tsa) -> Value {
    let authority = tsa.authority();
    json!({
        "id": authority.id().to_string(), "certificate": authority.to_base64(), "owner": "stamps", "status": "active",
    })
}

/// A key's signature in a bundle: over the release, or over an added statement.
pub fn signature(bundle: &[u8], key: &SecretKey) -> Vec<u8> {
    let ends = format!("/{}.sig", id(key));
    let tar = Tar::of(bundle);
    tar.members
        .iter()
        .find(|member| member.name().ends_with(&ends))
        .expect("the key has signed")
        .content
        .clone()
}

/// A key's id, as used in member names.
pub fn id(key: &SecretKey) -> String {
    key.public_key().id().to_string()
}

fn json_of(bundle: &[u8]) -> Value {
    serde_json::from_slice(&statement(bundle)).expect("a statement is JSON")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
