//! A new change in a release directory: tier, rollback and verify script, and their blocks in release.toml.

use super::release_toml::{self, ReleaseToml};
use pgseal_verify::format::name::Name;

/// Text of release.toml with the change, and its new files.
pub struct NewChange {
    pub toml: String,
    /// Path and text.
    pub files: Vec<(String, String)>,
}

/// Reason why a change is not added.
#[derive(Debug, thiserror::Error)]
pub enum NewChangeError {
    #[error("{0}")]
    Toml(super::problem::Problem),
    #[error("the release has a tier or verify script {0:?} already")]
    Taken(String),
    #[error("release.toml can't take the blocks of a change where they belong")]
    NoPlace,
}

/// Adds a change behind the last tier; its rollback script runs first. `files` are the paths of the directory.
pub fn add<'a>(
    text: &str,
    files: impl Iterator<Item = &'a str>,
    name: &Name,
) -> Result<NewChange, NewChangeError> {
    let toml = release_toml::parse(text).map_err(NewChangeError::Toml)?;
    let tiers = toml.tier.iter().map(|tier| tier.name.get_ref());
    let mut names = tiers.chain(toml.verify.iter().map(|verify| verify.name.get_ref()));
    if names.any(|known| known == name) {
        return Err(NewChangeError::Taken(name.to_string()));
    }
    let numbers = files.filter_map(|file| file.strip_prefix("tiers/"));
    let digits = |file: &str| file.bytes().take_while(u8::is_ascii_digit).count();
    let numbers = numbers.map(|file| &file[..digits(file)]);
    let numbers: Vec<&str> = numbers.filter(|number| !number.is_empty()).collect();
    let width = numbers.iter().map(|number| number.len()).max().unwrap_or(2);
    let last = numbers
        .iter()
        .filter_map(|number| number.parse::<u64>().ok());
    let number = last.max().unwrap_or(0).saturating_add(1);
    let file = format!("{number:0width$}_{name}.sql");
    let (tier, rollback) = (format!("tiers/{file}"), format!("rollback/{file}"));
    let verify = format!("verify/{name}.sql");
    let mut changed = text.trim_end().to_owned();
    changed.push('\n');
    // A pattern lists tiers, and the rollback scripts of their names where no block does.
    if toml.rollback.is_empty() && toml.tiers.is_none() {
        changed.push_str(&format!("\n[[rollback]]\nfile = \"{rollback}\"\n"));
    } else if !toml.rollback.is_empty() {
        let at = first_rollback(text, &toml).ok_or(NewChangeError::NoPlace)?;
        changed.insert_str(at, &format!("[[rollback]]\nfile = \"{rollback}\"\n\n"));
    }
    if toml.tiers.is_none() {
        changed.push_str(&format!(
            "\n[[tier]]\nname = \"{name}\"\nfile = \"{tier}\"\nabout = \"\"\ntransaction = \"release\"\n"
        ));
    }
    changed.push_str(&format!(
        "\n[[verify]]\nname = \"{name}\"\nfile = \"{verify}\"\nstate = \"finalized\"\nmode = \"read-only\"\n"
    ));
    let again = release_toml::parse(&changed).map_err(|_| NewChangeError::NoPlace)?;
    let first = again
        .rollback
        .first()
        .map(|block| block.file.get_ref().as_str());
    if first.is_some_and(|first| first != rollback) {
        return Err(NewChangeError::NoPlace);
    }
    Ok(NewChange {
        toml: changed,
        files: vec![
            (tier, format!("-- {name}: the change\n")),
            (rollback, format!("-- {name}: the way back\n")),
            (
                verify,
                format!("-- {name}: a SELECT with columns name, ok and detail\n"),
            ),
        ],
    })
}

/// The byte at which the first `[[rollback]]` begins.
fn first_rollback(text: &str, toml: &ReleaseToml) -> Option<usize> {
    let value = toml.rollback.first()?.file.span().start;
    text.get(..value)?.rfind("[[rollback]]")
}

impl NewChangeError {
    /// Advice for the author.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Toml(_) => "correct it first",
            Self::Taken(_) => "choose another name",
            Self::NoPlace => {
                "write [[tier]], [[rollback]] and [[verify]] as blocks, and nothing else behind them"
            }
        }
    }
}
