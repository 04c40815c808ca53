//! The links of a tar file, as far as programs write through them: a later member of a link's own name goes into what the
//! link leads to, and one below its name into that directory.

use std::collections::{BTreeMap, HashMap};

/// The links so far, by their names: a tree, in which a name is found in one walk, however deep it is.
#[derive(Debug, Default)]
pub struct Links {
    /// From a directory and a name in it to what is there; 0 is where the tar file is extracted.
    nodes: HashMap<(usize, String), usize>,
    /// Where the header of the link is that is there.
    places: BTreeMap<usize, u64>,
    /// The headers of those that may be anywhere.
    anywhere: Vec<u64>,
}

impl Links {
    /// Adds a link of these names, whose header is at this place.
    pub fn add(&mut self, names: &[Vec<u8>], at: u64) {
        for name in names {
            let Some(parts) = parts(name) else {
                self.anywhere.push(at);
                continue;
            };
            let mut node = 0;
            for part in parts {
                let next = self.nodes.len() + 1;
                node = *self.nodes.entry((node, part)).or_insert(next);
            }
            self.places.insert(node, at);
        }
    }

    /// The headers of the links through which a member of these names may be written. Each is given once, whatever follows.
    pub fn written_through(&mut self, names: &[Vec<u8>]) -> Vec<u64> {
        let mut found = std::mem::take(&mut self.anywhere);
        for name in names {
            if self.places.is_empty() {
                break;
            }
            let Some(parts) = parts(name) else {
                found.extend(std::mem::take(&mut self.places).into_values());
                break;
            };
            let mut node = 0;
            for part in parts {
                let Some(next) = self.nodes.get(&(node, part)) else { break };
                node = *next;
                found.extend(self.places.remove(&node));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// A name from directory to directory, however its slashes are written. File systems may take capital letters for small ones.
/// `None` where it leads up: nobody knows from where.
fn parts(name: &[u8]) -> Option<impl Iterator<Item = String>> {
    let parts = || name.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    let folded = |part| String::from_utf8_lossy(part).to_uppercase().to_lowercase();
    (!parts().any(|part| part == b"..")).then(|| parts().map(folded))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written through a link of the first name by a member of the second.
    fn is_written_through(link: &str, member: &str) -> bool {
        let mut links = Links::default();
        links.add(&[b"other/link".to_vec(), link.as_bytes().to_vec()], 512);
        let found = links.written_through(&[b"README".to_vec(), member.as_bytes().to_vec()]);
        assert!(links.written_through(&[member.as_bytes().to_vec()]).is_empty(), "once");
        found == [512]
    }

    #[test]
    fn names_and_what_is_below_them() {
        for (link, member) in [
            ("a", "a"),
            ("./a//", "/A"),
            ("a", "a/"),
            ("a", "a/b/c"),
            ("a/b", ".//a/./B/c"),
            ("\u{212a}", "k"),
            ("\u{17f}", "S/x"),
            ("x/../a", "b"),
            ("a", "x/../a"),
        ] {
            assert!(is_written_through(link, member), "{link} {member}");
        }
        for (link, member) in [("a", "b"), ("a/b", "a"), ("a/b", "b"), ("a", "ab"), ("a", "b/a"), ("a", "..a")] {
            assert!(!is_written_through(link, member), "{link} {member}");
        }
    }
}
