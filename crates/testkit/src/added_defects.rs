//! Defects of approvals, notarisations and time stamps. A bundle with any of them is rejected, even
//! if the addition is not needed: an unverifiable addition must not stay.

use pgseal_verify::format::statement::PAYLOAD_TYPE;
use pgseal_verify::format::{json, trust_document};
use pgseal_verify::limits;
use serde_json::{Value, json};

use crate::bundles::{pack, resign, small_with, statement};
use crate::defects::{Defect, Good, Make, bundle, list, trust};
use crate::people::{
    approval, authority, id, notarisation, put, say, say_bytes, signature, stamp, token,
};
use crate::tar::{Member, Tar};

const INVALID: &str = "is not valid";

/// Every defect of additions.
pub fn all() -> Vec<Defect> {
    [members(), statements(), notarisations(), stamps(), trusts()]
        .into_iter()
        .flatten()
        .collect()
}

impl Good {
    /// The good bundle with a modified approval by the first approver.
    fn approval(&self, change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut said = approval(&self.bundle, "l2");
        change(&mut said);
        say(&self.bundle, &self.first, &said)
    }

    /// Like [`Self::approval`], modified as text.
    fn approval_spelled(&self, from: &str, to: &str) -> Vec<u8> {
        let canonical = json::to_canonical(&approval(&self.bundle, "l2")).expect("only integers");
        let text = String::from_utf8(canonical).expect("JSON is text");
        assert!(text.contains(from), "{from} is in the approval");
        say_bytes(
            &self.bundle,
            &self.first,
            text.replacen(from, to, 1).as_bytes(),
        )
    }

    /// The bundle with every kind of addition, modified.
    fn approved_with(&self, change: impl FnOnce(&mut Tar)) -> Vec<u8> {
        let mut tar = Tar::of(&self.approved);
        change(&mut tar);
        tar.bytes()
    }

    fn half(&self, extension: &str) -> String {
        format!("approvals/{}.{extension}", id(&self.first))
    }

    fn stamp_name(&self) -> String {
        format!("timestamps/{}.tsr", id(&self.release))
    }

    /// The same files in another release, which is as genuine.
    fn other_release(&self) -> Vec<u8> {
        let unsigned = pack(&small_with("executor/02_more.sql", b"select 1;\n"), &[]);
        resign(&unsigned, &statement(&unsigned), &self.release)
    }
}

/// The members below approvals/ and timestamps/.
fn members() -> Vec<Defect> {
    const HALF: &str = "holds only half of what key";
    vec![
        bundle(
            "approval_name",
            10,
            "a name that the format reserves",
            "Below `approvals/` are only statements and their signatures, named by key ids.",
            |good| good.with(|tar| tar.add(Member::new("approvals/x.json", b"{}"))),
        ),
        bundle(
            "timestamp_name",
            10,
            "a name that the format reserves",
            "Below `timestamps/` are only time stamps, named by key ids.",
            |good| good.with(|tar| tar.add(Member::new("timestamps/x.tsr", b"0"))),
        ),
        bundle(
            "approval_without_signature",
            10,
            HALF,
            "An approval that nobody signed.",
            |good| good.approved_with(|tar| drop(tar.members.remove(tar.at(&good.half("sig"))))),
        ),
        bundle(
            "approval_signature_alone",
            10,
            HALF,
            "A signature without the approval that it is of.",
            |good| good.approved_with(|tar| drop(tar.members.remove(tar.at(&good.half("json"))))),
        ),
        bundle(
            "approval_signature_of_other_key",
            10,
            HALF,
            "An approval by one key, followed by the signature of another.",
            |good| {
                let mut tar = Tar::of(&good.approval(|_| {}));
                let ids = [id(&good.first), "f".repeat(64)];
                assert!(ids[0] < ids[1]);
                tar.member(&good.half("sig"))
                    .rename(&format!("approvals/{}.sig", ids[1]));
                tar.bytes()
            },
        ),
        bundle(
            "approval_order",
            10,
            "out of order",
            "The signature stands before its statement.",
            |good| {
                good.approved_with(|tar| {
                    let at = tar.at(&good.half("json"));
                    tar.members.swap(at, at + 1);
                })
            },
        ),
        bundle(
            "approval_twice",
            10,
            "out of order, or there twice",
            "The same approval twice, which might count twice.",
            |good| {
                let mut tar = Tar::of(&good.approval(|_| {}));
                let at = tar.at(&good.half("json"));
                let again = tar.members[at..at + 2].to_vec();
                tar.members.splice(at..at, again);
                tar.bytes()
            },
        ),
        bundle(
            "approval_before_signatures",
            10,
            "out of order",
            "Approvals stand after the release's signatures.",
            |good| {
                let mut tar = Tar::of(&good.approval(|_| {}));
                let signature = tar.members.remove(2);
                tar.members.insert(4, signature);
                tar.bytes()
            },
        ),
        bundle(
            "approval_after_files",
            10,
            "out of order",
            "Approvals stand before the files.",
            |good| {
                let mut tar = Tar::of(&good.approval(|_| {}));
                let at = tar.at(&good.half("json"));
                let halves: Vec<Member> = tar.members.splice(at..at + 2, []).collect();
                tar.members.extend(halves);
                tar.bytes()
            },
        ),
        bundle(
            "approval_too_large",
            10,
            "are allowed",
            "An approval of 64 KiB and one byte. It is read before anything is authenticated, so it has a limit.",
            |good| {
                put(
                    &good.bundle,
                    &id(&good.first),
                    &vec![b' '; limits::ADDED_BYTES as usize + 1],
                    &[0; 64],
                )
            },
        ),
        bundle(
            "approval_signature_short",
            10,
            "has 63 bytes, expected 64",
            "A signature of 63 bytes.",
            |good| put(&good.bundle, &id(&good.first), b"{}", &[0; 63]),
        ),
        bundle(
            "timestamp_too_large",
            10,
            "are allowed",
            "A time stamp of 64 KiB and one byte.",
            |good| {
                stamp(
                    &good.bundle,
                    &good.release,
                    &vec![0x30; limits::ADDED_BYTES as usize + 1],
                )
            },
        ),
    ]
}

