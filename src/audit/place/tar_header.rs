//! Headers of the tar files that other programs write: ustar, GNU's long names and large sizes, PAX paths and sizes
//! (POSIX.1-2017, pax interchange format). What programs read in several ways is told as such: whoever extracts it may get
//! files that nobody audited. Bundles themselves are read by `archive/`, which allows none of this.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::tar_extended::{Extended, SPARSE, check_global};
use super::tar_links::Links;
use pgseal_verify::archive::source::ByteSource;
use pgseal_verify::format::file_name::Named;

const BLOCK: u64 = 512;

/// Names and PAX records, in bytes: longer ones are no names.
const RECORD_BYTES: u64 = 1 << 20;

/// Programs fill a tar file up with zeros to the length of what they write at once, which is 10 KiB, or what a tape takes.
const PADDING_BYTES: u64 = 16 << 20;

/// From this size on it doesn't fit into the eleven digits of a header.
const FIELD_BYTES: u64 = 8 << 30;

/// What stands in a tar file.
#[derive(Debug)]
pub enum Told {
    /// A regular file, the same for every program.
    File(Entry),
    /// What some program may extract as a file of one of these names, with a content that is not plainly here.
    Doubtful(Vec<Vec<u8>>, io::Error),
    /// What is wrong with the tar file itself. Reading goes on behind it.
    Wrong(io::Error),
}

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

/// Reads the headers of a tar file one after the other. Where it isn't one, is cut off, or goes on behind its end, the error
/// says so, after everything before was told.
pub fn entries(source: &dyn ByteSource, mut tell: impl FnMut(Told)) -> io::Result<()> {
    let mut reader = Reader { source, tell: &mut tell, extended: Extended::default(), links: Links::default() };
    let mut at = 0;
    while let Some(block) = header(source, at)? {
        at = match block[156] {
            // `X` is Sun's name for `x`.
            b'L' | b'K' | b'x' | b'X' | b'g' => reader.extra(at, &block)?,
            _ => reader.member(at, &block)?,
        };
    }
    check_end(source, at)
}

type Block = [u8; BLOCK as usize];

struct Reader<'a> {
    source: &'a dyn ByteSource,
    tell: &'a mut dyn FnMut(Told),
    /// What extra headers say of the next member.
    extended: Extended,
    links: Links,
}

