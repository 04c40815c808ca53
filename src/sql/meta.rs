//! psql's backslash commands: which run here, which are accepted and ignored, which are refused and why.
//!
//! A directive that is silently ignored changes what a release means, so an unknown one is an error. Commands that only
//! change how psql shows results are the exception: nothing is shown here.

/// Where an `\echo` goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EchoTarget {
    /// `\echo`
    Stdout,
    /// `\qecho`: where query results go.
    Query,
    /// `\warn`
    Stderr,
}

/// What to do with a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Include {
        relative: bool,
    },
    Set,
    Unset,
    Echo(EchoTarget),
    /// Only changes what psql shows.
    Display,
    Encoding,
    Output,
    Restrict,
    Unrestrict,
    Quit,
    Refused {
        reason: &'static str,
        hint: Option<&'static str>,
    },
}

impl Command {
    /// The command of that name, without its backslash. Names are case-sensitive, as in psql.
    pub fn named(name: &str) -> Self {
        match name {
            "i" | "include" => Self::Include { relative: false },
            "ir" | "include_relative" => Self::Include { relative: true },
            "set" => Self::Set,
            "unset" => Self::Unset,
            "echo" => Self::Echo(EchoTarget::Stdout),
            "qecho" => Self::Echo(EchoTarget::Query),
            "warn" => Self::Echo(EchoTarget::Stderr),
            "timing" | "pset" | "x" | "t" | "a" | "C" | "f" | "H" | "html" | "T" | "errverbose" => Self::Display,
            "encoding" => Self::Encoding,
            "o" | "out" => Self::Output,
            "restrict" => Self::Restrict,
            "unrestrict" => Self::Unrestrict,
            "q" | "quit" => Self::Quit,
            _ => refusal(name),
        }
    }

    /// Whether it may stand inside a statement that is not finished yet.
    pub fn leaves_the_statement_alone(&self) -> bool {
        !matches!(self, Self::Include { .. } | Self::Quit | Self::Refused { .. })
    }
}

fn refusal(name: &str) -> Command {
    let (reason, hint) = match name {
        "" => ("a backslash pair separates a command from what follows; there is no command here", None),
        "!" => (SHELL, Some("a release runs SQL only; do this before or after the run")),
        "setenv" | "getenv" | "cd" | "prompt" | "password" => ("it reaches the host's environment or terminal", None),
        "c" | "connect" => ("it connects to another database", Some("a release has one target")),
        "w" | "write" => ("it writes a file on the host", None),
        "e" | "edit" | "ef" | "ev" => ("it starts an editor on the host", None),
        "s" => ("it reads the history of the host", None),
        "lo_import" | "lo_export" | "lo_unlink" | "lo_list" => {
            ("it copies large objects from or to files of the host", None)
        }
        "copy" => (LATER, Some("write COPY ... FROM STDIN with the data in the script")),
        "if" | "elif" | "else" | "endif" => (LATER, Some("use a DO block, or separate files")),
        "gset" => (LATER, Some("use a sub-select, or a DO block")),
        "gexec" => (LATER, Some("use a DO block with EXECUTE")),
        "g" | "gx" | "gdesc" => (LATER, Some("end the statement with a semicolon")),
        "crosstabview" => ("it only shows results", Some("end the statement with a semicolon")),
        "watch" => ("it repeats a statement for ever", Some("pgseal gate --watch waits for a condition")),
        "p" | "print" | "r" | "reset" => ("it acts on psql's query buffer", Some("remove it")),
        "bind" | "bind_named" | "parse" | "close_prepared" | "startpipeline" | "endpipeline" => (LATER, None),
        "copyright" | "conninfo" | "h" | "help" | "?" => ("it only shows help", Some("remove it")),
        "l" | "list" | "z" | "sf" | "sv" => (LISTS, Some("remove it")),
        _ if name.starts_with('d') => (LISTS, Some("remove it")),
        _ if name.starts_with("l+") || name.starts_with("sf") || name.starts_with("sv") => (LISTS, Some("remove it")),
        _ => ("it is not a command of psql that is known here", None),
    };
    Command::Refused { reason, hint }
}

pub(super) const SHELL: &str = "it reaches the shell of the host";
const LATER: &str = "it is not supported yet";
const LISTS: &str = "it only lists objects for a person";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_unknown_is_refused() {
        for name in ["", "!", "c", "copy", "if", "dt+", "gexec", "nonsense", "I", "SET", "lo_import", "watch"] {
            assert!(matches!(Command::named(name), Command::Refused { .. }), "{name}");
        }
        assert_eq!(Command::named("ir"), Command::Include { relative: true });
    }

    #[test]
    fn includes_and_quit_act_on_the_statement() {
        assert!(Command::Set.leaves_the_statement_alone());
        assert!(!Command::Quit.leaves_the_statement_alone());
        assert!(!Command::Include { relative: false }.leaves_the_statement_alone());
    }
}
