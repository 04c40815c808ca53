//! The page that verifies pgseal's files in a browser.
//!
//! The browser has the files, and asks one question at a time ([`answer`]); the same code runs in
//! the page as WebAssembly and in tests as it is. [`html`] writes the page.

mod bundle;
mod files;
mod finding;
#[cfg(not(target_arch = "wasm32"))]
mod page;
mod proof;
mod question;
mod record;
mod root;

pub use files::Dropped;
#[cfg(not(target_arch = "wasm32"))]
pub use page::html;
pub use question::answer;
