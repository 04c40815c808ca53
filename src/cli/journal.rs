//! Messages for the systemd journal, with fields. They go there if the journal is what stderr is
//! connected to, as in a unit (`JOURNAL_STREAM`, systemd.exec(5)).

use log::Level;

/// The field of an error's kind.
pub const KIND: &str = "PGSEAL_KIND";

/// The field of an exit code.
pub const EXIT: &str = "PGSEAL_EXIT";

/// The field of a hint.
pub const HINT: &str = "PGSEAL_HINT";

/// Sends a message and returns whether the journal took it. The level is its priority.
#[cfg(target_os = "linux")]
pub fn send(level: Level, text: &str, fields: &[(&str, &str)]) -> bool {
    use std::sync::OnceLock;
    use systemd_journal_logger::{JournalLog, connected_to_journal};

    static JOURNAL: OnceLock<Option<JournalLog>> = OnceLock::new();
    let connect = || {
        let journal = connected_to_journal().then(JournalLog::empty)?.ok()?;
        Some(journal.with_syslog_identifier("pgseal".to_owned()))
    };
    let Some(journal) = JOURNAL.get_or_init(connect) else {
        return false;
    };
    let mut record = log::Record::builder();
    let record = record.level(level).key_values(&fields);
    let sent = journal.journal_send(&record.args(format_args!("{text}")).build());
    sent.is_ok()
}

/// Only Linux has the journal.
#[cfg(not(target_os = "linux"))]
pub fn send(_: Level, _: &str, _: &[(&str, &str)]) -> bool {
    false
}
