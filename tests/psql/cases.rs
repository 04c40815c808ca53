//! Scripts of the corpus; `corpus/README.md` describes their format.

use std::{fs, path::Path};

/// One script, with the other files of its directory.
pub struct Case {
    /// `FILE/NAME`.
    pub key: String,
    /// Runs psql with ON_ERROR_STOP.
    pub strict: bool,
    /// Requires psql 16 or newer.
    pub needs_new: bool,
    /// Arguments for both programs.
    pub arguments: Vec<String>,
    files: Vec<(String, String)>,
}

/// Variants of the files' encoding.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    Plain,
    /// Lines end with CR LF.
    Crlf,
    /// The script begins with a byte order mark.
    Mark,
    /// The script ends without a line feed.
    NoLastFeed,
}

impl Variant {
    pub const ALL: [Self; 4] = [Self::Plain, Self::Crlf, Self::Mark, Self::NoLastFeed];

    /// The case's key in the lists.
    pub fn key(self, case: &str) -> String {
        match self {
            Self::Plain => case.to_owned(),
            Self::Crlf => format!("{case} +crlf"),
            Self::Mark => format!("{case} +mark"),
            Self::NoLastFeed => format!("{case} +nofeed"),
        }
    }
}

/// Returns every case, in the order of the file names.
pub fn cases() -> Vec<Case> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/psql/corpus");
    let mut paths: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    paths.sort();
    let mut list = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        read(name, &fs::read_to_string(&path).unwrap(), &mut list);
    }
    list
}

fn read(file: &str, text: &str, list: &mut Vec<Case>) {
    let from = list.len();
    for line in text.split_inclusive('\n') {
        if let Some(head) = line.strip_prefix("--# ") {
            let mut words = head.split_whitespace().map(str::to_owned);
            let key = format!("{file}/{}", words.next().unwrap());
            assert!(
                list[from..].iter().all(|case| case.key != key),
                "{key} is there twice"
            );
            let (lax, arguments): (Vec<String>, _) = words.partition(|word| word == "lax");
            let files = vec![("script.sql".to_owned(), String::new())];
            list.push(Case {
                key,
                strict: lax.is_empty(),
                needs_new: file.starts_with("psql16"),
                arguments,
                files,
            });
            continue;
        }
        let case = list[from..]
            .last_mut()
            .unwrap_or_else(|| panic!("{file} begins without a case"));
        match line.strip_prefix("--@ ") {
            Some(path) => case.files.push((path.trim().to_owned(), String::new())),
            None => case.files.last_mut().unwrap().1.push_str(line),
        }
    }
}

impl Case {
    /// Encodes the files of the case; the first is the script.
    pub fn files(&self, variant: Variant) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = self
            .files
            .iter()
            .map(|(path, text)| (path.clone(), text.clone()))
            .collect();
        match variant {
            Variant::Plain => {}
            Variant::Crlf => files
                .iter_mut()
                .for_each(|(_, text)| *text = text.replace('\n', "\r\n")),
            Variant::Mark => files
                .iter_mut()
                .for_each(|(_, text)| text.insert(0, '\u{feff}')),
            Variant::NoLastFeed => {
                files
                    .iter_mut()
                    .for_each(|(_, text)| text.truncate(text.trim_end_matches('\n').len()));
            }
        }
        files
            .into_iter()
            .map(|(path, text)| (path, text.into_bytes()))
            .collect()
    }
}
