//! Objects that a question names without locking them: constants such as `'public.t'::regclass`, and collations. The server
//! resolves such a name when it parses the question, before it takes the snapshot of the rows.

use std::collections::BTreeSet;

use super::fragments::oids;
use super::tree::{BLANKS, is_made};
use crate::database::{DatabaseError, Parameter, Session, Table};

/// `regproc`, `regprocedure`, `regoper`, `regoperator`, `regclass`, `regtype`, `regnamespace`, `regconfig`, `regdictionary`,
/// `regcollation` (PostgreSQL, `catalog/pg_type.dat`), and arrays of them.
const NAMES: [&str; 20] = [
    "24", "2202", "2203", "2204", "2205", "2206", "4089", "3734", "3769", "4191", "1008", "2207",
    "2208", "2209", "2210", "2211", "4090", "3735", "3770", "4192",
];

/// Named objects, by oid, without PostgreSQL's own, which are not renamed.
pub(super) struct Named(Vec<u32>);

impl Named {
    /// Reads the tree of a question.
    pub fn of(tree: &str) -> Self {
        let stops = |c: char| BLANKS.contains(&c) || "(){}".contains(c);
        let mut words = tree.split(stops).filter(|word| !word.is_empty()).peekable();
        let (mut named, mut is_name) = (BTreeSet::new(), false);
        while let Some(word) = words.next() {
            if word == ":consttype" {
                is_name = words.peek().is_some_and(|kind| NAMES.contains(kind));
            } else if word == ":constvalue" && is_name {
                let bytes = words
                    .by_ref()
                    .skip_while(|word| *word != "[")
                    .skip(1)
                    .take_while(|word| *word != "]");
                named.extend(numbers(
                    bytes
                        .filter_map(|byte| byte.parse::<i16>().ok())
                        .map(|byte| byte as u8),
                ));
            } else if word.starts_with(':') && word.contains("coll") {
                words.next_if(|word| *word == "o");
                while let Some(oid) = words.next_if(|word| word.parse::<u32>().is_ok()) {
                    named.extend(oid.parse::<u32>());
                }
            }
        }
        Self(named.into_iter().filter(is_made).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The versions of their catalog rows, and of their schemas' rows.
    pub fn versions(&self, session: &mut dyn Session) -> Result<Table, DatabaseError> {
        match self.is_empty() {
            true => Ok(Table::default()),
            false => session.query_with(VERSIONS, &[Parameter::Oids(&self.0)], false),
        }
    }
}

/// Possible oids among the bytes of a value, in either byte order. A number that is not an oid matches no object.
fn numbers(bytes: impl Iterator<Item = u8>) -> impl Iterator<Item = u32> {
    let bytes: Vec<u8> = bytes.collect();
    let both = |four: &[u8]| {
        let four = four.first_chunk().copied().unwrap_or_default();
        [u32::from_le_bytes(four), u32::from_be_bytes(four)]
    };
    bytes
        .chunks_exact(4)
        .flat_map(both)
        .collect::<Vec<_>>()
        .into_iter()
}

macro_rules! versions {
    ($($of:literal in $schema:literal),*) => {
        concat!(
            $(
                "select '",
                $of,
                "'::text, oidout(o.oid)::text, xidout(o.xmin)::text, xidout(n.xmin)::text
                 from ",
                $of,
                " o join pg_namespace n on n.oid = o.",
                $schema,
                " where o.oid = any ",
                oids!("$1"),
                " union all ",
            )*
            "select null, null, null, null where false order by 1, 2"
        )
    };
}

/// Every catalog that a name can refer to, with its column of the schema.
const VERSIONS: &str = versions!(
    "pg_class" in "relnamespace",
    "pg_proc" in "pronamespace",
    "pg_operator" in "oprnamespace",
    "pg_type" in "typnamespace",
    "pg_collation" in "collnamespace",
    "pg_ts_config" in "cfgnamespace",
    "pg_ts_dict" in "dictnamespace",
    "pg_namespace" in "oid"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_collations() {
        let of = |tree: &str| Named::of(tree).0;
        let constant = "{CONST :consttype 2205 :consttypmod -1 :constcollid 0 :constlen 4 :constbyval true :constisnull false \
                        :location 1 :constvalue 4 [ 1 64 0 0 0 0 0 0 ]}";
        assert!(of(constant).contains(&16_385));
        assert!(
            of(&constant.replace("[ 1 64 0 0 0 0 0 0 ]", "[ 0 0 0 0 0 0 -56 1 ]"))
                .contains(&51_201)
        );
        let array = constant.replace("2205", "2210").replace(
            "[ 1 64 0 0 0 0 0 0 ]",
            "[ 112 0 0 0 1 0 0 0 1 64 0 0 2 64 0 0 ]",
        );
        assert!([16_385, 16_386].iter().all(|oid| of(&array).contains(oid)));
        assert_eq!(of(&constant.replace("2205", "26")), [0; 0]);
        assert_eq!(
            of(
                "{VAR :varcollid 16400} {RTE :colcollations (o 0 100 16401)} {OPEXPR :inputcollid 100}"
            ),
            [16_400, 16_401]
        );
    }
}
