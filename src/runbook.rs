//! Runbooks: texts for people, with the facts of a release inserted.
//!
//! - `escaped`: foreign text in Markdown
//! - `facts`: names and values of the facts between `{{` and `}}`
//! - `template`: splits a text at them
//! - `line`: command lines, as complete as the known values allow
//! - `rows`: the rows that a script carries as data

mod escaped;
pub mod facts;
pub mod line;
mod rows;
mod template;

pub use escaped::escaped;
pub use facts::RunbookFacts;
pub use line::Known;
pub use rows::Scripts;

/// A fault in a runbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Byte offset in the text.
    pub at: usize,
    pub message: String,
    pub hint: String,
}

/// The most similar of the known words, if at most a third of its letters differ.
fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |name: &&str| strsim::osa_distance(word, name);
    let near = known.into_iter().min_by_key(distance)?;
    (distance(&near) <= near.chars().count().div_ceil(3)).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn what_was_meant() {
        let known = ["run", "rollback", "runbook", "check"];
        assert_eq!(nearest("rolback", known), Some("rollback"));
        assert_eq!(nearest("rnu", known), Some("run"));
        assert_eq!(nearest("deploy", known), None);
    }
}
