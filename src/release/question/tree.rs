//! Collects the functions, operators, types and relations in the text of a question's tree, by oid. [`super`] decides on them.

use std::collections::BTreeSet;

/// `FirstNormalObjectId` (PostgreSQL, `access/transam.h`): objects below are those of initdb.
const FIRST_NORMAL_OBJECT: u32 = 16_384;

/// The pseudo-type that values of any array type have in a column (PostgreSQL, `catalog/pg_type.dat`).
const ANYARRAY: u32 = 2277;

/// Rows of pg_attribute, and arrays of them, which have numbers of their own (PostgreSQL, `catalog/pg_attribute.h`).
const ROWS_WITH_NUMBER: [u32; 2] = [75, 270];

/// Types of the rows of the other catalogs and views of initdb (`FirstGenbkiObjectId`, `access/transam.h`).
const CATALOG_ROWS: std::ops::Range<u32> = 10_000..FIRST_NORMAL_OBJECT;

/// Fields of the tree that hold the oid of a function, and of an operator (PostgreSQL, `nodes/primnodes.h`,
/// `nodes/parsenodes.h`).
const FUNCTIONS: [&str; 9] = [
    ":funcid",
    ":opfuncid",
    ":hashfuncid",
    ":negfuncid",
    ":aggfnoid",
    ":winfnoid",
    ":tsmhandler",
    ":startInRangeFunc",
    ":endInRangeFunc",
];
const OPERATORS: [&str; 4] = [":opno", ":opnos", ":eqop", ":sortop"];

/// Fields of the tree with the oid of a type in which a value is created, cast or returned.
const TYPED: [&str; 7] = [
    ":consttype",
    ":resulttype",
    ":funcresulttype",
    ":funccoltypes",
    ":row_typeid",
    ":array_typeid",
    ":typid",
];

/// Fields of the tree with the type of a value that is read or passed on, which may be a domain. An aggregate or window function
/// has a domain's type only if it takes any type, and then returns one of its arguments.
const PASSED: [&str; 5] = [
    ":vartype",
    ":typeId",
    ":opresulttype",
    ":aggtype",
    ":wintype",
];

/// The types of the columns of a WITH query or VALUES, which pass values on, and of `XMLTABLE` and `JSON_TABLE`, which create
/// values.
const OF_COLUMNS: &str = ":coltypes";
const MAKES_COLUMNS: &str = "{TABLEFUNC";

/// Characters between the words of a tree. The server writes no others there, and escapes these in names by a backslash
/// (PostgreSQL, `outToken`). Other white space is part of a name.
pub(super) const BLANKS: [char; 3] = [' ', '\n', '\t'];

/// Objects that trees use, by oid.
#[derive(Default)]
pub struct Used {
    pub functions: BTreeSet<u32>,
    pub operators: BTreeSet<u32>,
    /// Types of constants, casts and results.
    pub types: BTreeSet<u32>,
    /// Types of columns that are read.
    pub columns: BTreeSet<u32>,
    pub relations: BTreeSet<u32>,
    pub foreign_table: bool,
    /// Whether a row is read as one value.
    pub whole_row: bool,
}

impl Used {
    /// The objects of a tree in which every query is a SELECT, including WITH queries (PostgreSQL, `nodes/nodes.h`, "CmdType").
    pub fn of_select(tree: &str) -> Option<Self> {
        let is_select = |query: &str| {
            let mut words = words(query);
            (words.next(), words.next(), words.next())
                == (Some("{QUERY"), Some(":commandType"), Some("1"))
        };
        queries(tree).all(is_select).then(|| Self::of_tree(tree))
    }

    /// The objects of a tree. Columns in a join's own list do not count: those that are read appear again elsewhere.
    fn of_tree(tree: &str) -> Self {
        let (mut used, mut read) = (Self::default(), Self::default());
        used.collect(tree);
        if !used.whole_row {
            read.collect(&without_columns_of_joins(tree));
            used.columns = read.columns;
        }
        used
    }

    /// Types that could hold an `anyarray`: itself, and rows of the catalog's tables.
    pub fn of_catalog_rows(&self) -> BTreeSet<u32> {
        let may = |oid: &&u32| {
            ANYARRAY == **oid || ROWS_WITH_NUMBER.contains(oid) || CATALOG_ROWS.contains(oid)
        };
        self.columns
            .union(&self.types)
            .filter(may)
            .copied()
            .collect()
    }

    /// Whether it contains all objects of `other`.
    pub fn covers(&self, other: &Self) -> bool {
        let of = |used: &Self| {
            [
                &used.functions,
                &used.operators,
                &used.types,
                &used.columns,
                &used.relations,
            ]
            .map(Clone::clone)
        };
        of(self)
            .iter()
            .zip(of(other))
            .all(|(all, some)| all.is_superset(&some))
            && self.foreign_table >= other.foreign_table
            && self.whole_row >= other.whole_row
    }

