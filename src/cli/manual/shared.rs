//! Commands of every role.

use super::{AUTHENTIC, COMPARED, Exit, FILES, Page, of};

/// In the order of `--help`.
pub const PAGES: &[Page] = &[
    of(
        "verify",
        AUTHENTIC,
        [
            (
                "pgseal verify greetings-1.0.0.pgseal",
                "Authenticate a bundle and count its approvals",
            ),
            (
                "pgseal verify greetings-1.0.0.pgseal --approval ann.approval --contents",
                "With an approval beside it, and every content",
            ),
        ],
    ),
    of(
        "verifier",
        FILES,
        [
            (
                "pgseal verifier -o verify.html",
                "Write the page, and print its digest",
            ),
            (
                "pgseal verifier -o verify.html --json",
                "The same for a program",
            ),
        ],
    ),
    of(
        "inspect",
        AUTHENTIC,
        [
            (
                "pgseal inspect greetings-1.0.0.pgseal",
                "Show what a bundle contains",
            ),
            (
                "pgseal inspect greetings-1.0.0.pgseal --json",
                "The same for a program",
            ),
        ],
    ),
    of(
        "cat",
        AUTHENTIC,
        [
            (
                "pgseal cat greetings-1.0.0.pgseal release.toml",
                "Print a file of a bundle",
            ),
            (
                "pgseal cat greetings-1.0.0.pgseal tiers/01_greetings.sql",
                "Print a script",
            ),
        ],
    ),
    of(
        "diff",
        AUTHENTIC,
        [
            (
                "pgseal diff greetings-1.0.0.pgseal greetings-1.1.0.pgseal",
                "Compare two releases",
            ),
            (
                "pgseal diff greetings-1.0.0.pgseal greetings-1.1.0.pgseal --json",
                "The same for a program",
            ),
        ],
    ),
    of(
        "unpack",
        AUTHENTIC,
        [
            (
                "pgseal unpack greetings-1.0.0.pgseal -C greetings",
                "Write the files to a new directory",
            ),
            (
                "pgseal unpack greetings-1.0.0.pgseal -C greetings --trust trust.json",
                "By this trust root",
            ),
        ],
    ),
    of(
        "runbook",
        AUTHENTIC,
        [
            (
                "pgseal runbook greetings-1.0.0.pgseal operator",
                "Print the operator's instructions",
            ),
            (
                "pgseal runbook greetings-1.0.0.pgseal owner --html -o owner.html",
                "Write the owner's as a page",
            ),
        ],
    ),
    of(
        "report",
        REPORTED,
        [
            (
                "pgseal report greetings-1.0.0.pgseal -d shop -v ticket=OPS-1",
                "Answer GO or NO-GO",
            ),
            (
                "pgseal report greetings-1.0.0.pgseal -d shop --format html -o report.html",
                "Write it as a page",
            ),
        ],
    ),
    of(
        "fingerprint",
        FINGERPRINT,
        [
            (
                "pgseal fingerprint -d shop -o before.json",
                "Describe a database by digests",
            ),
            (
                "pgseal fingerprint diff before.json after.json",
                "Compare two descriptions",
            ),
        ],
    ),
    of(
        "fingerprint diff",
        COMPARED,
        [
            (
                "pgseal fingerprint diff before.json after.json",
                "Compare two descriptions",
            ),
            (
                "pgseal fingerprint diff before.json after.json --json",
                "The same for a program",
            ),
        ],
    ),
    of(
        "export",
        AUTHENTIC,
        [
            (
                "pgseal export greetings-1.0.0.pgseal --dsse",
                "Print the signatures as DSSE envelopes",
            ),
            (
                "pgseal export --allowed-signers -o allowed_signers",
                "Write the trust root's keys for ssh-keygen",
            ),
        ],
    ),
    of(
        "keygen",
        FILES,
        [
            (
                "pgseal keygen release",
                "Make release.key and release.pub; asks for a passphrase",
            ),
            (
                "pgseal keygen keys/ann --passphrase-fd 3",
                "Read the passphrase from a file descriptor",
            ),
        ],
    ),
    of(
        "trust",
        AUTHENTIC,
        [
            ("pgseal trust show", "Show the trust root of this host"),
            (
                "pgseal trust add-key trust.json --key bob.pub --role l2 --root-key root.key",
                "Give a key a role",
            ),
        ],
    ),
    of(
        "trust init",
        AUTHENTIC,
        [
            (
                "pgseal trust init trust.json --root-key root.key --role release:1=release.pub",
                "Make a trust root with one release key",
            ),
            (
                "pgseal trust init trust.json --root-key root.key --role release:1=release.pub --role l2:2=ann.pub,bob.pub --require l2",
                "Require two approvals",
            ),
        ],
    ),
    of(
        "trust add-key",
        AUTHENTIC,
        [
            (
                "pgseal trust add-key trust.json --key bob.pub --role l2 --root-key root.key",
                "Give a key a role, sign, and install",
            ),
            (
                "pgseal trust add-key trust.json --key bob.pub --role l2",
                "Write a draft for the owners of the root keys",
            ),
        ],
    ),
    of(
        "trust retire",
        AUTHENTIC,
        [
            (
                "pgseal trust retire trust.json --key bob --root-key root.key",
                "End a key; its signatures so far count",
            ),
            ("pgseal trust retire trust.json --key bob", "Write a draft"),
        ],
    ),
    of(
        "trust revoke",
        AUTHENTIC,
        [
            (
                "pgseal trust revoke trust.json --key bob --root-key root.key",
                "Revoke a key",
            ),
            ("pgseal trust revoke trust.json --key bob", "Write a draft"),
        ],
    ),
    of(
        "trust rotate",
        AUTHENTIC,
        [
            (
                "pgseal trust rotate trust.json --old bob --new bob2.pub --root-key root.key",
                "Replace a key",
            ),
            (
                "pgseal trust rotate trust.json --old bob --new bob2.pub",
                "Write a draft",
            ),
        ],
    ),
    of(
        "trust set-policy",
        AUTHENTIC,
        [
            (
                "pgseal trust set-policy trust.json --require l2=2 --root-key root.key",
                "Require two approvals",
            ),
            (
                "pgseal trust set-policy trust.json --receipts signed",
                "Draft that receipts must be signed",
            ),
        ],
    ),
    of(
        "trust add-authority",
        AUTHENTIC,
        [
            (
                "pgseal trust add-authority trust.json --certificate tsa.pem --root-key root.key",
                "Trust a time stamping authority",
            ),
            (
                "pgseal trust add-authority trust.json --certificate tsa.pem",
                "Write a draft",
            ),
        ],
    ),
    of(
        "trust retire-authority",
        AUTHENTIC,
        [
            (
                "pgseal trust retire-authority trust.json --authority tsa --root-key root.key",
                "End an authority; its stamps so far count",
            ),
            (
                "pgseal trust retire-authority trust.json --authority tsa",
                "Write a draft",
            ),
        ],
    ),
    of(
        "trust revoke-authority",
        AUTHENTIC,
        [
            (
                "pgseal trust revoke-authority trust.json --authority tsa --root-key root.key",
                "Revoke an authority",
            ),
            (
                "pgseal trust revoke-authority trust.json --authority tsa",
                "Write a draft",
            ),
        ],
    ),
    of(
        "trust sign",
        AUTHENTIC,
        [
            (
                "pgseal trust sign trust.2.json --key root.key",
                "Sign a draft",
            ),
            (
                "pgseal trust sign trust.2.json --tbs draft.tbs",
                "Write the bytes to sign elsewhere",
            ),
        ],
    ),
    of(
        "trust attach",
        AUTHENTIC,
        [
            (
                "pgseal trust attach trust.2.json draft.sig --key root.pub",
                "Add a signature made elsewhere",
            ),
            (
                "pgseal trust attach trust.2.json draft.sig --key root.pub --json",
                "The same for a program",
            ),
        ],
    ),
    of(
        "trust install",
        AUTHENTIC,
        [
            (
                "pgseal trust install trust.2.json --trust trust.json",
                "Install the next version",
            ),
            (
                "pgseal trust install trust.2.json trust.3.json",
                "Install two on this host, in order",
            ),
        ],
    ),
    of(
        "trust show",
        AUTHENTIC,
        [
            ("pgseal trust show", "Show the trust root of this host"),
            ("pgseal trust show trust.2.json", "Show a draft"),
        ],
    ),
    of(
        "config",
        FILES,
        [
            (
                "pgseal config show",
                "Show the settings, and where they come from",
            ),
            ("pgseal config show --json", "The same for a program"),
        ],
    ),
    of(
        "config show",
        FILES,
        [
            (
                "pgseal config show",
                "Show the settings, and where they come from",
            ),
            ("pgseal config show --json", "The same for a program"),
        ],
    ),
    of(
        "completions",
        FILES,
        [
            (
                "pgseal completions bash > /etc/bash_completion.d/pgseal",
                "Install completions for bash",
            ),
            ("pgseal completions zsh > _pgseal", "Write those for zsh"),
        ],
    ),
    of(
        "man",
        FILES,
        [
            ("pgseal man > pgseal.1", "Write the manual page"),
            (
                "pgseal man trust add-key > pgseal-trust-add-key.1",
                "Write the page of one command",
            ),
        ],
    ),
    of(
        "help",
        FILES,
        [
            ("pgseal help exit-codes", "Read about a topic"),
            ("pgseal help trust add-key", "Show the options of a command"),
        ],
    ),
];

const FINGERPRINT: &[Exit] = &[
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

const REPORTED: &[Exit] = &[
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
