//! Whether a question (gate or probe) can be asked without effect. Read-only transactions are not harmless: functions
//! can take locks, end sessions, write files and speak to other servers in them. So before a question is opened, the
//! server is asked what it would call: it analyses and rewrites the question, and shows the resulting tree
//! (PostgreSQL manual, "debug_print_rewritten"), in which every function and operator is resolved, also those of views,
//! casts and row security policies. Only functions of `pg_catalog` that are not volatile are allowed.
//!
//! The tree is also written to the server's log, as the server does with all messages of level LOG.

use std::collections::BTreeSet;

use crate::database::{Column, DatabaseError, Session};

/// Why a question is not asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HarmlessError {
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
const DENIED: &str = "^(txid_current|pg_current_xact_id|.*_to_xml.*|ts_rewrite|ts_stat|pg_(try_)?advisory.*|lo_.*|pg_read_.*|pg_ls_.*|pg_stat_file|dblink.*)$";

/// Volatile functions that only look (PostgreSQL manual, "System Administration Functions").
const ALLOWED: &str = "^(clock_timestamp|timeofday|random|pg_is_in_recovery|pg_is_wal_replay_paused|pg_lock_status|pg_prepared_xact|pg_blocking_pids|pg_(relation|table|indexes|total_relation|database|tablespace)_size|pg_last_(wal_(receive|replay)_lsn|xact_replay_timestamp)|pg_current_wal_(lsn|insert_lsn|flush_lsn)|pg_get_replication_slots)$";

/// Fields of the tree that hold the oid of a function, and of an operator (PostgreSQL, `nodes/primnodes.h`,
/// `nodes/parsenodes.h`).
const FUNCTIONS: [&str; 7] =
    [":funcid", ":opfuncid", ":hashfuncid", ":negfuncid", ":aggfnoid", ":winfnoid", ":tsmhandler"];
const OPERATORS: [&str; 4] = [":opno", ":opnos", ":eqop", ":sortop"];

/// Checks a question inside the transaction in which it will be asked. It is parsed and rewritten, not planned or run.
/// Gives the columns that it would return.
pub fn check(session: &mut dyn Session, question: &str) -> Result<Vec<Column>, HarmlessError> {
    let (columns, trees) = trees(session, question)?;
    if trees.is_empty() {
        return Err(HarmlessError::NoTree);
    }
    let mut used = Used::default();
    trees.iter().for_each(|tree| used.collect(tree));
    if used.foreign_table {
        return Err(HarmlessError::Uses("a foreign table".to_owned()));
    }
    let list = |oids: BTreeSet<u32>| oids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let oids = [list(used.functions), list(used.operators), list(used.domains)];
    let found = session.query(CALLED, &[&oids[0], &oids[1], &oids[2], DENIED, ALLOWED])?;
    match found.rows.into_iter().flatten().flatten().next() {
        Some(name) => Err(HarmlessError::Uses(name)),
        None => Ok(columns),
    }
}

/// The rewritten trees of a question. The settings end with the savepoint.
fn trees(session: &mut dyn Session, question: &str) -> Result<(Vec<Column>, Vec<String>), DatabaseError> {
    session.notices();
    session.batch(
        "SAVEPOINT pgseal_analyse; SET LOCAL client_min_messages = log; SET LOCAL debug_pretty_print = off; \
         SET LOCAL debug_print_rewritten = on",
    )?;
    let columns = session.analyse(question)?;
    session.batch("ROLLBACK TO SAVEPOINT pgseal_analyse; RELEASE SAVEPOINT pgseal_analyse")?;
    let shown = session.notices().into_iter().filter(|notice| notice.severity == "LOG");
    Ok((columns, shown.filter_map(|notice| notice.detail).filter(|detail| detail.contains("{QUERY")).collect()))
}

/// What trees use, by oid.
#[derive(Default)]
struct Used {
    functions: BTreeSet<u32>,
    operators: BTreeSet<u32>,
    /// Types that values are cast to, where a tree casts to a domain at all: a domain's checks can call anything.
    domains: BTreeSet<u32>,
    foreign_table: bool,
}

impl Used {
    /// Reads `:funcid 2147`, `:opnos (o 96 96)` and the like, word by word: the server breaks lines where it likes. Text
    /// of the question stands in the tree as byte values between brackets, so that nothing in it can look like a field.
    fn collect(&mut self, tree: &str) {
        let words = || tree.split([' ', '(', ')', '{', '}', '\n', '\t']).filter(|word| !word.is_empty());
        let casts_to_domain = words().any(|word| word == "COERCETODOMAIN");
        let mut words = words().peekable();
        while let Some(word) = words.next() {
            let oids = match word {
                _ if FUNCTIONS.contains(&word) => &mut self.functions,
                _ if OPERATORS.contains(&word) => &mut self.operators,
                ":resulttype" if casts_to_domain => &mut self.domains,
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

/// The first function, called by itself or by an operator, or domain, that is not allowed. `information_schema` is
/// PostgreSQL's own as well.
const CALLED: &str = "
    with used as (
        select f::oid as function, null::oid as operator
        from pg_catalog.unnest(pg_catalog.string_to_array($1::text, ',')) as f
        union all
        select o.oprcode::oid, o.oid
        from pg_catalog.unnest(pg_catalog.string_to_array($2::text, ',')) as n
        join pg_catalog.pg_operator o on o.oid = n::oid
    )
    select case when u.operator is null
                then pg_catalog.format('function %s (%s)', p.oid::regprocedure,
                            case p.provolatile when 'v' then 'volatile' when 's' then 'stable' else 'immutable' end)
                else pg_catalog.format('operator %s', u.operator::regoperator) end
    from used u join pg_catalog.pg_proc p on p.oid = u.function
    where p.pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
       or p.proname ~ $4::text or p.provolatile = 'v' and p.proname !~ $5::text
    union all
    select pg_catalog.format('a cast to the domain %s', t.oid::regtype)
    from pg_catalog.unnest(pg_catalog.string_to_array($3::text, ',')) as d
    join pg_catalog.pg_type t on t.oid = d::oid
    where t.typtype = 'd' and t.typnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
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
        assert!(!used.foreign_table && used.domains.is_empty());
    }

    #[test]
    fn line_breaks_hide_nothing() {
        let mut used = Used::default();
        used.collect("({RTE :relkind\nf :x 1} {COERCETODOMAIN\n\t:arg {VAR} :resulttype\n16400})");
        assert!(used.foreign_table);
        assert_eq!(used.domains.into_iter().collect::<Vec<_>>(), [16_400]);
    }
}
