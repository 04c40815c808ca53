//! Table of psql's backslash commands: executed, display-only, or refused with a reason.
//!
//! An unknown directive is an error, since ignoring it would change the meaning of a release.
//! Display-only commands (results, help, lists of objects) are accepted and do nothing: they change
//! nothing in the database, and no person reads their output.

/// Destination of an `\echo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EchoTarget {
    /// `\echo`
    Stdout,
    /// `\qecho`: the destination of query results.
    Query,
    /// `\warn`
    Stderr,
}

/// Treatment of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Include {
        relative: bool,
    },
    Set,
    Unset,
    Echo(EchoTarget),
    If,
    Elif,
    Else,
    Endif,
    Send(Sending),
    Bind,
    BindNamed,
    Parse,
    ClosePrepared,
    Copy,
    /// Clears the query buffer.
    Reset,
    /// Display-only, or changes the display.
    Display,
    /// The same, with the whole rest of the line as its argument.
    DisplayLine,
    Encoding,
    Output,
    Restrict,
    Unrestrict,
    Quit,
    Refused {
        reason: &'static str,
        hint: Option<&'static str>,
    },
    /// psql reports "invalid command" and goes on with the next line.
    Unknown,
}

/// Commands that send the query buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// `\g`, `\gx`
    Show,
    /// `\gset`
    Store,
    /// `\gexec`
    Execute,
    /// `\gdesc`
    Describe,
    /// `\crosstabview`
    Crosstab,
}

impl Command {
    /// Looks up a command by its name without the backslash. Names are case-sensitive, as in psql.
    pub fn named(name: &str) -> Self {
        match name {
            "i" | "include" => Self::Include { relative: false },
            "ir" | "include_relative" => Self::Include { relative: true },
            "set" => Self::Set,
            "unset" => Self::Unset,
            "echo" => Self::Echo(EchoTarget::Stdout),
            "qecho" => Self::Echo(EchoTarget::Query),
            "warn" => Self::Echo(EchoTarget::Stderr),
            "if" => Self::If,
            "elif" => Self::Elif,
            "else" => Self::Else,
            "endif" => Self::Endif,
            "g" | "gx" => Self::Send(Sending::Show),
            "gset" => Self::Send(Sending::Store),
            "gexec" => Self::Send(Sending::Execute),
            "gdesc" => Self::Send(Sending::Describe),
            "crosstabview" => Self::Send(Sending::Crosstab),
            "bind" => Self::Bind,
            "bind_named" => Self::BindNamed,
            "parse" => Self::Parse,
            "close_prepared" => Self::ClosePrepared,
            // the only name that psql compares case-insensitively
            _ if name.eq_ignore_ascii_case("copy") => Self::Copy,
            "r" | "reset" => Self::Reset,
            "timing" | "pset" | "x" | "t" | "a" | "C" | "f" | "H" | "html" | "T" | "errverbose"
            | "p" | "print" | "conninfo" | "copyright" => Self::Display,
            // The environment of a release is empty: psql leaves a variable unchanged if its source
            // is unset, and a variable set in psql's environment only reaches the shell.
            "getenv" | "setenv" => Self::Display,
            "h" | "help" | "?" => Self::DisplayLine,
            "encoding" => Self::Encoding,
            "o" | "out" => Self::Output,
            "restrict" => Self::Restrict,
            "unrestrict" => Self::Unrestrict,
            "q" | "quit" => Self::Quit,
            _ if lists(name) => Self::Display,
            _ if shows_source(name) => Self::DisplayLine,
            _ => refusal(name),
        }
    }

    /// True if psql reads the whole rest of the line as the argument, also in a branch that is not
    /// taken.
    pub fn takes_the_line(name: &str) -> bool {
        matches!(name, "!" | "h" | "help" | "?" | "ef" | "ev")
            || name.eq_ignore_ascii_case("copy")
            || shows_source(name)
    }
}

/// True for `\d` and its family, `\l`, `\z`: psql queries the catalogs and prints.
fn lists(name: &str) -> bool {
    let bare = name.trim_end_matches(['S', '+', 'x']);
    matches!(bare, "l" | "list" | "z" | "lo_list") || name.starts_with('d')
}

fn shows_source(name: &str) -> bool {
    matches!(name.trim_end_matches('+'), "sf" | "sv")
}

fn refusal(name: &str) -> Command {
    let (reason, hint) = match name {
        "!" => (
            SHELL,
            Some("a release runs SQL only; do this before or after the run"),
        ),
        "prompt" => (
            "it reads the host's terminal",
            Some("declare the variable in release.toml, and give it by -v"),
        ),
        "cd" => (
            "it changes the host's directory",
            Some("\\ir names files relative to the script"),
        ),
        "password" => (
            "it asks for a password on the terminal",
            Some("ALTER ROLE ... PASSWORD with a SCRAM verifier, or outside of the release"),
        ),
        "c" | "connect" => (
            "it connects to another database",
            Some("a release has one target; make one for each"),
        ),
        "w" | "write" => ("it writes a file on the host", Some("remove it")),
        "e" | "edit" | "ef" | "ev" => (
            "it starts an editor on the host",
            Some("write the statement in the script"),
        ),
        "s" => (
            "it reads or writes the history of the host",
            Some("remove it"),
        ),
        "lo_import" => (
            "it reads a file of the host",
            Some("lo_from_bytea(0, ...) makes a large object from bytes"),
        ),
        "lo_export" => ("it writes a file on the host", Some("remove it")),
        "lo_unlink" => (
            "it acts on a number that only one database knows",
            Some("select lo_unlink(...)"),
        ),
        "watch" => (
            "it repeats a statement for ever",
            Some("pgseal gate --watch waits for a condition"),
        ),
        "startpipeline" | "endpipeline" | "sendpipeline" | "syncpipeline" | "flush"
        | "flushrequest" | "getresults" => (
            "it is psql's own way to send in batches",
            Some("remove it: pgseal batches plain statements by itself"),
        ),
        _ => return Command::Unknown,
    };
    Command::Refused { reason, hint }
}

pub(super) const SHELL: &str = "it reaches the shell of the host";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_unknown_is_refused() {
        for name in ["!", "c", "lo_import", "watch", "w", "cd", "e", "password"] {
            assert!(
                matches!(Command::named(name), Command::Refused { .. }),
                "{name}"
            );
        }
        for name in ["", ".", "nonsense", "I", "SET", "gsetx"] {
            assert_eq!(Command::named(name), Command::Unknown, "{name}");
        }
        assert_eq!(Command::named("ir"), Command::Include { relative: true });
    }

    #[test]
    fn what_lists_objects_does_nothing() {
        for name in ["d", "dt+", "dfS+", "l+", "z", "du", "dconfig", "pset", "x"] {
            assert_eq!(Command::named(name), Command::Display, "{name}");
        }
        assert_eq!(Command::named("sf+"), Command::DisplayLine);
    }
}
