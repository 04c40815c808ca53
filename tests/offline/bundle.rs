//! The bundle file and the trust root through the library: valid ones and, above all, invalid ones.

mod large;

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use ed25519_dalek::{Signature, SigningKey, Verifier};
use pgseal::bundle::add::{AddError, Addition};
use pgseal::bundle::definition::{Definition, DefinitionError};
use pgseal::bundle::untrusted::MalformedError;
use pgseal::bundle::{AuthenticateError, UntrustedBundle};
use pgseal::trust::attestations::AttestationError;
use pgseal::trust::pae::pre_authentication_encoding;
use pgseal::trust::root::SignatureError;
use pgseal::trust::{JudgedAt, SecretKey, TrustRoot};
use pgseal_testkit::bundles::{
    Refused, now, one_roof, open, open_at, pack, pack_dir, refusal, small, small_with, statement,
    write_dir,
};
use pgseal_testkit::defects::{self, GROUP_ORDER, Good, add_signature};
use pgseal_testkit::keys::{Draft, key, seed, time, trusting};
use pgseal_testkit::tar::{Member, Tar};
use pgseal_verify::archive::read::ArchiveError;
use pgseal_verify::archive::source::{ByteSource, InMemory};
use pgseal_verify::format::json;
use pgseal_verify::format::statement::PAYLOAD_TYPE;
use pgseal_verify::limits;
use sha2::Digest as _;

// --- no bit and no byte is free ---------------------------------------------------------------------------------

/// A file with one flipped bit, or truncated, without a million copies.
struct Harmed {
    bytes: Arc<[u8]>,
    bit: Option<usize>,
    size: usize,
}

impl ByteSource for Harmed {
    fn size(&self) -> u64 {
        self.size as u64
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let (start, end) = (offset as usize, offset as usize + buffer.len());
        if end > self.size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer.copy_from_slice(&self.bytes[start..end]);
        if let Some(bit) = self.bit.filter(|bit| (start..end).contains(&(bit / 8))) {
            buffer[bit / 8 - start] ^= 1 << (bit % 8);
        }
        Ok(())
    }
}

/// Calls `check` with every number below `count`, on all cores.
fn for_all(count: usize, check: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        loop {
            let start = next.fetch_add(256, Ordering::Relaxed);
            if start >= count {
                break;
            }
            (start..count.min(start + 256)).for_each(&check);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
}

/// Returns the check that refuses a flipped bit: the grammar, or a signature or digest.
fn flip(bytes: &Arc<[u8]>, root: &TrustRoot, bit: usize) -> &'static str {
    let harmed = Harmed {
        bytes: bytes.clone(),
        bit: Some(bit),
        size: bytes.len(),
    };
    match UntrustedBundle::parse(Box::new(harmed)) {
        Err(MalformedError::Archive(ArchiveError::Io(error))) => panic!("bit {bit}: {error}"),
        Err(_) => "malformed",
        Ok(parsed) => match parsed.authenticate(root, now()) {
            Ok(_) => panic!("bit {} of byte {} can be flipped", bit % 8, bit / 8),
            // A statement is parsed only after its signature was verified, which no flipped bit passes.
            Err(AuthenticateError::Statement(error)) => {
                panic!("bit {bit}: read before its signature: {error}")
            }
            Err(AuthenticateError::NewerProgram { .. }) => {
                panic!("bit {bit}: read before its signature")
            }
            Err(AuthenticateError::Added(
                AttestationError::Statement { .. } | AttestationError::NoRelease(_),
            )) => {
                panic!("bit {bit}: an added statement was read before its signature")
            }
            Err(_) => "not authentic",
        },
    }
}

/// Returns the check that must refuse each bit, by the part of the file.
fn expected(bytes: &[u8]) -> Vec<&'static str> {
    let mut by_byte = Vec::new();
    for member in &Tar::of(bytes).members {
        // The checksum covers every single bit of a header; the format's name is compared before anything else.
        let content = if member.name() == "pgseal" {
            "malformed"
        } else {
            "not authentic"
        };
        let header = by_byte.len();
        by_byte.resize(header + 512, "malformed");
        by_byte.resize(by_byte.len() + member.content.len(), content);
        by_byte.resize(by_byte.len().div_ceil(512) * 512, "malformed");
    }
    by_byte.resize(bytes.len(), "malformed");
    by_byte
}