/// Invalid approvals.
fn statements() -> Vec<Defect> {
    const FOREIGN: &str = "names another release or target";
    vec![
        bundle(
            "approval_of_a_stranger",
            11,
            "which the trust root does not know",
            "An approval by a key that the trust root does not list.",
            |good| say(&good.bundle, &good.stranger, &approval(&good.bundle, "l2")),
        ),
        bundle(
            "approval_changed",
            11,
            INVALID,
            "One letter of an approval is another: another APR code.",
            |good| {
                good.approved_with(|tar| {
                    let content = &mut tar.member(&good.half("json")).content;
                    let at = content
                        .windows(5)
                        .position(|window| window == b"APR-1")
                        .expect("the code");
                    content[at + 4] = b'2';
                })
            },
        ),
        bundle(
            "approval_signature_changed",
            11,
            INVALID,
            "One bit of its signature is another.",
            |good| good.approved_with(|tar| tar.member(&good.half("sig")).content[63] ^= 1),
        ),
        bundle(
            "approval_under_another_id",
            11,
            INVALID,
            "An approval by one key under the id of another: two approvals by one person.",
            |good| {
                let body =
                    json::to_canonical(&approval(&good.bundle, "l2")).expect("only integers");
                put(
                    &good.bundle,
                    &id(&good.other),
                    &body,
                    &good.first.sign(PAYLOAD_TYPE, &body),
                )
            },
        ),
        bundle(
            "approval_of_another_type",
            11,
            INVALID,
            "Signed as a trust document: the payload type is part of what is signed.",
            |good| {
                let body =
                    json::to_canonical(&approval(&good.bundle, "l2")).expect("only integers");
                put(
                    &good.bundle,
                    &id(&good.first),
                    &body,
                    &good.first.sign(trust_document::PAYLOAD_TYPE, &body),
                )
            },
        ),
        bundle(
            "approval_of_another_release",
            11,
            "is about another release",
            "A genuine approval, of another release: whatever is changed in a release, its approvals die.",
            |good| {
                say(
                    &good.bundle,
                    &good.first,
                    &approval(&good.other_release(), "l2"),
                )
            },
        ),
        bundle(
            "approval_of_two_releases",
            11,
            "is not about one release",
            "A genuine approval of several releases at once.",
            |good| {
                good.approval(|said| {
                    let again = said["subject"][0].clone();
                    list(said, "/subject").push(again);
                })
            },
        ),
        bundle(
            "approval_of_nothing",
            11,
            "is not about one release",
            "A genuine approval of no release.",
            |good| good.approval(|said| said["subject"] = json!([])),
        ),
        bundle(
            "approval_of_another_target",
            11,
            FOREIGN,
            "The id is this release's; the approver was shown another database.",
            |good| good.approval(|said| said["predicate"]["target"]["database"] = "other".into()),
        ),
        bundle(
            "approval_of_another_name",
            11,
            FOREIGN,
            "The id is this release's; the approver was shown another summary.",
            |good| {
                good.approval(|said| {
                    said["predicate"]["release"]["summary"] = "Adds nothing.".into()
                })
            },
        ),
        bundle(
            "approval_unknown_key",
            11,
            "unknown field",
            "A condition of which this version knows nothing.",
            |good| {
                good.approval(|said| said["predicate"]["only_if"] = "the owner is present".into())
            },
        ),
        bundle(
            "approval_unknown_decision",
            11,
            "unknown variant",
            "Neither yes nor no.",
            |good| good.approval(|said| said["predicate"]["decision"] = "perhaps".into()),
        ),
        bundle(
            "approval_duplicate_key",
            11,
            "duplicate field",
            "Approved for two codes at once.",
            |good| {
                good.approval_spelled("\"apr\":\"APR-1\"", "\"apr\":\"APR-1\",\"apr\":\"APR-2\"")
            },
        ),
        bundle(
            "approval_format_2",
            11,
            "format 2 is not known",
            "An approval of format 2.",
            |good| good.approval(|said| said["predicate"]["format"] = 2.into()),
        ),
        bundle(
            "approval_blanks",
            11,
            "JSON is not canonical",
            "White space: two texts for one approval.",
            |good| good.approval_spelled("\"format\":1", "\"format\": 1"),
        ),
        bundle(
            "approval_time_spelling",
            11,
            "is not a time",
            "A moment in another spelling.",
            |good| good.approval_spelled("07:00:00Z", "07:00:00+00:00"),
        ),
        bundle(
            "approval_nested_deep",
            11,
            "nested deeper than",
            "4,000 arrays within each other.",
            |good| say_bytes(&good.bundle, &good.first, "[".repeat(4000).as_bytes()),
        ),
        bundle(
            "approval_of_another_kind",
            11,
            "unknown variant",
            "A genuine in-toto statement by an approver that is no approval (predicateType).",
            |good| {
                good.approval(|said| {
                    said["predicateType"] = "https://slsa.dev/provenance/v1".into()
                })
            },
        ),
        bundle(
            "approval_is_the_release",
            11,
            "unknown field",
            "The release's own statement, signed by an approver as a release is, put in the place of an approval.",
            |good| say_bytes(&good.bundle, &good.first, &statement(&good.bundle)),
        ),
    ]
}

