//! The repository itself: the architecture, schemas of written documents, and the harness of `just bench`.

mod architecture;
mod bench;
mod documents;
mod errors;
mod release_toml;
mod schemas;