#[test]
fn every_flipped_bit_of_the_reference_bundle_is_rejected() {
    let release = key("release");
    let root = trusting(&release);
    let bytes: Arc<[u8]> = pack_dir(&one_roof(), &[release]).into();
    assert!(open(&bytes, &root).is_ok(), "unharmed it is authentic");
    let by_byte = expected(&bytes);
    let checked = AtomicUsize::new(0);
    for_all(bytes.len() * 8, |bit| {
        assert_eq!(flip(&bytes, &root, bit), by_byte[bit / 8], "bit {bit}");
        checked.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!(checked.into_inner(), bytes.len() * 8);
}

#[test]
fn every_flipped_bit_of_a_compressed_bundle_with_two_signatures_is_rejected() {
    let (first, second) = (key("release"), key("second"));
    let root = Draft::new(&key("root"), &[("release", 1, &[&first, &second])])
        .load()
        .expect("a trust root");
    let files = small_with("executor/big.sql", &b"-- shrinks\n".repeat(7000));
    let bytes: Arc<[u8]> = pack(&files, &[first, second]).into();
    assert!(open(&bytes, &root).is_ok(), "unharmed it is authentic");
    let by_byte = expected(&bytes);
    // One valid signature meets the threshold: a broken second one must be refused all the same.
    for_all(bytes.len() * 8, |bit| {
        assert_eq!(flip(&bytes, &root, bit), by_byte[bit / 8], "bit {bit}")
    });
}

#[test]
fn every_flipped_bit_of_what_people_added_is_rejected() {
    // Two approvals, a notarisation, a timestamp: no policy requires any of them.
    let good = Good::new(defects::KEYS.map(key));
    let root = good.draft().load().expect("a trust root");
    let bytes: Arc<[u8]> = good.approved.clone().into();
    let bundle = open(&bytes, &root).expect("unharmed it is authentic");
    assert_eq!(bundle.approvals().len(), 2);
    let levels = [
        bundle.signatories()[0].evidence.level(),
        bundle.approvals()[0].evidence().level(),
    ];
    assert_eq!(levels, ["notarised"; 2]);
    let by_byte = expected(&bytes);
    for_all(bytes.len() * 8, |bit| {
        assert_eq!(flip(&bytes, &root, bit), by_byte[bit / 8], "bit {bit}")
    });
}

#[test]
fn every_truncation_is_rejected() {
    for bytes in [
        pack_dir(&one_roof(), &[key("release")]),
        Good::new(defects::KEYS.map(key)).approved,
    ] {
        every_truncation_of(bytes.into());
    }
}

fn every_truncation_of(bytes: Arc<[u8]>) {
    for_all(bytes.len(), |size| {
        let harmed = Harmed {
            bytes: bytes.clone(),
            bit: None,
            size,
        };
        match UntrustedBundle::parse(Box::new(harmed)) {
            Ok(_) => panic!("cut off after {size} bytes it is still a bundle"),
            Err(MalformedError::Archive(ArchiveError::CutOff { at, .. })) => {
                assert!(at <= size as u64, "{size}")
            }
            // Shorter than the format's name, the file is not even recognised as a bundle.
            Err(MalformedError::Archive(ArchiveError::NotABundle { .. })) => {
                assert!(size < 521, "{size}")
            }
            Err(error) => panic!("cut off after {size} bytes: {error}"),
        }
    });
}

#[test]
fn appended_bytes_are_rejected() {
    let release = key("release");
    let root = trusting(&release);
    let bytes = pack(&small(), &[release]);
    let tails: [&[u8]; 6] = [&[0], b"x", &[0; 512], &[0; 1024], &[0; 10240], &bytes];
    for tail in tails {
        let refused = refusal(&[&bytes[..], tail].concat(), &root);
        assert!(
            matches!(
                refused,
                Refused::Malformed(MalformedError::Archive(ArchiveError::TrailingBytes(_)))
            ),
            "{} bytes: {refused}",
            tail.len()
        );
    }
}

#[test]
fn bytes_before_the_start_are_rejected() {
    let release = key("release");
    let root = trusting(&release);
    let bytes = pack(&small(), &[release]);
    for head in [&[0_u8; 512][..], b"x", b"#!/bin/sh\n"] {
        let refused = refusal(&[head, &bytes[..]].concat(), &root);
        assert!(
            matches!(
                refused,
                Refused::Malformed(MalformedError::Archive(ArchiveError::NotABundle { .. }))
            ),
            "{refused}"
        );
    }
}

#[test]
fn limits_hold_before_anything_is_authenticated() {
    let release = key("release");
    let bytes = pack(&small(), std::slice::from_ref(&release));
    let mut many = Tar::of(&bytes);
    many.members.splice(
        2..3,
        (0..=limits::SIGNATURES)
            .map(|n| Member::new(&format!("signatures/{n:064x}.sig"), &[0; 64])),
    );
    let refused = refusal(&many.bytes(), &trusting(&release));
    assert!(
        matches!(
            refused,
            Refused::Malformed(MalformedError::TooManySignatures)
        ),
        "{refused}"
    );

    let mut many = Tar::of(&bytes);
    for at in 0..=limits::ADDED_STATEMENTS {
        many.add(Member::new(&format!("approvals/{at:064x}.json"), b"{}"));
        many.add(Member::new(&format!("approvals/{at:064x}.sig"), &[0; 64]));
    }
    let refused = refusal(&many.bytes(), &trusting(&release));
    assert!(
        matches!(refused, Refused::Malformed(MalformedError::TooManyAdded)),
        "{refused}"
    );

    let mut large = Tar::of(&bytes);
    *large.member("statement.json") = Member::new(
        "statement.json",
        &vec![b' '; limits::STATEMENT_BYTES as usize + 1],
    );
    let refused = refusal(&large.bytes(), &trusting(&release));
    assert!(
        matches!(
            refused,
            Refused::Malformed(MalformedError::StatementTooLarge(_))
        ),
        "{refused}"
    );

    let mut crowd = Tar::of(&bytes);
    crowd
        .members
        .extend((0..limits::MEMBERS).map(|n| Member::new(&format!("x/{n:08}"), b"")));
    let refused = refusal(&crowd.bytes(), &trusting(&release));
    assert!(
        matches!(
            refused,
            Refused::Malformed(MalformedError::Archive(ArchiveError::TooManyMembers))
        ),
        "{refused}"
    );
}

// --- packing ------------------------------------------------------------------------------------------------------

#[test]
fn packing_copies_of_a_directory_gives_the_same_bytes() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let files = read_dir(&one_roof());
    let (first, second) = (dir.path().join("a"), dir.path().join("elsewhere/b"));
    write_dir(&first, &files);
    // Created in another order, with other modes and times, next to files that are not packed.
    for (at, (path, content)) in files.iter().rev().enumerate() {
        write_dir(&second, &BTreeMap::from([(path.clone(), content.clone())]));
        let path = second.join(path);
        let mode = if at % 2 == 0 { 0o600 } else { 0o755 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))
            .expect("our own file");
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400 * at as u64);
        std::fs::File::options()
            .append(true)
            .open(&path)
            .and_then(|file| file.set_modified(then))
            .expect("our own file");
    }
    write_dir(
        &second,
        &BTreeMap::from([(".git/config".to_owned(), b"[core]\n".to_vec())]),
    );
    let bytes = pack_dir(&first, &[key("release"), key("second")]);
    assert_eq!(
        bytes,
        pack_dir(&second, &[key("second"), key("release")]),
        "signatures too, in any order of the keys"
    );
    assert_eq!(
        bytes,
        pack_dir(&one_roof(), &[key("release"), key("second")])
    );
}

