//! Lists a store page by page. The client refuses a whole page for one name that it can't request
//! (`a//b`, `a/../b`). Pages then become smaller until that name is alone; it is reported, and the
//! listing continues after it.

use std::collections::VecDeque;

use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::{Error as PathError, Path};
use object_store::{Error, ObjectMeta};
use tokio::runtime::Runtime;

/// Names on a page, the maximum of the stores.
const PAGE: usize = 1000;

pub enum Entry {
    /// An object that can be requested.
    Object(ObjectMeta),
    /// A name that can't be requested, and the error.
    Unnameable(String, Error),
    Broken(Error),
}

pub struct Listing<'a> {
    store: &'a dyn PaginatedListStore,
    turn: &'a Runtime,
    prefix: Option<String>,
    ready: VecDeque<ObjectMeta>,
    token: Option<String>,
    /// The last reported name; the listing continues after it.
    last: Option<String>,
    most: usize,
    is_over: bool,
}

impl<'a> Listing<'a> {
    /// Prepares a listing without a request.
    pub fn new(store: &'a dyn PaginatedListStore, turn: &'a Runtime, prefix: &Path) -> Self {
        let prefix = Some(prefix.as_ref())
            .filter(|prefix| !prefix.is_empty())
            .map(|prefix| format!("{prefix}/"));
        let (ready, most) = (VecDeque::new(), PAGE);
        Self {
            store,
            turn,
            prefix,
            ready,
            token: None,
            last: None,
            most,
            is_over: false,
        }
    }

    fn page(&mut self) -> Option<Entry> {
        let asked = PaginatedListOptions {
            offset: self.last.clone(),
            page_token: self.token.take(),
            max_keys: Some(self.most),
            ..PaginatedListOptions::default()
        };
        match self
            .turn
            .block_on(self.store.list_paginated(self.prefix.as_deref(), asked))
        {
            Ok(page) => {
                self.ready.extend(page.result.objects);
                self.token = page.page_token;
                self.is_over = self.token.is_none();
                None
            }
            Err(error) => match name(&error) {
                Some(_) if self.most > 1 => {
                    self.most /= 2;
                    None
                }
                // A store that reports the same name again would never end.
                Some(name) if self.last.as_deref() != Some(name) => {
                    let name = name.to_owned();
                    (self.last, self.most) = (Some(name.clone()), PAGE);
                    Some(Entry::Unnameable(name, error))
                }
                _ => {
                    self.is_over = true;
                    Some(Entry::Broken(error))
                }
            },
        }
    }
}

impl Iterator for Listing<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        loop {
            if let Some(object) = self.ready.pop_front() {
                self.last = Some(object.location.to_string());
                return Some(Entry::Object(object));
            }
            if self.is_over {
                return None;
            }
            if let Some(entry) = self.page() {
                return Some(entry);
            }
        }
    }
}

fn name(error: &Error) -> Option<&str> {
    match error {
        Error::InvalidPath {
            source: PathError::EmptySegment { path } | PathError::BadSegment { path, .. },
        } => Some(path),
        _ => None,
    }
}