    /// Reads fields such as `:funcid 2147` and `:opnos (o 96 96)` word by word, independent of line breaks. Text of the
    /// question appears in the tree as byte values in brackets, so it cannot imitate a field.
    pub fn collect(&mut self, tree: &str) {
        let makes_columns = tree.contains(MAKES_COLUMNS);
        let words = tree
            .split([' ', '(', ')', '{', '}', '\n', '\t'])
            .filter(|word| !word.is_empty());
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let oids = match word {
                _ if !word.starts_with(':') => continue,
                _ if FUNCTIONS.contains(&word) => &mut self.functions,
                _ if OPERATORS.contains(&word) => &mut self.operators,
                _ if TYPED.contains(&word) => &mut self.types,
                _ if PASSED.contains(&word) => &mut self.columns,
                OF_COLUMNS if makes_columns => &mut self.types,
                OF_COLUMNS => &mut self.columns,
                ":relid" => &mut self.relations,
                ":relkind" => {
                    self.foreign_table |= words.peek() == Some(&"f");
                    continue;
                }
                ":varattno" => {
                    self.whole_row |= words.peek() == Some(&"0");
                    continue;
                }
                _ => continue,
            };
            words.next_if(|word| *word == "o");
            while let Some(oid) = words.next_if(|word| word.parse::<u32>().is_ok()) {
                oids.extend(oid.parse::<u32>().ok().filter(|oid| *oid != 0));
            }
        }
    }
}

/// Whether an object was created after initdb.
pub(super) fn is_made(oid: &u32) -> bool {
    *oid >= FIRST_NORMAL_OBJECT
}

/// The tree of the query in a `DECLARE`, which is part of the command's tree.
pub fn declared(tree: &str) -> Option<&str> {
    queries(tree).nth(1)
}

/// The rest of the tree from each query on. In a name, the brace has a backslash before it.
fn queries(tree: &str) -> impl Iterator<Item = &str> {
    let begins = tree
        .match_indices("{QUERY")
        .filter(|(at, _)| !tree[..*at].ends_with('\\'));
    begins.map(|(at, _)| &tree[at..])
}

/// Words between blanks.
pub(super) fn words(tree: &str) -> impl Iterator<Item = &str> {
    tree.split(BLANKS).filter(|word| !word.is_empty())
}

/// A tree without the joins' lists of all their columns (`:joinaliasvars`). The server escapes names by backslashes, so no name
/// can imitate a list.
pub fn without_columns_of_joins(tree: &str) -> String {
    const FIELD: &str = ":joinaliasvars";
    let (mut kept, mut rest) = (String::with_capacity(tree.len()), tree);
    while let Some(at) = rest.find(FIELD) {
        let (before, behind) = rest.split_at(at + FIELD.len());
        kept.push_str(before);
        rest = behind;
        rest = behind_list(rest).unwrap_or(rest);
    }
    kept + rest
}

/// The text after the list in parentheses at its beginning; `None` if there is no list, or it is not closed.
fn behind_list(text: &str) -> Option<&str> {
    let text = text.trim_start_matches(BLANKS).strip_prefix('(')?;
    let (mut depth, mut is_escaped) = (1_usize, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '(' => depth += 1,
            ')' if depth == 1 => return Some(&text[at + 1..]),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_behind_fields() {
        let tree = "({QUERY :expr {FUNCEXPR :funcid 2147 :args ({OPEXPR :opno 96 :opfuncid\n\t65} \
                    {ROWCOMPARE :opnos (o 96 97)})} :opfuncid 0})";
        let mut used = Used::default();
        used.collect(tree);
        assert_eq!(used.functions.into_iter().collect::<Vec<_>>(), [65, 2147]);
        assert_eq!(used.operators.into_iter().collect::<Vec<_>>(), [96, 97]);
        assert!(!used.foreign_table && used.types.is_empty());
    }

    #[test]
    fn a_select_and_nothing_else() {
        let is_select = |tree| Used::of_select(tree).is_some();
        assert!(is_select(
            "({QUERY :commandType 1 :cteList ({COMMONTABLEEXPR :ctequery {QUERY\n:commandType 1 :x 1}})})"
        ));
        assert!(!is_select(
            "({QUERY :commandType 1 :cteList ({COMMONTABLEEXPR :ctequery {QUERY :commandType 4 :x 1}})})"
        ));
        assert!(!is_select("({QUERY :commandType 6 :utilityStmt ?})"));
        assert!(is_select(r"({QUERY :commandType 1 :resname \{QUERY :x 1})"));
    }

    #[test]
    fn columns_of_a_join_that_nobody_reads() {
        let tree = r"{RTE :rtekind 2 :joinaliasvars
            ({VAR :vartype 2277} {CONST :constvalue 1 [ 41 ]} \) {VAR :vartype 75}) :a (1)} {RTE :joinaliasvars <>} {VAR :vartype 23}";
        assert_eq!(
            without_columns_of_joins(tree),
            "{RTE :rtekind 2 :joinaliasvars :a (1)} {RTE :joinaliasvars <>} {VAR :vartype 23}"
        );
        for whole in [
            r"{ALIAS :aliasname :joinaliasvars\ \( :vartype 2277",
            "{RTE :joinaliasvars ({VAR :vartype 2277}",
        ] {
            assert_eq!(without_columns_of_joins(whole), whole);
        }
    }

    #[test]
    fn line_breaks_hide_nothing() {
        let mut used = Used::default();
        used.collect("({RTE :relkind\nf :x 1} {COERCETODOMAIN\n\t:arg {VAR} :resulttype\n16400})");
        assert!(used.foreign_table);
        assert_eq!(used.types.into_iter().collect::<Vec<_>>(), [16_400]);
    }
}
