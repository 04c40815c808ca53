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
use crate::database::{Column, DatabaseError, Session, Table};
use crate::sql::type_names;

/// Why a question is not asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// It would use something that could have an effect.
    #[error("it uses {0}: only functions of pg_catalog that are not volatile are allowed, also behind views")]
    Uses(String),
    /// The server did not show how it understands the question.
    #[error("the server did not show what it would call")]
    NoTree,
    /// The server refused it, or did not say.
    #[error("{0}")]
    Database(#[from] DatabaseError),
}

/// Functions that are labelled stable or immutable and yet have an effect or run text that they are given.
const DENIED: &str = "^(txid_current|pg_current_xact_id|.*_to_xml.*|ts_rewrite|ts_stat|pg_(try_)?advisory.*|lo_.*|pg_read_.*|pg_ls_.*|pg_stat_file|dblink.*|satisfies_hash_partition|(domain|record|array|range|multirange|cstring)_(in|recv))$";

/// Volatile functions that only look (PostgreSQL manual, "System Administration Functions").
const ALLOWED: &str = "^(clock_timestamp|timeofday|random|pg_is_in_recovery|pg_is_wal_replay_paused|pg_lock_status|pg_prepared_xact|pg_blocking_pids|pg_(relation|table|indexes|total_relation|database|tablespace)_size|pg_last_(wal_(receive|replay)_lsn|xact_replay_timestamp)|pg_current_wal_(lsn|insert_lsn|flush_lsn)|pg_get_replication_slots)$";

/// `FirstNormalObjectId` (PostgreSQL, `access/transam.h`): objects below are those of initdb.
const FIRST_NORMAL_OBJECT: u32 = 16_384;

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
const TYPED: [&str; 6] = [":consttype", ":resulttype", ":funcresulttype", ":funccoltypes", ":coltypes", ":aggtype"];

/// Asks a question inside the current transaction, behind a savepoint and read-only, after checking what it would call.
/// [`leave`] rolls back to the savepoint; until then the relations that were checked stay locked.
pub fn ask(
    session: &mut dyn Session,
    question: &str,
    path: &str,
    limit: usize,
) -> Result<(Vec<Column>, Table), QuestionError> {
    session.batch(&format!(
        "SAVEPOINT pgseal_question; SET LOCAL transaction_read_only = on; SET LOCAL search_path = {OWN_PATH}"
    ))?;
    // Literals of a type are read by the type's own functions while the question is parsed, so types come first.
    let named = type_names(question);
    if !named.is_empty() {
        used(session.query(NAMED_TYPES, &[&named.join("\n")])?)?;
    }
    let (columns, trees) = trees(session, question, path)?;
    if trees.is_empty() {
        return Err(QuestionError::NoTree);
    }
    let mut tree_uses = Used::default();
    trees.iter().for_each(|tree| tree_uses.collect(tree));
    if tree_uses.foreign_table {
        return Err(QuestionError::Uses("a foreign table".to_owned()));
    }
    let list = |oids: &BTreeSet<u32>| oids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let (functions, operators) = (list(&tree_uses.functions), list(&tree_uses.operators));
    used(session.query(CALLED, &[&functions, &operators, DENIED, ALLOWED])?)?;
    let (types, columns_of) = (foreign(&tree_uses.types), foreign(&tree_uses.columns));
    if !(types.is_empty() && columns_of.is_empty()) {
        used(session.query(TYPES, &[&list(&types), &list(&columns_of)])?)?;
    }
    used(session.query(BEHIND_TABLES, &[&list(&tree_uses.relations)])?)?;
    session.batch(&format!("SET LOCAL search_path = {path}"))?;
    Ok((columns, session.select(question, limit)?))
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
    match found.rows.into_iter().flatten().flatten().next() {
        Some(name) => Err(QuestionError::Uses(name)),
        None => Ok(()),
    }
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
}

impl Used {
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
                _ => continue,
            };
            words.next_if(|word| *word == "o");
            while let Some(oid) = words.next_if(|word| word.parse::<u32>().is_ok()) {
                oids.extend(oid.parse::<u32>().ok().filter(|oid| *oid != 0));
            }
        }
    }
}

