//! psql's own variables (PostgreSQL manual, "psql", "Variables"): initial values, allowed values
//! (`startup.c`, the hooks), and settings that a run cannot honour.

use super::variables::Variables;

/// psql 15's variables when it starts to run a file. The owner of a connection sets those that
/// depend on it.
const DEFAULTS: &[(&str, &str)] = &[
    ("AUTOCOMMIT", "on"),
    ("COMP_KEYWORD_CASE", "preserve-upper"),
    ("ECHO", "none"),
    ("ECHO_HIDDEN", "off"),
    ("ENCODING", "UTF8"),
    ("ERROR", "false"),
    ("FETCH_COUNT", "0"),
    ("HIDE_TABLEAM", "off"),
    ("HIDE_TOAST_COMPRESSION", "off"),
    ("HISTCONTROL", "none"),
    ("HISTSIZE", "500"),
    ("IGNOREEOF", "0"),
    ("LASTOID", "0"),
    ("LAST_ERROR_MESSAGE", ""),
    ("LAST_ERROR_SQLSTATE", "00000"),
    ("ON_ERROR_ROLLBACK", "off"),
    ("ON_ERROR_STOP", "off"),
    ("QUIET", "off"),
    (ROW_COUNT, "0"),
    ("SHOW_ALL_RESULTS", "on"),
    ("SHOW_CONTEXT", "errors"),
    ("SINGLELINE", "off"),
    ("SINGLESTEP", "off"),
    ("SQLSTATE", "00000"),
    ("VERBOSITY", "default"),
    ("VERSION_NAME", "15.18"),
    ("VERSION_NUM", "150018"),
    ("VERSION", "PostgreSQL 15.18"),
];

/// Number of rows that the last statement touched or returned.
pub(super) const ROW_COUNT: &str = "ROW_COUNT";

/// Variables that psql sets and a release's script lacks: they would reveal psql's host.
const HIDDEN: &[&str] = &["HOST", "PORT", "HISTFILE", "SHELL_ERROR", "SHELL_EXIT_CODE"];

/// Variables that depend on the connection.
pub const OF_THE_CONNECTION: [&str; 4] = [
    "DBNAME",
    "SERVER_VERSION_NAME",
    "SERVER_VERSION_NUM",
    "USER",
];

/// Sets psql's initial variables, unless the caller has set them.
pub(super) fn set_defaults(variables: &mut Variables) {
    for (name, value) in DEFAULTS {
        variables.put_default(name, value);
    }
}

/// True for a variable that psql sets and a script here must not read.
pub(super) fn is_hidden(name: &str) -> bool {
    HIDDEN.contains(&name)
}

/// True for a variable that psql treats specially; `\gset` leaves it unchanged.
pub(super) fn is_hooked(name: &str) -> bool {
    kind(name).is_some() || name.starts_with("PROMPT")
}

/// Effect of `\set name value` (`None`: `\unset name`) on the variable.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Setting {
    /// The variable gets this value.
    Value(String),
    /// The variable is unset.
    Unset,
    /// psql warns and goes on.
    Invalid(String),
    /// A run cannot honour the value.
    Refused(&'static str),
}

enum Kind {
    Switch,
    Number {
        unset: &'static str,
    },
    Word {
        unset: &'static str,
        words: &'static [&'static str],
    },
}

fn kind(name: &str) -> Option<Kind> {
    let word = |unset, words| Kind::Word { unset, words };
    Some(match name {
        "AUTOCOMMIT"
        | "ON_ERROR_STOP"
        | "QUIET"
        | "SINGLELINE"
        | "SINGLESTEP"
        | "HIDE_TABLEAM"
        | "HIDE_TOAST_COMPRESSION"
        | "SHOW_ALL_RESULTS" => Kind::Switch,
        "FETCH_COUNT" | "IGNOREEOF" => Kind::Number { unset: "0" },
        "HISTSIZE" => Kind::Number { unset: "500" },
        "ECHO" => word("none", &["none", "errors", "queries", "all"]),
        "ECHO_HIDDEN" => word("off", &["noexec"]),
        "ON_ERROR_ROLLBACK" => word("off", &["interactive"]),
        "COMP_KEYWORD_CASE" => word(
            "preserve-upper",
            &["preserve-lower", "preserve-upper", "lower", "upper"],
        ),
        "HISTCONTROL" => word("none", &["none", "ignorespace", "ignoredups", "ignoreboth"]),
        "VERBOSITY" => word("default", &["default", "terse", "verbose", "sqlstate"]),
        "SHOW_CONTEXT" => word("errors", &["never", "errors", "always"]),
        _ => return None,
    })
}

