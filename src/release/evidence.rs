//! What the catalog says about a statement that can't run inside a transaction, and so not together with its row in the
//! ledger.
//!
//! - `look`: [`before`] it is sent, to [`confirm`] the server's answer, and to [`find`] what came of one that was interrupted
//! - `answer`: what is remembered, [`Before`]; what was found, [`Effect`]
//! - `create_index`, `drop_index`, `reindex`, `partition`, `global` (databases, tablespaces): a kind of object each;
//!   `index` is what the first three have in common
//! - `working`: which server process still works on it
//! - `names`: how names are looked up and written, and under which `search_path`

mod answer;
mod create_index;
mod drop_index;
mod global;
mod index;
mod look;
mod names;
mod partition;
mod reindex;
mod working;

pub use answer::{Before, Built, Effect};
pub use look::{before, confirm, find};