#[test]
fn a_large_file_is_compressed_when_that_makes_it_smaller() {
    let release = key("release");
    let root = trusting(&release);
    let edge = limits::GZIP_FROM_BYTES as usize;
    let noise = noise(edge);
    let mut files = small();
    files.insert("data/below.sql".to_owned(), vec![b'-'; edge - 1]);
    files.insert("data/noise.bin".to_owned(), noise.clone());
    files.insert("data/shrinks.sql".to_owned(), vec![b'-'; edge]);
    let bytes = pack(&files, &[release]);
    let names: Vec<String> = Tar::of(&bytes)
        .members
        .iter()
        .map(Member::name)
        .filter(|n| n.starts_with("data/"))
        .collect();
    assert_eq!(
        names,
        ["data/below.sql", "data/noise.bin", "data/shrinks.sql.gz"]
    );
    let bundle = open(&bytes, &root).expect("authentic");
    bundle
        .check_contents()
        .expect("every content is the signed one");
    for (path, content) in &files {
        let read = bundle
            .content(&path.parse().expect("a good path"))
            .expect("there");
        assert_eq!(&read[..], &content[..], "{path}");
    }
}

#[test]
fn a_stored_name_that_collides_or_is_too_long_is_refused_when_packing() {
    let big = vec![b'-'; limits::GZIP_FROM_BYTES as usize];
    let long = format!("data/{}.sql", "n".repeat(100 - 5 - 4));
    assert_eq!(long.len(), 100);
    let mut collision = small_with("data/a.sql", &big);
    collision.insert("data/a.sql.gz".to_owned(), b"other".to_vec());
    for (files, why) in [
        (collision, "rename a file"),
        (small_with(&long, &big), "shorten the path"),
    ] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        write_dir(dir.path(), &files);
        let definition = Definition::read(dir.path()).expect("nothing else is wrong");
        let packed = pgseal::bundle::UnsignedBundle::pack(definition, None).map(drop);
        let error = packed
            .expect_err("two files can't have one name")
            .to_string();
        assert!(error.contains(why), "{error}");
    }
    // 100 bytes fit as long as the file is stored uncompressed.
    let release = key("release");
    let root = trusting(&release);
    assert!(open(&pack(&small_with(&long, b"--"), &[release]), &root).is_ok());
}

