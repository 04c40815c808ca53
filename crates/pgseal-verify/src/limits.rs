//! Size limits of the format: a bundle beyond them is malformed on every host.

/// Maximum size of a member in bytes, below 8 GiB: eleven octal digits of a ustar header.
pub const MEMBER_BYTES: u64 = 0o77_777_777_777;

/// Maximum size of `statement.json` in bytes; it is read before anything is authenticated.
pub const STATEMENT_BYTES: u64 = 16 << 20;

/// Maximum number of members of a bundle. With headers of 512 bytes this bounds the bytes read
/// before authentication to 32 MiB.
pub const MEMBERS: usize = 65_536;

/// Maximum number of signatures of a bundle.
pub const SIGNATURES: usize = 64;

/// Maximum number of approvals and notarisations of a bundle.
pub const ADDED_STATEMENTS: usize = 256;

/// Maximum size of an approval, a notarisation or a timestamp token in bytes.
pub const ADDED_BYTES: u64 = 64 << 10;

/// Maximum number of members attached to a packed release: signatures, statements with theirs, a
/// timestamp for each of them.
pub const ADDED_MEMBERS: usize = 2 * SIGNATURES + 3 * ADDED_STATEMENTS;

/// Maximum size of a trust document or receipt in bytes.
pub const DOCUMENT_BYTES: u64 = 4 << 20;

/// Maximum size of a fingerprint in bytes: the definitions of half a million objects.
pub const FINGERPRINT_BYTES: u64 = 512 << 20;

/// Maximum size of a written receipt in bytes. A run reserves this room before it begins, and
/// shortens a longer receipt.
pub const RECEIPT_BYTES: u64 = 2 << 20;

/// Maximum size of a journal in bytes.
pub const JOURNAL_BYTES: u64 = 64 << 20;

/// Maximum size of one message from the server in bytes: a row, a line of COPY data, a notice. The
/// driver buffers a whole message, and the server may announce 1 GiB or more.
pub const MESSAGE_BYTES: u32 = 64 << 20;

/// Maximum nesting of arrays and objects in any JSON that pgseal reads.
pub const JSON_DEPTH: usize = 32;

/// A file of this many bytes or more is stored as gzip if that makes it smaller.
pub const GZIP_FROM_BYTES: u64 = 64 << 10;

/// Maximum size of `release.toml` in bytes.
pub const RELEASE_TOML_BYTES: u64 = 4 << 20;

/// Maximum number of statements that one `\gexec` may generate; their texts are in memory at once.
pub const GENERATED_STATEMENTS: usize = 100_000;

/// Maximum size in bytes of files that are read into memory at once; larger bundles are read piece
/// by piece.
pub const BUFFERED_BUNDLE_BYTES: u64 = 16 << 20;
