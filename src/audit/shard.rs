//! One part of several: a stable partition by path, for array jobs.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use pgseal_verify::digest::Digest;

/// Part `i` of `n`, from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard {
    part: u64,
    of: u64,
}

/// Why a text is no shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no shard: write I/N, with 1 <= I <= N, for example 3/8")]
pub struct ShardError(String);

impl Shard {
    /// All parts of that many.
    pub fn all(self) -> impl Iterator<Item = Self> {
        (1..=self.of).map(move |part| Self { part, of: self.of })
    }

    /// Whether a path belongs to this part. Every path belongs to exactly one of the N parts, on every host.
    pub fn has(self, path: &Path) -> bool {
        let digest = Digest::of(path.as_os_str().as_encoded_bytes());
        let first: [u8; 8] = std::array::from_fn(|at| digest.as_bytes()[at]);
        u64::from_be_bytes(first) % self.of == self.part - 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        let parts = text.split_once('/').and_then(|(part, of)| Some((digits(part)?, digits(of)?)));
        match parts {
            Some((part, of)) if (1..=of).contains(&part) => Ok(Self { part, of }),
            _ => Err(ShardError(text.chars().take(40).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_in_exactly_one() {
        let shards: Vec<Shard> = (1..=7).map(|part| format!("{part}/7").parse().expect("a shard")).collect();
        let mut sizes = [0; 7];
        for n in 0..700 {
            let path = format!("archive/{n}.pgseal");
            let has: Vec<usize> = (0..7).filter(|at| shards[*at].has(Path::new(&path))).collect();
            assert_eq!(has.len(), 1, "{path}");
            sizes[has[0]] += 1;
        }
        assert!(sizes.iter().all(|size| (50..150).contains(size)), "{sizes:?}");
        // Stable for good: parts of one audit may run on hosts of different ages.
        assert!("1/3".parse::<Shard>().expect("a shard").has(Path::new("a.pgseal")));
    }

    #[test]
    fn one_spelling() {
        for wrong in ["", "1", "0/3", "4/3", "1/0", "-1/3", "+1/3", "1/3/5", "a/b", "1 / 3"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