#[test]
fn what_packs_can_be_read_back() {
    // The writer must have the reader's limits, or a release would pack that no host accepts.
    let root = trusting(&key("release"));
    let big = vec![b'-'; limits::GZIP_FROM_BYTES as usize];
    let mut directory = small_with("data/a.sql", &big);
    directory.insert("data/a.sql.gz/b.sql".to_owned(), b"--\n".to_vec());
    let mut stored = small_with("data/a.sql", &big);
    stored.insert("data/A.sql.gz".to_owned(), b"--\n".to_vec());
    let cases = [
        small_with("Executor/01_table.sql", b"--\n"),
        small_with("gate/OPEN.sql", b"--\n"),
        small_with("RELEASE.toml", b"--\n"),
        directory,
        stored,
    ];
    for files in cases {
        let dir = tempfile::tempdir().expect("a temporary directory");
        write_dir(dir.path(), &files);
        let Ok(definition) = Definition::read(dir.path()) else {
            continue;
        };
        let Ok(unsigned) = pgseal::bundle::UnsignedBundle::pack(definition, None) else {
            continue;
        };
        let bytes = unsigned
            .sign(&[key("release")])
            .write(Vec::new())
            .expect("memory");
        assert!(
            open(&bytes, &root).is_ok(),
            "packs, but no reader takes it: {}",
            refusal(&bytes, &root)
        );
    }
}

#[test]
fn a_file_is_no_directory_of_another() {
    let release = key("release");
    let root = trusting(&release);
    let mut tar = Tar::of(&pack(&small(), &[release]));
    let at = tar.first_file();
    tar.members.insert(at, Member::new("executor", b""));
    assert!(matches!(
        refusal(&tar.bytes(), &root),
        Refused::Malformed(_)
    ));
}

/// Creates one entry in a release directory.
type Put = fn(&Path) -> io::Result<()>;

#[test]
fn what_must_not_be_packed_is_named() {
    let cases: [(&str, &str, Put); 8] = [
        ("101 bytes", "at most 100 are allowed", |dir| {
            std::fs::write(dir.join("n".repeat(101)), "")
        }),
        ("a blank", "has a segment", |dir| {
            std::fs::write(dir.join("a b.sql"), "")
        }),
        ("reserved", "for itself", |dir| {
            std::fs::write(dir.join("statement.json"), "{}")
        }),
        ("reserved directory", "for itself", |dir| {
            std::fs::create_dir(dir.join("signatures"))
                .and_then(|()| std::fs::write(dir.join("signatures/x.sig"), ""))
        }),
        ("a link", "links and devices are not packed", |dir| {
            symlink("/etc/passwd", dir.join("passwd"))
        }),
        (
            "a linked directory",
            "links and devices are not packed",
            |dir| symlink("/etc", dir.join("etc")),
        ),
        ("a bundle", "a bundle inside the release directory", |dir| {
            std::fs::write(dir.join("old.pgseal"), "pgseal 1\n")
        }),
        ("a secret key", "this is a secret key", |dir| {
            pgseal_testkit::keys::key_file(dir, "release")
                .metadata()
                .map(drop)
        }),
    ];
    for (what, why, put) in cases {
        let dir = tempfile::tempdir().expect("a temporary directory");
        write_dir(dir.path(), &small());
        put(dir.path()).expect("the directory is writable");
        match Definition::read(dir.path()) {
            Err(DefinitionError::Problems(problems)) => {
                assert!(
                    problems.iter().any(|problem| problem.message.contains(why)),
                    "{what}: {problems:?}"
                );
            }
            Err(error) => panic!("{what}: {error}"),
            Ok(_) => panic!("{what}: would be packed"),
        }
    }
}

