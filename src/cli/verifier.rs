//! `pgseal verifier -o FILE.html`

use std::io::Write;
use std::path::PathBuf;

use super::{CliError, Exit, Output, display_path};
use crate::durable;
use pgseal_verify::digest::Digest;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Where to write it; must not exist
    #[arg(short, long, value_name = "FILE.html")]
    output: PathBuf,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let page = page()?;
    let path = &args.output;
    durable::create_new(path, |file| file.write_all(page.as_bytes()))
        .map_err(|error| CliError::not_created(path, &error))?;
    let (sha256, bytes) = (Digest::of(page.as_bytes()), page.len());
    out.document(&serde_json::json!({
        "file": path.to_string_lossy(), "sha256": sha256, "bytes": bytes,
    }));
    out.line(format!("wrote {}, {bytes} bytes", display_path(path)));
    out.line(format!("SHA-256 {sha256}"));
    out.note(
        "whoever opens it compares this digest, which reached them another way, with that of `sha256sum`",
    );
    Ok(Exit::Done)
}

#[cfg(feature = "verifier")]
fn page() -> Result<String, CliError> {
    let missing =
        "this pgseal was built without the page: its compiler had no target wasm32-unknown-unknown";
    pgseal_page::html().ok_or_else(|| {
        CliError::new(Exit::Usage, missing).hint(
            "`rustup target add wasm32-unknown-unknown`, then `cargo clean -p pgseal-page` and build again",
        )
    })
}

#[cfg(not(feature = "verifier"))]
fn page() -> Result<String, CliError> {
    Err(
        CliError::new(Exit::Usage, "this pgseal was built without the page")
            .hint("building pgseal with `--features verifier` puts it in"),
    )
}
