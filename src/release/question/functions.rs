//! PostgreSQL's own functions with misleading labels: stable ones with side effects, and volatile ones without. `docs/gate.md`
//! lists both; a test compares them.

/// Functions of PostgreSQL that are labelled stable or immutable but have side effects, or run text or code from their
/// arguments. `*` matches anything.
pub(super) const DENIED: [&str; 27] = [
    "txid_current",
    "pg_current_xact_id",
    "*_to_xml*",
    "ts_rewrite",
    "ts_stat",
    "pg_advisory*",
    "pg_try_advisory*",
    "lo_*",
    "pg_read_*",
    "pg_ls_*",
    "pg_stat_file",
    "satisfies_hash_partition",
    "pg_get_partition_constraintdef",
    "pg_input_*",
    "*_validator",
    "domain_in",
    "domain_recv",
    "record_in",
    "record_recv",
    "array_in",
    "array_recv",
    "range_in",
    "range_recv",
    "multirange_in",
    "multirange_recv",
    "cstring_in",
    "cstring_recv",
];

/// Volatile functions of PostgreSQL that only read (PostgreSQL manual, "System Administration Functions").
pub(super) const ALLOWED: [&str; 21] = [
    "clock_timestamp",
    "timeofday",
    "pg_is_in_recovery",
    "pg_is_wal_replay_paused",
    "pg_lock_status",
    "pg_prepared_xact",
    "pg_blocking_pids",
    "pg_relation_size",
    "pg_table_size",
    "pg_indexes_size",
    "pg_total_relation_size",
    "pg_database_size",
    "pg_tablespace_size",
    "pg_last_wal_receive_lsn",
    "pg_last_wal_replay_lsn",
    "pg_last_xact_replay_timestamp",
    "pg_current_wal_lsn",
    "pg_current_wal_insert_lsn",
    "pg_current_wal_flush_lsn",
    "pg_get_replication_slots",
    "pg_sequence_last_value",
];

/// Converts a list to `LIKE` patterns separated by spaces, which the server matches faster than a regular expression.
pub(super) fn patterns(names: &[&str]) -> String {
    names.join(" ").replace('_', r"\_").replace('*', "%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_lists() {
        let text = include_str!("../../../docs/gate.md");
        let listed = |heading: &str| -> Vec<String> {
            let (_, section) = text.split_once(heading).unwrap();
            let section = section.split("\n## ").next().unwrap();
            let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
            let cells = rows.filter_map(|row| row.split_once(" | "));
            let names = cells.flat_map(|(names, _)| {
                names
                    .split(", ")
                    .map(|name| name.trim_matches('`').to_owned())
            });
            names.collect()
        };
        assert_eq!(listed("## Volatile functions that are allowed\n"), ALLOWED);
        assert_eq!(
            listed("## Functions that are refused whatever their label\n"),
            DENIED
        );
    }

    #[test]
    fn a_star_is_anything() {
        assert_eq!(patterns(&["a", "*_b*"]), r"a %\_b%");
    }
}