/// Invalid notarisations.
fn notarisations() -> Vec<Defect> {
    vec![
        bundle(
            "notarisation_of_a_stranger",
            11,
            "which the trust root does not know",
            "A notarisation by a key that the trust root does not list.",
            |good| {
                let said = notarisation(&good.bundle, &[&good.release], "2026-01-01T00:00:00Z");
                say(&good.bundle, &good.stranger, &said)
            },
        ),
        bundle(
            "notarisation_changed",
            11,
            INVALID,
            "One digit of what a notary saw is another.",
            |good| {
                let mut tar = Tar::of(&good.approved);
                let content = &mut tar
                    .member(&format!("approvals/{}.json", id(&good.notary)))
                    .content;
                let at = content
                    .windows(4)
                    .position(|window| window == b"2026")
                    .expect("a time");
                content[at + 3] = b'5';
                tar.bytes()
            },
        ),
        bundle(
            "notarisation_of_another_release",
            11,
            "is about another release",
            "A genuine notarisation, of another release.",
            |good| {
                let other = good.other_release();
                say(
                    &good.bundle,
                    &good.notary,
                    &notarisation(&other, &[&good.release], "2026-01-01T00:00:00Z"),
                )
            },
        ),
        bundle(
            "notarisation_unknown_key",
            11,
            "unknown field",
            "A key that this version can't read.",
            |good| {
                let mut said = notarisation(&good.bundle, &[&good.release], "2026-01-01T00:00:00Z");
                said["predicate"]["signatures"][0]["until"] = "2026-01-01T00:00:00Z".into();
                say(&good.bundle, &good.notary, &said)
            },
        ),
    ]
}