/// The first function, called by itself or by an operator, that is not allowed. Objects below 16384 are those that
/// PostgreSQL is born with (`FirstNormalObjectId`), whatever schema others are put in.
const CALLED: &str = "
    with used as (
        select f::oid as function, null::oid as operator
        from unnest(string_to_array($1::text, ',')) as f
        union all
        select o.oprcode::oid, o.oid
        from unnest(string_to_array($2::text, ',')) as n join pg_operator o on o.oid = n::oid
    )
    select case when u.operator is null
                then format('function %s (%s)', p.oid::regprocedure,
                            case p.provolatile when 'v' then 'volatile' when 's' then 'stable' else 'immutable' end)
                else format('operator %s', u.operator::regoperator) end
    from used u join pg_proc p on p.oid = u.function
    where p.oid >= 16384 or p.proname ~ $3::text or p.provolatile = 'v' and p.proname !~ $4::text
    limit 1";

/// The first type that is not PostgreSQL's own, nor an enumeration or an array of one: its input, casts, comparisons and
/// checks could call anything. A column may be of a domain over one of PostgreSQL's own: its value was checked when it was
/// written.
const TYPES: &str = "
    select format('the type %s', t.oid::regtype)
    from (select n::oid as oid, false as is_column from unnest(string_to_array($1::text, ',')) as n
          union all select n::oid, true from unnest(string_to_array($2::text, ',')) as n) as used
    join pg_type t on t.oid = used.oid left join pg_type e on e.oid = t.typelem
    where t.oid >= 16384 and t.typtype <> 'e' and coalesce(e.typtype, '') <> 'e'
      and not (used.is_column and t.typtype = 'd' and t.typbasetype < 16384)
    limit 1";

/// Types that the text names, before anything of it is parsed.
const NAMED_TYPES: &str = "
    select format('the type %s', t.oid::regtype)
    from unnest(string_to_array($1::text, E'\\n')) as named(name)
    join pg_type t on t.typname = named.name
    where t.oid >= 16384 and t.typtype <> 'e'
    limit 1";

/// What planning could run: functions in indexes, constraints, statistics and partition keys of the tables that are read
/// and of their partitions, unless an extension brought them; and partitions that are foreign tables.
const BEHIND_TABLES: &str = "
    with recursive relations(oid) as (
        select n::oid from unnest(string_to_array($1::text, ',')) as n
        union
        select i.inhrelid from relations r join pg_inherits i on i.inhparent = r.oid
    ), objects(class, oid, owner) as (
        select 'pg_class'::regclass, i.indexrelid, r.oid from relations r join pg_index i on i.indrelid = r.oid
        union all
        select 'pg_constraint'::regclass, c.oid, r.oid from relations r join pg_constraint c on c.conrelid = r.oid
        union all
        select 'pg_statistic_ext'::regclass, s.oid, r.oid from relations r join pg_statistic_ext s on s.stxrelid = r.oid
        union all
        select 'pg_class'::regclass, r.oid, r.oid from relations r join pg_partitioned_table p on p.partrelid = r.oid
    )
    select format('the foreign table %s', c.oid::regclass)
    from relations r join pg_class c on c.oid = r.oid where c.relkind = 'f'
    union all
    select format('function %s in an index, constraint or key of %s', d.refobjid::regprocedure, o.owner::regclass)
    from objects o join pg_depend d on d.classid = o.class and d.objid = o.oid
    where d.refclassid = 'pg_proc'::regclass and d.refobjid >= 16384
      and not exists (select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = d.refobjid
                        and e.deptype = 'e')
    limit 1";

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
    fn line_breaks_hide_nothing() {
        let mut used = Used::default();
        used.collect("({RTE :relkind\nf :x 1} {COERCETODOMAIN\n\t:arg {VAR} :resulttype\n16400})");
        assert!(used.foreign_table);
        assert_eq!(used.types.into_iter().collect::<Vec<_>>(), [16_400]);
    }
}
