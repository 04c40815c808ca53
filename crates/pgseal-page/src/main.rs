//! The module in the page. It calls two functions of the page: one takes bytes, one fills bytes.
//!
//! | the module sends | the page fills next |
//! |---|---|
//! | | the length of the question, 8 bytes little endian |
//! | | the question |
//! | `0`, file, offset, length (8 bytes each) | bytes of the file |
//! | `1` and the answer | |

#[cfg(target_arch = "wasm32")]
mod module {
    use std::io;

    use pgseal_page::Dropped;
    use pgseal_verify::archive::source::ByteSource;
    use typst_wasm_protocol::{send_result_to_host, write_args_to};

    pub fn run() {
        let mut length = [0; 8];
        write_args_to(&mut length);
        let mut question = vec![0; u64::from_le_bytes(length) as usize];
        write_args_to(&mut question);
        let mut message = vec![1];
        message.extend(pgseal_page::answer(&question, &InPage));
        send_result_to_host(&message);
    }

    /// Files that were dropped on the page.
    struct InPage;

    impl Dropped for InPage {
        fn open(&self, file: usize, size: u64) -> Box<dyn ByteSource> {
            let file = file as u64;
            Box::new(PageFile { file, size })
        }
    }

    struct PageFile {
        file: u64,
        size: u64,
    }

    impl ByteSource for PageFile {
        fn size(&self) -> u64 {
            self.size
        }

        fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
            let end = offset.checked_add(buffer.len() as u64);
            if end.is_none_or(|end| end > self.size) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if buffer.is_empty() {
                return Ok(());
            }
            let mut message = vec![0];
            for number in [self.file, offset, buffer.len() as u64] {
                message.extend(number.to_le_bytes());
            }
            // A file that can't be read ends the module; the page then says so.
            send_result_to_host(&message);
            write_args_to(buffer);
            Ok(())
        }
    }
}

#[cfg(target_arch = "wasm32")]
fn main() {
    module::run();
}

/// The program is for the page alone.
#[cfg(not(target_arch = "wasm32"))]
fn main() -> Result<(), &'static str> {
    Err("this is the program of a page: `pgseal verifier -o FILE.html` writes the page")
}
