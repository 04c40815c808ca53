//! Names that [`super::dispatch`] searches for. A name missing here is not found: add it, with a
//! test.

use super::dispatch::Call;
use std::collections::HashSet;
use std::sync::LazyLock;

/// True if the word before a parenthesis never calls a function.
pub(super) fn is_syntax(word: &str) -> bool {
    static WORDS: LazyLock<Words> = LazyLock::new(|| words(NOT_FUNCTIONS));
    is_among(&WORDS, word)
}

/// True if the word is syntax or a function, depending on its context.
pub(super) fn is_sometimes_syntax(word: &str) -> bool {
    static WORDS: LazyLock<Words> = LazyLock::new(|| words(SOMETIMES));
    is_among(&WORDS, word)
}

/// True if the function can send data, or reach the server's files or processes.
pub(super) fn is_dispatch_function(call: &Call) -> bool {
    is_dispatch_name(&call.name) || call.schema.as_deref().is_some_and(is_dispatch_schema)
}

/// True if the name, in lower case, belongs to such a function in any schema.
pub(super) fn is_dispatch_name(name: &str) -> bool {
    static NAMES: LazyLock<Words> = LazyLock::new(|| words(FUNCTIONS));
    NAMES.contains(name)
        || FUNCTION_STARTS
            .split(' ')
            .any(|start| name.starts_with(start))
        || name.ends_with("_replication_slot")
}

/// True if every function of the schema counts as such a function.
pub(super) fn is_dispatch_schema(name: &str) -> bool {
    listed(SCHEMAS, name)
}

/// True if the extension brings such functions.
pub(super) fn is_outside_extension(name: &str) -> bool {
    listed(EXTENSIONS, name) || name.ends_with("_fdw") || is_untrusted(name)
}

/// True if functions in the language can do anything that the server's process can.
pub(super) fn is_untrusted(language: &str) -> bool {
    listed(LANGUAGES, language)
        || language.starts_with("plpython")
        || (language.starts_with("pl") && language.ends_with('u'))
}

type Words = HashSet<&'static str>;

fn words(list: &'static str) -> Words {
    list.split(' ').collect()
}

/// True if the list contains the word, case-insensitively.
fn is_among(words: &Words, word: &str) -> bool {
    words.contains(word)
        || word.bytes().any(|b| b.is_ascii_uppercase())
            && words.contains(&*word.to_ascii_lowercase())
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

/// Reserved words, and constructs and types that the grammar reserves: none can name a function
/// unquoted.
const NOT_FUNCTIONS: &str = "\
    all and any array as asymmetric between bit both case cast char character check coalesce collate column \
    constraint create dec decimal default distinct do else end except exists fetch float for foreign from grant \
    greatest group grouping having in intersect interval into lateral least limit national nchar not null nullif \
    numeric offset on only or order precision primary references returning row select set setof some symmetric \
    table then time timestamp to union unique using values varchar variadic varying when where window with";

/// Words that are syntax after an operand, and can be functions where an expression begins.
const SOMETIMES: &str = "\
    conflict cross cube full ilike inner is isnull join key left like materialized natural notnull outer \
    overlaps recursive return right rollup sets similar";
