//! The bundle defects that have a vector below `tests/vectors`, with code that builds each.

use serde_json::{Value, json};

use pgseal::trust::SecretKey;
use pgseal_verify::archive::gzip;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::statement::PAYLOAD_TYPE;
use pgseal_verify::format::trust_document;

use crate::added_defects;
use crate::bundles::{bend, pack, resign, small, small_with, statement};
use crate::keys::Draft;
use crate::people::{AT, approval, authority, notarisation, say, signature, stamp, token};
use crate::tar::{Member, Tar};
use crate::tsa::{P256, Tsa};

pub struct Defect {
    /// The vector's folder, without `_fail`.
    pub name: &'static str,
    /// The defect, and the rule that rejects it.
    pub why: &'static str,
    /// The exit code of `pgseal verify --contents`.
    pub exit: i32,
    /// A part of the error line that does not depend on keys.
    pub error: &'static str,
    /// Builds the defective bundle or trust root.
    pub make: Make,
}

/// The defective file, and a function that builds it.
pub enum Make {
    /// The bundle; the trust root is a good one.
    Bundle(fn(&Good) -> Vec<u8>),
    /// The trust document, before its root key signs it; the bundle is a good one.
    Trust(fn(&Good, &mut Draft<'_>)),
    /// The bundle and the trust document.
    Both(fn(&Good, &mut Draft<'_>) -> Vec<u8>),
    /// The trust document's signatures.
    TrustSignature(fn(&Good, &mut Vec<u8>, &Draft<'_>)),
}

/// Keys, a bundle and a trust root without any defect.
pub struct Good {
    /// Signs trust roots.
    pub root: SecretKey,
    /// Signs releases.
    pub release: SecretKey,
    /// Has the release role, but did not sign.
    pub second: SecretKey,
    /// Has another role.
    pub receipt: SecretKey,
    /// Not in the trust root.
    pub stranger: SecretKey,
    /// Approves as `l2`.
    pub first: SecretKey,
    /// Approves as `l2` too.
    pub other: SecretKey,
    /// Approves as `l4`.
    pub owner: SecretKey,
    /// Signs notarisations.
    pub notary: SecretKey,
    /// The trust root's only time stamping authority.
    pub tsa: Tsa,
    /// An authority that the trust root does not list.
    pub strange_tsa: Tsa,
    /// A small release, signed by `release`.
    pub bundle: Vec<u8>,
    /// The same release: approved by `first` and `owner`, notarised, its signature time-stamped.
    pub approved: Vec<u8>,
}

/// Owners of the keys for [`Good::new`], in order.
pub const KEYS: [&str; 9] = [
    "root", "release", "second", "receipt", "stranger", "first", "other", "owner", "notary",
];

impl Good {
    pub fn new(
        [
            root,
            release,
            second,
            receipt,
            stranger,
            first,
            other,
            owner,
            notary,
        ]: [SecretKey; 9],
    ) -> Self {
        let files = small();
        let unsigned = pack(&files, &[]);
        let bundle = resign(&unsigned, &statement(&unsigned), &release);
        let (tsa, strange_tsa) = (Tsa::new(P256), Tsa::new(P256));
        let mut approved = say(&bundle, &first, &approval(&bundle, "l2"));
        approved = say(&approved, &owner, &approval(&bundle, "l4"));
        approved = say(
            &approved,
            &notary,
            &notarisation(&approved, &[&release, &first, &owner], AT),
        );
        approved = stamp(
            &approved,
            &release,
            &token(&tsa, &signature(&approved, &release)),
        );
        Self {
            root,
            release,
            second,
            receipt,
            stranger,
            first,
            other,
            owner,
            notary,
            tsa,
            strange_tsa,
            bundle,
            approved,
        }
    }

    /// The trust root, for modification.
    pub fn draft(&self) -> Draft<'_> {
        let roles: [(&str, u8, &[&SecretKey]); 5] = [
            ("release", 1, &[&self.release, &self.second]),
            ("receipt", 1, &[&self.receipt]),
            ("l2", 1, &[&self.first, &self.other]),
            ("l4", 1, &[&self.owner]),
            ("notary", 1, &[&self.notary]),
        ];
        let mut draft = Draft::new(&self.root, &roles);
        draft.document["timestamp_authorities"] = json!([authority(&self.tsa)]);
        draft
    }

    fn tar(&self) -> Tar {
        Tar::of(&self.bundle)
    }

    pub fn with(&self, change: impl FnOnce(&mut Tar)) -> Vec<u8> {
        let mut tar = self.tar();
        change(&mut tar);
        tar.bytes()
    }

    /// The bundle with a modified tier member.
    fn tier(&self, change: impl FnOnce(&mut Member)) -> Vec<u8> {
        self.with(|tar| change(tar.member(TIER)))
    }

    /// The bundle with a statement modified as JSON, signed.
    fn bent(&self, change: impl FnOnce(&mut Value)) -> Vec<u8> {
        bend(&self.bundle, &self.release, change)
    }

    /// The bundle with a statement modified as text, signed.
    fn spelled(&self, from: &str, to: &str) -> Vec<u8> {
        let text = String::from_utf8(statement(&self.bundle)).expect("JSON is text");
        assert!(text.contains(from), "{from} is in the statement");
        resign(
            &self.bundle,
            text.replacen(from, to, 1).as_bytes(),
            &self.release,
        )
    }

    fn signature(&self) -> String {
        signature_name(&self.release)
    }

    /// A bundle with a compressed file; `change` modifies its stored bytes and signed entry.
    fn gzipped(&self, change: impl FnOnce(&[u8], &mut Vec<u8>, &mut Value)) -> Vec<u8> {
        let content = b"-- a line that shrinks well\n".repeat(3000);
        let unsigned = pack(&small_with("executor/big.sql", &content), &[]);
        let mut tar = Tar::of(&unsigned);
        let member = tar.member("executor/big.sql.gz");
        let mut stored = member.content.clone();
        let mut statement: Value =
            serde_json::from_slice(&statement(&unsigned)).expect("a statement is JSON");
        let files = statement["predicate"]["files"]
            .as_array_mut()
            .expect("a list");
        let file = files
            .iter_mut()
            .find(|file| file["path"] == "executor/big.sql")
            .expect("the file is listed");
        change(&content, &mut stored, file);
        *member = Member::new("executor/big.sql.gz", &stored);
        let subjects = statement["subject"].as_array_mut().expect("a list");
        let subject = subjects
            .iter_mut()
            .find(|subject| subject["name"] == "executor/big.sql.gz")
            .expect("listed");
        subject["digest"]["sha256"] = Digest::of(&stored).to_string().into();
        bend(&tar.bytes(), &self.release, |whole| *whole = statement)
    }
}

const TIER: &str = "executor/01_table.sql";

fn signature_name(key: &SecretKey) -> String {
    format!("signatures/{}.sig", key.public_key().id())
}

pub fn all() -> Vec<Defect> {
    let parts = [
        archive(),
        headers(),
        names(),
        signatures(),
        files(),
        statements(),
        lists(),
        gzips(),
        trusts(),
        added_defects::all(),
    ];
    parts.into_iter().flatten().collect()
}

pub fn bundle(
    name: &'static str,
    exit: i32,
    error: &'static str,
    why: &'static str,
    make: fn(&Good) -> Vec<u8>,
) -> Defect {
    Defect {
        name,
        why,
        exit,
        error,
        make: Make::Bundle(make),
    }
}

pub fn trust(
    name: &'static str,
    error: &'static str,
    why: &'static str,
    make: fn(&Good, &mut Draft<'_>),
) -> Defect {
    Defect {
        name,
        why,
        exit: 11,
        error,
        make: Make::Trust(make),
    }
}

/// The archive as a whole: one encoding, and no bytes before, between or after its members.
fn archive() -> Vec<Defect> {
    const AFTER: &str = "bytes after the end of the archive";
    const CUT: &str = "the file is cut off";
    vec![
        bundle(
            "empty",
            10,
            "the file is empty",
            "A file without any bytes.",
            |_| Vec::new(),
        ),
        bundle(
            "newer_format",
            10,
            "its format is newer than this program",
            "The first member names format 2, which has no meaning yet.",
            |good| good.with(|tar| tar.members[0].content[7] = b'2'),
        ),
        bundle(
            "first_member_other",
            10,
            "it does not begin with the member",
            "The first member must be `pgseal`; here the statement comes first.",
            |good| good.with(|tar| drop(tar.members.remove(0))),
        ),
        bundle(
            "gzipped_whole",
            10,
            "it is a gzip file",
            "A bundle is never compressed as a whole.",
            |good| gzip::compress(&good.bundle).expect("memory"),
        ),
        bundle(
            "blocking_padding",
            10,
            AFTER,
            "Stock tar pads an archive to 10 KiB. A bundle ends after two zero blocks, so that appending changes it.",
            |good| good.with(|tar| tar.end.resize(10 * 1024, 0)),
        ),
        bundle(
            "second_archive",
            10,
            AFTER,
            "A second whole bundle follows the first: `tar --ignore-zeros` would read both, pgseal neither.",
            |good| [&good.bundle[..], &good.bundle[..]].concat(),
        ),
        bundle(
            "trailing_byte",
            10,
            AFTER,
            "One byte follows the end.",
            |good| [&good.bundle[..], b"\n"].concat(),
        ),
        bundle(
            "one_end_block",
            10,
            CUT,
            "Two zero blocks end an archive; here is one.",
            |good| good.with(|tar| tar.end.truncate(512)),
        ),
        bundle("no_end", 10, CUT, "The zero blocks are missing.", |good| {
            good.with(|tar| tar.end.clear())
        }),
        bundle(
            "end_block_not_zero",
            10,
            "padding is not zero",
            "The second of the two end blocks carries a byte that nobody signs.",
            |good| good.with(|tar| tar.end[1023] = 1),
        ),
        bundle(
            "padding_not_zero",
            10,
            "padding is not zero",
            "The bytes between a member's end and the next block are zero; a byte hidden there is signed by nobody.",
            |good| {
                let mut bytes = good.bundle.clone();
                // The format's name has nine bytes; the tenth is padding.
                bytes[512 + 9] = b'x';
                bytes
            },
        ),
        bundle(
            "size_beyond_end",
            10,
            CUT,
            "The last member claims more bytes than the file has.",
            |good| {
                good.with(|tar| {
                    tar.members
                        .last_mut()
                        .expect("members")
                        .set(124, b"00000017777\0")
                })
            },
        ),
        bundle(
            "size_huge",
            10,
            CUT,
            "A member claims 8 GiB. Nothing may be reserved for it.",
            |good| good.tier(|tier| tier.set(124, b"77777777777\0")),
        ),
        bundle(
            "size_of_statement_huge",
            10,
            CUT,
            "The statement claims 8 GiB. It is read before anything is authenticated, so it has a limit.",
            |good| good.with(|tar| tar.member("statement.json").set(124, b"77777777777\0")),
        ),
        bundle(
            "no_statement",
            10,
            "has no statement.json",
            "There is nothing that could be signed.",
            |good| good.with(|tar| drop(tar.members.remove(1))),
        ),
        bundle(
            "member_twice",
            10,
            "out of order, or there twice",
            "One member is there twice: readers disagree about which of them counts.",
            |good| {
                good.with(|tar| {
                    let at = tar.at(TIER);
                    let again = tar.members[at].clone();
                    tar.members.insert(at, again);
                })
            },
        ),
        bundle(
            "member_order",
            10,
            "out of order",
            "Members ascend by name within their section.",
            |good| {
                good.with(|tar| {
                    let at = tar.at(TIER);
                    tar.members.swap(at, at + 1);
                })
            },
        ),
        bundle(
            "signature_after_files",
            10,
            "out of order",
            "Signatures stand before the files; one at the end would be found only by reading everything first.",
            |good| {
                good.with(|tar| {
                    let signature = tar.members.remove(2);
                    tar.members.push(signature);
                })
            },
        ),
    ]
}

/// Headers: type '0', mode 0644, no owner, no time, empty link and prefix, octal size, the right
/// checksum.
fn headers() -> Vec<Defect> {
    const FORM: &str = "differs from its one permitted form";
    const SIZE: &str = "the size field is not eleven octal digits";
    vec![
        bundle(
            "pax_header",
            10,
            FORM,
            "A PAX header (type x) before a file could give it another size or path than its own header.",
            |good| {
                good.with(|tar| {
                    let mut pax = Member::new("executor/00_pax", b"22 path=executor/x.sql\n");
                    pax.set(156, b"x");
                    let at = tar.at(TIER);
                    tar.members.insert(at, pax);
                })
            },
        ),
        bundle(
            "pax_global_header",
            10,
            FORM,
            "A global PAX header (type g) speaks for all members after it.",
            |good| {
                good.with(|tar| {
                    let mut pax = Member::new("executor/00_pax", b"20 comment=unsigned\n");
                    pax.set(156, b"g");
                    let at = tar.at(TIER);
                    tar.members.insert(at, pax);
                })
            },
        ),
        bundle(
            "gnu_long_name",
            10,
            "has a segment",
            "A GNU long name (type L) renames the file after it.",
            |good| {
                good.with(|tar| {
                    let mut long = Member::new("././@LongLink", b"executor/other.sql\0");
                    long.set(156, b"L");
                    let at = tar.at(TIER);
                    tar.members.insert(at, long);
                })
            },
        ),
        bundle(
            "gnu_sparse",
            10,
            FORM,
            "A GNU sparse file (type S) has other bytes than those stored.",
            |good| good.tier(|tier| tier.set(156, b"S")),
        ),
        bundle(
            "symbolic_link",
            10,
            FORM,
            "A symbolic link leads an unpacking tool out of its directory.",
            |good| {
                good.tier(|tier| {
                    tier.set(157, b"/etc/passwd");
                    tier.set(156, b"2");
                })
            },
        ),
        bundle(
            "hard_link",
            10,
            FORM,
            "A hard link has no content of its own.",
            |good| {
                good.tier(|tier| {
                    tier.set(157, b"release.toml");
                    tier.set(156, b"1");
                })
            },
        ),
        bundle(
            "directory",
            10,
            "has a segment",
            "A directory is no file: there is nothing in it to sign.",
            |good| {
                good.with(|tar| {
                    let mut directory = Member::new("executor/", b"");
                    directory.set(156, b"5");
                    let at = tar.at(TIER);
                    tar.members.insert(at, directory);
                })
            },
        ),
        bundle("device", 10, FORM, "A character device (type 3).", |good| {
            good.tier(|tier| tier.set(156, b"3"))
        }),
        bundle(
            "old_type",
            10,
            FORM,
            "Type NUL means a file in old archives. There is one spelling: '0'.",
            |good| good.tier(|tier| tier.set(156, b"\0")),
        ),
        bundle(
            "prefix_field",
            10,
            FORM,
            "The prefix field would put a directory before the signed name.",
            |good| good.tier(|tier| tier.set(345, b"other")),
        ),
        bundle(
            "size_base_256",
            10,
            SIZE,
            "A size in base 256, which old readers see as 0.",
            |good| {
                good.tier(|tier| {
                    let size = tier.content.len() as u8;
                    tier.set(124, &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, size]);
                })
            },
        ),
        bundle(
            "size_with_blanks",
            10,
            SIZE,
            "A size padded by blanks: the same number in another spelling.",
            |good| {
                good.tier(|tier| {
                    let size = format!("{:>11o} ", tier.content.len());
                    tier.set(124, size.as_bytes());
                })
            },
        ),
        bundle(
            "size_without_nul",
            10,
            SIZE,
            "A size of twelve digits reaches into the next field.",
            |good| {
                good.tier(|tier| {
                    let size = format!("{:012o}", tier.content.len());
                    tier.set(124, size.as_bytes());
                })
            },
        ),
        bundle(
            "checksum_wrong",
            10,
            FORM,
            "The header's checksum is not that of its bytes.",
            |good| good.tier(|tier| tier.header[150] ^= 1),
        ),
        bundle(
            "checksum_spelling",
            10,
            FORM,
            "The right checksum, ended by a blank and a NUL instead.",
            |good| good.tier(|tier| tier.header[154..156].copy_from_slice(b" \0")),
        ),
        bundle(
            "time_set",
            10,
            FORM,
            "A modification time: two packings would differ.",
            |good| good.tier(|tier| tier.set(136, b"14371573000\0")),
        ),
        bundle("owner_set", 10, FORM, "A user id other than 0.", |good| {
            good.tier(|tier| tier.set(108, b"0001750\0"))
        }),
        bundle("owner_name", 10, FORM, "The name of an owner.", |good| {
            good.tier(|tier| tier.set(265, b"root"))
        }),
        bundle(
            "mode_executable",
            10,
            FORM,
            "Mode 0755. Nothing in a bundle is a program.",
            |good| good.tier(|tier| tier.set(100, b"0000755\0")),
        ),
        bundle(
            "gnu_magic",
            10,
            FORM,
            "The magic of GNU tar's own format (`ustar  `).",
            |good| good.tier(|tier| tier.set(257, b"ustar  \0")),
        ),
        bundle(
            "reserved_header_bytes",
            10,
            FORM,
            "The last twelve bytes of a header belong to nobody: zero.",
            |good| good.tier(|tier| tier.set(511, b"x")),
        ),
        bundle(
            "bytes_after_name",
            10,
            FORM,
            "Bytes behind the name's end, where no reader looks.",
            |good| good.tier(|tier| tier.set(60, b"hidden")),
        ),
    ]
}

/// Names: plain segments, at most 100 bytes, none reserved by the format.
fn names() -> Vec<Defect> {
    const SEGMENT: &str = "has a segment";
    vec![
        bundle(
            "name_parent",
            10,
            SEGMENT,
            "A name that climbs out of the directory.",
            |good| good.tier(|tier| tier.rename("executor/../../etc/cron.d/x")),
        ),
        bundle("name_absolute", 10, SEGMENT, "An absolute name.", |good| {
            good.tier(|tier| tier.rename("/etc/cron.d/x"))
        }),
        bundle(
            "name_hidden",
            10,
            SEGMENT,
            "A hidden file, which `ls` does not show.",
            |good| good.tier(|tier| tier.rename("executor/.psqlrc")),
        ),
        bundle(
            "name_escape_sequence",
            10,
            r"\u{1b}[2K",
            "A name that would wipe the operator's terminal line. It is refused, and shown escaped.",
            |good| good.tier(|tier| tier.rename("executor/\u{1b}[2Kok.sql")),
        ),
        bundle(
            "name_not_utf8",
            10,
            "the name field is not ASCII",
            "A name that is not text.",
            |good| good.tier(|tier| tier.set(0, b"executor/\xff\xfe_table")),
        ),
        bundle(
            "name_empty",
            10,
            SEGMENT,
            "A member without a name.",
            |good| good.tier(|tier| tier.rename("")),
        ),
        bundle(
            "names_differ_in_case",
            10,
            "differs from another only in upper and lower case",
            "On a file system without case one of the two files would replace the other.",
            |good| {
                good.with(|tar| {
                    let at = tar.first_file();
                    tar.members
                        .insert(at, Member::new("EXECUTOR/01_table.sql", b"drop table t;\n"));
                })
            },
        ),
        bundle(
            "name_reserved",
            10,
            "a name that the format reserves",
            "Below `signatures/` are only signatures.",
            |good| {
                good.with(|tar| {
                    tar.members
                        .insert(2, Member::new("signatures/README", b"trust me\n"))
                })
            },
        ),
        bundle(
            "name_of_signature_upper",
            10,
            "a name that the format reserves",
            "A key id in upper case.",
            |good| {
                let id = good.release.public_key().id().to_string().to_uppercase();
                good.with(|tar| tar.members[2].rename(&format!("signatures/{id}.sig")))
            },
        ),
    ]
}

/// Signatures: valid ones, by enough keys of the role, and no other.
fn signatures() -> Vec<Defect> {
    const INVALID: &str = "is not valid";
    vec![
        bundle(
            "unsigned",
            11,
            "the bundle is not signed",
            "There is no unsigned mode.",
            |good| good.with(|tar| drop(tar.members.remove(2))),
        ),
        bundle(
            "signature_changed",
            11,
            INVALID,
            "One bit of the signature is another.",
            |good| good.with(|tar| tar.members[2].content[0] ^= 1),
        ),
        bundle(
            "signature_zero",
            11,
            INVALID,
            "64 zero bytes: the identity passes a lax verifier.",
            |good| good.with(|tar| tar.members[2].content = vec![0; 64]),
        ),
        bundle(
            "signature_malleable",
            11,
            INVALID,
            "S + L instead of S: the same signature by arithmetic, refused by RFC 8032 section 5.1.7.",
            |good| good.with(|tar| add_group_order(&mut tar.members[2].content[32..])),
        ),
        bundle(
            "signature_short",
            10,
            "has 63 bytes, expected 64",
            "A signature of 63 bytes.",
            |good| {
                let name = good.signature();
                good.with(|tar| tar.members[2] = Member::new(&name, &tar.members[2].content[..63]))
            },
        ),
        bundle(
            "signature_long",
            10,
            "has 65 bytes, expected 64",
            "A signature of 65 bytes.",
            |good| {
                let name = good.signature();
                let long = |content: &[u8]| [content, b"\n"].concat();
                good.with(|tar| tar.members[2] = Member::new(&name, &long(&tar.members[2].content)))
            },
        ),
        bundle(
            "signature_of_another_type",
            11,
            INVALID,
            "The release key signed these bytes as a trust document. The type is part of what is signed.",
            |good| {
                let signature = good
                    .release
                    .sign(trust_document::PAYLOAD_TYPE, &statement(&good.bundle));
                good.with(|tar| tar.members[2].content = signature.to_vec())
            },
        ),
        bundle(
            "signature_of_another_statement",
            11,
            INVALID,
            "A true signature of the release key, taken from another release.",
            |good| {
                let signature = good.release.sign(PAYLOAD_TYPE, b"{}");
                good.with(|tar| tar.members[2].content = signature.to_vec())
            },
        ),
        bundle(
            "signature_under_another_id",
            11,
            INVALID,
            "The signature of one release key under the id of another: an id is a hint, never a proof.",
            |good| {
                let name = signature_name(&good.second);
                good.with(|tar| tar.members[2].rename(&name))
            },
        ),
        bundle(
            "signature_of_a_stranger",
            11,
            "which the trust root does not know",
            "A signature by an unknown key beside a sufficient one. What can't be checked can't stay.",
            |good| add_signature(&good.bundle, &good.stranger),
        ),
        bundle(
            "signature_of_a_stranger_only",
            11,
            "which the trust root does not know",
            "Signed by a key that the trust root does not list.",
            |good| resign(&good.bundle, &statement(&good.bundle), &good.stranger),
        ),
        bundle(
            "signature_of_another_role",
            11,
            "0 of 1 signatures of role \"release\"",
            "Signed by a known key, but one for receipts.",
            |good| resign(&good.bundle, &statement(&good.bundle), &good.receipt),
        ),
    ]
}

/// Files: exactly those that the statement lists, with exactly their bytes.
fn files() -> Vec<Defect> {
    vec![
        bundle(
            "statement_changed",
            11,
            "is not valid",
            "One letter of the signed statement is another.",
            |good| {
                good.with(|tar| {
                    let content = &mut tar.member("statement.json").content;
                    let at = content
                        .windows(9)
                        .position(|window| window == b"Adds one ")
                        .expect("the summary");
                    content[at] = b'a';
                })
            },
        ),
        bundle(
            "file_changed",
            11,
            "was changed",
            "One letter of a script is another.",
            |good| good.tier(|tier| tier.content[0] = b'C'),
        ),
        bundle(
            "file_emptied",
            11,
            "was changed",
            "A script has lost its bytes.",
            |good| good.with(|tar| *tar.member(TIER) = Member::new(TIER, b"")),
        ),
        bundle(
            "file_extra",
            11,
            "is not part of the release",
            "A file that nobody signed lies beside the others.",
            |good| {
                good.with(|tar| {
                    let at = tar.at(TIER) + 1;
                    tar.members
                        .insert(at, Member::new("executor/02_extra.sql", b"drop table t;\n"));
                })
            },
        ),
        bundle(
            "file_missing",
            11,
            "is missing",
            "A signed file is not there.",
            |good| {
                good.with(|tar| {
                    let at = tar.at(TIER);
                    tar.members.remove(at);
                })
            },
        ),
        bundle(
            "file_renamed",
            11,
            "is missing",
            "A signed file has another name.",
            |good| good.tier(|tier| tier.rename("executor/02_table.sql")),
        ),
        bundle(
            "files_swapped",
            11,
            "was changed",
            "Two files have exchanged their contents: every digest is signed, but for another name.",
            |good| {
                good.with(|tar| {
                    let (tier, gate) = (
                        tar.member(TIER).content.clone(),
                        tar.member("gate/open.sql").content.clone(),
                    );
                    *tar.member(TIER) = Member::new(TIER, &gate);
                    *tar.member("gate/open.sql") = Member::new("gate/open.sql", &tier);
                })
            },
        ),
    ]
}

/// Malformed statements, signed by a release key.
fn statements() -> Vec<Defect> {
    const SPELLING: &str = "JSON is not canonical";
    vec![
        bundle(
            "statement_of_another_kind",
            10,
            "unknown variant",
            "A genuine in-toto statement that is not a release (predicateType).",
            |good| {
                good.bent(|statement| {
                    statement["predicateType"] = "https://slsa.dev/provenance/v1".into()
                })
            },
        ),
        bundle(
            "statement_of_another_type",
            10,
            "unknown variant",
            "in-toto Statement v0.1.",
            |good| {
                good.bent(|statement| {
                    statement["_type"] = "https://in-toto.io/Statement/v0.1".into()
                })
            },
        ),
        bundle(
            "statement_unknown_key",
            10,
            "unknown field",
            "A key that this version has no meaning for.",
            |good| good.bent(|statement| statement["predicate"]["skip_gates"] = true.into()),
        ),
        bundle(
            "statement_unknown_key_deep",
            10,
            "unknown field",
            "The same inside of a tier.",
            |good| good.bent(|statement| statement["predicate"]["tiers"][0]["skip"] = true.into()),
        ),
        bundle(
            "statement_missing_key",
            10,
            "missing field",
            "A manifest without a target.",
            |good| {
                good.bent(|statement| {
                    statement["predicate"]
                        .as_object_mut()
                        .map(|manifest| manifest.remove("target"));
                })
            },
        ),
        bundle(
            "statement_duplicate_key",
            10,
            "duplicate field",
            "A key twice: one reader takes the first, another the last.",
            |good| good.spelled("\"sequence\":1", "\"sequence\":1,\"sequence\":2"),
        ),
        bundle(
            "statement_key_case",
            10,
            "unknown field",
            "`Subject` is not `subject`, as some readers think.",
            |good| good.spelled("\"subject\":", "\"Subject\":"),
        ),
        bundle(
            "statement_float",
            10,
            "invalid type",
            "A number with a fraction.",
            |good| good.spelled("\"sequence\":1", "\"sequence\":1.0"),
        ),
        bundle(
            "statement_number_huge",
            10,
            "invalid value",
            "A number that other readers round.",
            |good| good.spelled("\"sequence\":1", "\"sequence\":9007199254740993"),
        ),
        bundle(
            "statement_number_negative",
            10,
            "invalid value",
            "A sequence below 0.",
            |good| good.spelled("\"sequence\":1", "\"sequence\":-1"),
        ),
        bundle(
            "statement_nested_deep",
            10,
            "nested deeper than",
            "4,000 arrays within each other.",
            |good| resign(&good.bundle, "[".repeat(4000).as_bytes(), &good.release),
        ),
        bundle(
            "statement_blanks",
            10,
            SPELLING,
            "White space: two texts for one document.",
            |good| good.spelled("\"sequence\":1", "\"sequence\": 1"),
        ),
        bundle(
            "statement_key_order",
            10,
            SPELLING,
            "Keys in another order than RFC 8785's.",
            |good| {
                good.spelled(
                    "\"sequence\":1,\"summary\":\"Adds one table.\"",
                    "\"summary\":\"Adds one table.\",\"sequence\":1",
                )
            },
        ),
        bundle(
            "statement_escapes",
            10,
            SPELLING,
            "A letter written as an escape.",
            |good| good.spelled("Adds one table.", "\\u0041dds one table."),
        ),
        bundle(
            "statement_line_feed",
            10,
            SPELLING,
            "A line feed after the end.",
            |good| {
                resign(
                    &good.bundle,
                    &[&statement(&good.bundle)[..], b"\n"].concat(),
                    &good.release,
                )
            },
        ),
        bundle(
            "statement_byte_order_mark",
            10,
            "expected value",
            "A byte order mark before the start.",
            |good| {
                resign(
                    &good.bundle,
                    &[b"\xef\xbb\xbf", &statement(&good.bundle)[..]].concat(),
                    &good.release,
                )
            },
        ),
        bundle(
            "statement_empty",
            10,
            "EOF while parsing",
            "No bytes at all, signed.",
            |good| resign(&good.bundle, b"", &good.release),
        ),
        bundle(
            "statement_format_2",
            10,
            "format 2 is not known",
            "A manifest of format 2.",
            |good| good.bent(|statement| statement["predicate"]["format"] = 2.into()),
        ),
        bundle(
            "statement_of_a_newer_program",
            10,
            "needs pgseal 99.0.0 or later",
            "A manifest with a part of the future, which says itself which program knows it.",
            |good| {
                good.bent(|statement| {
                    statement["predicate"]["minimum_pgseal"] = "99.0.0".into();
                    statement["predicate"]["of_the_future"] = true.into();
                })
            },
        ),
        bundle(
            "statement_path_parent",
            10,
            "has a segment",
            "A path of the manifest that climbs out.",
            |good| {
                good.bent(|statement| {
                    statement["predicate"]["tiers"][0]["file"] = "../../etc/passwd".into()
                })
            },
        ),
        bundle(
            "statement_digest_upper",
            10,
            "lower-case hexadecimal",
            "A digest in upper case.",
            |good| {
                good.bent(|statement| {
                    let digest = &mut statement["subject"][0]["digest"]["sha256"];
                    *digest = digest.as_str().unwrap_or_default().to_uppercase().into();
                })
            },
        ),
        bundle(
            "statement_second_digest",
            10,
            "unknown field",
            "A digest of another algorithm beside SHA-256.",
            |good| {
                good.bent(|statement| {
                    statement["subject"][0]["digest"]["md5"] = "0".repeat(32).into()
                })
            },
        ),
    ]
}

/// `subject` and `files` must match, or two readers would see two releases.
fn lists() -> Vec<Defect> {
    const DIFFER: &str = "subject and files lists differ";
    vec![
        bundle(
            "lists_subject_lacks_file",
            11,
            DIFFER,
            "A file is in `files` but not in `subject`.",
            |good| good.bent(|statement| drop(list(statement, "/subject").remove(0))),
        ),
        bundle(
            "lists_files_lack_subject",
            11,
            DIFFER,
            "A file is in `subject` but not in `files`.",
            |good| good.bent(|statement| drop(list(statement, "/predicate/files").remove(0))),
        ),
        bundle(
            "lists_last_subject_lacks",
            11,
            DIFFER,
            "The same for the last file of the list.",
            |good| good.bent(|statement| drop(list(statement, "/subject").pop())),
        ),
        bundle(
            "lists_subject_order",
            11,
            DIFFER,
            "`subject` is out of order.",
            |good| good.bent(|statement| list(statement, "/subject").swap(0, 1)),
        ),
        bundle(
            "lists_subject_twice",
            11,
            DIFFER,
            "A file is in `subject` twice, with two digests.",
            |good| {
                good.bent(|statement| {
                    let mut again = list(statement, "/subject")[0].clone();
                    again["digest"]["sha256"] = Digest::of(b"other").to_string().into();
                    list(statement, "/subject").insert(0, again);
                })
            },
        ),
        bundle(
            "lists_files_order",
            11,
            DIFFER,
            "`files` is out of order.",
            |good| good.bent(|statement| list(statement, "/predicate/files").swap(0, 1)),
        ),
        bundle(
            "lists_stored_otherwise",
            11,
            DIFFER,
            "`files` says gzip, the member is raw.",
            |good| {
                good.bent(|statement| statement["predicate"]["files"][0]["stored"] = "gzip".into())
            },
        ),
        bundle(
            "lists_content_of_raw_file",
            11,
            "its content is not the signed content",
            "The stored bytes are signed, and another digest for the same bytes as content.",
            |good| {
                good.bent(|statement| {
                    statement["predicate"]["files"][0]["sha256"] =
                        Digest::of(b"other").to_string().into();
                })
            },
        ),
    ]
}

/// Compressed files: exactly one member, of the signed size and digest. The stored bytes themselves
/// are signed.
fn gzips() -> Vec<Defect> {
    vec![
        bundle(
            "gzip_second_member",
            11,
            "bytes follow the gzip member",
            "A second gzip member: some readers append it, others stop before it.",
            |good| {
                good.gzipped(|_, stored, _| {
                    stored.extend(gzip::compress(b"drop table t;\n").expect("memory"))
                })
            },
        ),
        bundle(
            "gzip_trailing_bytes",
            11,
            "bytes follow the gzip member",
            "Bytes behind the gzip member.",
            |good| good.gzipped(|_, stored, _| stored.extend(b"\0\0")),
        ),
        bundle(
            "gzip_other_content",
            11,
            "its content is not the signed content",
            "The right size, another content than the signed digest.",
            |good| {
                good.gzipped(|content, stored, _| {
                    *stored = gzip::compress(&vec![b'x'; content.len()]).expect("memory");
                })
            },
        ),
        bundle(
            "gzip_longer",
            11,
            "holds more than its",
            "More content than signed: a bomb stops at its signed size.",
            |good| {
                good.gzipped(|_, stored, _| {
                    *stored = gzip::compress(&vec![0; 1 << 20]).expect("memory")
                })
            },
        ),
        bundle(
            "gzip_shorter",
            11,
            "are signed",
            "Less content than signed.",
            |good| good.gzipped(|_, stored, _| *stored = gzip::compress(b"short").expect("memory")),
        ),
        bundle(
            "gzip_size_huge",
            11,
            "are signed",
            "A signed size of 2^53 - 1. Nothing may be reserved for it.",
            |good| good.gzipped(|_, _, file| file["size"] = ((1_u64 << 53) - 1).into()),
        ),
        bundle(
            "gzip_checksum",
            11,
            "can't be decompressed",
            "The checksum in the gzip trailer is another.",
            |good| {
                good.gzipped(|_, stored, _| {
                    let at = stored.len() - 8;
                    stored[at] ^= 1;
                })
            },
        ),
        bundle(
            "gzip_none",
            11,
            "can't be decompressed",
            "The stored bytes are no gzip at all.",
            |good| good.gzipped(|content, stored, _| *stored = content[..600].to_vec()),
        ),
    ]
}

/// Invalid trust roots, and valid ones that reject a good bundle.
fn trusts() -> Vec<Defect> {
    let mut all = vec![
        trust(
            "trust_weak_key",
            "the key is weak (small order)",
            "A key of small order, for which one signature fits nearly every message.",
            |_, draft| {
                // The identity (0, 1): SPKI's fixed twelve bytes, then the point.
                let mut point = [0; 32];
                point[0] = 1;
                let id = Digest::of(&point).to_string();
                let entry = &mut draft.document["keys"][0];
                entry["public_key"] = format!(
                    "MCowBQYDK2VwAyEA{}",
                    "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
                )
                .into();
                entry["id"] = id.into();
            },
        ),
        trust(
            "trust_wrong_id",
            "the id must be the digest of the key",
            "A key under an id that is not its digest.",
            |good, draft| {
                draft.entry(&good.second)["id"] = Digest::of(b"other").to_string().into();
            },
        ),
        trust(
            "trust_key_twice",
            "is there twice, or out of order",
            "One key listed twice could meet a threshold of two alone.",
            |good, draft| {
                let again = draft.entry(&good.release).clone();
                let keys = list(&mut draft.document, "/keys");
                let at = keys
                    .iter()
                    .position(|key| *key == again)
                    .unwrap_or_default();
                keys.insert(at, again);
                draft.document["roles"]["release"] = json!({ "threshold": 2 });
            },
        ),
        trust(
            "trust_key_order",
            "is there twice, or out of order",
            "Keys ascend by their ids.",
            |_, draft| {
                list(&mut draft.document, "/keys").swap(0, 1);
            },
        ),
        trust(
            "trust_threshold_0",
            "has threshold 0",
            "A role that nobody needs to sign for.",
            |_, draft| {
                draft.document["roles"]["release"] = json!({ "threshold": 0 });
            },
        ),
        trust(
            "trust_threshold_above",
            "has threshold 3 and 2 keys",
            "A threshold that no one can meet.",
            |_, draft| {
                draft.document["roles"]["release"] = json!({ "threshold": 3 });
            },
        ),
        trust(
            "trust_threshold_by_revoked",
            "has threshold 2 and 1 keys",
            "A threshold that only a revoked key would meet.",
            |good, draft| {
                draft.document["roles"]["release"] = json!({ "threshold": 2 });
                draft.entry(&good.second)["status"] = "revoked".into();
            },
        ),
        trust(
            "trust_unknown_role",
            "which is not defined",
            "A key with a role that the document does not define.",
            |good, draft| {
                draft.entry(&good.second)["role"] = "admin".into();
            },
        ),
        trust(
            "trust_no_release_role",
            "there is no role",
            "A trust root that lets nobody release.",
            |_, draft| {
                list(&mut draft.document, "/keys").retain(|key| key["role"] != "release");
                draft.document["roles"]
                    .as_object_mut()
                    .map(|roles| roles.remove("release"));
            },
        ),
        trust(
            "trust_unknown_key",
            "unknown field",
            "A policy of the future, which this version would not obey.",
            |_, draft| {
                draft.document["policy"]["two_people"] = true.into();
            },
        ),
        trust(
            "trust_version_0",
            "version 0 does not fit",
            "Versions begin at 1.",
            |_, draft| draft.document["version"] = 0.into(),
        ),
        trust(
            "trust_first_with_past",
            "does not fit its prev_sha256",
            "A first version that names one before it.",
            |_, draft| {
                draft.document["prev_sha256"] = Digest::of(b"none").to_string().into();
            },
        ),
        trust(
            "trust_window_backwards",
            "its window ends before it begins",
            "A key's window ends before it begins.",
            |good, draft| {
                let entry = draft.entry(&good.second);
                entry["not_before"] = "2026-02-01T00:00:00Z".into();
                entry["not_after"] = "2026-01-01T00:00:00Z".into();
            },
        ),
        trust(
            "trust_expired",
            "expired on 2026-01-01T00:00:00Z",
            "A trust root past its date vouches for nothing new.",
            |_, draft| {
                draft.document["expires"] = "2026-01-01T00:00:00Z".into();
            },
        ),
        trust(
            "trust_key_revoked",
            "is revoked",
            "The release's only signature is of a revoked key.",
            |good, draft| {
                draft.entry(&good.release)["status"] = "revoked".into();
            },
        ),
        trust(
            "trust_key_retired",
            "is retired",
            "A retired key's signatures count no more.",
            |good, draft| {
                draft.entry(&good.release)["status"] = "retired".into();
            },
        ),
        trust(
            "trust_key_too_early",
            "counts from 8999-01-01T00:00:00Z on",
            "The key's window has not begun.",
            |good, draft| {
                draft.entry(&good.release)["not_before"] = "8999-01-01T00:00:00Z".into();
            },
        ),
        trust(
            "trust_key_too_late",
            "counted until 2020-01-01T00:00:00Z",
            "The key's window is over.",
            |good, draft| {
                draft.entry(&good.release)["not_after"] = "2020-01-01T00:00:00Z".into();
            },
        ),
        trust(
            "trust_threshold_2",
            "1 of 2 signatures of role \"release\"",
            "Two must sign, one did.",
            |_, draft| {
                draft.document["roles"]["release"] = json!({ "threshold": 2 });
            },
        ),
        trust(
            "trust_release_blocked",
            "the trust root blocks this release",
            "This very release is blocked.",
            |good, draft| {
                draft.document["policy"]["blocked_releases"] =
                    json!([Digest::of(&statement(&good.bundle)).to_string()]);
            },
        ),
        trust(
            "trust_sequence_too_low",
            "wants sequence 2 or later",
            "An old release, played again.",
            |_, draft| {
                draft.document["policy"]["minimum_sequence"] = json!({ "small": 2 });
            },
        ),
    ];
    let signature = |name, error, why, make| Defect {
        name,
        why,
        exit: 11,
        error,
        make: Make::TrustSignature(make),
    };
    all.extend([
        signature(
            "trust_unsigned",
            "0 of 1 signatures of role \"root\"",
            "A trust root without a signature.",
            |_, bytes, _| {
                bytes.clear();
            },
        ),
        signature(
            "trust_signature_changed",
            "is not valid",
            "One bit of its signature is another.",
            |_, bytes, _| bytes[0] ^= 1,
        ),
        signature(
            "trust_signature_of_another_type",
            "is not valid",
            "The root key signed these bytes as a release.",
            |_, bytes, draft| {
                let other = draft
                    .root_keys
                    .first()
                    .map(|key| key.sign(PAYLOAD_TYPE, &draft.bytes()));
                *bytes = other.unwrap_or([0; 64]).to_vec();
            },
        ),
    ]);
    all
}

pub fn list<'v>(value: &'v mut Value, pointer: &str) -> &'v mut Vec<Value> {
    value
        .pointer_mut(pointer)
        .and_then(Value::as_array_mut)
        .expect("a list of the document")
}

/// Inserts a valid signature of another key in member order.
pub fn add_signature(bundle: &[u8], key: &SecretKey) -> Vec<u8> {
    let mut tar = Tar::of(bundle);
    tar.add(Member::new(
        &signature_name(key),
        &key.sign(PAYLOAD_TYPE, &statement(bundle)),
    ));
    tar.bytes()
}

/// The order of the group of Ed25519 (RFC 8032 section 5.1), little endian.
pub const GROUP_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// Adds the order of the group to a scalar below it.
fn add_group_order(scalar: &mut [u8]) {
    let mut carry = 0;
    for (byte, order) in scalar.iter_mut().zip(GROUP_ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
}
