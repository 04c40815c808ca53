//! Parameters of the catalog queries about a question.

use std::collections::BTreeSet;

use super::behind::Behind;
use super::functions::{ALLOWED, DENIED, patterns};
use super::tree::{Used, is_made};
use crate::database::Parameter;

/// Parameters of the [`checks`](super::checks). Each query has all of them: `$1` functions, `$2` operators, `$3` types of values, `$4` types of
/// columns, `$5` relations and their children, `$6` types of rows of the catalog that are read, each an array of oids; `$7`
/// [`DENIED`] and `$8` [`ALLOWED`] as [`patterns`]; `$9` the functions of [`given_others`](super::given::given_others).
/// The same [`Behind`] the relations: `$10` functions, `$11` operators, `$12` types of values, `$13` types of columns, `$14` functions
/// of `given_others`; of [`Follows`](super::follows::Follows) `$15` types, `$16` functions,
/// `$17` functions and `$18` operators of constants.
pub(super) struct Parameters {
    /// Of `$1` to `$5`, `$6` and `$9`.
    lists: [Vec<u32>; 7],
    behind: Behind,
    denied: String,
    allowed: String,
}

impl Parameters {
    /// `rows` are those of [`Used::of_catalog_rows`] that are read.
    pub fn new(uses: &Used, rows: &BTreeSet<u32>, given: &BTreeSet<u32>) -> Self {
        let sets = [
            &uses.functions,
            &uses.operators,
            &uses.types,
            &uses.columns,
            &uses.relations,
            rows,
            given,
        ];
        Self {
            lists: sets.map(listed),
            behind: Behind::default(),
            denied: patterns(&DENIED),
            allowed: patterns(&ALLOWED),
        }
    }

    /// Sets the objects behind the relations, once all relations are known.
    pub fn set_behind(&mut self, behind: Behind) {
        self.behind = behind;
    }

    /// Adds children to the relations.
    pub fn add_relations(&mut self, oids: impl IntoIterator<Item = u32>) {
        self.lists[4].extend(oids);
    }

    /// Types of values and of columns.
    pub fn types(&self) -> impl Iterator<Item = &u32> {
        self.lists[2].iter().chain(&self.lists[3])
    }

    fn operators(&self) -> &[u32] {
        &self.lists[1]
    }

    /// Whether functions of text search are called, which look up configurations, mappings and dictionaries.
    pub fn searches_text(&self) -> bool {
        self.types().any(|oid| OF_TEXT_SEARCH.contains(oid))
            || self.operators().contains(&TEXT_MATCHES)
    }

    /// Whether parsing or planning looks up objects that their owner can create and drop meanwhile: casts of types that are not
    /// PostgreSQL's own, or objects of text search.
    pub fn is_looked_up(&self) -> bool {
        self.types().any(is_made) || self.searches_text()
    }

    pub fn relations(&self) -> &[u32] {
        &self.lists[4]
    }

    pub fn rows(&self) -> &[u32] {
        &self.lists[5]
    }

    pub fn given(&self) -> &[u32] {
        &self.lists[6]
    }

    /// Parameters of the query of versions.
    pub fn values_of_versions<'v>(&'v self, trees: &'v str) -> [Parameter<'v>; 6] {
        let [functions, operators, types, columns, relations, ..] = self.lists();
        [
            functions,
            operators,
            types,
            columns,
            relations,
            Parameter::Text(trees),
        ]
    }

    fn lists(&self) -> [Parameter<'_>; 7] {
        self.lists.each_ref().map(|list| Parameter::Oids(list))
    }

    pub fn behind(&self) -> &Behind {
        &self.behind
    }

    /// All parameters in order.
    pub fn values(&self) -> [Parameter<'_>; 18] {
        let [functions, operators, types, columns, relations, rows, given] = self.lists();
        let (denied, allowed) = (
            Parameter::Text(&self.denied),
            Parameter::Text(&self.allowed),
        );
        let [a, b, c, d, e, f, g, h, i] = self.behind.values();
        [
            functions, operators, types, columns, relations, rows, denied, allowed, given, a, b, c,
            d, e, f, g, h, i,
        ]
    }
}

/// Types of values and names of text search: `tsvector`, `tsquery`, `regconfig`, `regdictionary` (PostgreSQL,
/// `catalog/pg_type.dat`).
const OF_TEXT_SEARCH: [u32; 4] = [3614, 3615, 3734, 3769];

/// `text @@ text`, which has neither (PostgreSQL, `catalog/pg_operator.dat`).
const TEXT_MATCHES: u32 = 3762;

pub(super) fn listed(set: &BTreeSet<u32>) -> Vec<u32> {
    set.iter().copied().collect()
}
