//! Architecture rules of the source: imports go down, one file prints, the library reads no clock and no environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A source file: its path below the `src` of its crate, and its text without comments, strings and test modules.
struct Source {
    path: String,
    whole: String,
    code: String,
}

#[test]
fn imports_go_down_one_way() {
    let mut wrong = Vec::new();
    for src in CRATES {
        let floors = floors(src);
        for source in sources_of(src) {
            let Some(module) = module_of(&source.path) else {
                continue;
            };
            let floor = floors
                .get(module)
                .unwrap_or_else(|| panic!("{module} is not in {src}/lib.rs"));
            for name in imports(&source.code) {
                match floors.get(name.as_str()) {
                    _ if name == module => {}
                    None if src == PSQL_SCRIPT => {}
                    None => wrong.push(format!(
                        "{src}/{}: crate::{name} is not a module of lib.rs",
                        source.path
                    )),
                    Some(below) if below > floor => {}
                    Some(_) => {
                        wrong.push(format!(
                            "{src}/{}: {module} imports {name}, which is not below it",
                            source.path
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_verifier_has_nothing_of_its_own() {
    let words = [
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "std::thread",
        "std::os",
        "std::time",
        "SystemTime",
        "Instant",
        "Timestamp::now",
        "psql_script",
    ];
    for source in sources_of(VERIFY) {
        // `Path` is allowed: it names files in formats, and opens nothing.
        for word in words {
            let uses = source
                .code
                .split(|c: char| !c.is_alphanumeric() && !"_:".contains(c));
            assert!(
                uses.into_iter().all(|path| !path.contains(word)),
                "{} uses {word}",
                source.path
            );
        }
    }
}

#[test]
fn the_floors_are_those_of_the_house() {
    let floors = floors(SRC);
    let order = [
        "cli",
        "postgres",
        "release",
        "archiving",
        "bundle",
        "trust",
        "database",
    ];
    assert!(order.is_sorted_by_key(|name| floors[*name]), "{floors:?}");
    // Only the command line may use the adapter: the modules below it decide without a server.
    for source in sources() {
        let module = module_of(&source.path).unwrap_or_default();
        if !["cli", "postgres", ""].contains(&module) {
            assert!(
                !source.code.contains("postgres::"),
                "{} knows the adapter",
                source.path
            );
        }
    }
}

#[test]
fn formats_are_data() {
    for source in sources_of(VERIFY)
        .iter()
        .filter(|source| source.path.starts_with("format/"))
    {
        for word in [
            "std::fs",
            "std::net",
            "std::process",
            "ed25519",
            "SystemTime",
            "File::open",
            "sha2::",
        ] {
            assert!(!source.code.contains(word), "{} uses {word}", source.path);
        }
        for attribute in source.code.lines().filter(|line| line.contains("serde(")) {
            let loose = attribute.contains("flatten") || attribute.contains("untagged");
            assert!(!loose, "{}: {attribute} lets unknown keys in", source.path);
        }
    }
}

#[test]
fn the_trusted_path_uses_only_the_header_of_the_tar_crate() {
    for source in sources() {
        for word in [
            "tar::Archive",
            "tar::Entry<",
            "tar::Builder",
            "tar::Entries",
            ".unpack(",
        ] {
            assert!(!source.code.contains(word), "{} uses {word}", source.path);
        }
        let uses_tar = source.code.contains("tar::");
        assert!(
            !uses_tar || source.path == "archive/header.rs",
            "{} uses tar",
            source.path
        );
    }
}

#[test]
fn one_file_prints() {
    let words = [
        "println!",
        "eprintln!",
        "print!(",
        "eprint!(",
        "dbg!(",
        "stdout()",
        "stderr()",
    ];
    for source in sources()
        .iter()
        .filter(|source| source.path != "cli/output.rs")
    {
        for line in source.code.lines() {
            // Testing for a terminal is not printing.
            let line = line
                .replace("stdout().is_terminal()", "")
                .replace("stderr().is_terminal()", "");
            for word in words {
                assert!(!line.contains(word), "{} prints: {line}", source.path);
            }
        }
    }
}

#[test]
fn the_library_reads_no_clock_and_no_environment() {
    let words = [
        "env::var",
        "env::vars",
        "env::args",
        "SystemTime::now",
        "Timestamp::now",
        "Zoned::now",
        "env::current_dir",
    ];
    let may = |path: &str| path.starts_with("cli/") || ["cli.rs", "main.rs"].contains(&path);
    for source in sources().iter().filter(|source| !may(&source.path)) {
        for word in words {
            assert!(!source.code.contains(word), "{} uses {word}", source.path);
        }
        // `Instant` is allowed: it measures time, and no stored result depends on it.
        assert!(
            !source.code.contains("process::exit"),
            "{} exits",
            source.path
        );
    }
}

#[test]
fn thresholds_are_compared_in_one_file() {
    let compares = |line: &&str| {
        let operators = [" >= ", " <= ", " > ", " < ", "usize::from("];
        line.contains("threshold") && operators.iter().any(|operator| line.contains(operator))
    };
    let found = sources()
        .into_iter()
        .filter(|source| source.code.lines().any(|line| compares(&line)));
    let paths: Vec<String> = found.map(|source| source.path).collect();
    assert_eq!(
        paths,
        ["trust/draft_root.rs"],
        "DraftRoot::met compares thresholds"
    );
}

#[test]
fn every_type_that_carries_proof_has_a_case() {
    let house = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let table = house
        .split("## The types that carry proof")
        .nth(1)
        .and_then(|rest| rest.split("\n## ").next());
    let rows = table
        .expect("the table")
        .lines()
        .filter(|line| line.starts_with("| `"));
    let names: Vec<String> = rows
        .flat_map(|row| row.split('|').nth(1).expect("a cell").split(", "))
        .map(|cell| {
            cell.trim()
                .trim_matches('`')
                .rsplit("::")
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    assert!(names.len() >= 20, "{names:?}");
    for name in names {
        let words = name.chars().flat_map(|c| {
            if c.is_uppercase() {
                vec!['_', c.to_ascii_lowercase()]
            } else {
                vec![c]
            }
        });
        let case: String = words.skip(1).collect();
        let path = root()
            .join("tests/proofs/cases")
            .join(format!("{case}.stderr"));
        let error = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{name} has no case"));
        assert!(
            error.contains("error[E0451]") || error.contains("error[E0616]"),
            "{name}: {error}"
        );
    }
}

#[test]
fn three_files_start_programs() {
    // Three exceptions. A script may crash the linter's parser, so pgseal starts itself for it. A database with other
    // connections is copied by PostgreSQL's own pg_dump and pg_restore. A rollout starts pgseal for each database.
    let starters = [
        "cli/lint/process.rs",
        "cli/rollout/worker.rs",
        "postgres/dump.rs",
    ];
    let may = |path: &str| starters.contains(&path);
    for source in sources().iter().filter(|source| !may(&source.path)) {
        assert!(
            !source.code.contains("Command::new("),
            "{} starts a program",
            source.path
        );
    }
}

#[test]
fn nothing_is_unsafe_and_no_file_is_endless() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    let mut long = Vec::new();
    for source in sources() {
        let words = source
            .code
            .split(|c: char| !c.is_alphanumeric() && c != '_');
        assert!(
            words.into_iter().all(|word| word != "unsafe"),
            "{} is unsafe",
            source.path
        );
        let lines = source.whole.lines().count();
        if lines > 500 {
            long.push(format!("{} has {lines} lines", source.path));
        }
    }
    assert!(long.is_empty(), "one noun per file: {}", long.join(", "));
}

#[test]
fn every_file_says_why_it_exists() {
    for source in sources() {
        let tests = source.path.ends_with("tests.rs");
        assert!(
            tests || source.whole.starts_with("//! "),
            "{} begins without a sentence about itself",
            source.path
        );
    }
}

#[test]
fn no_secret_key_is_in_the_repository() {
    let mut git = Command::new("git");
    let listed = git.current_dir(root()).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    // A source package has no git: then every file counts except build output.
    let files: Vec<PathBuf> = match listed.output() {
        Ok(output) if output.status.success() => {
            let names = String::from_utf8_lossy(&output.stdout).into_owned();
            names
                .split_terminator('\0')
                .map(|name| root().join(name))
                .collect()
        }
        _ => {
            let skip = |entry: &walkdir::DirEntry| {
                entry.file_name() == "target" || entry.file_name() == ".git"
            };
            let walk = walkdir::WalkDir::new(root())
                .into_iter()
                .filter_entry(move |entry| !skip(entry));
            walk.filter_map(Result::ok)
                .map(walkdir::DirEntry::into_path)
                .collect()
        }
    };
    assert!(files.len() > 50, "the list of files is there");
    // Concatenated here, so that this file does not match itself.
    let marks = [
        ["-----BEGIN PRIVATE", " KEY-----\nM"].concat(),
        ["-----BEGIN ENCRYPTED PRIVATE", " KEY-----\nM"].concat(),
    ];
    let also = [
        ["-----BEGIN OPENSSH PRIVATE", " KEY-----\n"].concat(),
        ["-----BEGIN EC PRIVATE", " KEY-----\n"].concat(),
    ];
    for path in files {
        // Deleted files are still listed.
        let Ok(bytes) = std::fs::read(&path) else {
            continue;
        };
        assert!(
            path.extension().is_none_or(|extension| extension != "key"),
            "{} is named as a secret key",
            path.display()
        );
        let has = |mark: &String| {
            bytes
                .windows(mark.len())
                .any(|window| window == mark.as_bytes())
        };
        assert!(
            !marks.iter().chain(&also).any(has),
            "{} holds a secret key",
            path.display()
        );
    }
}

#[test]
fn the_scan_itself_sees() {
    let code = strip(
        "use crate::cli::x; // crate::no\nlet s = \"crate::no\"; use crate::{a, b::c};\n'\"' crate::d::e()",
    );
    assert_eq!(imports(&code), ["cli", "a", "b", "d"]);
    assert_eq!(
        strip("a /* b /* c */ d */ e r#\"f\"# g '\\'' h")
            .split_whitespace()
            .collect::<Vec<_>>(),
        ["a", "e", "g", "h"]
    );
}

const SRC: &str = "src";
const VERIFY: &str = "crates/pgseal-verify/src";
const PSQL_SCRIPT: &str = "crates/psql-script/src";
const CRATES: [&str; 3] = [SRC, VERIFY, PSQL_SCRIPT];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Numbers the modules of lib.rs from the top floor.
fn floors(src: &str) -> BTreeMap<String, usize> {
    let lib = std::fs::read_to_string(root().join(src).join("lib.rs")).expect("lib.rs");
    let names = lib.lines().filter_map(|line| {
        line.trim_start_matches("pub ")
            .strip_prefix("mod ")?
            .strip_suffix(';')
    });
    let floors: BTreeMap<String, usize> = names.map(str::to_owned).zip(0..).collect();
    assert!(floors.len() > 10, "lib.rs lists its modules");
    floors
}

/// Returns `bundle` for `bundle/source.rs` and `limits` for `limits.rs`; the crate's own two files are above all
/// modules.
fn module_of(path: &str) -> Option<&str> {
    let first = path.split('/').next()?;
    let module = first.strip_suffix(".rs").unwrap_or(first);
    (module != "lib" && module != "main").then_some(module)
}

/// Reads the sources of every crate that ships.
fn sources() -> Vec<Source> {
    CRATES.iter().flat_map(|src| sources_of(src)).collect()
}

fn sources_of(src: &str) -> Vec<Source> {
    let src = root().join(src);
    let entries = walkdir::WalkDir::new(&src)
        .sort_by_file_name()
        .into_iter()
        .map(|entry| entry.expect("readable"));
    let rust = entries.filter(|entry| {
        entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "rs")
    });
    let read = |path: &Path| {
        let whole = std::fs::read_to_string(path).expect("readable");
        let name = path
            .strip_prefix(&src)
            .expect("below src")
            .to_str()
            .expect("a plain name")
            .to_owned();
        let test_file = name.ends_with("tests.rs");
        // Unit tests are at the end of a file; their imports are not restricted.
        let shipped = whole
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        Source {
            path: name,
            code: if test_file {
                String::new()
            } else {
                strip(shipped)
            },
            whole,
        }
    };
    let sources: Vec<Source> = rust.map(|entry| read(entry.path())).collect();
    assert!(sources.len() > 30, "the sources are there");
    sources
}

/// Returns the modules that `crate::` paths name.
fn imports(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let word = |text: &str| {
            text.trim()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect::<String>()
        };
        match rest.strip_prefix('{') {
            None => names.push(word(rest)),
            Some(list) => {
                let (mut depth, mut start) = (0, 0);
                for (at, c) in list.char_indices() {
                    match c {
                        '{' => depth += 1,
                        ',' if depth == 0 => {
                            names.push(word(&list[start..at]));
                            start = at + 1;
                        }
                        '}' if depth == 0 => {
                            names.push(word(&list[start..at]));
                            break;
                        }
                        '}' => depth -= 1,
                        _ => {}
                    }
                }
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Removes comments from Rust code, and the content of strings and characters.
fn strip(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    let is = |at: usize, word: &str| {
        word.chars()
            .enumerate()
            .all(|(n, c)| chars.get(at + n) == Some(&c))
    };
    while at < chars.len() {
        let before_is_name = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
        if is(at, "//") {
            while at < chars.len() && chars[at] != '\n' {
                at += 1;
            }
        } else if is(at, "/*") {
            let mut depth = 0;
            loop {
                depth += i32::from(is(at, "/*")) - i32::from(is(at, "*/"));
                at += if is(at, "/*") || is(at, "*/") { 2 } else { 1 };
                if depth == 0 || at >= chars.len() {
                    break;
                }
            }
        } else if !before_is_name
            && (is(at, "r\"") || is(at, "r#"))
            && raw_hashes(&chars, at).is_some()
        {
            let hashes = raw_hashes(&chars, at).unwrap_or_default();
            let end = format!("\"{}", "#".repeat(hashes));
            at += hashes + 2;
            while at < chars.len() && !is(at, &end) {
                at += 1;
            }
            at += end.len();
        } else if chars[at] == '"' {
            at += 1;
            while at < chars.len() && chars[at] != '"' {
                at += if chars[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if chars[at] == '\'' && (is(at + 1, "\\") || chars.get(at + 2) == Some(&'\'')) {
            // A character, not a lifetime.
            at += if is(at + 1, "\\") { 3 } else { 2 };
            while at < chars.len() && chars[at] != '\'' {
                at += 1;
            }
            at += 1;
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}

/// Returns the number of `#` of a raw string at this place, or `None` for anything else.
fn raw_hashes(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
    (chars.get(at + 1 + hashes) == Some(&'"')).then_some(hashes)
}

#[test]
fn the_verifier_has_a_small_front_door() {
    let text = std::fs::read_to_string(root().join("crates/pgseal-verify/src/lib.rs"))
        .expect("the verifier's lib.rs");
    let exports = text
        .split("\npub use ")
        .skip(1)
        .filter_map(|rest| rest.split(';').next());
    let items: Vec<&str> = exports
        .flat_map(|path| path.rsplit("::").next().unwrap_or(path).split(','))
        .map(|item| item.trim_matches(|c: char| "{} \n".contains(c)))
        .filter(|item| !item.is_empty())
        .collect();
    assert!((35..=60).contains(&items.len()), "{items:?}");
    let hidden = text.matches("#[doc(hidden)]\npub mod ").count();
    assert_eq!(
        text.matches("\npub mod ").count(),
        hidden,
        "modules are hidden"
    );
}

#[test]
fn errors_of_the_crates_are_not_exhaustive() {
    // docs/decisions/073
    let attribute = "#[cfg_attr(not(feature = \"exhaustive\"), non_exhaustive)]";
    let (mut open, mut count) = (Vec::new(), 0);
    let sources = [sources_of(VERIFY), sources_of(PSQL_SCRIPT)];
    for source in sources.iter().flatten() {
        let lines: Vec<&str> = source.whole.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let name = line
                .strip_prefix("pub enum ")
                .and_then(|rest| rest.strip_suffix(" {"))
                .filter(|name| name.ends_with("Error"));
            let Some(name) = name else { continue };
            count += 1;
            let attributes = lines[..at]
                .iter()
                .rev()
                .take_while(|line| line.starts_with('#'));
            if !attributes.into_iter().any(|line| *line == attribute) {
                open.push(name);
            }
        }
    }
    assert!(count > 20, "{count} errors");
    assert!(open.is_empty(), "not non_exhaustive: {open:?}");
}
