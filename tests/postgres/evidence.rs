//! What the catalog says about statements outside of a transaction: before, after success, and after real kills at each
//! moment at which they commit a part of their work.

#[path = "evidence/bench.rs"]
mod bench;
#[path = "evidence/databases.rs"]
mod databases;
#[path = "evidence/indexes.rs"]
mod indexes;
#[path = "evidence/names.rs"]
mod names;
#[path = "evidence/partitions.rs"]
mod partitions;
#[path = "evidence/procedures.rs"]
mod procedures;
#[path = "evidence/reindex.rs"]
mod reindex;
