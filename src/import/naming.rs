//! Names of the release's parts, from foreign words.

use std::collections::BTreeSet;

/// Names of tiers and verify scripts; none twice.
#[derive(Default)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// A name that no other has.
    pub fn free(&mut self, words: &str) -> String {
        let base = shorten(&slug(words), 40);
        let numbered = (2..).map(|n: usize| format!("{}-{n}", shorten(&base, 35)));
        let mut names = std::iter::once(base.clone()).chain(numbered);
        let free = names.find(|name| !self.0.contains(name));
        let name = free.unwrap_or(base);
        self.0.insert(name.clone());
        name
    }
}

/// Words as a name: small letters, digits, `-` and `_`.
fn slug(words: &str) -> String {
    let fits = |c: char| match c {
        'A'..='Z' => c.to_ascii_lowercase(),
        'a'..='z' | '0'..='9' | '-' | '_' => c,
        _ => '_',
    };
    let text: String = words.chars().map(fits).collect();
    match text.trim_matches(['_', '-']) {
        "" => "change".to_owned(),
        text => text.to_owned(),
    }
}

pub fn shorten(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// Text of a source inside of a comment.
pub fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