/// The effect of a new value on a variable, special or not.
pub(super) fn setting(name: &str, value: Option<&str>) -> Setting {
    let Some(kind) = kind(name) else {
        return value.map_or(Setting::Unset, |value| Setting::Value(value.to_owned()));
    };
    let invalid = |value: &str, what: &str| {
        Setting::Invalid(format!("unrecognized value {value:?} for {name:?}: {what}"))
    };
    let text = match (&kind, value) {
        (Kind::Switch, None) => "off",
        (Kind::Number { unset } | Kind::Word { unset, .. }, None) => unset,
        (Kind::Switch, Some("")) => "on",
        (
            Kind::Word {
                words: ["noexec"] | ["interactive"],
                ..
            },
            Some(""),
        ) => "on",
        (Kind::Number { .. }, Some("")) if name == "IGNOREEOF" => "10",
        (_, Some(value)) => value,
    };
    match kind {
        Kind::Switch if parse_boolean(text).is_none() => return invalid(text, "Boolean expected"),
        Kind::Number { .. } if text.trim_start().parse::<i32>().is_err() => {
            return Setting::Invalid(format!(
                "invalid value {text:?} for {name:?}: integer expected"
            ));
        }
        Kind::Word { words, .. } => {
            let switch =
                matches!(words, ["noexec"] | ["interactive"]) && parse_boolean(text).is_some();
            if !switch && !words.iter().any(|word| word.eq_ignore_ascii_case(text)) {
                return invalid(text, &format!("available values are {}", words.join(", ")));
            }
        }
        _ => {}
    }
    match unsafe_setting(name, text) {
        Some(reason) => Setting::Refused(reason),
        None => Setting::Value(text.to_owned()),
    }
}

/// Reason to refuse a value that changes a script's behaviour in a way that a run does not support.
fn unsafe_setting(name: &str, text: &str) -> Option<&'static str> {
    let on = parse_boolean(text);
    match name {
        "AUTOCOMMIT" if on == Some(false) => Some(
            "psql would begin a transaction and never commit it; a release's transaction belongs to pgseal",
        ),
        "ON_ERROR_ROLLBACK" if on == Some(true) => Some("a run always stops at the first error"),
        "SINGLELINE" | "SINGLESTEP" if on == Some(true) => Some("it changes where statements end"),
        "FETCH_COUNT" if text.trim() != "0" && !text.trim().starts_with('-') => {
            Some("psql would send cursors instead of the script's statements")
        }
        _ => None,
    }
}

/// `ParseVariableBool` of psql: any prefix of true, false, yes, no; `on`, `off` from two letters;
/// `1`, `0`.
pub(super) fn parse_boolean(text: &str) -> Option<bool> {
    let is = |word: &str, least: usize| {
        let length = text.len().max(least);
        !text.is_empty()
            && text.len() >= least
            && length <= word.len()
            && word[..length].eq_ignore_ascii_case(text)
    };
    if is("true", 1) || is("yes", 1) || is("on", 2) || text == "1" {
        Some(true)
    } else if is("false", 1) || is("no", 1) || is("off", 2) || text == "0" {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_follow_psql() {
        for yes in ["t", "TRUE", "tr", "y", "yes", "on", "ON", "1"] {
            assert_eq!(parse_boolean(yes), Some(true), "{yes}");
        }
        for no in ["f", "False", "n", "no", "of", "off", "0"] {
            assert_eq!(parse_boolean(no), Some(false), "{no}");
        }
        for neither in ["", "o", "2", "truex", "01", "maybe", "on off", "é"] {
            assert_eq!(parse_boolean(neither), None, "{neither}");
        }
    }

    #[test]
    fn settings_follow_the_hooks() {
        let value = |text: &str| Setting::Value(text.to_owned());
        assert_eq!(setting("ON_ERROR_STOP", Some("")), value("on"));
        assert_eq!(setting("ON_ERROR_STOP", None), value("off"));
        assert_eq!(setting("VERBOSITY", None), value("default"));
        assert!(matches!(
            setting("QUIET", Some("maybe")),
            Setting::Invalid(_)
        ));
        assert!(matches!(
            setting("FETCH_COUNT", Some("x")),
            Setting::Invalid(_)
        ));
        for (name, text) in [
            ("AUTOCOMMIT", "off"),
            ("ON_ERROR_ROLLBACK", "on"),
            ("SINGLELINE", ""),
            ("FETCH_COUNT", "100"),
        ] {
            assert!(
                matches!(setting(name, Some(text)), Setting::Refused(_)),
                "{name}"
            );
        }
        assert_eq!(
            setting("ON_ERROR_ROLLBACK", Some("interactive")),
            value("interactive")
        );
        assert_eq!(setting("mine", Some("x")), value("x"));
        assert_eq!(setting("mine", None), Setting::Unset);
    }
}
