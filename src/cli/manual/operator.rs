//! Commands of operators, who run releases.

use super::{AUTHENTIC, Exit, Page, of};

/// In the order of `--help`.
pub const PAGES: &[Page] = &[
    of(
        "gate",
        ASKED,
        [
            (
                "pgseal gate greetings-1.0.0.pgseal -d shop -v ticket=OPS-1",
                "Name everything that a run lacks",
            ),
            (
                "pgseal gate greetings-1.0.0.pgseal -d shop --watch",
                "Wait until nothing is missing",
            ),
        ],
    ),
    of(
        "plan",
        PLANNED,
        [
            (
                "pgseal plan greetings-1.0.0.pgseal -d shop -v ticket=OPS-1",
                "Show the steps, the locks and what is missing",
            ),
            (
                "pgseal plan greetings-1.0.0.pgseal -d shop -v ticket=OPS-1 --json",
                "The same for a program",
            ),
        ],
    ),
    of(
        "run",
        RUN,
        [
            (
                "pgseal run greetings-1.0.0.pgseal -d shop -v ticket=OPS-1 --receipt-key host.key",
                "Run a release, and sign the receipt",
            ),
            (
                "pgseal run greetings-1.0.0.pgseal -d shop -v ticket=OPS-1 --resume",
                "Continue a run that stopped half way",
            ),
        ],
    ),
    of(
        "rollout",
        RUN,
        [
            (
                "pgseal rollout tenants-1.0.0.pgseal --plan PLAN.toml --receipt-key host.key",
                "Run a release on the databases of a plan",
            ),
            (
                "pgseal rollout tenants-1.0.0.pgseal --plan PLAN.toml --resume --receipt-key host.key",
                "Continue after a kill, an interruption or failures",
            ),
        ],
    ),
    of(
        "rollout status",
        SHOWN,
        [
            ("pgseal rollout status", "Show the newest rollout, by wave"),
            (
                "pgseal rollout status --json",
                "All databases, for a program",
            ),
        ],
    ),
    of(
        "rollout rollback",
        RUN,
        [
            (
                "pgseal rollout rollback tenants-1.0.0.pgseal --receipt-key host.key",
                "Roll back the newest rollout, the last database first",
            ),
            (
                "pgseal rollout rollback tenants-1.0.0.pgseal --journal PATH",
                "Roll back an earlier one",
            ),
        ],
    ),
    of(
        "rollout merge",
        MERGED,
        [
            (
                "pgseal rollout merge one.rollout.json two.rollout.json --receipt-key host.key",
                "One receipt for two rollouts of one release",
            ),
            (
                "pgseal rollout merge one.rollout.json two.rollout.json --receipt-key host.key --json",
                "The same for a program",
            ),
        ],
    ),
    of(
        "rollback",
        RUN,
        [
            (
                "pgseal rollback greetings-1.0.0.pgseal -d shop --receipt-key host.key",
                "Go back to the state before the run",
            ),
            (
                "pgseal rollback greetings-1.0.0.pgseal -d shop --fingerprint",
                "Compare the definitions with those from before",
            ),
        ],
    ),
    of(
        "check",
        CHECKED,
        [
            (
                "pgseal check greetings-1.0.0.pgseal -d shop",
                "Run the verify scripts now",
            ),
            (
                "pgseal check greetings-1.0.0.pgseal -d shop --receipt-key host.key",
                "Sign and store the answer",
            ),
        ],
    ),
    of(
        "status",
        STATUS,
        [
            (
                "pgseal status -d shop",
                "Show the releases of a database and the next step",
            ),
            (
                "pgseal status -h db.example -U lena -d shop --json",
                "The same for a program",
            ),
        ],
    ),
    of(
        "drift",
        DRIFT,
        [
            (
                "pgseal drift -d shop",
                "Show the definitions that changed since the newest receipt",
            ),
            (
                "pgseal drift greetings-1.0.0.pgseal -d shop",
                "Since the newest receipt of this release",
            ),
        ],
    ),
    of(
        "receipt",
        AUTHENTIC,
        [
            (
                "pgseal receipt show RUN.receipt.json",
                "Describe a run in words",
            ),
            (
                "pgseal receipt verify RUN.receipt.json",
                "Authenticate its receipt",
            ),
        ],
    ),
    of(
        "receipt show",
        AUTHENTIC,
        [
            (
                "pgseal receipt show RUN.receipt.json",
                "Describe a run in words",
            ),
            (
                "pgseal receipt show RUN.receipt.json --json",
                "The same for a program",
            ),
        ],
    ),
    of(
        "receipt sign",
        AUTHENTIC,
        [
            (
                "pgseal receipt sign RUN.receipt.json --key host.key",
                "Sign a receipt that was stored unsigned",
            ),
            (
                "pgseal receipt sign RUN.receipt.json --key host.key --trust trust.json",
                "By this trust root",
            ),
        ],
    ),
    of(
        "receipt verify",
        AUTHENTIC,
        [
            (
                "pgseal receipt verify RUN.receipt.json",
                "Authenticate a receipt",
            ),
            (
                "pgseal receipt verify RUN.receipt.json --bundle greetings-1.0.0.pgseal",
                "Also compare it with its release",
            ),
        ],
    ),
];

const ASKED: &[Exit] = &[
    Exit::Done,
    Exit::Internal,
    Exit::Usage,
    Exit::Malformed,
    Exit::NotAuthentic,
    Exit::Blocked,
    Exit::Unanswered,
    Exit::Preflight,
    Exit::Failed,
    Exit::NoReceipt,
];

const PLANNED: &[Exit] = ASKED;

const CHECKED: &[Exit] = &[
    Exit::Done,
    Exit::Internal,
    Exit::Usage,
    Exit::Malformed,
    Exit::NotAuthentic,
    Exit::Unanswered,
    Exit::Preflight,
    Exit::Failed,
    Exit::NoReceipt,
];

const RUN: &[Exit] = &[
    Exit::Done,
    Exit::Internal,
    Exit::Usage,
    Exit::Malformed,
    Exit::NotAuthentic,
    Exit::Blocked,
    Exit::Unanswered,
    Exit::Preflight,
    Exit::Failed,
    Exit::Partial,
    Exit::Unknown,
    Exit::NoReceipt,
];

const STATUS: &[Exit] = &[
    Exit::Done,
    Exit::Internal,
    Exit::Usage,
    Exit::Malformed,
    Exit::NotAuthentic,
    Exit::Preflight,
    Exit::Failed,
    Exit::Partial,
    Exit::Unknown,
];

const DRIFT: &[Exit] = &[
    Exit::Done,
    Exit::Internal,
    Exit::Usage,
    Exit::Malformed,
    Exit::NotAuthentic,
    Exit::Preflight,
    Exit::Failed,
    Exit::NoReceipt,
    Exit::Faults,
];

/// A rollout that is shown.
const SHOWN: &[Exit] = &[
    Exit::Done,
    Exit::Internal,
    Exit::Usage,
    Exit::Malformed,
    Exit::Partial,
];

/// Receipts that are merged.
const MERGED: &[Exit] = &[
    Exit::Done,
    Exit::Internal,
    Exit::Usage,
    Exit::Malformed,
    Exit::NotAuthentic,
    Exit::Partial,
    Exit::NoReceipt,
];
