//! The repository itself: the shape of the source, schemas of what is written, and the harness of `just bench`.

mod architecture;
mod bench;
mod documents;
mod errors;
mod schemas;
