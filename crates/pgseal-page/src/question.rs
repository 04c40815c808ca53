//! Questions of the page, and their answers, as JSON.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::files::{Dropped, Files, Listed};
use crate::finding::Finding;
use crate::{bundle, proof, record, root};
use pgseal_verify::format::file_name::Named;
use pgseal_verify::format::version::PGSEAL;
use pgseal_verify::words::escape::escape;
use pgseal_verify::{Timestamp, TrustRoot};

/// A question about the files of the page.
#[derive(Debug, Deserialize)]
struct Question {
    ask: Ask,
    /// The browser's clock, in seconds since 1970.
    now: i64,
    files: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Ask {
    /// The kind of every file, and its path to be shown.
    Kinds,
    /// One file as a trust root, by its own signatures.
    Root { file: usize },
    /// One file by a trust root.
    Judge { file: usize, root: usize },
    /// The text of a file in a bundle.
    Content {
        file: usize,
        root: usize,
        path: String,
    },
}

/// Answers one question. A question outside of the protocol is answered by an error.
pub fn answer(question: &[u8], dropped: &dyn Dropped) -> Vec<u8> {
    let answer = match serde_json::from_slice::<Question>(question) {
        Ok(question) => answered(&question, dropped),
        Err(error) => failed(format!("not a question: {error}")),
    };
    answer.to_string().into_bytes()
}

fn answered(question: &Question, dropped: &dyn Dropped) -> Value {
    let files = Files {
        listed: &question.files,
        dropped,
    };
    let Some(now) = Timestamp::from_seconds(question.now) else {
        return failed("the browser's clock is outside of the calendar");
    };
    match &question.ask {
        Ask::Kinds => json!({
            "pgseal": PGSEAL,
            "files": question.files.iter().map(listed).collect::<Vec<_>>(),
        }),
        Ask::Root { file } => match root::read(&files, *file) {
            Ok(read) => root::described(&read),
            Err(error) => failed(error),
        },
        Ask::Judge { file, root } => match root::read(&files, *root) {
            Ok(root) => json!(judge(&files, *file, &root, now)),
            Err(error) => failed(error),
        },
        Ask::Content { file, root, path } => {
            let root = root::read(&files, *root);
            let text = root.and_then(|root| bundle::text(&files, *file, &root, now, path));
            match text {
                Ok(text) => json!({ "text": text }),
                Err(error) => failed(error),
            }
        }
    }
}

fn failed(error: impl Into<String>) -> Value {
    json!({ "error": escape(&error.into()) })
}

fn listed(listed: &Listed) -> Value {
    json!({ "kind": kind(&listed.path), "shown": escape(&listed.path) })
}

/// The kind of a file, by its name; nothing for files that belong to others and for foreign ones.
fn kind(path: &str) -> Option<&'static str> {
    if proof::is_one(Path::new(path)) {
        return Some("log proof");
    }
    match Named::of(Path::new(path))? {
        Named::Bundle => Some("bundle"),
        Named::Approval => Some("approval"),
        Named::Receipt => Some("receipt"),
        Named::Rehearsal => Some("rehearsal"),
        Named::Evidence => Some("signed answer"),
        Named::TrustRoot => Some("trust root"),
        // The page does not judge receipts of rollouts.
        Named::Rollout | Named::Signature | Named::Journal | Named::Tar => None,
    }
}

fn judge(files: &Files<'_>, file: usize, root: &TrustRoot, now: Timestamp) -> Finding {
    match kind(files.path(file)) {
        Some("bundle") => bundle::judge(files, file, root, now),
        Some("approval") => bundle::approvals(files, file, root, now),
        Some("receipt") => record::run(files, file, root, now),
        Some("rehearsal") => record::rehearsal(files, file, root, now),
        Some("signed answer") => record::answer(files, file, root, now),
        Some("trust root") => root::judge(files, file, root),
        Some("log proof") => proof::judge(files, file, root),
        _ => Finding::fault("pgseal knows no file of such a name".to_owned()),
    }
}
