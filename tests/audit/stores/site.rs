//! An archive with a file of every kind that an audit can meet.

use std::fs;
use std::process::Command;

use pgseal_verify::format::json;

use crate::vault::{Vault, approved, ran, rolled_back, yes};
use pgseal_testkit::bundles::{Files, pack, small, small_with};
use pgseal_testkit::site::{Site, outcome};

/// Returns a release that is larger than one read even when it is compressed: pseudo-random letters.
fn large() -> Files {
    let mut state = 1_u32;
    let mut line = || {
        let letters: String = (0..120)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                char::from(
                    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"
                        [(state >> 26) as usize],
                )
            })
            .collect();
        format!("-- {letters}\n")
    };
    let text: String = (0..80_000).map(|_| line()).collect();
    let mut files = small_with(
        "executor/01_table.sql",
        format!("{text}create table t (id integer);\n").as_bytes(),
    );
    let manifest = String::from_utf8(files["release.toml"].clone())
        .unwrap()
        .replace("\"small\"", "\"large\"");
    files.insert("release.toml".to_owned(), manifest.into_bytes());
    files
}

/// An unwise but valid file name.
pub const ODD: &str = "q3 <b>ü & 100%20 +'#.pgseal";

/// Creates `archive/` with bundles (one changed, one large), approvals, receipts, a tar file, a trust root, and files
/// that an audit ignores.
pub fn archive() -> Site {
    let vault = Vault::new();
    let trust = vault.trust(|_| {});
    let release = std::slice::from_ref(&vault.keys.release);
    let bytes = approved(&pack(&small(), release), &vault.keys.ann);
    vault.put("small.pgseal", &bytes);
    vault.put("small.approval", yes(&bytes, &vault.keys.bob));
    vault.receipt("runs/1", &ran(&bytes, trust, "2026-11-01T10:00:00Z", "1"));
    let undone = rolled_back(&bytes, trust, "2026-11-02T10:00:00Z", "2");
    vault.put("runs/2.receipt.json", json::to_canonical(&undone).unwrap());
    let large = vault.put("2025/large.pgseal", pack(&large(), release));
    assert!(large.metadata().unwrap().len() > 5 << 20);
    vault.put(&format!("2025/{ODD}"), &bytes);
    vault.put("2025/deep/cut.pgseal", &bytes[..bytes.len() / 2]);
    let mut changed = bytes.clone();
    let at = changed
        .windows(12)
        .position(|window| window == b"create table")
        .unwrap();
    changed[at] = b'C';
    vault.put("changed.pgseal", &changed);
    vault.put("notes.txt", "nobody's business");
    vault.put("empty.pgseal", "");
    let mut tar = Command::new("tar");
    outcome(tar.current_dir(vault.archive()).args([
        "-cf",
        "2024.tar",
        "small.pgseal",
        "2025/large.pgseal",
    ]))
    .done();
    vault.put("trust.json", vault.site.read("trust.json"));
    for file in fs::read_dir(vault.site.path("trust.json.sigs")).unwrap() {
        let file = file.unwrap();
        vault.put(
            &format!("trust.json.sigs/{}", file.file_name().display()),
            fs::read(file.path()).unwrap(),
        );
    }
    vault.site
}
