//! Asks questions (gates and probes) without effect. Read-only transactions are not harmless: functions can take locks,
//! end sessions, write files and speak to other servers in them. So before a question is opened, the server is asked what
//! it would call: it analyses and rewrites the question, and shows the resulting tree (PostgreSQL manual,
//! "debug_print_rewritten"), in which every function, operator and type is resolved, also those of views, casts and row
//! security policies. Only functions that PostgreSQL is born with, and that are not volatile, are allowed; and types of
//! its own, enumerations, and no foreign tables.
//!
//! The tree is also written to the server's log, as the server does with all messages of level LOG.

use std::collections::BTreeSet;

use super::settings::OWN_PATH;
use super::{glance, harmless};
use crate::database::{Column, DatabaseError, Session, Table};
use crate::sql::{type_names, without_literals};

/// Why a question is not asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// It would use something that could have an effect.
    #[error("it uses {0}; only functions of pg_catalog that are not volatile are allowed, also behind views")]
    Uses(String),
    /// The server would run somebody's code while it reads literals, and the question can't be looked at without them.
    #[error(
        "values of {0} are read by somebody's code, and the question can't be looked at without its literals ({1})"
    )]
    Literals(String, DatabaseError),
    /// The server did not show how it understands the question.
    #[error("the server did not show what it would call")]
    NoTree,
    /// The server refused it, or did not say.
    #[error("{0}")]
    Database(#[from] DatabaseError),
}

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

/// Fields of the tree that hold the oid of a type that a value is made of, cast to or returned as.
const TYPED: [&str; 10] = [
    ":consttype",
    ":resulttype",
    ":funcresulttype",
    ":funccoltypes",
    ":coltypes",
    ":aggtype",
    ":row_typeid",
    ":array_typeid",
    ":wintype",
    ":typid",
];

/// Asks a question inside the current transaction, behind a savepoint and read-only, after checking what it would call.
/// [`leave`] rolls back to the savepoint; until then the relations that were checked stay locked.
pub fn ask(
    session: &mut dyn Session,
    question: &str,
    path: &str,
    limit: usize,
) -> Result<(Vec<Column>, Table), QuestionError> {
    // The scanner of `type_names` reads strings as the standard says, so the server has to.
    session.batch(&format!(
        "SAVEPOINT pgseal_question; SET LOCAL transaction_read_only = on; SET LOCAL standard_conforming_strings = on; \
         SET LOCAL search_path = {OWN_PATH}"
    ))?;
    // Literals of a type are read by the type's own functions while the question is parsed, so types come first.
    let named = type_names(question).join("\n");
    let there = There::glance(session, &named)?;
    if there.everywhere {
        used(session.query(harmless::EVERYWHERE, &[])?)?;
    }
    if there.named {
        used(session.query(harmless::NAMED_TYPES, &[&named])?)?;
    }
    if let Some(reader) = reader(session, &there)? {
        let blank = check(session, &without_literals(question), path);
        blank.map_err(|error| match error {
            QuestionError::Database(error @ DatabaseError::Server(_)) => QuestionError::Literals(reader, error),
            error => error,
        })?;
    }
    let columns = check(session, question, path)?;
    session.batch(&format!("SET LOCAL search_path = {path}"))?;
    Ok((columns, session.select(question, limit)?))
}

/// What the catalog has at all of that which could refuse a question before it is looked at.
struct There {
    /// For [`harmless::EVERYWHERE`].
    everywhere: bool,
    /// For [`harmless::NAMED_TYPES`].
    named: bool,
    /// For [`harmless::DOMAINS`].
    domains: bool,
    /// For [`harmless::INPUTS`].
    inputs: bool,
}

impl There {
    fn glance(session: &mut dyn Session, named: &str) -> Result<Self, DatabaseError> {
        let table = session.query(glance::TYPES, &[named])?;
        // Whatever is not a plain no is looked at.
        let mut answers = table.rows.into_iter().flatten().map(|answer| answer.as_deref() != Some("false"));
        let mut next = || answers.next().unwrap_or(true);
        let (everywhere, named, domains, inputs) = (next(), next(), next(), next());
        Ok(Self { everywhere, named, domains, inputs: inputs || everywhere })
    }
}

