//! Catalog evidence about statements that cannot run inside a transaction, and therefore not together
//! with their row in the ledger.
//!
//! - `look`: [`before`] the statement is sent, to [`confirm`] the server's answer, and to [`find`] the
//!   outcome of an interrupted one
//! - `answer`: the recorded state, [`Before`]; the finding, [`Effect`]
//! - `create_index`, `drop_index`, `reindex`, `partition`: one kind of statement each; `index` is shared
//!   by the first three
//! - `working`: the server process that still executes the statement
//! - `names`: lookup and spelling of names, and their `search_path`

mod answer;
mod create_index;
mod drop_index;
mod index;
mod look;
mod names;
mod partition;
mod reindex;
mod working;

pub use answer::{Before, Built, Effect};
pub use look::{before, confirm, find};
