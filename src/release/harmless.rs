//! Whether a question (gate or probe) can be asked without effect. Read-only transactions are not harmless: functions
//! can take locks, end sessions, write files and speak to other servers in them. So before a question is opened, the
//! server is asked what it would call: it analyses and rewrites the question, and shows the resulting tree
//! (PostgreSQL manual, "debug_print_rewritten"), in which every function and operator is resolved, also those of views,
//! casts and row security policies. Only functions of `pg_catalog` that are not volatile are allowed.
//!
//! The tree is also written to the server's log, as the server does with all messages of level LOG.

use std::collections::BTreeSet;

use crate::database::{DatabaseError, Session};

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

/// Volatile functions without an effect.
const ALLOWED: &str = "^(clock_timestamp|timeofday|random)$";

/// Fields of the tree that hold the oid of a function, and of an operator (PostgreSQL, `nodes/primnodes.h`,
/// `nodes/parsenodes.h`).
const FUNCTIONS: [&str; 7] =
    [":funcid", ":opfuncid", ":hashfuncid", ":negfuncid", ":aggfnoid", ":winfnoid", ":tsmhandler"];
const OPERATORS: [&str; 4] = [":opno", ":opnos", ":eqop", ":sortop"];

/// Checks a question inside the transaction in which it will be asked. It is parsed and rewritten, not planned or run.
pub fn check(session: &mut dyn Session, question: &str) -> Result<(), HarmlessError> {
    let trees = trees(session, question)?;
    if trees.is_empty() {
        return Err(HarmlessError::NoTree);
    }
    let (mut functions, mut operators) = (BTreeSet::new(), BTreeSet::new());
    for tree in &trees {
        if tree.contains(":relkind f ") {
            return Err(HarmlessError::Uses("a foreign table".to_owned()));
        }
        if tree.contains("{COERCETODOMAIN ") {
            return Err(HarmlessError::Uses("a cast to a domain, whose checks could call anything".to_owned()));
        }
        collect(tree, &FUNCTIONS, &mut functions);
        collect(tree, &OPERATORS, &mut operators);
    }
    let list = |oids: BTreeSet<u32>| oids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let found = session.query(CALLED, &[&list(functions), &list(operators), DENIED, ALLOWED])?;
    match found.rows.into_iter().flatten().flatten().next() {
        Some(name) => Err(HarmlessError::Uses(name)),
        None => Ok(()),
    }
}

/// The rewritten trees of a question. The settings end with the savepoint.
fn trees(session: &mut dyn Session, question: &str) -> Result<Vec<String>, DatabaseError> {
    session.notices();
    session.batch(
        "SAVEPOINT pgseal_analyse; SET LOCAL client_min_messages = log; SET LOCAL debug_pretty_print = off; \
         SET LOCAL debug_print_rewritten = on",
    )?;
    session.analyse(question)?;
    session.batch("ROLLBACK TO SAVEPOINT pgseal_analyse; RELEASE SAVEPOINT pgseal_analyse")?;
    let shown = session.notices().into_iter().filter(|notice| notice.severity == "LOG");
    Ok(shown.filter_map(|notice| notice.detail).filter(|detail| detail.contains("{QUERY ")).collect())
}

/// The numbers after each of the fields: `:funcid 2147`, `:opnos (o 96 96)`. Text of the question stands in the tree as
/// byte values between brackets, so that nothing in it can look like a field.
fn collect(tree: &str, fields: &[&str], oids: &mut BTreeSet<u32>) {
    let mut words = tree.split([' ', '(', ')', '{', '}', '\n']).filter(|word| !word.is_empty()).peekable();
    while let Some(word) = words.next() {
        if !fields.contains(&word) {
            continue;
        }
        words.next_if(|word| *word == "o");
        while let Some(oid) = words.next_if(|word| word.parse::<u32>().is_ok()) {
            oids.extend(oid.parse::<u32>().ok().filter(|oid| *oid != 0));
        }
    }
}

/// The first function, called by itself or by an operator, that is not allowed.
const CALLED: &str = "
    with used as (
        select f::oid as function, null::oid as operator
        from pg_catalog.unnest(pg_catalog.string_to_array($1::text, ',')) as f where f <> ''
        union all
        select o.oprcode::oid, o.oid
        from pg_catalog.unnest(pg_catalog.string_to_array($2::text, ',')) as n
        join pg_catalog.pg_operator o on o.oid = n::oid where n <> ''
    )
    select case when u.operator is null
                then format('function %s (%s)', p.oid::regprocedure,
                            case p.provolatile when 'v' then 'volatile' when 's' then 'stable' else 'immutable' end)
                else format('operator %s', u.operator::regoperator) end
    from used u join pg_catalog.pg_proc p on p.oid = u.function
    where p.pronamespace <> 'pg_catalog'::regnamespace or p.proname ~ $3::text
       or p.provolatile = 'v' and p.proname !~ $4::text
    limit 1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_behind_fields() {
        let tree = "({QUERY :expr {FUNCEXPR :funcid 2147 :args ({OPEXPR :opno 96 :opfuncid 65} {ROWCOMPARE :opnos (o 96 97)})} :opfuncid 0})";
        let (mut functions, mut operators) = (BTreeSet::new(), BTreeSet::new());
        collect(tree, &FUNCTIONS, &mut functions);
        collect(tree, &OPERATORS, &mut operators);
        assert_eq!(functions.into_iter().collect::<Vec<_>>(), [65, 2147]);
        assert_eq!(operators.into_iter().collect::<Vec<_>>(), [96, 97]);
    }
}
