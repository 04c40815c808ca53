//! Headers of the tar files that other programs write: ustar, GNU's long names and large sizes, PAX paths and sizes
//! (POSIX.1-2017, pax interchange format). Bundles themselves are read by `archive/`, which allows none of this.

use std::io;

use crate::archive::source::ByteSource;

const BLOCK: u64 = 512;

/// Names and PAX records, in bytes: longer ones are no names.
const RECORD_BYTES: u64 = 1 << 20;

/// A regular file in a tar file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, as it stands there.
    pub name: Vec<u8>,
    /// Where its bytes begin.
    pub offset: u64,
    /// How many they are.
    pub size: u64,
}

/// Reads the headers of a tar file one after the other. Where it isn't one, or is cut off, the error says so, after all
/// entries before it were told.
pub fn entries(source: &dyn ByteSource, mut tell: impl FnMut(Entry)) -> io::Result<()> {
    let (mut at, mut next) = (0, Next::default());
    loop {
        let Some(block) = header(source, at)? else { return Ok(()) };
        let size = match (next.size, block[156]) {
            (Some(size), b'0' | 0 | b'7') => size,
            _ => number(&block[124..136]).ok_or_else(|| bad(at, "its size is no number"))?,
        };
        let offset = at + BLOCK;
        let end = offset.checked_add(size).filter(|end| *end <= source.size());
        let end = end.ok_or_else(|| bad(at, "the file is cut off"))?;
        match block[156] {
            b'L' => next.name = Some(until_nul(&record(source, at, offset, size)?).to_vec()),
            b'x' => next.pax(&record(source, at, offset, size)?),
            // Global records and long link names say nothing about a file's name or size.
            b'g' | b'K' => {}
            kind => {
                let Next { name, .. } = std::mem::take(&mut next);
                if matches!(kind, b'0' | 0 | b'7') {
                    tell(Entry { name: name.unwrap_or_else(|| short_name(&block)), offset, size });
                } else if kind == b'S' {
                    return Err(bad(at, "it holds a sparse file: write it without --sparse"));
                }
            }
        }
        at = end.div_ceil(BLOCK) * BLOCK;
    }
}

/// What extra headers say of the next file.
#[derive(Default)]
struct Next {
    name: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Next {
    /// `LENGTH KEY=VALUE\n`, one after the other.
    fn pax(&mut self, records: &[u8]) {
        let mut rest = records;
        while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
            let length = std::str::from_utf8(&rest[..space]).ok().and_then(|text| text.parse::<usize>().ok());
            let Some(length) = length.filter(|length| (space + 2..=rest.len()).contains(length)) else { return };
            let record = &rest[space + 1..length - 1];
            if let Some(path) = record.strip_prefix(b"path=") {
                self.name = Some(path.to_vec());
            } else if let Some(size) = record.strip_prefix(b"size=") {
                self.size = std::str::from_utf8(size).ok().and_then(|text| text.parse().ok());
            }
            rest = &rest[length..];
        }
    }
}

/// The block of a header; `None` at the end, which is a block of zeros: without it members may have been lost.
fn header(source: &dyn ByteSource, at: u64) -> io::Result<Option<[u8; BLOCK as usize]>> {
    let left = source.size().saturating_sub(at);
    if left < BLOCK {
        return Err(bad(at, if at == 0 { "it is no tar file" } else { "the file is cut off" }));
    }
    let mut block = [0; BLOCK as usize];
    source.read_exact_at(&mut block, at)?;
    if block == [0; BLOCK as usize] {
        return Ok(None);
    }
    // The sum of all bytes, with the sum's own field as blanks.
    let sum: u64 =
        block.iter().enumerate().map(|(n, byte)| if (148..156).contains(&n) { 32 } else { u64::from(*byte) }).sum();
    if number(&block[148..156]) != Some(sum) {
        return Err(bad(at, if at == 0 { "it is no tar file" } else { "a header's check sum is wrong" }));
    }
    Ok(Some(block))
}

/// Octal digits, or GNU's base 256 for what they can't hold.
fn number(field: &[u8]) -> Option<u64> {
    if let [0x80, rest @ ..] = field {
        let (high, low) = rest.split_at(rest.len().checked_sub(8)?);
        let low: [u8; 8] = low.try_into().ok()?;
        return high.iter().all(|byte| *byte == 0).then(|| u64::from_be_bytes(low));
    }
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

fn short_name(block: &[u8; BLOCK as usize]) -> Vec<u8> {
    let name = until_nul(&block[..100]);
    // Only POSIX's own magic says that there is a prefix; GNU has other things there.
    let prefix = if &block[257..263] == b"ustar\0" { until_nul(&block[345..500]) } else { b"" };
    if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn record(source: &dyn ByteSource, at: u64, offset: u64, size: u64) -> io::Result<Vec<u8>> {
    if size > RECORD_BYTES {
        return Err(bad(at, "an extended header is too long"));
    }
    let mut bytes = vec![0; size as usize];
    source.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

fn bad(at: u64, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("at byte {at}: {why}"))
}
