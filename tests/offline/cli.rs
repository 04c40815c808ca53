//! The program as operators and scripts use it: arguments in; exit codes, output and files out.

mod unpack;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use pgseal::trust::SecretKey;
use pgseal_testkit::bundles::{one_roof, pack, resign, small, small_with, statement, write_dir};
use pgseal_testkit::defects::{self, Good};
use pgseal_testkit::keys::{Draft, key, key_file};
use pgseal_testkit::site::{Site, outcome};
use pgseal_testkit::tar::{Member, Tar};
use pgseal_testkit::vectors;
use serde_json::json;

// --- vectors ------------------------------------------------------------------------------------------------------

/// Returns whether other tests run this folder: published signatures are in `src/trust/published_tests.rs`, rotations
/// of the trust root in `tests/offline/trust/vectors.rs`.
fn is_run_elsewhere(name: &str) -> bool {
    name == "wycheproof" || name.starts_with("rotation_")
}

#[test]
fn every_committed_vector_is_refused_as_it_says() {
    let dir = vectors::committed();
    let mut wrong = Vec::new();
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(&dir).expect("tests/vectors") {
        let folder = entry.expect("a readable folder").path();
        let name = folder
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a plain name")
            .to_owned();
        if !folder.is_dir() || name == "trust.json.sigs" || is_run_elsewhere(&name) {
            continue;
        }
        assert!(
            folder.join("README.md").is_file(),
            "{name} says what is wrong"
        );
        let expect = std::fs::read_to_string(folder.join("expect")).expect("expect");
        assert_eq!(
            expect.starts_with("exit: 0\n"),
            name.ends_with("_pass"),
            "{name}: {expect}"
        );
        let is = vectors::run(&folder);
        if is != expect {
            wrong.push(format!("{name}\n--- expected\n{expect}--- is\n{is}"));
        }
        found.insert(name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut all: BTreeSet<String> = defects::all()
        .iter()
        .map(|defect| format!("{}_fail", defect.name))
        .collect();
    all.extend(vectors::GOOD.map(|(folder, _)| folder.to_owned()));
    assert_eq!(found, all, "run the ignored test regenerate_vectors");
}

#[test]
fn every_defect_made_anew_is_refused_for_its_own_reason() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let good = Good::new(defects::KEYS.map(key));
    let wrong = write_all(dir.path(), &good);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Not a test: writes tests/vectors again, with keys that are discarded.
#[test]
#[ignore = "writes into the source tree"]
fn regenerate_vectors() {
    let dir = vectors::committed();
    for entry in std::fs::read_dir(&dir).expect("tests/vectors") {
        let entry = entry.expect("a readable folder");
        let path = entry.path();
        if path.is_dir() && !is_run_elsewhere(&entry.file_name().to_string_lossy()) {
            std::fs::remove_dir_all(path).expect("the source tree is writable");
        }
    }
    let good = Good::new(defects::KEYS.map(|_| SecretKey::generate().expect("random bytes")));
    let wrong = write_all(&dir, &good);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Not a test: after a change of messages, writes every `expect` again and leaves the vectors unchanged. Read the
/// difference before committing it.
#[test]
#[ignore = "writes into the source tree"]
fn rewrite_expectations() {
    for entry in std::fs::read_dir(vectors::committed()).expect("tests/vectors") {
        let entry = entry.expect("a readable folder");
        let folder = entry.path();
        if folder.join("expect").is_file()
            && !is_run_elsewhere(&entry.file_name().to_string_lossy())
        {
            std::fs::write(folder.join("expect"), vectors::run(&folder))
                .expect("the source tree is writable");
        }
    }
}

/// Writes all vectors with the program's output, and returns those whose output is not the one that the defect should
/// cause.
fn write_all(dir: &std::path::Path, good: &Good) -> Vec<String> {
    vectors::write_good(dir, good);
    let mut wrong = Vec::new();
    for (folder, _) in vectors::GOOD {
        let said = vectors::run(&dir.join(folder));
        std::fs::write(dir.join(folder).join("expect"), &said).expect("the directory is writable");
        if said != "exit: 0\n" {
            wrong.push(format!("{folder}: {said}"));
        }
    }
    for defect in defects::all() {
        let folder = vectors::write(dir, &defect, good);
        let said = vectors::run(&folder);
        std::fs::write(folder.join("expect"), &said).expect("the directory is writable");
        let code = format!("exit: {}\n", defect.exit);
        if !said.starts_with(&code) || !said.contains(defect.error) || said.lines().count() != 2 {
            wrong.push(format!(
                "{}: wanted {} {:?}, is {said}",
                defect.name, defect.exit, defect.error
            ));
        }
    }
    wrong
}

// --- what each command does -------------------------------------------------------------------------------------

/// Creates a site with the small release as `small/` and, signed, as `small.pgseal`.
fn small_site() -> Site {
    let site = Site::new();
    write_dir(&site.path("small"), &small());
    site.run([
        "pack",
        "small",
        "-o",
        "small.pgseal",
        "--key",
        "release.key",
    ])
    .done();
    site
}

#[test]
fn keygen_writes_a_key_that_only_its_owner_can_read() {
    let site = Site::empty();
    let document = site
        .run(["keygen", "a", "--no-passphrase", "--json"])
        .done()
        .json();
    let mode = |name: &str| {
        site.path(name)
            .metadata()
            .expect("there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(
        (mode("a.key"), document["secret"].as_str()),
        (0o600, Some("a.key"))
    );
    assert!(document["key_id"].as_str().is_some_and(|id| id.len() == 64));
    let secret = String::from_utf8(site.read("a.key")).expect("PEM");
    let middle = secret.lines().nth(1).expect("three lines");
    let said = site.run(["keygen", "b", "--no-passphrase"]).done();
    assert!(!said.text().contains(middle) && !said.stderr.contains(middle));
    for there in ["a.key", "a.pub"] {
        let other = Site::empty();
        other.write(there, "mine");
        other.refused(2, "exists already", ["keygen", "a", "--no-passphrase"]);
    }
    // Even without a umask the secret key is private.
    let wide = format!(
        "umask 0; exec '{}' keygen wide --no-passphrase",
        env!("CARGO_BIN_EXE_pgseal")
    );
    outcome(
        Command::new("sh")
            .current_dir(site.dir())
            .args(["-c", &wide]),
    )
    .done();
    assert_eq!(mode("wide.key"), 0o600);
}

#[test]
fn a_passphrase_comes_from_a_descriptor_and_goes_nowhere() {
    let site = Site::new();
    let new = site
        .run_with(
            "correct horse\n",
            ["keygen", "sealed", "--passphrase-fd", "0"],
        )
        .done();
    let all = format!(
        "{}{}{}",
        new.text(),
        new.stderr,
        String::from_utf8_lossy(&site.read("sealed.key"))
    );
    assert!(!all.contains("correct horse"));
    assert!(all.contains("BEGIN ENCRYPTED"));
    write_dir(&site.path("small"), &small());
    let pack = [
        "pack",
        "small",
        "-o",
        "x.pgseal",
        "--key",
        "sealed.key",
        "--passphrase-fd",
        "0",
        "--trust",
        "t.json",
    ];
    site.run([
        "trust",
        "init",
        "t.json",
        "--root-key",
        "root.key",
        "--role",
        "release:1=sealed.pub",
    ])
    .done();
    site.run_with("wrong horse\n", pack)
        .is_error(2, "the passphrase does not open the key");
    site.run_with("", pack).is_error(2, "no passphrase");
    assert!(!site.path("x.pgseal").exists());
    site.run_with("correct horse\n", pack).done();
    // Without a descriptor or a terminal there is no source for the passphrase.
    let alone = site.command([&pack[..6], &pack[8..]].concat());
    let mut setsid = Command::new("setsid");
    setsid
        .current_dir(site.dir())
        .arg("--wait")
        .arg(alone.get_program())
        .args(alone.get_args());
    outcome(setsid.stdin(std::process::Stdio::null())).is_error(2, "no passphrase");
    // Two keys, a line for each.
    site.run_with("second\n", ["keygen", "two", "--passphrase-fd", "0"])
        .done();
    let both = [
        "pack",
        "small",
        "-o",
        "z.pgseal",
        "--key",
        "sealed.key",
        "--key",
        "two.key",
        "--passphrase-fd",
        "0",
        "--trust",
        "t2.json",
    ];
    site.run([
        "trust",
        "init",
        "t2.json",
        "--root-key",
        "root.key",
        "--role",
        "release:2=sealed.pub,two.pub",
    ])
    .done();
    let signed = site.run_with("correct horse\nsecond\n", both).done();
    assert_eq!(signed.text().matches("signed by").count(), 2);
    site.run_with("correct horse\n", both)
        .is_error(2, "no passphrase");
}

#[test]
fn openssl_reads_our_keys_and_we_read_its() {
    let site = Site::new();
    let openssl =
        |args: &[&str]| outcome(Command::new("openssl").current_dir(site.dir()).args(args)).done();
    site.run_with(
        "correct horse\n",
        ["keygen", "ours", "--passphrase-fd", "0"],
    )
    .done();
    let public = openssl(&[
        "pkey",
        "-in",
        "ours.key",
        "-passin",
        "pass:correct horse",
        "-pubout",
    ]);
    assert_eq!(public.stdout, site.read("ours.pub"));
    let plain = openssl(&["pkey", "-in", "release.key", "-pubout"]);
    assert_eq!(plain.stdout, site.read("release.pub"));

    openssl(&["genpkey", "-algorithm", "ed25519", "-out", "theirs.key"]);
    openssl(&[
        "pkcs8",
        "-topk8",
        "-scrypt",
        "-in",
        "theirs.key",
        "-out",
        "scrypt.key",
        "-passout",
        "pass:pw",
    ]);
    openssl(&[
        "pkcs8",
        "-topk8",
        "-v2",
        "aes-256-cbc",
        "-in",
        "theirs.key",
        "-out",
        "pbkdf2.key",
        "-passout",
        "pass:pw",
    ]);
    openssl(&["pkey", "-in", "theirs.key", "-pubout", "-out", "theirs.pub"]);
    site.run([
        "trust",
        "init",
        "t.json",
        "--root-key",
        "root.key",
        "--role",
        "release:1=theirs.pub",
    ])
    .done();
    write_dir(&site.path("small"), &small());
    for name in ["theirs.key", "scrypt.key", "pbkdf2.key"] {
        std::fs::set_permissions(site.path(name), std::fs::Permissions::from_mode(0o600))
            .expect("our own file");
        site.run_with(
            "pw\n",
            [
                "pack",
                "small",
                "-o",
                "x.pgseal",
                "--key",
                name,
                "--passphrase-fd",
                "0",
                "--trust",
                "t.json",
            ],
        )
        .done();
        site.run(["verify", "x.pgseal", "--trust", "t.json"]).done();
    }
}

#[test]
fn a_bundle_from_packing_to_looking_inside() {
    let site = Site::new();
    site.run(["init", "mine"]).done();
    assert_eq!(
        site.run(["lint", "mine", "--json"]).done().json()["problems"],
        json!([])
    );
    let packed = site
        .run([
            "pack",
            "mine",
            "-o",
            "mine.pgseal",
            "--key",
            "release.key",
            "--json",
        ])
        .done()
        .json();
    let verified = site
        .run(["verify", "mine.pgseal", "--contents", "--json"])
        .done()
        .json();
    assert_eq!(verified["release_id"], packed["release_id"]);
    assert_eq!(verified["files"], packed["files"]);
    assert_eq!(verified["signers"][0]["key_id"], packed["signers"][0]);
    let count = packed["files"].as_u64().expect("a number");
    let said = site.run(["verify", "mine.pgseal"]).done().text();
    assert!(
        said.contains(&format!("{count}/{count} files OK")),
        "{said}"
    );

    let inspected = site.run(["inspect", "mine.pgseal", "--json"]).done().json();
    assert_eq!(inspected["manifest"]["release"]["name"], "mine");
    assert!(
        site.run(["inspect", "mine.pgseal"])
            .done()
            .text()
            .contains("tier 1/1 greetings")
    );
    let toml = std::fs::read(site.path("mine/release.toml")).expect("made by init");
    assert_eq!(
        site.run(["cat", "mine.pgseal", "release.toml"])
            .done()
            .stdout,
        toml
    );
    let runbook = std::fs::read(site.path("mine/runbooks/operator.md")).expect("made by init");
    assert_eq!(
        site.run(["runbook", "mine.pgseal", "--raw"]).done().stdout,
        runbook
    );
    let owners = site.run(["runbook", "mine.pgseal", "owner"]).done().text();
    for said in [
        "mine 1.0.0: for the owner",
        "Can it be undone",
        "pgseal report",
    ] {
        assert!(owners.contains(said), "{said}: {owners}");
    }
    let shown = site
        .run(["runbook", "mine.pgseal", "-v", "ticket=OPS-7"])
        .done()
        .text();
    let id = site.run(["verify", "mine.pgseal", "--json"]).done().json()["release_id"].clone();
    assert!(
        shown.contains(id.as_str().expect("an id")) && !shown.contains("{{"),
        "{shown}"
    );
    assert!(
        shown.contains(
            "`pgseal run mine.pgseal --db \"$DB\" -v ticket=OPS-7 --receipt-key HOST.key`"
        ),
        "{shown}"
    );
    let to_file = [
        "runbook",
        "mine.pgseal",
        "-v",
        "ticket=OPS-7",
        "-o",
        "page.md",
        "--json",
    ];
    assert_eq!(site.run(to_file).done().json()["file"], "page.md");
    assert_eq!(
        std::fs::read_to_string(site.path("page.md")).expect("written"),
        shown
    );
    let without = site.run(["runbook", "mine.pgseal"]).done().text();
    assert!(
        without.contains("-v ticket=VALUE`")
            && without.contains("- `ticket`: The ticket that asked"),
        "{without}"
    );
    let page = site
        .run(["runbook", "mine.pgseal", "--html", "-v", "ticket=OPS-7"])
        .done()
        .text();
    assert!(
        page.starts_with("<!DOCTYPE html>") && page.contains("--db \"$DB\" -v ticket=OPS-7</code>"),
        "{page}"
    );
    site.refused(
        2,
        "does not match the pattern",
        ["runbook", "mine.pgseal", "-v", "ticket=x"],
    );
    assert_eq!(
        site.run(["runbook", "mine.pgseal", "operator", "--json"])
            .done()
            .json()["audience"],
        "operator"
    );
    site.refused(
        2,
        "no runbook for the auditor",
        ["runbook", "mine.pgseal", "auditor"],
    );
    site.refused(2, "has no file", ["cat", "mine.pgseal", "none.sql"]);
    assert_eq!(
        site.run(["trust", "show", "--json"]).done().json()["trust"]["version"],
        1
    );
}

#[test]
fn a_release_is_called_like_its_directory() {
    let site = Site::new();
    for (dir, name) in [
        ("greetings", "greetings"),
        ("new/deeper-one", "deeper-one"),
        ("slash/", "slash"),
    ] {
        site.run(["init", dir]).done();
        let manifest = site
            .run([
                "pack",
                dir,
                "-o",
                "x.pgseal",
                "--replace",
                "--key",
                "release.key",
                "--json",
            ])
            .done()
            .json();
        assert_eq!(manifest["release"]["name"], name);
    }
    let inside = |dir: &str| {
        std::fs::create_dir(site.path(dir)).expect("writable");
        outcome(site.command(["init", "."]).current_dir(site.path(dir)))
    };
    inside("within").done();
    assert!(
        String::from_utf8_lossy(&site.read("within/release.toml")).contains("name = \"within\"")
    );
    // The release's name is never invented: without a valid one, init fails.
    let why = "is no name: 1 to 40 of a-z, 0-9, '-' and '_', beginning with a letter or a digit";
    for dir in ["Bad Name", "new/Bad", "new\u{1b}[31m", "/"] {
        let said = site.refused(2, why, ["init", dir]);
        assert!(
            said.stderr
                .contains("hint: the release is called like its directory"),
            "{}",
            said.stderr
        );
    }
    inside("Within").is_error(2, "\"Within\" is no name");
    assert_eq!(site.path("Within").read_dir().expect("there").count(), 0);
}

/// Creates a release with a tier whose statements commit separately.
fn stepwise(site: &Site) {
    site.run(["init", "steps"]).done();
    let toml = String::from_utf8(site.read("steps/release.toml")).expect("text");
    let tier = "[[tier]]\nname = \"index\"\nfile = \"tiers/02_index.sql\"\ntransaction = \"none\"\n\n# The way back";
    site.write("steps/release.toml", toml.replace("# The way back", tier));
    site.write(
        "steps/tiers/02_index.sql",
        "create index concurrently g on public.greetings (greeting);\n",
    );
}

/// Approvers see the statements that commit separately, and the ones that can't be rolled back.
#[test]
fn points_at_which_a_run_can_stop_are_shown_to_whoever_judges() {
    let site = Site::new();
    stepwise(&site);
    let packed = site
        .run([
            "pack",
            "steps",
            "-o",
            "steps.pgseal",
            "--key",
            "release.key",
        ])
        .done()
        .text();
    assert!(packed.contains("commits alone"), "{packed}");
    let quiet = site
        .run([
            "pack",
            "steps",
            "-o",
            "steps.pgseal",
            "--key",
            "release.key",
            "-q",
        ])
        .done()
        .text();
    assert!(!quiet.contains("commits alone"), "{quiet}");
    let points = site.run(["verify", "steps.pgseal", "--json"]).done().json()["points"].clone();
    assert_eq!(
        (&points[0]["tier"], points.as_array().map(Vec::len)),
        (&serde_json::json!("index"), Some(1))
    );
    site.run(["keygen", "ann", "--no-passphrase"]).done();
    let roles = ["--role", "release:1=release.pub", "--role", "l2:1=ann.pub"];
    site.run(
        ["trust", "init", "both.json", "--root-key", "root.key"]
            .into_iter()
            .chain(roles),
    )
    .done();
    let approve = [
        "approve",
        "steps.pgseal",
        "--key",
        "ann.key",
        "--yes",
        "steps",
        "--trust",
        "both.json",
    ];
    for args in [&["verify", "steps.pgseal"][..], &approve] {
        let told = site.run(args).done().text();
        assert!(
            told.contains("commits alone") && told.contains("tiers/02_index.sql:1"),
            "{args:?}: {told}"
        );
    }
}

/// Truncated output is an error, but a reader that closes the pipe early is not.
#[test]
fn an_answer_that_can_not_be_written() {
    let site = small_site();
    for args in [
        &["verify", "small.pgseal", "--json"][..],
        &["verify", "small.pgseal"],
        &["man"],
        &["cat", "small.pgseal", "release.toml"],
        &["--help"],
        &["--version"],
    ] {
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .expect("Linux has it");
        let ended = outcome(site.command(args).stdout(full));
        assert_eq!(ended.code, 1, "{args:?}: {}", ended.stderr);
        assert!(
            ended
                .stderr
                .contains("standard output: No space left on device"),
            "{args:?}: {}",
            ended.stderr
        );
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let ended = outcome(site.command(args).stdout(writer));
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{args:?}");
    }
    // The error about the bundle takes precedence over the failed output.
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    assert_eq!(
        outcome(
            site.command(["verify", "none.pgseal", "--json"])
                .stdout(full)
        )
        .code,
        1
    );
}

/// A schema named after the current role.
#[test]
fn a_path_that_depends_on_the_role_does_not_pack() {
    let site = small_site();
    let toml = String::from_utf8(site.read("small/release.toml")).expect("text");
    let path = "search_path = [\"app\", \"$user\"]\ndatabase = ";
    site.write("small/release.toml", toml.replacen("database = ", path, 1));
    let said = site.run(["pack", "small", "-o", "x.pgseal"]);
    said.is_error(
        2,
        "\"$user\" in target.search_path is another schema for every role",
    );
    let line = toml
        .lines()
        .position(|line| line.starts_with("database = "))
        .expect("a database")
        + 1;
    assert!(
        said.stderr.contains(&format!("release.toml:{line}:23: ")),
        "{}",
        said.stderr
    );
}

#[test]
fn diff_names_what_changed() {
    let site = small_site();
    let mut files = small_with("executor/02_more.sql", b"select 1;\n");
    files.remove("gate/open.sql");
    let toml = String::from_utf8(files["release.toml"].clone()).expect("text");
    let gate = "[[gate]]\nname = \"open\"\nfile = \"gate/open.sql\"\n";
    let toml = toml
        .replace("1.0.0", "1.1.0")
        .replace("sequence = 1", "sequence = 2")
        .replace(gate, "");
    files.insert("release.toml".to_owned(), toml.into_bytes());
    write_dir(&site.path("next"), &files);
    site.run(["pack", "next", "-o", "next.pgseal", "--key", "release.key"])
        .done();
    let diff = &site
        .run(["diff", "small.pgseal", "next.pgseal", "--json"])
        .done()
        .json()["diff"];
    assert_eq!(diff["added"], json!(["executor/02_more.sql"]));
    assert_eq!(diff["removed"], json!(["gate/open.sql"]));
    assert_eq!(diff["changed"], json!(["release.toml"]));
    assert_eq!(diff["manifest"], json!(["gates", "release", "tiers"]));
    assert_eq!(
        site.run(["diff", "small.pgseal", "small.pgseal"])
            .done()
            .text(),
        "no differences\n"
    );
}

#[test]
fn unpacking_and_packing_again_gives_the_same_bytes() {
    let site = Site::new();
    let roof = one_roof();
    site.run([
        "pack",
        roof.to_str().expect("a plain path"),
        "-o",
        "a.pgseal",
        "--key",
        "release.key",
    ])
    .done();
    site.run(["unpack", "a.pgseal", "-C", "out"]).done();
    site.run(["pack", "out", "-o", "b.pgseal", "--key", "release.key"])
        .done();
    assert!(site.read("a.pgseal") == site.read("b.pgseal"));
    site.refused(2, "is not empty", ["unpack", "a.pgseal", "-C", "out"]);
    site.refused(2, "is not empty", ["init", "out"]);
    // A compressed file is unpacked to its original content.
    write_dir(
        &site.path("big"),
        &small_with("data/big.sql", &b"-- shrinks\n".repeat(9000)),
    );
    site.run(["pack", "big", "-o", "c.pgseal", "--key", "release.key"])
        .done();
    site.run(["unpack", "c.pgseal", "-C", "big2"]).done();
    site.run(["pack", "big2", "-o", "d.pgseal", "--key", "release.key"])
        .done();
    assert!(site.read("c.pgseal") == site.read("d.pgseal"));
}

#[test]
fn the_environment_does_not_change_a_bundle() {
    let site = small_site();
    let expected = site.read("small.pgseal");
    let shell = |umask: &str, variables: &[(&str, &str)]| {
        let program = env!("CARGO_BIN_EXE_pgseal");
        let line = format!(
            "umask {umask}; exec '{program}' pack small -o x.pgseal --replace --key release.key"
        );
        let mut command = Command::new("sh");
        command
            .current_dir(site.dir())
            .args(["-c", &line])
            .envs(variables.iter().copied());
        outcome(&mut command).done();
        site.read("x.pgseal")
    };
    let variables: [&[(&str, &str)]; 3] = [
        &[("TZ", "Pacific/Kiritimati"), ("LC_ALL", "tr_TR.UTF-8")],
        &[
            ("TZ", "America/St_Johns"),
            ("LC_ALL", "C"),
            ("HOME", "/nonexistent"),
            ("USER", "somebody"),
        ],
        &[
            ("LANG", "de_DE.ISO-8859-1"),
            ("TMPDIR", "/nonexistent"),
            ("COLUMNS", "20"),
        ],
    ];
    for umask in ["000", "022", "077"] {
        for variables in variables {
            assert!(
                shell(umask, variables) == expected,
                "umask {umask}, {variables:?}"
            );
        }
    }
    // Packing reads this one environment variable; its value is part of the signed statement.
    let dated = shell("022", &[("SOURCE_DATE_EPOCH", "1800000000")]);
    assert!(
        dated != expected
            && String::from_utf8_lossy(&dated).contains("\"created\":\"2027-01-15T08:00:00Z\"")
    );
    let mut wrong = site.command(["pack", "small", "-o", "y.pgseal"]);
    outcome(wrong.env("SOURCE_DATE_EPOCH", "today")).is_error(2, "SOURCE_DATE_EPOCH");
    assert!(!site.path("y.pgseal").exists());
}

/// Signatures and approvals are lost only on purpose.
#[test]
fn packing_gives_up_nothing_that_is_there() {
    let site = small_site();
    for name in ["second", "ann"] {
        site.run(["keygen", name, "--no-passphrase"]).done();
    }
    let add = ["trust", "add-key", "trust.json", "--root-key", "root.key"];
    for (key, role) in [("second.pub", "release"), ("ann.pub", "l2")] {
        site.run(add.into_iter().chain(["--key", key, "--role", role]))
            .done();
    }
    let approve = ["--key", "ann.key", "--role", "l2", "--yes", "small"];
    site.run(["approve", "small.pgseal"].into_iter().chain(approve))
        .done();
    let approved = site.read("small.pgseal");
    let pack = ["pack", "small", "-o", "small.pgseal"];
    site.run(pack).done();
    site.run(pack.into_iter().chain(["--key", "release.key"]))
        .done();
    assert_eq!(site.read("small.pgseal"), approved);
    site.run(pack.into_iter().chain(["--key", "second.key"]))
        .done();
    let verified = site.run(["verify", "small.pgseal", "--json"]).done().json();
    assert_eq!(verified["signers"].as_array().map(Vec::len), Some(2));
    assert_eq!(verified["approvals"].as_array().map(Vec::len), Some(1));

    // A signature that does not hold is not taken for the key's.
    let mut bent = Tar::of(&approved);
    let is_signature = |name: &str| name.starts_with("signatures/");
    let at = bent
        .members
        .iter()
        .position(|member| is_signature(&member.name()));
    bent.members[at.expect("a signature")].content[0] ^= 1;
    site.write("bent.pgseal", bent.bytes());
    site.refused(
        11,
        "does not hold",
        ["pack", "small", "-o", "bent.pgseal", "--key", "release.key"],
    );

    let there = site.read("small.pgseal");
    write_dir(&site.path("small"), &small_with("README", b"more"));
    let refused = site.refused(2, "small 1.0.0 with another id", pack);
    assert!(refused.stderr.contains("2 signatures and 1 approval"));
    site.write("text", "a file");
    site.refused(2, "no bundle", ["pack", "small", "-o", "text"]);
    assert_eq!(
        (site.read("small.pgseal"), site.read("text")),
        (there, b"a file".to_vec())
    );
    site.run(pack.into_iter().chain(["--replace"])).done();
    let looked = site.run(["inspect", "small.pgseal", "--json"]);
    assert_ne!(looked.code, 0, "it is not signed any more");
}

#[test]
fn signatures_are_added_in_place() {
    let site = small_site();
    site.run(["keygen", "second", "--no-passphrase"]).done();
    let roles = "release:2=release.pub,second.pub";
    site.run([
        "trust",
        "init",
        "two.json",
        "--root-key",
        "root.key",
        "--role",
        roles,
    ])
    .done();
    site.refused(
        11,
        "1 of 2 signatures",
        ["verify", "small.pgseal", "--trust", "two.json"],
    );
    let signed = site
        .run([
            "sign",
            "small.pgseal",
            "--key",
            "second.key",
            "--trust",
            "two.json",
            "--json",
        ])
        .done()
        .json();
    assert_eq!(signed["signatures"], 2);
    site.run(["verify", "small.pgseal", "--trust", "two.json"])
        .done();
    site.refused(
        2,
        "already signed by",
        [
            "sign",
            "small.pgseal",
            "--key",
            "second.key",
            "--trust",
            "two.json",
        ],
    );
    // The key that one trust root requires is unknown to another.
    site.refused(11, "does not know", ["verify", "small.pgseal"]);
    site.run([
        "trust",
        "add-key",
        "trust.json",
        "--key",
        "second.pub",
        "--role",
        "release",
        "--root-key",
        "root.key",
    ])
    .done();
    assert_eq!(
        site.run(["verify", "small.pgseal", "--json"]).done().json()["signers"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert_eq!(
        site.run(["trust", "show", "--json"]).done().json()["trust"]["version"],
        2
    );
}

/// Concurrent signers wait for each other: no signature is lost.
#[test]
fn signers_at_the_same_time() {
    let site = small_site();
    let names: Vec<String> = (0..6).map(|n| format!("signer{n}")).collect();
    for name in &names {
        site.run(["keygen", name, "--no-passphrase"]).done();
    }
    let publics: Vec<String> = names.iter().map(|name| format!("{name}.pub")).collect();
    let roles = format!("release:7=release.pub,{}", publics.join(","));
    site.run([
        "trust",
        "init",
        "all.json",
        "--root-key",
        "root.key",
        "--role",
        &roles,
    ])
    .done();
    let null = std::process::Stdio::null;
    let sign = |name: &String| {
        site.command([
            "sign",
            "small.pgseal",
            "--key",
            &format!("{name}.key"),
            "--trust",
            "all.json",
            "-q",
        ])
    };
    let signers: Vec<_> = names
        .iter()
        .map(|name| {
            sign(name)
                .stdout(null())
                .stderr(null())
                .spawn()
                .expect("the program starts")
        })
        .collect();
    for mut signer in signers {
        assert!(signer.wait().expect("it ends").success());
    }
    site.run(["verify", "small.pgseal", "--trust", "all.json"])
        .done();
}

/// File names that are not UTF-8 are shown as well as possible; they stop neither a command nor an audit.
#[test]
fn paths_that_are_no_text() {
    use std::os::unix::ffi::OsStrExt;
    let site = small_site();
    let name = std::ffi::OsStr::from_bytes(b"\xff.pgseal");
    std::fs::copy(site.path("small.pgseal"), site.dir().join(name)).expect("copied");
    for command in ["verify", "audit"] {
        site.run([command.as_ref(), name, "--json".as_ref()]).done();
    }
    site.run(["audit", ".", "--json"]).done();
    let new = std::ffi::OsStr::from_bytes(b"new\xff");
    site.refused(2, "is no name", ["init".as_ref(), new]);
    site.run([
        "unpack".as_ref(),
        name,
        "-C".as_ref(),
        std::ffi::OsStr::from_bytes(b"out\xff"),
    ])
    .done();
}

#[test]
fn keys_are_judged_by_the_time_that_is_asked_for() {
    let site = small_site();
    let init = [
        "trust",
        "init",
        "old.json",
        "--root-key",
        "root.key",
        "--role",
        "release:1=release.pub",
    ];
    site.run(init.into_iter().chain(["--expires", "2026-01-01"]))
        .done();
    site.refused(
        11,
        "expired on 2026-01-01T00:00:00Z",
        ["verify", "small.pgseal", "--trust", "old.json"],
    );
    site.run([
        "verify",
        "small.pgseal",
        "--trust",
        "old.json",
        "--as-of",
        "2025-12-31T23:59:59Z",
    ])
    .done();
    site.refused(
        11,
        "expired",
        [
            "verify",
            "small.pgseal",
            "--trust",
            "old.json",
            "--as-of",
            "2026-01-01",
        ],
    );
}

#[test]
fn script_shows_the_statements_that_psql_would_send() {
    let site = Site::empty();
    site.write(
        "a.sql",
        "\\set n 2\nselect :n;\n\\ir b.sql\nselect 'x;y' -- ;\n  , 3;\n",
    );
    site.write("b.sql", "copy t from stdin;\n1\n2\n\\.\n");
    let lines = site.run(["script", "a.sql", "--json"]).done().text();
    let statements: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("a document each"))
        .collect();
    let places: Vec<_> = statements
        .iter()
        .map(|s| (s["file"].as_str(), s["line"].as_u64(), s["column"].as_u64()))
        .collect();
    assert_eq!(
        places,
        [
            (Some("a.sql"), Some(2), Some(1)),
            (Some("b.sql"), Some(1), Some(1)),
            (Some("a.sql"), Some(4), Some(1))
        ]
    );
    assert!(
        statements[0]["sql"]
            .as_str()
            .is_some_and(|sql| sql.starts_with("select 2"))
    );
    assert_eq!(statements[1]["copy_bytes"], 4);
    site.write("c.sql", "select 1;\n\\! rm -rf /\n");
    let refused = site.run(["script", "c.sql"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("c.sql:2:1"), "{}", refused.stderr);
    site.write("d.sql", "\\ir missing.sql\n");
    assert!(site.run(["script", "d.sql"]).stderr.contains("missing.sql"));
    site.refused(2, "none.sql", ["script", "none.sql"]);
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let site = Site::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = site.run(["completions", shell]).done().text();
        assert!(script.contains(" complete "), "{shell}");
    }
    let page = site.run(["man"]).done().text();
    for command in ["pack", "verify", "gate", "plan", "run", "rollback", "audit"] {
        assert!(page.contains(command), "{command}");
        assert!(
            site.run(["man", command])
                .done()
                .text()
                .contains(".SH SYNOPSIS"),
            "{command}"
        );
    }
    site.refused(2, "no command", ["man", "nonsense"]);
}

// --- bad input ------------------------------------------------------------------------------------------------------

#[test]
fn files_that_are_no_bundle() {
    let site = small_site();
    std::fs::create_dir(site.path("directory.pgseal")).expect("made");
    site.write("empty", "");
    site.write("text", "hello\n");
    site.write("trust-as-bundle", site.read("trust.json"));
    std::fs::File::create(site.path("zeros"))
        .and_then(|file| file.set_len(1 << 30))
        .expect("a sparse file");
    std::fs::File::create(site.path("huge"))
        .and_then(|file| file.set_len(1 << 40))
        .expect("a sparse file");
    outcome(
        Command::new("tar")
            .current_dir(site.dir())
            .args(["-czf", "small.tar.gz", "small"]),
    )
    .done();
    outcome(
        Command::new("tar")
            .current_dir(site.dir())
            .args(["-cf", "small.tar", "small"]),
    )
    .done();
    let cases = [
        ("directory.pgseal", "not a regular file"),
        ("/dev/null", "not a regular file"),
        ("/dev/zero", "not a regular file"),
        ("empty", "the file is empty"),
        ("text", "it does not begin with the member"),
        ("trust-as-bundle", "it does not begin with the member"),
        ("zeros", "it begins with zeros"),
        ("huge", "it begins with zeros"),
        ("small.tar.gz", "it is a gzip file"),
        ("small.tar", "it does not begin with the member"),
    ];
    for (file, why) in cases {
        for command in ["verify", "inspect", "runbook"] {
            let refused = site.refused(10, why, [command, file]);
            assert!(
                refused.elapsed < Duration::from_secs(2),
                "{file}: {:?}",
                refused.elapsed
            );
            assert!(
                refused.stderr.contains("pgseal: hint: "),
                "{file}: {}",
                refused.stderr
            );
        }
        site.refused(10, why, ["sign", file, "--key", "release.key"]);
        site.refused(10, why, ["unpack", file, "-C", "out"]);
        let document = site.run(["verify", file, "--json"]).json();
        assert_eq!(document["error"]["exit"], 10, "{file}");
    }
    site.refused(1, "No such file", ["verify", "missing.pgseal"]);
    site.refused(
        1,
        "No such file",
        ["sign", "missing.pgseal", "--key", "release.key"],
    );
}

#[test]
fn a_cut_or_changed_file_gives_nothing_away() {
    let site = small_site();
    let bytes = site.read("small.pgseal");
    let mut swapped = Tar::of(&bytes);
    swapped.member("executor/01_table.sql").content[0] = b'C';
    site.write("cut", &bytes[..bytes.len() - 1]);
    site.write("changed", swapped.bytes());
    site.run(["pack", "small", "-o", "unsigned"]).done();
    for (file, exit, why) in [
        ("cut", 10, "cut off"),
        ("changed", 11, "was changed"),
        ("unsigned", 11, "not signed"),
    ] {
        for args in [
            vec!["verify", file],
            vec!["inspect", file],
            vec!["cat", file, "release.toml"],
            vec!["runbook", file],
            vec!["unpack", file, "-C", "out"],
            vec!["diff", file, "small.pgseal"],
            vec!["diff", "small.pgseal", file],
        ] {
            site.refused(exit, why, args);
        }
    }
    // A bundle whose files don't match its statement cannot be signed.
    site.refused(
        11,
        "not those of its statement",
        ["sign", "changed", "--key", "release.key"],
    );
    site.refused(10, "cut off", ["sign", "cut", "--key", "release.key"]);
}

#[test]
fn trust_roots_that_are_none() {
    let site = small_site();
    let verify = |site: &Site, exit, why: &str| {
        drop(site.refused(exit, why, ["verify", "small.pgseal", "--trust", "t.json"]))
    };
    verify(&site, 2, "no trust root");
    let unset = outcome(
        site.command(["verify", "small.pgseal"])
            .env("PGSEAL_TRUST", "nowhere.json"),
    );
    unset.is_error(2, "no trust root");
    let trust = site.read("trust.json");
    for (bytes, why) in [
        (&b""[..], "not a trust document"),
        (b"{}", "not a trust document"),
        (&trust[1..], "not a trust document"),
    ] {
        site.write("t.json", bytes);
        verify(&site, 11, why);
    }
    // An authentic document without its signatures.
    site.write("t.json", &trust);
    let refused = site.run(["verify", "small.pgseal", "--trust", "t.json"]);
    assert_ne!(refused.code, 0);
    std::fs::create_dir(site.path("t.json.sigs")).expect("made");
    verify(&site, 11, "0 of 1 signatures of role \"root\"");
    site.refused(
        2,
        "exists already",
        [
            "trust",
            "init",
            "trust.json",
            "--root-key",
            "root.key",
            "--role",
            "release:1=release.pub",
        ],
    );
    let init = |role: &'static str| {
        [
            "trust",
            "init",
            "new.json",
            "--root-key",
            "root.key",
            "--role",
            role,
        ]
    };
    site.refused(2, "has threshold 0", init("release:0=release.pub"));
    site.refused(
        2,
        "has threshold 2 and 1 keys",
        init("release:2=release.pub"),
    );
    site.refused(2, "there twice", init("release:2=release.pub,release.pub"));
    site.refused(
        2,
        "has the role root already: a key has one role",
        init("release:1=root.pub"),
    );
    site.refused(2, "there is no role", init("l2:1=release.pub"));
    site.refused(2, "No such file", init("release:1=none.pub"));
}

#[test]
fn keys_of_other_kinds() {
    let site = small_site();
    let openssl =
        |args: &[&str]| outcome(Command::new("openssl").current_dir(site.dir()).args(args)).done();
    let algorithms: [(&str, &[&str]); 4] = [
        (
            "rsa",
            &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        ),
        (
            "ec",
            &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        ),
        ("x25519", &["-algorithm", "X25519"]),
        ("ed448", &["-algorithm", "ED448"]),
    ];
    for (name, options) in algorithms {
        let (secret, public) = (format!("{name}.key"), format!("{name}.pub"));
        openssl(&[&["genpkey", "-out", &secret][..], options].concat());
        openssl(&["pkey", "-in", &secret, "-pubout", "-out", &public]);
        std::fs::set_permissions(site.path(&secret), std::fs::Permissions::from_mode(0o600))
            .expect("our own file");
        site.refused(
            2,
            "not an Ed25519 secret key",
            ["sign", "small.pgseal", "--key", &secret],
        );
        site.refused(
            2,
            "not an Ed25519 secret key",
            ["pack", "small", "-o", "new", "--key", &secret],
        );
        let role = format!("release:1={public}");
        site.refused(
            2,
            "not an Ed25519 public key",
            [
                "trust",
                "init",
                "n.json",
                "--root-key",
                "root.key",
                "--role",
                &role,
            ],
        );
    }
    site.write("text.key", "hello\n");
    std::fs::set_permissions(
        site.path("text.key"),
        std::fs::Permissions::from_mode(0o600),
    )
    .expect("our own file");
    for file in ["text.key", "release.pub"] {
        std::fs::set_permissions(site.path(file), std::fs::Permissions::from_mode(0o600))
            .expect("our own file");
        site.refused(
            2,
            "not an Ed25519 secret key",
            ["sign", "small.pgseal", "--key", file],
        );
    }
    site.refused(
        2,
        "No such file",
        ["sign", "small.pgseal", "--key", "none.key"],
    );
    site.refused(
        2,
        "not a regular file",
        ["sign", "small.pgseal", "--key", "small"],
    );
    for mode in [0o644, 0o640, 0o604, 0o660] {
        std::fs::set_permissions(
            site.path("release.key"),
            std::fs::Permissions::from_mode(mode),
        )
        .expect("our own file");
        let refused = site.refused(
            2,
            "can be read by others",
            ["pack", "small", "-o", "new", "--key", "release.key"],
        );
        assert!(refused.stderr.contains("chmod 600"), "{}", refused.stderr);
    }
}

#[test]
fn releases_that_do_not_pack() {
    let toml = String::from_utf8(small()["release.toml"].clone()).expect("text");
    let cases = [
        (
            "unknown key",
            toml.replace("sequence = 1", "sequence = 1\nskip = true"),
            "release.toml:7:1: unknown field `skip`",
        ),
        (
            "unknown table",
            format!("{toml}\n[skip]\nall = true\n"),
            "unknown field `skip`",
        ),
        (
            "missing key",
            toml.replace("sequence = 1\n", ""),
            "release.toml:3:1: missing field `sequence`",
        ),
        (
            "missing file",
            toml.replace("gate/open.sql", "gate/none.sql"),
            "release.toml:14:8: there is no file \"gate/none.sql\"",
        ),
        (
            "no TOML",
            toml.replace("[target]", "[target"),
            "release.toml:9:",
        ),
        (
            "format 2",
            toml.replace("format = 1", "format = 2"),
            "release.toml:1:10: format 2 is not known",
        ),
        (
            "a path that climbs",
            toml.replace("gate/open.sql", "../open.sql"),
            "release.toml:14:8: ",
        ),
        (
            "a name",
            toml.replace("\"small\"", "\"Small One\""),
            "release.toml:4:8: ",
        ),
        (
            "transaction",
            toml.replace("transaction = \"release\"", "transaction = \"maybe\""),
            "release.toml:27:15: ",
        ),
    ];
    for (what, text, why) in cases {
        assert_ne!(text, toml, "{what}");
        let site = Site::new();
        write_dir(
            &site.path("small"),
            &small_with("release.toml", text.as_bytes()),
        );
        let before = site.snapshot();
        for args in [
            vec!["pack", "small", "-o", "x.pgseal", "--key", "release.key"],
            vec!["lint", "small"],
        ] {
            let refused = site.run(&args);
            let said = format!("{}{}", refused.text(), refused.stderr);
            let said = said
                .replace("error [release-toml]: ", "")
                .replace("error [missing-file]: ", "");
            assert_eq!(refused.code, 2, "{what}: {said}");
            assert!(said.contains(why), "{what}: wanted {why}\n{said}");
        }
        assert_eq!(site.snapshot(), before, "{what}");
    }
    let site = Site::new();
    std::fs::create_dir(site.path("nothing")).expect("made");
    site.refused(
        2,
        "has no release.toml",
        ["pack", "nothing", "-o", "x.pgseal"],
    );
    site.refused(2, "not a directory", ["pack", "missing", "-o", "x.pgseal"]);
    site.refused(
        2,
        "not a directory",
        ["pack", "release.pub", "-o", "x.pgseal"],
    );
    write_dir(&site.path("small"), &small());
    site.refused(
        1,
        "its directory does not exist",
        ["pack", "small", "-o", "no/such/place.pgseal"],
    );
    site.refused(2, "a directory is there", ["pack", "small", "-o", "small"]);
    site.refused(
        2,
        "inside of the release directory",
        ["pack", "small", "-o", "small/x.pgseal"],
    );
    std::fs::write(site.path("small/y.pgseal"), "x").expect("written");
    site.refused(
        2,
        "a bundle inside the release directory",
        ["pack", "small", "-o", "y.pgseal"],
    );
}

#[test]
fn scripts_that_can_not_run_are_refused_when_packing() {
    let cases = [
        (
            "create table t (id integer);\ncommit;\n",
            "executor/01_table.sql:2:1: transaction control",
        ),
        (
            "create table t (id integer);\n\\! id\n",
            "executor/01_table.sql:2:1: ",
        ),
        ("\\ir missing.sql\n", "executor/01_table.sql:1:1: "),
        (
            "select :'nobody';\n",
            "executor/01_table.sql:1:8: variable \"nobody\" is not set",
        ),
        (
            "create index concurrently i on t (id);\n",
            "can't run inside a transaction",
        ),
        (
            "copy t to program 'id';\n",
            "could reach outside of the database",
        ),
        ("-- nothing\n", "the script has no statement"),
    ];
    for (sql, why) in cases {
        let site = Site::new();
        write_dir(
            &site.path("small"),
            &small_with("executor/01_table.sql", sql.as_bytes()),
        );
        let refused = site.run(["pack", "small", "-o", "x.pgseal", "--key", "release.key"]);
        assert_eq!(refused.code, 2, "{sql}: {}", refused.stderr);
        assert!(refused.stderr.contains(why), "{sql}: {}", refused.stderr);
        assert!(!site.path("x.pgseal").exists());
        let problems = site.run(["lint", "small", "--json"]).json();
        assert_eq!(
            problems["problems"][0]["file"], "executor/01_table.sql",
            "{sql}"
        );
    }
}

#[test]
fn hostile_text_never_reaches_the_terminal() {
    let hostile = "ok\u{1b}[2K\u{1b}]0;owned\u{7}\u{202e}\u{9b}31m";
    let site = Site::new();
    let toml = String::from_utf8(small()["release.toml"].clone()).expect("text");
    // TOML allows no raw control characters, but its escapes produce them.
    let escaped = hostile
        .replace('\u{1b}', "\\u001b")
        .replace('\u{7}', "\\u0007")
        .replace('\u{9b}', "\\u009b");
    let toml = toml
        .replace("Adds one table.", &format!("Adds {escaped}"))
        .replace(
            "transaction = \"release\"",
            &format!("transaction = \"release\"\nabout = \"{escaped}\""),
        )
        // A name of a database has no control characters.
        .replace("database = \"app\"", "database = \"ok\u{202e}31m\"");
    write_dir(
        &site.path("small"),
        &small_with("release.toml", toml.as_bytes()),
    );
    site.run(["pack", "small", "-o", "h.pgseal", "--key", "release.key"])
        .done()
        .is_harmless();
    for args in [
        vec!["verify", "h.pgseal"],
        vec!["inspect", "h.pgseal"],
        vec!["lint", "small"],
    ] {
        site.run(args).done().is_harmless();
    }
    for args in [vec!["verify", "h.pgseal"], vec!["inspect", "h.pgseal"]] {
        // JSON escapes control characters itself; its strings are the original text.
        let document = site.run(args.into_iter().chain(["--json"])).done();
        assert!(!document.text().contains('\u{1b}'));
    }
    // The owner of a key, as a trust root names it.
    let root = key("root");
    let release = key_file(site.dir(), "signer");
    let mut draft = Draft::new(&root, &[("release", 1, &[&key("signer")])]);
    draft.entry(&key("signer"))["owner"] = hostile.into();
    draft.write(&site.path("."));
    let mut pack = site.command(["pack", "small", "-o", "k.pgseal", "--key"]);
    outcome(pack.arg(release).env_remove("PGSEAL_TRUST")).done();
    for args in [
        vec!["verify", "k.pgseal"],
        vec!["inspect", "k.pgseal"],
        vec!["audit", "."],
        vec!["trust", "show"],
    ] {
        site.run(args).is_harmless();
    }
    // File names of the host, and of members.
    let name = format!("{hostile}.pgseal");
    site.write(&name, "x");
    for args in [
        vec!["verify", &name],
        vec!["audit", "."],
        vec!["cat", &name, "x"],
        vec!["unpack", &name, "-C", "out"],
    ] {
        let said = site.run(args);
        assert_ne!(said.code, 0);
        said.is_harmless();
    }
    site.run(["pack", "small", "-o", &name, "--replace"])
        .done()
        .is_harmless();
    write_dir(
        &site.path("names"),
        &small_with(&format!("executor/{hostile}.sql"), b""),
    );
    for args in [
        vec!["pack", "names", "-o", "n.pgseal"],
        vec!["lint", "names"],
    ] {
        let said = site.run(args);
        assert_eq!(said.code, 2);
        said.is_harmless();
    }
}

// --- audit ----------------------------------------------------------------------------------------------------------

#[test]
fn an_audit_of_two_thousand_bundles_finds_exactly_the_faults() {
    let site = Site::empty();
    let release = key("release");
    Draft::new(&key("root"), &[("release", 1, &[&release])]).write(site.dir());
    let bytes = pack(&small(), std::slice::from_ref(&release));
    let mut planted = BTreeMap::new();
    for n in 0..2000_u32 {
        let name = format!("archive/{:02}/{n:04}.pgseal", n % 40);
        std::fs::create_dir_all(site.path(&name).parent().expect("below")).expect("made");
        let (content, fault) = match n {
            77 => (
                bytes[..bytes.len() - 512].to_vec(),
                Some("malformed: the file is cut off"),
            ),
            404 => (
                Vec::new(),
                Some("malformed: not a pgseal bundle: the file is empty"),
            ),
            500 => {
                let mut tar = Tar::of(&bytes);
                tar.member("gate/open.sql").content[0] ^= 1;
                (tar.bytes(), Some("gate/open.sql was changed"))
            }
            999 => (
                resign(&bytes, &statement(&bytes), &key("stranger")),
                Some("which the trust root does not know"),
            ),
            1234 => {
                let mut tar = Tar::of(&bytes);
                tar.members.remove(2);
                (tar.bytes(), Some("not authentic: the bundle is not signed"))
            }
            1999 => ([&bytes[..], b"x"].concat(), Some("bytes after the end")),
            _ => (bytes.clone(), None),
        };
        site.write(&name, content);
        planted.extend(fault.map(|fault| (name, fault)));
    }
    // An audit ignores names that are not a bundle's, but reports a directory or a broken link with a bundle's name.
    site.write("archive/README.txt", "hello");
    symlink("nowhere", site.path("archive/00/zz.pgseal")).expect("made");
    planted.insert("archive/00/zz.pgseal".to_owned(), "can't be read");

    let audited = site.run(["audit", "archive", "--json"]);
    assert_eq!(audited.code, 50);
    let document = audited.json();
    let found: BTreeMap<String, String> = document["files"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|bundle| bundle["faults"] != json!([]))
        .map(|bundle| {
            (
                bundle["path"].as_str().expect("a path").to_owned(),
                bundle["faults"].to_string(),
            )
        })
        .collect();
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        planted.keys().collect::<Vec<_>>()
    );
    for (name, fault) in &planted {
        let said = found[name].replace("\\\"", "\"");
        assert!(said.contains(fault), "{name}: {said}");
    }
    assert_eq!(
        (&document["authentic"], &document["faulty"]),
        (&json!(1994), &json!(7))
    );
    let said = site.run(["audit", "archive"]);
    assert_eq!(said.code, 50);
    assert_eq!(said.text().matches("FAULT").count(), 7);
    assert!(
        said.text()
            .ends_with("2001 bundles, 1994 authentic, 7 faulty, 7 faults\n"),
        "{}",
        said.text()
    );

    for name in planted.keys() {
        std::fs::remove_file(site.path(name)).expect("ours");
    }
    site.run(["audit", "archive"]).done();
}

#[test]
fn every_fault_of_a_file_is_found() {
    let site = Site::empty();
    let release = key("release");
    Draft::new(&key("root"), &[("release", 1, &[&release])]).write(site.dir());
    let mut tar = Tar::of(&pack(&small(), &[release]));
    tar.member("gate/open.sql").content[0] ^= 1;
    tar.member("executor/01_table.sql").content[0] ^= 1;
    let at = tar.at("verify/probe.sql");
    tar.members[at] = Member::new("verify/extra.sql", b"");
    site.write("a.pgseal", tar.bytes());
    let audited = site.run(["audit", "a.pgseal", "--json"]);
    assert_eq!(audited.code, 50);
    let faults = audited.json()["files"][0]["faults"].clone();
    assert_eq!(
        faults.as_array().map(Vec::len),
        Some(4),
        "two changed, one extra, one missing: {faults}"
    );
}

#[test]
fn an_audit_judges_keys_by_the_time_that_is_asked_for() {
    let site = Site::empty();
    let (root, release) = (key("root"), key("release"));
    let mut draft = Draft::new(&root, &[("release", 1, &[&release])]);
    draft.entry(&release)["not_after"] = "2026-01-01T00:00:00Z".into();
    draft.write(site.dir());
    site.write("a.pgseal", pack(&small(), &[release]));
    site.run(["audit", "a.pgseal", "--as-of", "2025-06-01"])
        .done();
    assert_eq!(
        site.run(["audit", "a.pgseal", "--as-of", "2026-06-01"])
            .code,
        50
    );
}

// --- other people's tools -----------------------------------------------------------------------------------------

#[test]
fn stock_tools_verify_a_bundle_and_see_every_tampering() {
    let site = Site::new();
    let roof = one_roof();
    site.run(["keygen", "second", "--no-passphrase"]).done();
    let pack = [
        "pack",
        roof.to_str().expect("a plain path"),
        "-o",
        "roof.pgseal",
    ];
    let mut signed = site.command(pack);
    signed.args(["--key", "release.key", "--key", "second.key"]);
    outcome(signed.env_remove("PGSEAL_TRUST")).done();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stock-tools.sh");
    let verify = |file: &str, keys: &[&str]| {
        outcome(
            Command::new(&script)
                .current_dir(site.dir())
                .arg(file)
                .args(keys),
        )
    };
    let both = ["release.pub", "second.pub"];
    let verified = verify("roof.pgseal", &both).done();
    let id = site
        .run(["pack", pack[1], "-o", "again.pgseal", "--json"])
        .done()
        .json()["release_id"]
        .clone();
    assert!(
        verified.text().contains(id.as_str().expect("an id")),
        "{}",
        verified.text()
    );

    assert_ne!(
        verify("roof.pgseal", &["release.pub"]).code,
        0,
        "a signature by somebody else"
    );
    assert_ne!(
        verify("roof.pgseal", &["release.pub", "second.pub", "root.pub"]).code,
        0,
        "a signature is missing"
    );
    let good = site.read("roof.pgseal");
    let tier = "executor/01_structure.sql";
    let bent = |change: &dyn Fn(&mut Tar)| {
        let mut tar = Tar::of(&good);
        change(&mut tar);
        tar.bytes()
    };
    let tampered = [
        (
            "a changed file",
            bent(&|tar| tar.member(tier).content[0] ^= 1),
        ),
        (
            "a changed statement",
            bent(&|tar| tar.member("statement.json").content[100] ^= 1),
        ),
        (
            "a changed signature",
            bent(&|tar| tar.members[2].content[0] ^= 1),
        ),
        (
            "a missing file",
            bent(&|tar| drop(tar.members.remove(tar.at(tier)))),
        ),
        (
            "an extra file",
            bent(&|tar| {
                tar.members
                    .insert(tar.at(tier) + 1, Member::new("executor/01_zz.sql", b"x"))
            }),
        ),
        (
            "a renamed file",
            bent(&|tar| tar.member(tier).rename("executor/01_zz.sql")),
        ),
        (
            "a file twice",
            bent(&|tar| {
                tar.members
                    .insert(tar.at(tier), tar.members[tar.at(tier)].clone())
            }),
        ),
        (
            "a time",
            bent(&|tar| tar.member(tier).set(136, b"14371573000\0")),
        ),
        (
            "a mode",
            bent(&|tar| tar.member(tier).set(100, b"0000755\0")),
        ),
        ("a byte in the padding", bent(&|tar| tar.end[1000] = 1)),
        ("a byte at the end", [&good[..], b"x"].concat()),
        ("an end cut off", good[..good.len() - 512].to_vec()),
        (
            "another format",
            bent(&|tar| tar.members[0].content[7] = b'2'),
        ),
    ];
    for (what, bytes) in tampered {
        site.write("tampered.pgseal", bytes);
        let refused = verify("tampered.pgseal", &both);
        assert_eq!(
            refused.code,
            1,
            "{what}: {}{}",
            refused.text(),
            refused.stderr
        );
        assert!(
            refused.stderr.starts_with("stock-tools: "),
            "{what}: {}",
            refused.stderr
        );
    }
    // The same for a compressed file.
    write_dir(
        &site.path("big"),
        &small_with("data/big.sql", &b"-- shrinks\n".repeat(9000)),
    );
    site.run(["pack", "big", "-o", "big.pgseal", "--key", "release.key"])
        .done();
    verify("big.pgseal", &["release.pub"]).done();
}

#[test]
fn stock_tar_opens_a_bundle() {
    let site = small_site();
    std::fs::create_dir(site.path("x")).expect("made");
    outcome(
        Command::new("tar")
            .current_dir(site.dir())
            .args(["-xf", "small.pgseal", "-C", "x"]),
    )
    .done();
    assert_eq!(site.read("x/release.toml"), small()["release.toml"]);
    assert_eq!(site.read("x/pgseal"), b"pgseal 1\n");
}

#[test]
fn a_reader_that_goes_away_is_no_crash() {
    let site = small_site();
    let line = format!(
        "'{}' inspect small.pgseal --trust trust.json | head -n 1",
        env!("CARGO_BIN_EXE_pgseal")
    );
    let outcome = outcome(
        Command::new("sh")
            .current_dir(site.dir())
            .args(["-c", &line]),
    )
    .done();
    assert!(outcome.stderr.is_empty(), "{}", outcome.stderr);
}

#[test]
fn copies_made_later_are_the_same_bundle() {
    let site = small_site();
    let path = site.path("small/executor/01_table.sql");
    let file = std::fs::File::options()
        .append(true)
        .open(&path)
        .expect("ours");
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1))
        .expect("ours");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("ours");
    site.run([
        "pack",
        "small",
        "-o",
        "later.pgseal",
        "--key",
        "release.key",
    ])
    .done();
    assert!(site.read("later.pgseal") == site.read("small.pgseal"));
}

// --- transcripts --------------------------------------------------------------------------------------------------

#[test]
fn transcripts() {
    trycmd::TestCases::new().case("tests/transcripts/*.trycmd");
}

/// psql's `-h HOST` before the command ends in an error: as a request for help nothing would run, and a
/// deployment step would be green.
#[test]
fn a_host_before_the_command_is_no_help() {
    let site = Site::empty();
    for line in [
        &["-h", "/run/postgresql", "status", "-d", "shop"][..],
        &["-h/run/postgresql", "status"],
    ] {
        let refused = site.refused(2, "-h before the command", line);
        assert!(
            refused.stderr.contains("status -h HOST"),
            "{}",
            refused.stderr
        );
    }
    site.run(["-h"]).done();
}

/// A signature of an unknown key makes every host refuse the bundle, and cannot be removed.
#[test]
fn a_bundle_with_a_stranger_among_its_signers_is_not_signed() {
    let site = small_site();
    let stranger = [key("stranger")];
    let bytes = pack(&small(), &stranger);
    site.write("spoilt.pgseal", &bytes);
    let sign = ["sign", "spoilt.pgseal", "--key", "release.key"];
    site.refused(11, "which is not in the trust root", sign);
    assert_eq!(site.read("spoilt.pgseal"), bytes);
}

#[test]
fn a_directory_is_no_place_for_a_bundle() {
    let site = small_site();
    std::fs::create_dir(site.path("there")).expect("our own directory");
    let hint = site
        .refused(2, "a directory is there", ["pack", "small", "-o", "there"])
        .stderr;
    assert!(
        hint.contains("DIR/NAME.pgseal") && !hint.contains("--replace"),
        "{hint}"
    );
}
