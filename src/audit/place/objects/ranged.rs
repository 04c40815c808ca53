//! A large object, fetched in pieces. Each request names the entity tag of the opened object (RFC
//! 9110, 13.1.1), so an object replaced meanwhile gives an error and not a mixture.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore};

use super::{Loop, why};
use pgseal_verify::archive::source::ByteSource;

const PIECE: u64 = 2 << 20;

/// Cached pieces of one object, for readers at several offsets at once.
const KEPT: usize = 4;

/// An open object with its cached pieces.
pub struct Ranged {
    store: Arc<dyn ObjectStore>,
    turn: Loop,
    meta: ObjectMeta,
    pieces: Mutex<VecDeque<(u64, Bytes)>>,
}

impl Ranged {
    /// Prepares the object without a request.
    pub fn new(store: Arc<dyn ObjectStore>, turn: Loop, meta: ObjectMeta) -> Self {
        Self {
            store,
            turn,
            meta,
            pieces: Mutex::default(),
        }
    }

    fn piece(&self, number: u64) -> io::Result<Bytes> {
        let kept = || self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = kept().iter().find(|(kept, _)| *kept == number) {
            return Ok(bytes.clone());
        }
        let (from, to) = (number * PIECE, ((number + 1) * PIECE).min(self.meta.size));
        let asked = GetOptions {
            if_match: self.meta.e_tag.clone(),
            version: self.meta.version.clone(),
            range: Some(GetRange::Bounded(from..to)),
            ..GetOptions::default()
        };
        let fetched = async {
            self.store
                .get_opts(&self.meta.location, asked)
                .await?
                .bytes()
                .await
        };
        let bytes = self.turn.block_on(fetched).map_err(why::told)?;
        if bytes.len() as u64 != to - from {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the store sent another range than it was asked for",
            ));
        }
        let mut kept = kept();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((number, bytes.clone()));
        Ok(bytes)
    }
}

impl ByteSource for Ranged {
    fn size(&self) -> u64 {
        self.meta.size
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if offset
            .checked_add(buffer.len() as u64)
            .is_none_or(|end| end > self.meta.size)
        {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (mut at, mut rest) = (offset, buffer);
        while !rest.is_empty() {
            let piece = self.piece(at / PIECE)?;
            let part = &piece[(at % PIECE) as usize..];
            let (now, later) = rest.split_at_mut(part.len().min(rest.len()));
            now.copy_from_slice(&part[..now.len()]);
            at += now.len() as u64;
            rest = later;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;
    use object_store::path::Path;
    use object_store::{ObjectStoreExt, PutPayload};

    use super::super::event_loop;
    use super::*;

    #[test]
    fn pieces_make_the_whole_and_no_mixture() {
        let (store, turn) = (Arc::new(InMemory::new()), event_loop().unwrap());
        let bytes: Vec<u8> = (0..PIECE * 6 + 17).map(|n| (n % 251) as u8).collect();
        let key = Path::from("large");
        let put = |bytes: &[u8]| {
            turn.block_on(store.put(&key, PutPayload::from(bytes.to_vec())))
                .unwrap();
            turn.block_on(store.head(&key)).unwrap()
        };
        let ranged = Ranged::new(store.clone(), turn.clone(), put(&bytes));
        assert_eq!(ranged.size(), bytes.len() as u64);
        for (offset, length) in [
            (0, 1),
            (PIECE - 1, 2),
            (5, PIECE * 3),
            (PIECE * 6, 17),
            (bytes.len() as u64, 0),
            (0, bytes.len() as u64),
        ] {
            let mut read = vec![0; length as usize];
            ranged.read_exact_at(&mut read, offset).unwrap();
            assert!(
                read == bytes[offset as usize..][..length as usize],
                "{offset} {length}"
            );
        }
        assert_eq!(ranged.pieces.lock().unwrap().len(), KEPT);
        assert!(
            ranged.read_exact_at(&mut [0; 18], PIECE * 6).is_err(),
            "beyond the end"
        );
        put(&vec![7; bytes.len()]);
        let error = ranged.read_exact_at(&mut [0; 8], 0).unwrap_err();
        assert_eq!(error.to_string(), "it was replaced while it was read");
    }
}