impl Reader<'_> {
    /// A header that says something of the next member, or of all that follow. Gives the place of what comes behind it.
    fn extra(&mut self, at: u64, block: &Block) -> io::Result<u64> {
        let size = size(at, block)?;
        if let Err(why) = self.extended.count(block[156]) {
            self.wrong(at, why);
        }
        let end = self.end(at, at + BLOCK, size)?;
        // Records begin with digits, and are nothing that an audit looks at, whatever they are called.
        if matches!(block[156], b'K' | b'L') {
            let why = "a long name, which programs that don't know such extract as a file";
            (self.tell)(Told::Doubtful(vec![short_name(block)], bad(at, why)));
        }
        let said = match block[156] {
            // Where links lead is nobody's business.
            b'K' => Ok(()),
            _ if size > RECORD_BYTES => Err("an extended header is too long"),
            kind => {
                let mut bytes = vec![0; (end.min(self.source.size()) - at - BLOCK) as usize];
                self.source.read_exact_at(&mut bytes, at + BLOCK)?;
                let padding = bytes.split_off(size as usize);
                let said = match kind {
                    b'L' => self.extended.long_name(&bytes),
                    b'g' => check_global(&bytes),
                    _ => self.extended.read(&bytes),
                };
                match padding.iter().all(|byte| *byte == 0) {
                    true => said,
                    false => {
                        Err("something stands behind an extended header, which some programs take for a part of it")
                    }
                }
            }
        };
        if let Err(why) = said {
            self.wrong(at, why);
        }
        Ok(end)
    }

    /// A file, a directory, or anything else. Gives the place of what comes behind it.
    fn member(&mut self, at: u64, block: &Block) -> io::Result<u64> {
        let Extended { mut names, size: extended_size, mut doubt, is_sparse, .. } = std::mem::take(&mut self.extended);
        let size = self.size(at, block, extended_size)?;
        let has_no_other = names.is_empty();
        if let Some((other, is_time)) = other_prefix(block).filter(|_| has_no_other) {
            names.push(other);
            doubt =
                doubt.or((!is_time).then_some("it has a prefix that only some programs take for a part of its name"));
        }
        if !has_no_other && is_other_file(&short_name(block), &names) {
            doubt =
                doubt.or(Some("its own header has another name, which programs take that don't see the longer one"));
        }
        if has_no_other || doubt.is_some() {
            names.push(short_name(block));
        }
        self.check_links(at, block, &names);
        if is_sparse || block[156] == b'S' {
            self.wrong(at, SPARSE);
        }
        if size > 0 && is_directory_for_some(block, &names) {
            self.wrong(at, "a file with a content and a directory's name, in which other programs see members");
        }
        if size > 0 && !matches!(block[156], 0 | b'0'..=b'7' | b'S') {
            self.wrong(at, "of an unknown type, and with a content, in which other programs see members");
        }
        let (offset, why) = match block[156] {
            b'0' | 0 | b'7' => (at + BLOCK, doubt),
            b'1' | b'2' => (at + BLOCK, Some("a link, which another program extracts as the file that it leads to")),
            b'3' | b'4' | b'6' => (at + BLOCK, Some("a device or a pipe")),
            b'5' => (at + BLOCK, None),
            b'S' => (self.behind_map(at, block)?, Some(SPARSE)),
            _ => (at + BLOCK, Some("of an unknown type, which most programs extract as a file")),
        };
        let end = match block[156] {
            b'1'..=b'6' => self.behind_empty(at, size),
            _ => self.end(at, offset, size)?,
        };
        match (why, block[156], names.pop()) {
            (Some(why), _, last) => {
                names.extend(last);
                (self.tell)(Told::Doubtful(names, bad(at, why)));
            }
            (None, b'5', _) | (None, _, None) => {}
            (None, _, Some(name)) if name.is_empty() => self.wrong(at, "a file without a name"),
            (None, _, Some(name)) => (self.tell)(Told::File(Entry { name, offset, size })),
        }
        Ok(end)
    }

    /// Tells the links in front of a member through which it may be written, and notes it where it is one.
    fn check_links(&mut self, at: u64, block: &Block, names: &[Vec<u8>]) {
        for link in self.links.written_through(names) {
            self.wrong(
                link,
                "a link, and a later member has its name or lies below it: programs write through the link",
            );
        }
        if matches!(block[156], b'1' | b'2') {
            self.links.add(names, at);
        }
    }

    /// How long a member is. Some programs look only at the size in the header itself, which is right where it fits; where it
    /// doesn't, programs write zero or the largest number there.
    fn size(&mut self, at: u64, block: &Block, extended: Option<u64>) -> io::Result<u64> {
        let Some(extended) = extended else { return size(at, block) };
        let said = size(at, block).ok();
        let has_no_place = extended >= FIELD_BYTES && [Some(0), Some(FIELD_BYTES - 1)].contains(&said);
        if said != Some(extended) && !has_no_place {
            self.wrong(at, "a member has one size in its header and another one in front of it");
        }
        Ok(extended)
    }

    /// Something after which programs may read on at different places, or that is about no member alone.
    fn wrong(&mut self, at: u64, why: &str) {
        (self.tell)(Told::Wrong(bad(at, why)));
    }

    /// The place behind a content.
    fn end(&self, at: u64, offset: u64, size: u64) -> io::Result<u64> {
        let end = offset.checked_add(size).filter(|end| *end <= self.source.size());
        end.map(|end| end.div_ceil(BLOCK) * BLOCK).ok_or_else(|| bad(at, "the file is cut off"))
    }

    /// Where it goes on behind what has no content. Of a size that is there all the same, some programs take no notice: what
    /// is a header there is read as one.
    fn behind_empty(&mut self, at: u64, size: u64) -> u64 {
        let offset = at + BLOCK;
        if size == 0 {
            return offset;
        }
        self.wrong(at, "a link, directory or device with a content, in which other programs see members");
        match header(self.source, offset) {
            Ok(Some(_)) => offset,
            _ => self.end(at, offset, size).unwrap_or(offset),
        }
    }

    /// GNU's map of a sparse file goes on in blocks of its own.
    fn behind_map(&self, at: u64, block: &Block) -> io::Result<u64> {
        let (mut offset, mut goes_on) = (at + BLOCK, block[482] != 0);
        while goes_on {
            self.end(at, offset, BLOCK)?;
            let mut more = [0; BLOCK as usize];
            self.source.read_exact_at(&mut more, offset)?;
            (offset, goes_on) = (offset + BLOCK, more[504] != 0);
        }
        Ok(offset)
    }
}