// --- signatures and roles ---------------------------------------------------------------------------------------

#[test]
fn a_threshold_counts_distinct_keys() {
    let (first, second, third) = (key("release"), key("second"), key("third"));
    let root = Draft::new(&key("root"), &[("release", 2, &[&first, &second, &third])])
        .load()
        .expect("a trust root");
    let one = pack(&small(), std::slice::from_ref(&first));
    let refused = refusal(&one, &root);
    let Refused::NotAuthentic(AuthenticateError::Signature(SignatureError::Threshold {
        counted,
        threshold,
        ..
    })) = refused
    else {
        panic!("{refused}")
    };
    assert_eq!((counted, threshold), (1, 2));

    let two = add_signature(&one, &second);
    assert_eq!(
        open(&two, &root).expect("two of three").signatories().len(),
        2
    );
    let three = add_signature(&two, &third);
    assert_eq!(
        open(&three, &root)
            .expect("three of three")
            .signatories()
            .len(),
        3
    );

    // The same key again: the program refuses to add it, and a file that contains it is malformed.
    let parsed =
        UntrustedBundle::parse(Box::new(InMemory(one.clone().into()))).expect("well-formed");
    let again = sign(&parsed, &first).map(drop);
    assert!(matches!(again, Err(AddError::AlreadySigned(_))));
    assert!(matches!(
        refusal(&add_signature(&one, &first), &root),
        Refused::Malformed(_)
    ));
}

/// Returns the bundle with another signature.
fn sign(
    parsed: &UntrustedBundle,
    key: &SecretKey,
) -> Result<(Vec<u8>, pgseal_verify::format::statement::Statement), AddError> {
    let signature = key.sign(PAYLOAD_TYPE, parsed.claimed_statement());
    parsed.write_with(
        vec![Addition::Signature((key.public_key().id(), signature))],
        Vec::new(),
    )
}

#[test]
fn a_signature_added_later_gives_the_bytes_of_signing_at_once() {
    let keys = || [key("release"), key("second"), key("third")];
    let at_once = pack_dir(&one_roof(), &keys());
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut bytes = pack_dir(&one_roof(), &[]);
        for at in order {
            let parsed =
                UntrustedBundle::parse(Box::new(InMemory(bytes.into()))).expect("well-formed");
            (bytes, _) = sign(&parsed, &keys()[at]).expect("signed");
        }
        assert!(bytes == at_once, "signed in the order {order:?}");
    }
}

#[test]
fn nobody_signs_what_they_were_not_shown() {
    let release = key("release");
    let bytes = pack(&small(), &[]);
    let mut swapped = Tar::of(&bytes);
    swapped.member("executor/01_table.sql").content[0] = b'C';
    let parsed =
        UntrustedBundle::parse(Box::new(InMemory(swapped.bytes().into()))).expect("well-formed");
    let signed = sign(&parsed, &release).map(drop);
    assert!(matches!(signed, Err(AddError::Subjects(_))));

    let mut other = Tar::of(&bytes);
    *other.member("statement.json") = Member::new("statement.json", b"{}");
    let parsed =
        UntrustedBundle::parse(Box::new(InMemory(other.bytes().into()))).expect("well-formed");
    let signed = sign(&parsed, &release).map(drop);
    assert!(matches!(signed, Err(AddError::Statement(_))));
}

