//! The folders below `tests/vectors`; `tests/vectors/README.md` describes them.

use std::path::{Path, PathBuf};
use std::process::Command;

use pgseal_verify::format::version::PGSEAL;

use crate::defects::{Defect, Good, Make};

/// The directory of the committed vectors.
pub fn committed() -> PathBuf {
    crate::repository().join("tests/vectors")
}

/// The accepted vectors: their folders and descriptions.
pub const GOOD: [(&str, &str); 2] = [
    (
        "good_pass",
        "# good\n\nNothing is wrong with it: the other vectors differ from it in one thing each.\n",
    ),
    (
        "approved_pass",
        "# approved\n\nThe good bundle with two approvals, a notarisation and a time stamp (RFC 3161), all genuine.\n",
    ),
];

/// Writes the good vectors and their shared trust root.
pub fn write_good(dir: &Path, good: &Good) {
    good.draft().write(dir);
    for ((folder, about), bundle) in GOOD.into_iter().zip([&good.bundle, &good.approved]) {
        let folder = dir.join(folder);
        std::fs::create_dir_all(&folder).expect("the directory is writable");
        put(&folder, "bundle.pgseal", bundle);
        put(&folder, "README.md", about.as_bytes());
    }
}

/// Writes the vector of a defect.
pub fn write(dir: &Path, defect: &Defect, good: &Good) -> PathBuf {
    let folder = dir.join(format!("{}_fail", defect.name));
    std::fs::create_dir_all(&folder).expect("the directory is writable");
    put(
        &folder,
        "README.md",
        format!("# {}\n\n{}\n", defect.name, defect.why).as_bytes(),
    );
    let mut draft = good.draft();
    match defect.make {
        Make::Bundle(make) => put(&folder, "bundle.pgseal", &make(good)),
        Make::Both(make) => {
            put(&folder, "bundle.pgseal", &make(good, &mut draft));
            draft.write(&folder);
        }
        Make::Trust(bend) => {
            bend(good, &mut draft);
            draft.write(&folder);
        }
        Make::TrustSignature(bend) => {
            let (id, signature) = draft.signatures(&draft.bytes())[0];
            let mut signature = signature.to_vec();
            bend(good, &mut signature, &draft);
            // Empty bytes mean no signature file. git keeps no empty directory, and the reader
            // needs one, so it gets a file that the reader ignores.
            if signature.is_empty() {
                draft.write_with(&folder, []);
                put(&folder.join("trust.json.sigs"), "none", b"");
            } else {
                draft.write_with(&folder, [(id, signature)]);
            }
        }
    }
    folder
}

/// Runs `pgseal verify --contents` in the folder. Returns its exit code and errors, in the form of
/// `expect`.
pub fn run(folder: &Path) -> String {
    let choose = |own: &'static str, shared: &'static str| {
        if folder.join(own).exists() {
            own
        } else {
            shared
        }
    };
    let output = Command::new(crate::pgseal())
        .current_dir(folder)
        .args([
            "verify",
            "--contents",
            choose("bundle.pgseal", "../good_pass/bundle.pgseal"),
        ])
        .args(["--trust", choose("trust.json", "../trust.json")])
        .env_remove("PGSEAL_TRUST")
        .output()
        .expect("the program starts");
    let stderr = String::from_utf8(output.stderr).expect("what it says is text");
    let errors: Vec<&str> = stderr
        .lines()
        .filter(|line| line.starts_with("pgseal: error:"))
        .collect();
    let code = output.status.code().expect("it ends by itself");
    assert_eq!(
        output.stdout.is_empty(),
        code != 0,
        "{}: a refused bundle shows nothing of itself",
        folder.display()
    );
    let mut expect = format!("exit: {code}\n");
    // Masks the version and the clock, so that vectors stay valid for new versions and at other
    // times.
    errors
        .iter()
        .for_each(|line| expect.extend([&without_clock(&line.replace(PGSEAL, "[VERSION]")), "\n"]));
    expect
}

/// Masks the host's clock in an error line.
fn without_clock(line: &str) -> String {
    const CLOCK: &str = "this host's clock (";
    let shown = line
        .split_once(CLOCK)
        .and_then(|(before, after)| Some((before, after.split_once(')')?.1)));
    shown.map_or(line.to_owned(), |(before, after)| {
        format!("{before}{CLOCK}[NOW]){after}")
    })
}

fn put(folder: &Path, name: &str, bytes: &[u8]) {
    std::fs::write(folder.join(name), bytes).expect("the directory is writable");
}
