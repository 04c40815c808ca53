//! Commands of approvers and notaries.

use super::{AUTHENTIC, Page, of};

/// In the order of `--help`.
pub const PAGES: &[Page] = &[
    of(
        "approve",
        AUTHENTIC,
        [
            (
                "pgseal approve greetings-1.0.0.pgseal --key ann.key",
                "Show the release, ask, and approve it",
            ),
            (
                "pgseal approve greetings-1.0.0.pgseal --key ann.key --apr APR-1 -o ann.approval",
                "Approve it in a file of its own, for the code APR-1",
            ),
        ],
    ),
    of(
        "withdraw",
        AUTHENTIC,
        [
            (
                "pgseal withdraw greetings-1.0.0.pgseal --key ann.key",
                "Take your approval back",
            ),
            (
                "pgseal withdraw greetings-1.0.0.pgseal --key ann.key -o ann.approval",
                "Do so in a file of its own",
            ),
        ],
    ),
    of(
        "notarise",
        AUTHENTIC,
        [
            (
                "pgseal notarise greetings-1.0.0.pgseal --key notary.key",
                "Record which signatures exist now",
            ),
            (
                "pgseal notarise greetings-1.0.0.pgseal --agent notary.pub",
                "Do so with a key in the ssh-agent",
            ),
        ],
    ),
    of(
        "attach",
        AUTHENTIC,
        [
            (
                "pgseal attach greetings-1.0.0.pgseal ann.approval",
                "Add an approval to the bundle",
            ),
            (
                "pgseal attach greetings-1.0.0.pgseal ann.approval bob.approval",
                "Add two at once",
            ),
        ],
    ),
];