#[test]
fn only_keys_of_the_role_count_and_no_stranger_stays() {
    let (release, receipt, stranger) = (key("release"), key("receipt"), key("stranger"));
    let roles: [(&str, u8, &[&SecretKey]); 2] =
        [("release", 1, &[&release]), ("receipt", 1, &[&receipt])];
    let root = Draft::new(&key("root"), &roles)
        .load()
        .expect("a trust root");
    let signed = pack(&small(), std::slice::from_ref(&release));
    let by_both = open(&add_signature(&signed, &receipt), &root).expect("the release key suffices");
    assert_eq!(
        by_both.signatories().len(),
        1,
        "the other one does not count"
    );
    assert_eq!(by_both.signatories()[0].key, release.public_key().id());
    for lacking in ["receipt", "root"] {
        let refused = refusal(&pack(&small(), &[key(lacking)]), &root);
        let counted = matches!(
            refused,
            Refused::NotAuthentic(AuthenticateError::Signature(SignatureError::Threshold {
                counted: 0,
                ..
            }))
        );
        assert!(counted, "{lacking}: {refused}");
    }
    let refused = refusal(&add_signature(&signed, &stranger), &root);
    let unknown = matches!(
        refused,
        Refused::NotAuthentic(AuthenticateError::Signature(SignatureError::UnknownKey(_)))
    );
    assert!(unknown, "{refused}");
}

#[test]
fn windows_and_status_decide_when_a_key_counts() {
    let (release, spare) = (key("release"), key("spare"));
    let bytes = pack(&small(), std::slice::from_ref(&release));
    let (from, to) = ("2026-01-01T00:00:00Z", "2026-06-30T23:59:59Z");
    let accepted = |change: &dyn Fn(&mut serde_json::Value), when: JudgedAt| {
        let root_key = key("root");
        let mut draft = Draft::new(&root_key, &[("release", 1, &[&release, &spare])]);
        change(draft.entry(&release));
        open_at(&bytes, &draft.load().expect("a trust root"), when).is_ok()
    };
    let at = |text: &str| JudgedAt::At(time(text));
    let windowed = |entry: &mut serde_json::Value| {
        entry["not_before"] = from.into();
        entry["not_after"] = to.into();
    };
    for (moment, counts) in [
        ("2025-12-31T23:59:59Z", false),
        (from, true),
        ("2026-03-01T00:00:00Z", true),
        (to, true),
        ("2026-07-01T00:00:00Z", false),
    ] {
        assert_eq!(accepted(&windowed, at(moment)), counts, "{moment}");
    }
    assert!(
        accepted(&windowed, JudgedAt::Undo),
        "undoing waits for no window"
    );
    let retired = |entry: &mut serde_json::Value| {
        entry["status"] = "retired".into();
        entry["not_after"] = to.into();
    };
    assert!(
        accepted(&retired, at("2026-06-01T00:00:00Z")),
        "what a retired key did in its time counts"
    );
    assert!(!accepted(&retired, at("2026-07-01T00:00:00Z")));
    let revoked = |entry: &mut serde_json::Value| entry["status"] = "revoked".into();
    for when in [at("2020-01-01T00:00:00Z"), at(to), JudgedAt::Undo] {
        assert!(
            !accepted(&revoked, when),
            "a revoked key never counts: {when:?}"
        );
    }
}

#[test]
fn a_trust_root_needs_its_own_threshold() {
    let (first, second, stranger, release) = (
        key("root"),
        key("root two"),
        key("stranger"),
        key("release"),
    );
    let mut draft = Draft::new(
        &first,
        &[("root", 2, &[&first, &second]), ("release", 1, &[&release])],
    );
    // Draft lists its root key itself; the duplicate is removed.
    let keys = draft.document["keys"].as_array_mut().expect("a list");
    keys.dedup();
    let bytes = draft.bytes();
    let sign = |keys: &[&SecretKey]| {
        let draft = Draft {
            document: draft.document.clone(),
            root_keys: keys.to_vec(),
        };
        TrustRoot::load(&bytes, &draft.signatures(&bytes))
    };
    assert!(sign(&[&first, &second]).is_ok());
    for few in [
        vec![],
        vec![&first],
        vec![&first, &first],
        vec![&first, &release],
    ] {
        assert!(sign(&few).is_err(), "{few:?}");
    }
    assert!(
        sign(&[&first, &second, &stranger]).is_err(),
        "an unknown signature can't be checked"
    );
    assert!(TrustRoot::load(&[&bytes[..], b"\n"].concat(), &draft.signatures(&bytes)).is_err());
}

