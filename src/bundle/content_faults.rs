//! Every file of an authentic bundle whose content is not the signed content, for auditors.

use super::authenticate::AuthenticatedBundle;
use super::contents::ContentError;
use crate::format::manifest::Stored;

impl AuthenticatedBundle {
    /// Checks the content of every file and names all that differ, where [`Self::check_contents`] stops at the first. The
    /// bytes of a file that is stored as it is have been hashed: only what was signed about them twice is compared.
    pub fn content_faults(&self) -> Vec<ContentError> {
        let fault = |(path, stored): (&crate::entry_path::EntryPath, &super::authenticate::Stored)| {
            let file = &stored.file;
            match file.stored {
                Stored::Raw if (stored.member.size, stored.stored_sha256) == (file.size, file.sha256) => None,
                Stored::Raw => Some(ContentError::Content(path.clone())),
                Stored::Gzip => self.content(path).err(),
            }
        };
        self.files.iter().filter_map(fault).collect()
    }
}