/// The glance at the same things says that there is nothing to refuse.
fn nothing(glance: &Table) -> bool {
    glance.single() == Some("false")
}

/// A type, if there is one, whose literals are read by what somebody made: a question that has none names itself.
fn reader(session: &mut dyn Session, there: &There) -> Result<Option<String>, QuestionError> {
    let checks = if there.domains { session.query(harmless::DOMAINS, &[])? } else { Table::default() };
    let mut in_domains = Used::default();
    checks.rows.iter().flatten().flatten().for_each(|tree| in_domains.collect(tree));
    match called(session, &in_domains) {
        Err(QuestionError::Uses(_)) => return Ok(Some("a domain".to_owned())),
        other => other?,
    }
    if !foreign(&in_domains.types).is_empty() {
        return Ok(Some("a domain".to_owned()));
    }
    let inputs = if there.inputs { session.query(harmless::INPUTS, &[])? } else { Table::default() };
    Ok(first(inputs))
}

/// Asks the server how it understands a text, and refuses what could have an effect.
fn check(session: &mut dyn Session, text: &str, path: &str) -> Result<Vec<Column>, QuestionError> {
    let (columns, trees) = trees(session, text, path)?;
    if trees.is_empty() {
        return Err(QuestionError::NoTree);
    }
    let mut tree_uses = Used::default();
    trees.iter().for_each(|tree| tree_uses.collect(tree));
    called(session, &tree_uses)?;
    let (types, columns_of) = (foreign(&tree_uses.types), foreign(&tree_uses.columns));
    if !(types.is_empty() && columns_of.is_empty()) {
        used(session.query(harmless::TYPES, &[&list(&types), &list(&columns_of)])?)?;
    }
    of_any_type(session, &trees, &tree_uses)?;
    let relations = list(&tree_uses.relations);
    if !relations.is_empty() && !nothing(&session.query(glance::BEHIND_TABLES, &[&relations])?) {
        used(session.query(harmless::BEHIND_TABLES, &[&relations])?)?;
    }
    if tree_uses.foreign_table {
        return Err(QuestionError::Uses("a foreign table".to_owned()));
    }
    Ok(columns)
}

/// Values whose type stands in no tree, since they bring it along: of `anyarray`, which columns of pg_attribute and pg_statistic
/// and of the views on it have. A function that looks at them would call what their type's owner made.
fn of_any_type(session: &mut dyn Session, trees: &[String], uses: &Used) -> Result<(), QuestionError> {
    if uses.of_catalog_rows().is_empty() {
        return Ok(());
    }
    // A join names all columns of both its sides, read or not. A whole row of it reads them all, and names none.
    let mut read = Used::default();
    match uses.whole_row {
        true => trees.iter().for_each(|tree| read.collect(tree)),
        false => trees.iter().for_each(|tree| read.collect(&without_columns_of_joins(tree))),
    }
    let rows = read.of_catalog_rows();
    if rows.is_empty() { Ok(()) } else { used(session.query(harmless::OF_ANY_TYPE, &[&list(&rows)])?) }
}

