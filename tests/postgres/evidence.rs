//! Catalog evidence for non-transactional statements: before, after success, and after real kills at each moment at
//! which they commit a part of their work.

mod bench;
mod indexes;
mod names;
mod partitions;
mod procedures;
mod reindex;