#[test]
fn every_flipped_bit_of_a_trust_root_is_rejected() {
    let (root_key, release) = (key("root"), key("release"));
    let draft = Draft::new(&root_key, &[("release", 1, &[&release])]);
    let (bytes, signatures) = (draft.bytes(), draft.signatures(&draft.bytes()));
    assert!(TrustRoot::load(&bytes, &signatures).is_ok());
    for_all(bytes.len() * 8, |bit| {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(TrustRoot::load(&flipped, &signatures).is_err(), "bit {bit}");
    });
    for_all(64 * 8, |bit| {
        let mut flipped = signatures.clone();
        flipped[0].1[bit / 8] ^= 1 << (bit % 8);
        assert!(
            TrustRoot::load(&bytes, &flipped).is_err(),
            "bit {bit} of the signature"
        );
    });
}

#[test]
fn a_signature_with_a_nonce_of_small_order_is_refused() {
    // R is the identity, so S = k * a satisfies the equation: RFC 8032 alone would accept it, the strict rules don't.
    // The holder of the key can make such signatures, and another reader might see another bundle.
    let release = key("release");
    let root = trusting(&release);
    let bytes = pack(&small(), &[release]);
    let signing = SigningKey::from_bytes(&seed("release"));
    let body = pre_authentication_encoding(PAYLOAD_TYPE, &statement(&bytes));
    let mut r = [0; 32];
    r[0] = 1;
    let k: [u8; 64] =
        sha2::Sha512::digest([&r[..], signing.verifying_key().as_bytes(), &body].concat()).into();
    let s = multiply(&k, signing.to_scalar().as_bytes());
    let signature: [u8; 64] = [r, s].concat().try_into().expect("32 + 32 bytes");
    let lax = signing
        .verifying_key()
        .verify(&body, &Signature::from_bytes(&signature));
    assert!(lax.is_ok(), "the arithmetic of this test is right");
    let mut tar = Tar::of(&bytes);
    tar.members[2].content = signature.to_vec();
    let refused = refusal(&tar.bytes(), &root);
    let invalid = matches!(
        refused,
        Refused::NotAuthentic(AuthenticateError::Signature(SignatureError::Invalid(_)))
    );
    assert!(invalid, "{refused}");
}

/// `k * a` modulo the order of the group, all little endian, by doubling and adding bit by bit.
fn multiply(k: &[u8; 64], a: &[u8; 32]) -> [u8; 32] {
    let mut sum = [0; 32];
    for bit in (0..512).rev() {
        sum = add(&sum, &sum);
        if k[bit / 8] >> (bit % 8) & 1 == 1 {
            sum = add(&sum, a);
        }
    }
    sum
}

/// `a + b` modulo the order, of two numbers below it.
fn add(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    let (mut sum, mut carry) = ([0; 32], 0);
    for at in 0..32 {
        let digit = u16::from(a[at]) + u16::from(b[at]) + carry;
        (sum[at], carry) = (digit as u8, digit >> 8);
    }
    let (mut less, mut borrow) = ([0; 32], 0);
    for at in 0..32 {
        let digit = i16::from(sum[at]) - i16::from(GROUP_ORDER[at]) - borrow;
        (less[at], borrow) = (digit as u8, i16::from(digit < 0));
    }
    if borrow == 0 { less } else { sum }
}

#[test]
fn a_secret_key_does_not_show_itself() {
    let secret = key("release");
    let seed = pgseal_verify::digest::hex(&seed("release"));
    let shown = format!("{secret:?} {secret:#?}");
    assert!(
        shown.contains("redacted") && !shown.contains(&seed) && !shown.contains(&seed[..16]),
        "{shown}"
    );
}

#[test]
fn the_statement_is_canonical_json_that_other_programs_read() {
    let bytes = statement(&pack_dir(&one_roof(), &[]));
    let value: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(json::to_canonical(&value).expect("integers"), bytes);
    assert_eq!(value["_type"], "https://in-toto.io/Statement/v1");
    let subjects = value["subject"].as_array().expect("a list").len();
    assert_eq!(subjects, read_dir(&one_roof()).len());
}

// --- helpers --------------------------------------------------------------------------------------------------------

fn read_dir(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = walkdir::WalkDir::new(dir)
        .into_iter()
        .map(|entry| entry.expect("readable"));
    let files = entries.filter(|entry| entry.file_type().is_file());
    let name = |path: &Path| {
        path.strip_prefix(dir)
            .expect("below it")
            .to_str()
            .expect("a plain name")
            .to_owned()
    };
    files
        .map(|file| {
            (
                name(file.path()),
                std::fs::read(file.path()).expect("readable"),
            )
        })
        .collect()
}

/// Incompressible bytes, the same in every run (xorshift64).
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..count).map(next).collect()
}
