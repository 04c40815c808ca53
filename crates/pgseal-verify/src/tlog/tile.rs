//! Paths of a log's tiles (C2SP tlog-tiles): `tile/<L>/<N>` and `tile/entries/<N>`, with `.p/<W>`
//! appended for partial tiles.

use std::fmt;

/// Number of hashes of a full tile; a tile spans this many entries of the level below.
pub const WIDTH: u64 = 256;
/// Number of levels of the tree in one tile: 2^8 is the width.
pub const HEIGHT: u32 = 8;

/// Type of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// The entries themselves.
    Entries,
    /// Hashes: of the entries on level 0, of full tiles of the level below on every other.
    Hashes(u32),
}

/// One tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tile {
    /// Type of the tile.
    pub content: Content,
    /// Index among the tiles of its level, from 0.
    pub index: u64,
    /// Number of hashes or entries, 1 to 256.
    pub width: u64,
}

impl Tile {
    /// The tile at an index in the tree of `size` entries; `None` if there is none.
    pub fn of(content: Content, index: u64, size: u64) -> Option<Self> {
        let level = match content {
            Content::Entries => 0,
            Content::Hashes(level) => level,
        };
        let all = size.checked_shr(HEIGHT * level).unwrap_or(0);
        let width = all.saturating_sub(index.checked_mul(WIDTH)?).min(WIDTH);
        (width > 0).then_some(Self {
            content,
            index,
            width,
        })
    }

    /// All tiles of a tree, level by level.
    pub fn all(size: u64) -> Vec<Self> {
        let contents =
            std::iter::once(Content::Entries).chain((0..64 / HEIGHT).map(Content::Hashes));
        contents
            .flat_map(|content| (0..).map_while(move |index| Self::of(content, index, size)))
            .collect()
    }

    /// True if no entries can be added to it.
    pub fn is_full(&self) -> bool {
        self.width == WIDTH
    }

    /// The full tile at the same index.
    pub fn full(self) -> Self {
        Self {
            width: WIDTH,
            ..self
        }
    }

    /// Directory of the partial tiles at the same index.
    pub fn partials(self) -> String {
        format!("{}.p", self.full())
    }
}

impl fmt::Display for Tile {
    /// Writes the path below the log's directory.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content {
            Content::Entries => f.write_str("tile/entries/")?,
            Content::Hashes(level) => write!(f, "tile/{level}/")?,
        }
        let digits = format!("{:03}", self.index);
        // Groups of three digits from the end; all but the last have an x, so that no file has the
        // name of a directory.
        let digits = format!("{digits:0>width$}", width = digits.len().div_ceil(3) * 3);
        for (at, digit) in digits.char_indices() {
            match at {
                at if at % 3 != 0 => {}
                0 if digits.len() > 3 => f.write_str("x")?,
                0 => {}
                at if at + 3 < digits.len() => f.write_str("/x")?,
                _ => f.write_str("/")?,
            }
            write!(f, "{digit}")?;
        }
        if self.is_full() {
            Ok(())
        } else {
            write!(f, ".p/{}", self.width)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification() {
        let path = |index, width| {
            Tile {
                content: Content::Hashes(0),
                index,
                width,
            }
            .to_string()
        };
        assert_eq!(path(1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(path(0, 256), "tile/0/000");
        assert_eq!(path(999, 1), "tile/0/999.p/1");
        assert_eq!(path(1000, 255), "tile/0/x001/000.p/255");
        let entries = Tile {
            content: Content::Entries,
            index: 7,
            width: 3,
        };
        assert_eq!(
            (entries.to_string(), entries.partials()),
            ("tile/entries/007.p/3".into(), "tile/entries/007.p".into())
        );
        let of = |size, level| {
            let tiles = Tile::all(size);
            let of_level = tiles
                .into_iter()
                .filter(|tile| tile.content == Content::Hashes(level));
            let (full, partial): (Vec<Tile>, Vec<Tile>) = of_level.partition(Tile::is_full);
            (
                full.len(),
                partial.iter().map(|tile| tile.width).collect::<Vec<_>>(),
            )
        };
        assert_eq!(
            [of(70_000, 0), of(70_000, 1), of(70_000, 2)],
            [(273, vec![112]), (1, vec![17]), (0, vec![1])]
        );
        assert_eq!(
            [of(256, 0), of(256, 1), of(256, 2)],
            [(1, vec![]), (0, vec![1]), (0, vec![])]
        );
        assert!(Tile::all(0).is_empty());
    }
}
