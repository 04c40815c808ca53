//! Object stores: S3 and compatible ones, Google Cloud Storage, Azure. Listing is paginated; small
//! objects are fetched whole, large ones by ranges. The client library handles retries.

mod listing;
mod ranged;
mod why;

use std::future::Future;
use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use object_store::list::PaginatedListStore;
use object_store::path::Path;
use object_store::{GetOptions, GetResult, ObjectMeta, ObjectStore};
use tokio::runtime::Runtime;

use self::listing::{Entry, Listing};
use self::ranged::Ranged;
use super::{Found, Place, Unlisted};
use crate::audit::kind::Kind;
use pgseal_verify::archive::source::{ByteSource, InMemory};
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::limits;

/// Largest size in bytes of an object fetched whole.
const WHOLE_BYTES: u64 = 4 << 20;

/// Concurrent requests: a store has high latency and serves many at once.
const READERS: usize = 16;

/// One event loop for the store, driven by the threads that wait for a response.
type Loop = Arc<Runtime>;

/// A store with paginated listing.
pub trait Store: ObjectStore + PaginatedListStore {}

impl<T: ObjectStore + PaginatedListStore> Store for T {}

/// Objects below a prefix of a store, or one object named by the user.
pub struct Objects {
    store: Arc<dyn Store>,
    turn: Loop,
    /// `s3://bucket`, without a trailing slash.
    address: String,
    prefix: Path,
}

impl Objects {
    /// Connects to the objects below `prefix` of a store reported as `address`. Fails if the first
    /// page can't be listed.
    pub fn reach(store: Arc<dyn Store>, address: &str, prefix: &str) -> io::Result<Self> {
        let prefix = Path::parse(prefix)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let turn = event_loop()?;
        let objects = Self {
            store,
            turn,
            address: address.to_owned(),
            prefix,
        };
        let first = objects.listing().next();
        if let Some(Entry::Broken(error)) = first {
            Err(why::told(error))
        } else {
            Ok(objects)
        }
    }

    fn listing(&self) -> Listing<'_> {
        Listing::new(&*self.store, &self.turn, &self.prefix)
    }

    fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        self.turn.block_on(what)
    }

    fn path(&self, key: &Path) -> PathBuf {
        PathBuf::from(format!("{}/{key}", self.address))
    }

    fn key(&self, path: &FilePath) -> io::Result<Path> {
        let key = path
            .to_str()
            .and_then(|path| path.strip_prefix(&self.address));
        Path::parse(key.ok_or(io::ErrorKind::NotFound)?)
            .map_err(|error| io::Error::new(io::ErrorKind::NotFound, error))
    }

    fn found(&self, meta: &ObjectMeta, kind: Kind) -> Found {
        Found {
            path: self.path(&meta.location),
            kind,
            bytes: Some(meta.size),
            modified: Timestamp::from_seconds(meta.last_modified.timestamp()),
        }
    }

    /// The object named by the user, if nothing is below its name.
    fn alone(&self) -> Result<Found, Unlisted> {
        let path = self.path(&self.prefix);
        let kind = Kind::of(&path).unwrap_or(Kind::Bundle);
        let asked = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        match self.wait(self.store.get_opts(&self.prefix, asked)) {
            Ok(got) => Ok(self.found(&got.meta, kind)),
            Err(error) => Err(Unlisted::unreadable(&path, kind, why::told(error))),
        }
    }

    fn whole(&self, got: GetResult) -> io::Result<Vec<u8>> {
        Ok(self.wait(got.bytes()).map_err(why::told)?.into())
    }
}

fn event_loop() -> io::Result<Loop> {
    Ok(Arc::new(
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?,
    ))
}

impl Place for Objects {
    fn readers(&self) -> usize {
        READERS
    }

    fn list(&self, tell: &mut dyn FnMut(Result<Found, Unlisted>)) {
        let mut is_empty = true;
        // The callback may wait for threads that wait for the store, so the loop is not held
        // meanwhile.
        for entry in self.listing() {
            is_empty = false;
            match entry {
                Entry::Object(meta) => {
                    if let Some(kind) = Kind::of(FilePath::new(meta.location.as_ref())) {
                        tell(Ok(self.found(&meta, kind)));
                    }
                }
                Entry::Unnameable(key, error) => {
                    let path = PathBuf::from(format!("{}/{key}", self.address));
                    let kind = Kind::of(&path).unwrap_or(Kind::Bundle);
                    tell(Err(Unlisted::unreadable(&path, kind, why::told(error))));
                }
                Entry::Broken(error) => {
                    let error = why::told(error);
                    let error =
                        io::Error::new(error.kind(), format!("the list ends here: {error}"));
                    tell(Err(Unlisted::unreadable(
                        &self.path(&self.prefix),
                        Kind::Directory,
                        error,
                    )));
                }
            }
        }
        if is_empty && !self.prefix.as_ref().is_empty() {
            tell(self.alone());
        }
    }

    fn open(&self, found: &Found) -> io::Result<Box<dyn ByteSource>> {
        let key = self.key(&found.path)?;
        let asked = GetOptions {
            head: found.bytes.is_some_and(|bytes| bytes > WHOLE_BYTES),
            ..GetOptions::default()
        };
        let got = self
            .wait(self.store.get_opts(&key, asked))
            .map_err(why::told)?;
        if got.meta.size > WHOLE_BYTES {
            return Ok(Box::new(Ranged::new(
                self.store.clone(),
                self.turn.clone(),
                got.meta,
            )));
        }
        Ok(Box::new(InMemory(self.whole(got)?.into())))
    }

    fn sibling(&self, found: &Found, name: &FilePath) -> io::Result<Option<Vec<u8>>> {
        let key = self.key(&found.path.with_file_name(name))?;
        match self
            .wait(self.store.get_opts(&key, GetOptions::default()))
            .map_err(why::told)
        {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(got) if got.meta.size > limits::DOCUMENT_BYTES => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not of the size of a document",
            )),
            Ok(got) => self.whole(got).map(Some),
        }
    }
}
