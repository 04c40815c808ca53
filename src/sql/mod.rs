//! People's psql scripts, without psql.
//!
//! From the bytes of a file to what is sent to a server, top floor first:
//!
//! - `explore`: every way through a script, for whoever packs it
//! - `script`, `commands`, `branches`, `place`: the interpreter; one [`Step`] a pull, so that answers can be told between two statements
//! - `meta`, `arguments`, `copy_command`, `path`: backslash commands, their arguments, and where an include leads
//! - `assemble`, `frame`, `conditions`, `data`, `strings`: from the lines of an open file to one statement and its COPY data
//! - `statement`: its text, and the way back from a character to its file, line and column
//! - `index_shape`: whether two texts make the same index
//! - `outside`: what a statement is that can't run inside a transaction, and where its effect can be seen
//! - `session_only`: what a statement leaves in the session alone
//! - `inspect`, `dispatch` (with its `names`), `assignments`, `select`: what a statement is, judged on its tokens
//! - `results`: what `\gset` may set; `quick`: what most statements are; `plain`: which may share a message; `parts`: what `\;` joined
//! - `scanner`, `lexemes`: psql's rules of where a statement ends; `atomic`, `boundary`: where they differ from the
//!   server's
//! - `tokens`, `literals`: the server's view of one statement, and of the values in it
//! - `special`, `variables`, `position`, `error`: the ground
//!
//! The reference is psql 15: the manual's page "psql", and `psqlscan.l`, `psqlscanslash.l`, `mainloop.c`, `copy.c` in
//! PostgreSQL's sources. Where psql and the server would read a script differently, the script is refused.

mod explore;
mod script;
mod commands;
mod branches;
mod place;
mod meta;
mod arguments;
mod copy_command;
mod path;
mod assemble;
mod frame;
mod conditions;
mod data;
mod strings;
mod statement;
mod outside;
mod session_only;
mod index_shape;
mod inspect;
mod dispatch;
mod assignments;
mod names;
mod select;
mod asserts;
mod parts;
mod quick;
mod results;
mod plain;
mod atomic;
mod blank;
mod boundary;
mod scanner;
mod lexemes;
mod tokens;
mod literals;
mod special;
mod variables;
mod position;
mod error;

pub use asserts::{asserts, calls_something};
pub use assignments::assigns_search_path;
pub use blank::{WithoutLiterals, foreign_modifiers, without_literals};
pub use dispatch::Dispatch;
pub use error::{FileError, ScriptError};
pub use explore::{MAX_WAYS, explore};
pub use index_shape::index_shape;
pub use inspect::{Changed, Copy, Inspection, Means, SessionChange, inspect};
pub use meta::EchoTarget;
pub use outside::{ObjectName, Outside, Reindexed, outside};
pub use parts::{Part, parts};
pub use plain::{is_plain, plain};
pub use position::{Origin, Position};
pub use script::{Files, MAX_INCLUDE_DEPTH, Script, Step};
pub use select::{NotSelect, is_single_select, rows_unread, single_select};
pub use session_only::session_only;
pub use special::OF_THE_CONNECTION;
pub use statement::{CopySource, Statement, Then};
pub(crate) use tokens::{Tokens, without_comments};
pub use variables::{BadName, STAND_IN, Variables};
