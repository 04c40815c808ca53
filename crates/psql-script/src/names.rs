//! The names that [`super::dispatch`] looks for. A name that is missing here is not found: add it, with a test.

use super::dispatch::Call;
use std::collections::HashSet;
use std::sync::LazyLock;

/// Whether the word calls nothing before a parenthesis.
pub(super) fn is_syntax(word: &str) -> bool {
    static WORDS: LazyLock<Words> = LazyLock::new(|| words(NOT_FUNCTIONS));
    is_among(&WORDS, word)
}

/// Whether the word is syntax or a function, depending on where it stands.
pub(super) fn is_sometimes_syntax(word: &str) -> bool {
    static WORDS: LazyLock<Words> = LazyLock::new(|| words(SOMETIMES));
    is_among(&WORDS, word)
}

/// Whether the function can send, or reach the server's files or processes.
pub(super) fn is_dispatch_function(call: &Call) -> bool {
    is_dispatch_name(&call.name) || call.schema.as_deref().is_some_and(is_dispatch_schema)
}

/// Whether the name, in lower case, is one of such a function in whatever schema.
pub(super) fn is_dispatch_name(name: &str) -> bool {
    static NAMES: LazyLock<Words> = LazyLock::new(|| words(FUNCTIONS));
    NAMES.contains(name)
        || FUNCTION_STARTS.split(' ').any(|start| name.starts_with(start))
        || name.ends_with("_replication_slot")
}

/// Whether all functions of the schema are taken for such ones.
pub(super) fn is_dispatch_schema(name: &str) -> bool {
    listed(SCHEMAS, name)
}

/// Whether the extension brings functions that do.
pub(super) fn is_outside_extension(name: &str) -> bool {
    listed(EXTENSIONS, name) || name.ends_with("_fdw") || is_untrusted(name)
}

/// Whether functions in the language can do anything the server's process can.
pub(super) fn is_untrusted(language: &str) -> bool {
    listed(LANGUAGES, language)
        || language.starts_with("plpython")
        || (language.starts_with("pl") && language.ends_with('u'))
}

type Words = HashSet<&'static str>;

fn words(list: &'static str) -> Words {
    list.split(' ').collect()
}

/// Whether a word is in the list, in whatever case.
fn is_among(words: &Words, word: &str) -> bool {
    words.contains(word) || word.bytes().any(|b| b.is_ascii_uppercase()) && words.contains(&*word.to_ascii_lowercase())
}

fn listed(list: &str, name: &str) -> bool {
    list.split(' ').any(|listed| listed == name)
}

const FUNCTIONS: &str = "\
    pg_notify lo_export lo_import pg_logical_emit_message pg_reload_conf pg_rotate_logfile pg_terminate_backend \
    pg_cancel_backend pg_switch_wal pg_create_restore_point pg_promote pg_backup_start pg_backup_stop \
    pg_start_backup pg_stop_backup pg_wal_replay_pause pg_wal_replay_resume pg_execute_server_program \
    pg_log_backend_memory_contexts pg_current_logfile pg_hba_file_rules pg_import_system_collations";

const FUNCTION_STARTS: &str = "\
    dblink http pg_read_ pg_write_file pg_file_ pg_ls_ pg_stat_file pg_replication_ pg_logical_slot_";

const SCHEMAS: &str = "cron net aws_s3 aws_lambda";

const EXTENSIONS: &str = "\
    dblink http pg_net multicorn wrappers pg_cron pg_background pgsql_http adminpack plproxy pg_partman_bgw \
    aws_s3 aws_lambda aws_commons azure_storage pgmq pg_amqp amqp pglogical pg_surgery plsh plr pljava plrust";

const LANGUAGES: &str = "c internal plsh plr pljava plrust";

/// Reserved words, and constructs and types that the grammar keeps for itself: none can name a function unquoted.
const NOT_FUNCTIONS: &str = "\
    all and any array as asymmetric between bit both case cast char character check coalesce collate column \
    constraint create dec decimal default distinct do else end except exists fetch float for foreign from grant \
    greatest group grouping having in intersect interval into lateral least limit national nchar not null nullif \
    numeric offset on only or order precision primary references returning row select set setof some symmetric \
    table then time timestamp to union unique using values varchar variadic varying when where window with";

/// Words that are syntax behind an operand, and can be functions where an expression begins.
const SOMETIMES: &str = "\
    conflict cross cube full ilike inner is isnull join key left like materialized natural notnull outer \
    overlaps recursive return right rollup sets similar";