/// The block of a header; `None` at the end, which is a block of zeros: without it members may have been lost.
fn header(source: &dyn ByteSource, at: u64) -> io::Result<Option<Block>> {
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

/// Behind the end there are zeros, and not too many: `tar --ignore-zeros` extracts what else is there.
fn check_end(source: &dyn ByteSource, end: u64) -> io::Result<()> {
    if source.size() - end > PADDING_BYTES {
        return Err(bad(end, "it ends here, and more than a tar file is filled up with follows"));
    }
    let (mut at, mut piece) = (end, vec![0; 64 << 10]);
    while at < source.size() {
        piece.truncate(usize::try_from(source.size() - at).unwrap_or(usize::MAX).min(piece.len()));
        source.read_exact_at(&mut piece, at)?;
        if piece.iter().any(|byte| *byte != 0) {
            return Err(bad(end, "it ends here, and more follows, which some programs extract"));
        }
        at += piece.len() as u64;
    }
    Ok(())
}

fn size(at: u64, block: &Block) -> io::Result<u64> {
    number(&block[124..136]).ok_or_else(|| bad(at, "its size is no number"))
}

/// Blanks, octal digits, blanks and zeros; or GNU's base 256 for what they can't hold. All else is read in several ways:
/// behind a zero some programs see nothing, and some see digits.
fn number(field: &[u8]) -> Option<u64> {
    if let [0x80, rest @ ..] = field {
        let (high, low) = rest.split_at(rest.len().checked_sub(8)?);
        let low: [u8; 8] = low.try_into().ok()?;
        return high.iter().all(|byte| *byte == 0).then(|| u64::from_be_bytes(low));
    }
    let text = std::str::from_utf8(field).ok()?.trim_end_matches(['\0', ' ']).trim_start_matches(' ');
    // A sign begins a number of another base, for a GNU tar.
    let has_sign = text.starts_with('+');
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok().filter(|_| !has_sign) }
}

/// Whether some program takes a regular file for a directory, and sees a header where its content begins.
fn is_directory_for_some(block: &Block, names: &[Vec<u8>]) -> bool {
    match block[156] {
        // Of this type a program may look at the short name, where a long one stands for it too.
        0 if until_nul(&block[..100]).ends_with(b"/") => true,
        b'0' | 0 | b'7' => names.iter().any(|name| name.ends_with(b"/")),
        _ => false,
    }
}

/// Whether a name is one that an audit looks at, and none of the others is one of its kind. Where a long name is cut off or
/// has other letters, it is nobody's business, or of the same kind.
fn is_other_file(name: &[u8], others: &[Vec<u8>]) -> bool {
    let named = |name: &[u8]| Named::of(Path::new(OsStr::from_bytes(name)));
    named(name).is_some_and(|kind| others.iter().all(|other| named(other) != Some(kind)))
}

/// Only POSIX's own magic says that there is a prefix; GNU has other things there.
fn short_name(block: &Block) -> Vec<u8> {
    let prefix = if &block[257..263] == b"ustar\0" { until_nul(&block[345..500]) } else { b"" };
    with_prefix(prefix, block)
}

/// The name for programs that see a prefix whatever the magic says, and whether what they see are GNU's times.
fn other_prefix(block: &Block) -> Option<(Vec<u8>, bool)> {
    let prefix = until_nul(&block[345..500]);
    let is_other = &block[257..263] != b"ustar\0" && !prefix.is_empty();
    let are_times = &block[257..265] == b"ustar  \0" && block[345..369].chunks(12).all(is_gnu_time);
    is_other.then(|| (with_prefix(prefix, block), are_times))
}

/// As GNU tar writes it: eleven digits and a zero.
fn is_gnu_time(field: &[u8]) -> bool {
    field.strip_suffix(b"\0").is_some_and(|digits| digits.iter().all(|digit| (b'0'..=b'7').contains(digit)))
}

fn with_prefix(prefix: &[u8], block: &Block) -> Vec<u8> {
    let name = until_nul(&block[..100]);
    if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn bad(at: u64, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("at byte {at}: {why}"))
}
