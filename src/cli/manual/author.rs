//! Commands of authors of releases.

use super::{AUTHENTIC, Exit, FILES, Page, of};

/// In the order of `--help`.
pub const PAGES: &[Page] = &[
    of(
        "init",
        AUTHENTIC,
        [
            ("pgseal init greetings", "Start the release greetings"),
            (
                "pgseal init shop-1.1 --next shop-1.0.0.pgseal",
                "Begin the version after a bundle",
            ),
        ],
    ),
    of(
        "import",
        FILES,
        [
            (
                "pgseal import flyway sql -o shop --from 41 --database shop",
                "Import the Flyway migrations after version 41",
            ),
            (
                "pgseal import sqitch . -o shop --from @v1.0 --to @v1.1",
                "Import the changes between two tags of a plan",
            ),
        ],
    ),
    of(
        "new",
        FILES,
        [
            (
                "pgseal new coupons",
                "Add a change to the release in this directory",
            ),
            (
                "pgseal new coupons -C releases/shop",
                "The same in another directory",
            ),
        ],
    ),
    of(
        "lint",
        FILES,
        [
            ("pgseal lint greetings", "Check a release directory"),
            (
                "pgseal lint greetings --strict",
                "In CI: warnings are errors, unless they are acknowledged",
            ),
        ],
    ),
    of(
        "script",
        FILES,
        [
            (
                "pgseal script tiers/01_tables.sql",
                "Show the statements of a script",
            ),
            (
                "pgseal script sql/tiers/1.sql --root sql -v ticket=OPS-1",
                "Resolve includes from sql, with a variable",
            ),
        ],
    ),
    of(
        "try",
        TRIED,
        [
            (
                "pgseal try greetings -d shop_dev -v ticket=OPS-1",
                "Try a release directory on a copy of shop_dev",
            ),
            (
                "pgseal try greetings -d shop_dev -v ticket=OPS-1 --keep",
                "Keep the copy for looking at it",
            ),
        ],
    ),
    of(
        "try init",
        MARKED,
        [
            ("pgseal try init -d shop_dev", "Mark a database of yours"),
            (
                "pgseal try init -h localhost -U lena -d shop_dev --json",
                "The same for a program",
            ),
        ],
    ),
    of(
        "pack",
        AUTHENTIC,
        [
            (
                "pgseal pack greetings -o greetings-1.0.0.pgseal",
                "Pack a release, unsigned",
            ),
            (
                "pgseal pack greetings -o greetings-1.0.0.pgseal --key release.key",
                "Pack and sign it at once",
            ),
        ],
    ),
    of(
        "sign",
        AUTHENTIC,
        [
            (
                "pgseal sign greetings-1.0.0.pgseal --key release.key",
                "Sign with a key file",
            ),
            (
                "pgseal sign greetings-1.0.0.pgseal --agent release.pub",
                "Sign with a key in the ssh-agent",
            ),
        ],
    ),
    of(
        "rehearse",
        REHEARSED,
        [
            (
                "pgseal rehearse greetings-1.0.0.pgseal -d postgres --from shop -v ticket=OPS-1 --receipt-key host.key",
                "Rehearse on a clone of shop, and sign the result",
            ),
            (
                "pgseal rehearse greetings-1.0.0.pgseal -d postgres --from-dump shop.dump -v ticket=OPS-1",
                "Begin with a dump",
            ),
        ],
    ),
    of(
        "clone",
        CLONED,
        [
            ("pgseal clone list -d postgres", "List standing clones"),
            (
                "pgseal clone make -d postgres --from shop --receipt-key host.key",
                "Make one",
            ),
        ],
    ),
    of(
        "clone make",
        CLONED,
        [
            (
                "pgseal clone make -d postgres --from shop --receipt-key host.key",
                "Clone shop",
            ),
            (
                "pgseal clone make -d postgres --from shop --receipt-key host.key --json",
                "The same for a program",
            ),
        ],
    ),
    of(
        "clone list",
        CLONED,
        [
            (
                "pgseal clone list -d postgres",
                "List the clones of a server",
            ),
            (
                "pgseal clone list -h db.example -U lena -d postgres --json",
                "The same for a program",
            ),
        ],
    ),
    of(
        "clone check",
        CLONED,
        [
            (
                "pgseal clone check shop_clone -d postgres",
                "Compare a clone with its marker",
            ),
            (
                "pgseal clone check shop_clone -d postgres --json",
                "The same for a program",
            ),
        ],
    ),
    of(
        "clone reset",
        CLONED,
        [
            (
                "pgseal clone reset shop_clone -d postgres --receipt-key host.key",
                "Make a clone anew",
            ),
            (
                "pgseal clone reset shop_clone -d postgres --receipt-key host.key --json",
                "The same for a program",
            ),
        ],
    ),
    of(
        "clone drop",
        CLONED,
        [
            ("pgseal clone drop shop_clone -d postgres", "Drop a clone"),
            (
                "pgseal clone drop shop_clone -d postgres --json",
                "The same for a program",
            ),
        ],
    ),
];

const CLONED: &[Exit] = &[
    Exit::Done,
    Exit::Internal,
    Exit::Usage,
    Exit::Malformed,
    Exit::NotAuthentic,
    Exit::Preflight,
    Exit::Failed,
    Exit::Faults,
];

const MARKED: &[Exit] = &[Exit::Done, Exit::Internal, Exit::Usage, Exit::Preflight];

const TRIED: &[Exit] = &[
    Exit::Done,
    Exit::Internal,
    Exit::Usage,
    Exit::Blocked,
    Exit::Unanswered,
    Exit::Preflight,
    Exit::Failed,
    Exit::Faults,
];

const REHEARSED: &[Exit] = &[
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
    Exit::Faults,
];
