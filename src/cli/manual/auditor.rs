//! Commands of auditors and keepers of archives.

use super::{AUTHENTIC, COMPARED, Exit, Page, of};

/// In the order of `--help`.
pub const PAGES: &[Page] = &[
    of(
        "archive",
        COMPARED,
        [
            (
                "pgseal archive add archive greetings-1.0.0.pgseal pgseal-receipts --key log.key",
                "Add a release and its receipts",
            ),
            (
                "pgseal archive verify archive",
                "Compare every file with the log",
            ),
        ],
    ),
    of(
        "archive init",
        AUTHENTIC,
        [
            (
                "pgseal archive init archive --key log.key",
                "Make an archive with a log",
            ),
            (
                "pgseal archive init archive --key log.key --origin example.org/releases",
                "Name its log",
            ),
        ],
    ),
    of(
        "archive add",
        COMPARED,
        [
            (
                "pgseal archive add archive greetings-1.0.0.pgseal --key log.key",
                "Add a release",
            ),
            (
                "pgseal archive add archive pgseal-receipts ann.approval --key log.key",
                "Add receipts and an approval",
            ),
        ],
    ),
    of(
        "archive checkpoint",
        COMPARED,
        [
            (
                "pgseal archive checkpoint archive",
                "Print the log's newest checkpoint, to keep elsewhere",
            ),
            (
                "pgseal archive checkpoint archive --json",
                "The same for a program",
            ),
        ],
    ),
    of(
        "archive prove",
        COMPARED,
        [
            (
                "pgseal archive prove archive greetings-1.0.0.pgseal",
                "Prove that the log has a bundle",
            ),
            (
                "pgseal archive prove archive greetings-1.0.0.pgseal --trust trust.json",
                "By this trust root",
            ),
        ],
    ),
    of(
        "archive consistency",
        COMPARED,
        [
            (
                "pgseal archive consistency archive --since checkpoint",
                "Prove that the log only grew since a checkpoint",
            ),
            (
                "pgseal archive consistency archive --since checkpoint --json",
                "The same for a program",
            ),
        ],
    ),
    of(
        "archive verify",
        COMPARED,
        [
            (
                "pgseal archive verify archive",
                "Compare every file with the log",
            ),
            (
                "pgseal archive verify archive --trust trust.json",
                "By this trust root",
            ),
        ],
    ),
    of(
        "audit",
        AUDITED,
        [
            (
                "pgseal audit archive",
                "Authenticate everything in a directory again",
            ),
            (
                "pgseal audit archive --as-of 2026-01-01 --html audit.html",
                "Judge as of a day, also as a page",
            ),
        ],
    ),
];

const AUDITED: &[Exit] = &[
    Exit::Done,
    Exit::Internal,
    Exit::Usage,
    Exit::Malformed,
    Exit::NotAuthentic,
    Exit::Failed,
    Exit::Faults,
];
