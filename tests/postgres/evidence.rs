//! What the catalog says about statements outside of a transaction: before, after success, and after real kills at each
//! moment at which they commit a part of their work.

mod bench;
mod databases;
mod indexes;
mod names;
mod partitions;
mod procedures;
mod reindex;
