//! Reader of psql scripts: the statements that psql would send, without psql.
//!
//! Callers pull a [`Script`] step by step, since `\gset`, `\gexec` and `\if` depend on the server's
//! results. It reads meta-commands, variables, includes and COPY data by psql's rules, never holds
//! a whole file, and returns every statement with its source location. It opens no connection and
//! no file: [`Files`] supplies the texts.
//!
//! ```
//! use psql_script::{FileError, Files, Script, Step, Variables};
//! use std::io::Read;
//!
//! struct One(&'static str);
//!
//! impl Files for One {
//!     fn open(&self, path: &str) -> Result<Box<dyn Read + '_>, FileError> {
//!         if path == "main.sql" { Ok(Box::new(self.0.as_bytes())) } else { Err(FileError::NotFound) }
//!     }
//! }
//!
//! let files = One("\\set n 3\nselect 'a;b', :n; -- ;\ndrop table t;\n");
//! let mut script = Script::open(&files, "main.sql", Variables::default())?;
//! let mut sent = Vec::new();
//! while let Some(step) = script.next_step()? {
//!     if let Step::Statement(statement) = step {
//!         sent.push((statement.origin.at.line, statement.sql));
//!     }
//! }
//! assert_eq!(sent, [(2, "select 'a;b', 3;".to_owned()), (3, "drop table t;".to_owned())]);
//! # Ok::<(), psql_script::ScriptError>(())
//! ```
//!
//! This loop is for a program that sends each statement and reports its result: at an `\if` over a
//! value of the server it waits for that value. To list all statements of a script, use
//! [`explore`], which walks both branches of such an `\if`, with a placeholder for values of the
//! server; a statement behind it is visited once for each branch.
//!
//! [`Statement::inspect`] classifies a statement by its tokens: transaction control, settings, COPY,
//! and in `outside_transaction` the commands that cannot run in a transaction.
//! [`fn@classify`] adds the names that such a statement has; it also reports `CALL` and `DO`, which
//! may commit.
//!
//! The reference is psql 15: the manual's page "psql", and `psqlscan.l`, `psqlscanslash.l`,
//! `mainloop.c`, `copy.c` in PostgreSQL's sources. A script that psql and the server would read
//! differently is refused.

// The modules, top floor first; each imports only from those below it:
//
// - `explore`: every branch of a script
// - `script`, `commands`, `branches`, `place`: the interpreter
// - `meta`, `arguments`, `copy_command`, `path`: backslash commands, their arguments, targets of
//   includes
// - `assemble`, `frame`, `conditions`, `data`, `strings`: from lines of an open file to a
//   statement and its COPY data
// - `statement`: text of a statement, and the map from its characters to file, line and column
// - `non_transactional`, `session_only`, `index_shape`, `inspect`, `dispatch`, `assignments`, `names`,
//   `select`, `asserts`: classification of a statement by its tokens
// - `parts`, `quick`, `results`, `plain`: `\;`, the fast path, names for `\gset`, statements that
//   may share a message
// - `scanner`, `atomic`, `blank`, `boundary`: psql's rules for the end of a statement,
//   and the differences to the server's rules
// - `tokens`, `literals`: the server's view of a statement; `lexemes`: rules that both share
// - `psql_variables`, `variables`, `position`, `error`: variables, places, errors

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

mod non_transactional;

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

mod tokens;

mod literals;

mod lexemes;

mod psql_variables;

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
pub use non_transactional::{NonTransactional, ObjectName, Reindexed, classify};
pub use parts::{Part, parts};
pub use plain::{is_plain, plain};
pub use position::{Origin, Position};
pub use psql_variables::OF_THE_CONNECTION;
pub use script::{Files, MAX_INCLUDE_DEPTH, Script, Step};
pub use select::{NotSelect, is_single_select, rows_unread, single_select};
pub use session_only::session_only;
pub use statement::{CopySource, Statement, Then};
pub use tokens::{Kind, Token, Tokens, without_comments};
pub use variables::{BadName, STAND_IN, Variables};