/// Invalid time stamps.
fn stamps() -> Vec<Defect> {
    vec![
        bundle(
            "timestamp_of_another_signature",
            11,
            "the token is over other data",
            "A genuine time stamp, of an older signature by the same key.",
            |good| {
                let older = signature(&good.other_release(), &good.release);
                stamp(&good.bundle, &good.release, &token(&good.tsa, &older))
            },
        ),
        bundle(
            "timestamp_by_a_stranger",
            11,
            "is of another authority",
            "A time stamp by an authority that the trust root does not list.",
            |good| {
                let signature = signature(&good.bundle, &good.release);
                stamp(
                    &good.bundle,
                    &good.release,
                    &token(&good.strange_tsa, &signature),
                )
            },
        ),
        bundle(
            "timestamp_changed",
            11,
            "the time stamp for",
            "One bit of its time is another.",
            |good| {
                good.approved_with(|tar| {
                    let content = &mut tar.member(&good.stamp_name()).content;
                    // DER: a GeneralizedTime of fifteen letters, in the tokens' one form.
                    let at = content
                        .windows(4)
                        .position(|window| window == b"\x18\x0f20")
                        .expect("a time");
                    content[at + 5] ^= 1;
                })
            },
        ),
        bundle(
            "timestamp_cut",
            11,
            "the time stamp for",
            "A time stamp without its last byte.",
            |good| {
                let mut token = token(&good.tsa, &signature(&good.bundle, &good.release));
                token.pop();
                stamp(&good.bundle, &good.release, &token)
            },
        ),
        bundle(
            "timestamp_with_more",
            11,
            "the time stamp for",
            "A byte that nobody signed follows the time stamp.",
            |good| {
                let token = token(&good.tsa, &signature(&good.bundle, &good.release));
                stamp(&good.bundle, &good.release, &[&token[..], b"\0"].concat())
            },
        ),
        bundle(
            "timestamp_whole_response",
            11,
            "the time stamp for",
            "The authority's whole response instead of the token in it: two spellings of one time stamp.",
            |good| {
                good.tsa
                    .write("data", &signature(&good.bundle, &good.release));
                stamp(
                    &good.bundle,
                    &good.release,
                    &good.tsa.response(&["-sha256", "-no_nonce"]),
                )
            },
        ),
        bundle(
            "timestamp_without_signature",
            11,
            "which has not signed here",
            "A time stamp for a key that signed nothing here.",
            |good| {
                let token = token(&good.tsa, &signature(&good.bundle, &good.release));
                stamp(&good.bundle, &good.second, &token)
            },
        ),
        both(
            "timestamp_without_authority",
            "knows no time stamping authority",
            "A genuine time stamp, and a trust root that knows no authority: what can't be checked can't stay.",
            |good, draft| {
                draft
                    .document
                    .as_object_mut()
                    .map(|document| document.remove("timestamp_authorities"));
                good.approved.clone()
            },
        ),
    ]
}

/// Trust roots with invalid authorities or time rules.
fn trusts() -> Vec<Defect> {
    const ORDER: &str =
        "is there twice, out of order, or its id is not the digest of its certificate";
    vec![
        trust(
            "trust_authority_twice",
            ORDER,
            "A time stamping authority is listed twice.",
            |_, draft| {
                let authorities = list(&mut draft.document, "/timestamp_authorities");
                authorities.push(authorities[0].clone());
            },
        ),
        trust(
            "trust_authority_wrong_id",
            ORDER,
            "An authority under an id that is not its digest.",
            |_, draft| {
                draft.document["timestamp_authorities"][0]["id"] = "0".repeat(64).into();
            },
        ),
        trust(
            "trust_authority_order",
            ORDER,
            "Authorities ascend by their ids.",
            |good, draft| {
                let authorities = list(&mut draft.document, "/timestamp_authorities");
                authorities.push(authority(&good.strange_tsa));
                authorities.sort_by_key(|entry| std::cmp::Reverse(entry["id"].to_string()));
            },
        ),
        trust(
            "trust_authority_is_a_key",
            "not one X.509 certificate",
            "A public key in the place of an authority's certificate.",
            |good, draft| {
                let key = draft.entry(&good.release)["public_key"].clone();
                draft.document["timestamp_authorities"][0]["certificate"] = key;
            },
        ),
        trust(
            "trust_issued_in_the_future",
            "is behind 8999-01-01T00:00:00Z, when version 1 of the trust root was issued",
            "Made later than this host's clock shows: the clock was set back, and nothing can be judged by it.",
            |_, draft| draft.document["issued"] = "8999-01-01T00:00:00Z".into(),
        ),
        trust(
            "trust_key_compromised",
            "compromised since 2026-01-01T00:00:00Z, and nothing proves its signature older",
            "The release's only signature is of a revoked key, and nobody but its thief says how old it is.",
            |good, draft| {
                let entry = draft.entry(&good.release);
                entry["status"] = "revoked".into();
                entry["compromised_since"] = "2026-01-01T00:00:00Z".into();
            },
        ),
        both(
            "trust_key_compromised_before",
            "its signature is proven only since 20",
            "A notary and a time stamp prove the signature of a revoked key, but not as old as the theft.",
            |good, draft| {
                let entry = draft.entry(&good.release);
                entry["status"] = "revoked".into();
                entry["compromised_since"] = "2026-01-01T00:00:00Z".into();
                good.approved.clone()
            },
        ),
        trust(
            "trust_compromised_not_revoked",
            "it is compromised and not revoked",
            "A key that somebody else may have had, and that counts all the same.",
            |good, draft| {
                draft.entry(&good.second)["compromised_since"] = "2026-01-01T00:00:00Z".into()
            },
        ),
    ]
}

fn both(
    name: &'static str,
    error: &'static str,
    why: &'static str,
    make: fn(&Good, &mut crate::keys::Draft<'_>) -> Vec<u8>,
) -> Defect {
    Defect {
        name,
        why,
        exit: 11,
        error,
        make: Make::Both(make),
    }
}
