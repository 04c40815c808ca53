//! `--tbs`: the exact bytes to sign, for a key on another machine. `pgseal attach` adds the
//! signature afterwards.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{CliError, Exit, Output, display_path};
use crate::durable;
use crate::trust::pae::pre_authentication_encoding;

#[derive(clap::Args, Debug)]
pub struct TbsArgs {
    /// Write the exact bytes to sign instead of signing, for a key elsewhere; `pgseal attach` adds the signature [OUT:
    /// else standard output]
    #[arg(long, value_name = "OUT", num_args = 0..=1, default_missing_value = "-", group = "signer")]
    tbs: Option<PathBuf>,
}

impl TbsArgs {
    pub fn is_given(&self) -> bool {
        self.tbs.is_some()
    }

    /// Writes the bytes to sign.
    pub fn write(
        &self,
        file: &Path,
        payload_type: &str,
        body: &[u8],
        out: Output,
    ) -> Result<Exit, CliError> {
        let bytes = pre_authentication_encoding(payload_type, body);
        match self.tbs.as_deref().filter(|path| *path != Path::new("-")) {
            None => out.bytes(&bytes)?,
            Some(path) => {
                durable::create_new(path, |out| out.write_all(&bytes))
                    .map_err(|error| CliError::not_created(path, &error))?;
                let length = bytes.len();
                out.document(&serde_json::json!({
                    "file": file.to_string_lossy(), "tbs": path.to_string_lossy(), "bytes": length,
                }));
                out.line(format!(
                    "wrote {}, {length} bytes to sign by Ed25519 (RFC 8032, no prehash)",
                    display_path(path)
                ));
                let (file, path) = (display_path(file), display_path(path));
                out.note(format!("bring back the 64 bytes: pgseal attach {file} SIGNATURE --key KEY.pub --tbs {path}"));
            }
        }
        Ok(Exit::Done)
    }
}
