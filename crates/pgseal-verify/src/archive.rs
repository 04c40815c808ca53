//! The container of a release: a POSIX ustar archive with exactly one permitted encoding
//! (bundle/FORMAT.md, section 2).

pub mod gzip;
pub mod header;
pub mod names;
pub mod read;
pub mod section;
pub mod source;
pub mod stored;
pub mod write;

/// Content of the first member: the format's name and version.
pub const MAGIC: &[u8; 9] = b"pgseal 1\n";

/// Size of a tar block in bytes; members are padded to it with zeros.
pub const BLOCK: usize = 512;

/// Number of zero bytes between a member's end and the next block.
fn padding(size: u64) -> usize {
    (size.wrapping_neg() % BLOCK as u64) as usize
}
