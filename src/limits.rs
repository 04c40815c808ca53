//! Every size has a limit. These are the format's: a bundle beyond them is malformed on every host.

/// A member's size, in bytes, is below 8 GiB: eleven octal digits of a ustar header.
pub const MEMBER_BYTES: u64 = 0o77_777_777_777;

/// `statement.json`, in bytes: it is read before anything is authenticated.
pub const STATEMENT_BYTES: u64 = 16 << 20;

/// Members of a bundle. With 512 bytes of header each this bounds what is read before authentication to 32 MiB.
pub const MEMBERS: usize = 65_536;

/// Signatures of a bundle.
pub const SIGNATURES: usize = 64;

/// Approvals and notarisations of a bundle.
pub const ADDED_STATEMENTS: usize = 256;

/// An approval, a notarisation or a time stamp token, in bytes.
pub const ADDED_BYTES: u64 = 64 << 10;

/// Members that can be added to a packed release: signatures, statements with theirs, a time stamp for each of them.
pub const ADDED_MEMBERS: usize = 2 * SIGNATURES + 3 * ADDED_STATEMENTS;

/// A trust document or receipt, in bytes.
pub const DOCUMENT_BYTES: u64 = 4 << 20;

/// A fingerprint, in bytes: the definitions of half a million objects.
pub const FINGERPRINT_BYTES: u64 = 512 << 20;

/// A receipt as it is written, in bytes: so much room is taken before a run begins, and what is longer is shortened.
pub const RECEIPT_BYTES: u64 = 2 << 20;

/// A journal, in bytes.
pub const JOURNAL_BYTES: u64 = 64 << 20;

/// One message of the server, in bytes: a row, a line of COPY data, a notice. The driver keeps one whole, and the server
/// may announce 1 GiB or more.
pub const MESSAGE_BYTES: u32 = 64 << 20;

/// Nesting of arrays and objects in any JSON that pgseal reads.
pub const JSON_DEPTH: usize = 32;

/// A file of this many bytes or more is stored as gzip when that makes it smaller.
pub const GZIP_FROM_BYTES: u64 = 64 << 10;

/// `release.toml`, in bytes.
pub const RELEASE_TOML_BYTES: u64 = 4 << 20;

/// Statements that one `\gexec` may generate; their texts are in memory at once.
pub const GENERATED_STATEMENTS: usize = 100_000;

/// Files up to this many bytes are read into memory at once; larger bundles are read piece by piece.
pub const BUFFERED_BUNDLE_BYTES: u64 = 16 << 20;
