//! Converts a store's error to one line. The client's own messages contain addresses and response
//! bodies, which may hold parts of credentials.

use std::io::{Error, ErrorKind};

/// Most characters quoted from the store's message.
const LONGEST: usize = 200;

/// The error with a safe one-line message.
pub fn told(error: object_store::Error) -> Error {
    use object_store::Error as E;
    let (kind, text) = match &error {
        E::NotFound { .. } => (
            ErrorKind::NotFound,
            "there is no such object or bucket".to_owned(),
        ),
        E::PermissionDenied { .. } => (
            ErrorKind::PermissionDenied,
            with("the store refuses it", &error),
        ),
        E::Unauthenticated { .. } => (
            ErrorKind::PermissionDenied,
            with("the store does not accept the credentials", &error),
        ),
        E::Precondition { .. } => (
            ErrorKind::InvalidData,
            "it was replaced while it was read".to_owned(),
        ),
        E::InvalidPath { source } => (
            ErrorKind::InvalidData,
            format!("a name that can't be asked for: {source}"),
        ),
        _ => (ErrorKind::Other, innermost(&error)),
    };
    Error::new(kind, text)
}

fn with(text: &str, error: &object_store::Error) -> String {
    match code(&deepest(error)) {
        Some(code) => format!("{text} ({code})"),
        None => text.to_owned(),
    }
}

/// The root cause: `Connection refused`, `500 Internal Server Error`.
fn innermost(error: &object_store::Error) -> String {
    let text = deepest(error);
    let code = code(&text)
        .map(|code| format!(" ({code})"))
        .unwrap_or_default();
    if text == "URL scheme is not allowed" {
        return "without TLS it is asked only where AWS_ALLOW_HTTP is true".to_owned();
    }
    let text = text
        .strip_prefix("Server returned non-2xx status code: ")
        .unwrap_or(&text);
    // The response body follows.
    let text = text
        .split(['<', '{', '\n', '\r'])
        .next()
        .unwrap_or_default();
    let text: String = text
        .trim_end_matches([':', ' ', '"'])
        .chars()
        .take(LONGEST)
        .collect();
    format!("{text}{code}")
}

fn deepest(error: &object_store::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

fn code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let is_word =
        !code.is_empty() && code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric());
    is_word.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_not_told_whole() {
        let generic = |text: &str| object_store::Error::Generic {
            store: "S3",
            source: text.into(),
        };
        let body = "Server returned non-2xx status code: 500 Internal Server Error: <?xml?><Error><Code>Oops</Code>\
                    <StringToSign>x</StringToSign></Error>";
        let text = "500 Internal Server Error (Oops)";
        assert_eq!(told(generic(body)).to_string(), text);
        let denied = object_store::Error::PermissionDenied {
            path: "a".into(),
            source: body.into(),
        };
        assert_eq!(told(denied).to_string(), "the store refuses it (Oops)");
        assert_eq!(told(generic(&"x".repeat(999))).to_string().len(), LONGEST);
    }
}