/// A tree without the lists of all columns that a join has (`:joinaliasvars`). What belongs to a name, the server writes
/// behind backslashes, so that no name can look like a list.
fn without_columns_of_joins(tree: &str) -> String {
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

/// What follows a list in parentheses that a text begins with; nothing where it is none, or doesn't end.
fn behind_list(text: &str) -> Option<&str> {
    let text = text.trim_start().strip_prefix('(')?;
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

fn called(session: &mut dyn Session, uses: &Used) -> Result<(), QuestionError> {
    // Most databases have no domains: nothing is used, and nothing can be refused.
    if uses.functions.is_empty() && uses.operators.is_empty() {
        return Ok(());
    }
    let (denied, allowed) = (harmless::pattern(&harmless::DENIED), harmless::pattern(&harmless::ALLOWED));
    let of = [list(&uses.functions), list(&uses.operators)];
    let asked = [of[0].as_str(), &of[1], &denied, &allowed];
    if nothing(&session.query(glance::CALLED, &asked)?) {
        return Ok(());
    }
    used(session.query(harmless::CALLED, &asked)?)
}

fn list(oids: &BTreeSet<u32>) -> String {
    oids.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// Those that PostgreSQL was not born with.
fn foreign(oids: &BTreeSet<u32>) -> BTreeSet<u32> {
    oids.range(FIRST_NORMAL_OBJECT..).copied().collect()
}

/// Forgets the question and its settings.
pub fn leave(session: &mut dyn Session) -> Result<(), DatabaseError> {
    session.batch("ROLLBACK TO SAVEPOINT pgseal_question; RELEASE SAVEPOINT pgseal_question")
}

fn used(found: Table) -> Result<(), QuestionError> {
    first(found).map_or(Ok(()), |name| Err(QuestionError::Uses(name)))
}

/// What was found, if anything was: a row counts, even where the server has no words for it.
fn first(found: Table) -> Option<String> {
    let row = found.rows.into_iter().next()?;
    Some(row.into_iter().flatten().next().unwrap_or_else(|| "something that the server has no name for".to_owned()))
}

/// The rewritten trees of a question.
fn trees(session: &mut dyn Session, question: &str, path: &str) -> Result<(Vec<Column>, Vec<String>), DatabaseError> {
    session.notices();
    session.batch(&format!(
        "SET LOCAL search_path = {path}; SET LOCAL client_min_messages = log; SET LOCAL debug_pretty_print = off; \
         SET LOCAL debug_print_rewritten = on"
    ))?;
    let columns = session.analyse(question)?;
    session.batch(&format!(
        "SET LOCAL debug_print_rewritten = off; SET LOCAL client_min_messages = notice; \
         SET LOCAL search_path = {OWN_PATH}"
    ))?;
    let shown = session.notices().into_iter().filter(|notice| notice.severity == "LOG");
    Ok((columns, shown.filter_map(|notice| notice.detail).filter(|detail| detail.contains("{QUERY")).collect()))
}

/// What trees use, by oid.
#[derive(Default)]
struct Used {
    functions: BTreeSet<u32>,
    operators: BTreeSet<u32>,
    /// Types of constants, casts and results.
    types: BTreeSet<u32>,
    /// Types of columns that are read.
    columns: BTreeSet<u32>,
    relations: BTreeSet<u32>,
    foreign_table: bool,
    /// Whether a row is read as one value.
    whole_row: bool,
}

impl Used {
    /// Types that could hold an `anyarray`: itself, and rows of the catalog's tables.
    fn of_catalog_rows(&self) -> BTreeSet<u32> {
        let may = |oid: &&u32| ANYARRAY == **oid || ROWS_WITH_NUMBER.contains(oid) || CATALOG_ROWS.contains(oid);
        self.columns.union(&self.types).filter(may).copied().collect()
    }

    /// Reads `:funcid 2147`, `:opnos (o 96 96)` and the like, word by word: the server breaks lines where it likes. Text
    /// of the question stands in the tree as byte values between brackets, so that nothing in it can look like a field.
    fn collect(&mut self, tree: &str) {
        let words = tree.split([' ', '(', ')', '{', '}', '\n', '\t']).filter(|word| !word.is_empty());
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let oids = match word {
                _ if FUNCTIONS.contains(&word) => &mut self.functions,
                _ if OPERATORS.contains(&word) => &mut self.operators,
                _ if TYPED.contains(&word) => &mut self.types,
                ":vartype" => &mut self.columns,
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
    fn a_row_without_words_is_refused() {
        let table = |rows| Table { columns: vec!["format".to_owned()], rows };
        used(table(Vec::new())).expect("nothing was found");
        used(table(vec![vec![None]])).expect_err("something was found");
    }

    #[test]
    fn columns_of_a_join_that_nobody_reads() {
        let tree = r"{RTE :rtekind 2 :joinaliasvars
            ({VAR :vartype 2277} {CONST :constvalue 1 [ 41 ]} \) {VAR :vartype 75}) :a (1)} {RTE :joinaliasvars <>} {VAR :vartype 23}";
        assert_eq!(
            without_columns_of_joins(tree),
            "{RTE :rtekind 2 :joinaliasvars :a (1)} {RTE :joinaliasvars <>} {VAR :vartype 23}"
        );
        for whole in [r"{ALIAS :aliasname :joinaliasvars\ \( :vartype 2277", "{RTE :joinaliasvars ({VAR :vartype 2277}"]
        {
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
