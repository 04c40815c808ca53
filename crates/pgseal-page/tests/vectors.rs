//! Every vector gets the verdict and the sentence of the command line.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use pgseal_page::Dropped;
use pgseal_verify::format::version::PGSEAL;
use pgseal_verify::{ByteSource, InMemory};
use serde_json::{Value, json};

/// Files as they were dropped: path, and bytes.
struct InTest(Vec<(String, Vec<u8>)>);

impl Dropped for InTest {
    fn open(&self, file: usize, _: u64) -> Box<dyn ByteSource> {
        Box::new(InMemory(self.0[file].1.clone().into()))
    }
}

impl InTest {
    fn ask(&self, question: &Value) -> Value {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970")
            .as_secs();
        let listed =
            |(path, bytes): &(String, Vec<u8>)| json!({ "path": path, "size": bytes.len() });
        let files: Vec<Value> = self.0.iter().map(listed).collect();
        let question = json!({ "ask": question, "now": now, "files": files });
        let answer = pgseal_page::answer(question.to_string().as_bytes(), self);
        serde_json::from_slice(&answer).expect("an answer is JSON")
    }
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
}

/// The folder's own file, else the one that all share.
fn chosen(folder: &Path, own: &str, shared: &str) -> String {
    let name = if folder.join(own).exists() {
        own
    } else {
        shared
    };
    name.to_owned()
}

fn dropped(folder: &Path) -> InTest {
    let bundle = chosen(folder, "bundle.pgseal", "../good_pass/bundle.pgseal");
    let root = chosen(folder, "trust.json", "../trust.json");
    let signed = format!("{root}.sigs");
    let mut paths = vec![bundle, root];
    for entry in fs::read_dir(folder.join(&signed)).expect("signatures") {
        let name = entry.expect("readable").file_name();
        paths.push(format!("{signed}/{}", name.to_string_lossy()));
    }
    let read = |path: String| {
        let bytes = fs::read(folder.join(&path)).expect("readable");
        (path, bytes)
    };
    InTest(paths.into_iter().map(read).collect())
}

#[test]
fn every_vector_as_on_the_command_line() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for entry in fs::read_dir(vectors()).expect("tests/vectors") {
        let folder = entry.expect("readable").path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        // Signatures of others, and rotations, which `trust install` judges.
        if !folder.join("expect").exists() || name.starts_with("rotation_") {
            continue;
        }
        count += 1;
        let expect = fs::read_to_string(folder.join("expect")).expect("expect");
        let answer = dropped(&folder).ask(&json!({ "judge": { "file": 0, "root": 1 } }));
        let is = match (&answer["error"], &answer["faults"][0], &answer["verdict"]) {
            (Value::String(error), ..) | (Value::Null, Value::String(error), _) => error.clone(),
            (.., verdict) if verdict == "authentic" => String::new(),
            _ => answer.to_string(),
        };
        let (before, after) = match expect.split_once("pgseal: error: ") {
            Some((_, line)) => line
                .trim_end()
                .split_once("[NOW]")
                .unwrap_or((line.trim_end(), "")),
            None => ("", ""),
        };
        let is = is.replace(PGSEAL, "[VERSION]");
        if is.is_empty() != before.is_empty() || !is.starts_with(before) || !is.ends_with(after) {
            wrong.push(format!("{name}\n  expected {expect}\n  is {is}"));
        }
    }
    assert!(count > 150, "{count} vectors");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_script_is_read_and_a_stranger_is_not() {
    let dropped = dropped(&vectors().join("good_pass"));
    let question = |path: &str| json!({ "content": { "file": 0, "root": 1, "path": path } });
    let found = dropped.ask(&json!({ "judge": { "file": 0, "root": 1 } }));
    assert_eq!(found["contents"][0]["role"], "tier table", "{found}");
    for content in found["contents"].as_array().expect("a list") {
        let path = content["path"].as_str().expect("a path");
        let answer = dropped.ask(&question(path));
        assert!(answer["text"].is_string(), "{path}: {answer}");
    }
    for path in ["../trust.json", "", "no/such.sql"] {
        let answer = dropped.ask(&question(path));
        assert!(
            answer["error"].is_string() && answer["text"].is_null(),
            "{path}: {answer}"
        );
    }
}

#[test]
fn a_trust_root_needs_its_signatures_and_takes_loose_ones() {
    let whole = dropped(&vectors().join("good_pass"));
    let described = whole.ask(&json!({ "root": { "file": 1 } }));
    assert_eq!(described["version"], 1, "{described}");
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let loose = whole
        .0
        .iter()
        .map(|(path, bytes)| (last(path), bytes.clone()));
    let loose = InTest(loose.collect()).ask(&json!({ "root": { "file": 1 } }));
    assert_eq!(loose, described);
    let alone = InTest(whole.0[..2].to_vec()).ask(&json!({ "root": { "file": 1 } }));
    assert!(
        alone["error"]
            .as_str()
            .is_some_and(|error| error.contains("0 of 1")),
        "{alone}"
    );
}

#[test]
fn hostile_names_stay_on_one_line_and_wrong_questions_are_answered() {
    let hostile = "a\u{202e}<img src=x>\u{1b}[2J.pgseal";
    let files = InTest(vec![(hostile.to_owned(), Vec::new())]);
    let kinds = files.ask(&json!("kinds"));
    assert_eq!(
        kinds["files"][0]["shown"],
        "a\\u{202e}<img src=x>\\u{1b}[2J.pgseal"
    );
    for question in [
        json!("nothing"),
        json!({ "judge": { "file": 7, "root": 9 } }),
        json!(null),
    ] {
        let answer = files_error(&files, &question);
        assert!(!answer.is_empty(), "{question}");
    }
}

fn files_error(files: &InTest, question: &Value) -> String {
    files.ask(question)["error"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}
