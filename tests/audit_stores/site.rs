//! An archive with something of everything that a place can hold.

use std::fs;
use std::process::Command;

use super::support::bundles::{Files, small, small_with, write_dir};
use super::support::site::{Outcome, Site, outcome};

/// Larger than what is fetched at once, packed too: letters that look like chance.
fn large() -> Files {
    let mut state = 1_u32;
    let mut line = || {
        let letters: String = (0..120)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                char::from(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"[(state >> 26) as usize])
            })
            .collect();
        format!("-- {letters}\n")
    };
    let text: String = (0..80_000).map(|_| line()).collect();
    let mut files = small_with("executor/01_table.sql", format!("{text}create table t (id integer);\n").as_bytes());
    let manifest = String::from_utf8(files["release.toml"].clone()).unwrap().replace("\"small\"", "\"large\"");
    files.insert("release.toml".to_owned(), manifest.into_bytes());
    files
}

/// A name as nobody should choose it, and everybody may.
pub const ODD: &str = "q3 <b>ü & 100%20 +'#.pgseal";

/// `archive/` with bundles, one of them changed, one large, a tar file, a trust root, and what is no business of an audit.
pub fn archive() -> Site {
    let site = Site::new();
    fs::create_dir_all(site.path("archive/2025/deep")).unwrap();
    pack(&site, &small(), "archive/small.pgseal");
    pack(&site, &large(), "archive/2025/large.pgseal");
    let bytes = site.read("archive/small.pgseal");
    assert!(site.read("archive/2025/large.pgseal").len() > 5 << 20);
    site.write(&format!("archive/2025/{ODD}"), &bytes);
    site.write("archive/2025/deep/cut.pgseal", &bytes[..bytes.len() / 2]);
    let mut changed = bytes.clone();
    let at = changed.windows(12).position(|window| window == b"create table").unwrap();
    changed[at] = b'C';
    site.write("archive/changed.pgseal", &changed);
    site.write("archive/notes.txt", "nobody's business");
    site.write("archive/empty.pgseal", "");
    let mut tar = Command::new("tar");
    outcome(tar.current_dir(site.path("archive")).args(["-cf", "2024.tar", "small.pgseal", "2025/large.pgseal"]))
        .done();
    fs::copy(site.path("trust.json"), site.path("archive/trust.json")).unwrap();
    fs::create_dir(site.path("archive/trust.json.sigs")).unwrap();
    for file in fs::read_dir(site.path("trust.json.sigs")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), site.path("archive/trust.json.sigs").join(file.file_name())).unwrap();
    }
    site
}

fn pack(site: &Site, files: &Files, into: &str) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    write_dir(dir.path(), files);
    let dir = dir.path().to_str().unwrap();
    site.run(["pack", dir, "-o", into, "--key", "release.key"]).done()
}
