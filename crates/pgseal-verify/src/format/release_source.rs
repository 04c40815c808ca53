//! Where the files of a release come from: repository, commit and builder, as its packer states them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::wildcard;
use crate::digest::string_conversions;

/// `[source]`. At least one of the three is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct ReleaseSource {
    repository: Option<SourceName>,
    commit: Option<Commit>,
    builder: Option<SourceName>,
}

/// A source as documents spell it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    repository: Option<SourceName>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    commit: Option<Commit>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    builder: Option<SourceName>,
}

/// A source without any of its parts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a source names a repository, a commit or a builder")]
pub struct EmptySource;

impl ReleaseSource {
    /// Fails if all are absent.
    pub fn new(
        repository: Option<SourceName>,
        commit: Option<Commit>,
        builder: Option<SourceName>,
    ) -> Result<Self, EmptySource> {
        if repository.is_none() && commit.is_none() && builder.is_none() {
            return Err(EmptySource);
        }
        Ok(Self {
            repository,
            commit,
            builder,
        })
    }

    /// The repository, as a URL.
    pub fn repository(&self) -> Option<&SourceName> {
        self.repository.as_ref()
    }

    /// The commit of that repository.
    pub fn commit(&self) -> Option<&Commit> {
        self.commit.as_ref()
    }

    /// The program or workflow that packed.
    pub fn builder(&self) -> Option<&SourceName> {
        self.builder.as_ref()
    }

    /// This source, with the parts of another one in place of its own.
    pub fn overridden_by(self, other: Self) -> Self {
        Self {
            repository: other.repository.or(self.repository),
            commit: other.commit.or(self.commit),
            builder: other.builder.or(self.builder),
        }
    }
}

impl TryFrom<Written> for ReleaseSource {
    type Error = EmptySource;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        Self::new(written.repository, written.commit, written.builder)
    }
}

impl From<ReleaseSource> for Written {
    fn from(source: ReleaseSource) -> Self {
        Self {
            repository: source.repository,
            commit: source.commit,
            builder: source.builder,
        }
    }
}

/// Formats as `REPOSITORY, commit COMMIT, built by BUILDER`.
impl fmt::Display for ReleaseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repository = self.repository.as_ref().map(ToString::to_string);
        let commit = self
            .commit
            .as_ref()
            .map(|commit| format!("commit {commit}"));
        let builder = self.builder.as_ref().map(|by| format!("built by {by}"));
        let parts: Vec<String> = [repository, commit, builder]
            .into_iter()
            .flatten()
            .collect();
        f.write_str(&parts.join(", "))
    }
}

/// Maximum bytes of a name or a pattern.
const NAME_BYTES: usize = 512;

/// The name of a repository or of a builder: usually a URL, without blanks and without a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SourceName(String);

/// Reason why a text names no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum SourceNameError {
    /// Empty, too long, or with blanks or control characters.
    #[error("{found:?} is not 1 to 512 bytes without blanks")]
    Form {
        /// The text, shortened.
        found: String,
    },
    /// A password would be signed, and readable for everybody.
    #[error("the URL has a password, which everybody could read in the release")]
    Password,
}

impl SourceName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SourceName {
    type Err = SourceNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_other = |c: char| c.is_control() || c.is_whitespace();
        if text.is_empty() || text.len() > NAME_BYTES || text.contains(is_other) {
            return Err(SourceNameError::Form {
                found: text.chars().take(80).collect(),
            });
        }
        let authority = text.split_once("://").map(|(_, rest)| rest);
        let authority = authority.and_then(|rest| rest.split(['/', '?', '#']).next());
        let user = authority.and_then(|authority| authority.rsplit_once('@'));
        if user.is_some_and(|(user, _)| user.contains(':')) {
            return Err(SourceNameError::Password);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

string_conversions!(SourceName);

/// The id of a commit of git: 40 or 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Commit(String);

/// Reason why a text is no commit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no commit: write its 40 or 64 lower-case hexadecimal digits")]
pub struct CommitError {
    found: String,
}

impl FromStr for Commit {
    type Err = CommitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if ![40, 64].contains(&text.len()) || !text.bytes().all(is_digit) {
            return Err(CommitError {
                found: text.chars().take(80).collect(),
            });
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

string_conversions!(Commit);

/// Repositories that a trust root names: one, or `*` for any characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryPattern(SourceName);

impl RepositoryPattern {
    /// Whether it means this repository.
    pub fn matches(&self, repository: &SourceName) -> bool {
        wildcard::matches(self.0.as_str(), repository.as_str())
    }
}

impl FromStr for RepositoryPattern {
    type Err = SourceNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for RepositoryPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

string_conversions!(RepositoryPattern);

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> SourceName {
        text.parse().expect("a name")
    }

    #[test]
    fn a_name_has_no_blank_and_no_password() {
        for good in [
            "https://git.example/shop",
            "git@git.example:shop",
            "ssh://git@git.example/a:b@c",
        ] {
            assert_eq!(name(good).as_str(), good);
        }
        for wrong in ["", "a b", "a\n", &"x".repeat(513)] {
            assert!(wrong.parse::<SourceName>().is_err(), "{wrong:?}");
        }
        for secret in [
            "https://ci:token@git.example/shop",
            "https://:t@git.example",
        ] {
            assert_eq!(
                secret.parse::<SourceName>(),
                Err(SourceNameError::Password),
                "{secret}"
            );
        }
    }

    #[test]
    fn a_commit_is_a_whole_digest() {
        for good in ["a".repeat(40), "0".repeat(64)] {
            assert!(good.parse::<Commit>().is_ok());
        }
        for wrong in [
            "a".repeat(39),
            "A".repeat(40),
            "g".repeat(40),
            "abc1234".to_owned(),
        ] {
            assert!(wrong.parse::<Commit>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_pattern_means_repositories() {
        let pattern: RepositoryPattern = "https://git.example/shop/*".parse().expect("a pattern");
        assert!(pattern.matches(&name("https://git.example/shop/releases")));
        assert!(!pattern.matches(&name("https://git.example/shopping")));
        assert!(!pattern.matches(&name("https://evil.example/https://git.example/shop/x")));
    }

    #[test]
    fn a_source_has_at_least_one_part() {
        let read = |text: &str| serde_json::from_str::<ReleaseSource>(text);
        assert!(read("{}").is_err());
        assert!(read(r#"{"branch":"main"}"#).is_err());
        let source = read(r#"{"repository":"https://git.example/shop"}"#).expect("a source");
        let commit = Some("a".repeat(40).parse().expect("a commit"));
        let other = ReleaseSource::new(None, commit, None).expect("a source");
        let both = source.overridden_by(other).to_string();
        assert_eq!(
            both,
            format!("https://git.example/shop, commit {}", "a".repeat(40))
        );
    }
}
