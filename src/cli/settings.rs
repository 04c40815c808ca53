//! Settings that hold for all commands of a host or a shell: `/etc/pgseal/pgseal.toml`, `--config`
//! and environment variables, weakest first. An option of the command line precedes them all.
//!
//! No setting weakens a policy: each one only stands for an option that a person could have written.

// docs/decisions/088

mod file;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::{CliError, Kind, Output, ResultExt as _, display_path, escape};
use pgseal_verify::format::manifest::Manifest;

/// The configuration file of a host.
const HOST_FILE: &str = "/etc/pgseal/pgseal.toml";

/// Default path of a host's trust root.
const TRUST: &str = "/etc/pgseal/trust.json";

/// Directory of a host's receipts. Packages create it.
const HOST_RECEIPTS: &str = "/var/lib/pgseal/receipts";

/// Directory of receipts on a host without [`HOST_RECEIPTS`].
const RECEIPTS: &str = "pgseal-receipts";

/// Begin of the environment variables that give variables of releases.
const VARIABLE: &str = "PGSEAL_VAR_";

/// An option that settings can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    Trust,
    Db,
    Receipts,
    ReceiptKey,
    GateUser,
}

impl Name {
    pub const ALL: [Self; 5] = [
        Self::Trust,
        Self::Db,
        Self::Receipts,
        Self::ReceiptKey,
        Self::GateUser,
    ];

    /// Its key in a file.
    pub fn key(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Db => "db",
            Self::Receipts => "receipts",
            Self::ReceiptKey => "receipt_key",
            Self::GateUser => "gate_user",
        }
    }

    /// Its environment variable.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Trust => "PGSEAL_TRUST",
            Self::Db => "PGSEAL_DB",
            Self::Receipts => "PGSEAL_RECEIPTS",
            Self::ReceiptKey => "PGSEAL_RECEIPT_KEY",
            Self::GateUser => "PGSEAL_GATE_USER",
        }
    }

    /// Whether the value is a path. In a file, a relative one is relative to the file.
    fn is_path(self) -> bool {
        matches!(self, Self::Trust | Self::Receipts | Self::ReceiptKey)
    }

    /// The value without any setting.
    fn built_in(self) -> Option<&'static str> {
        match self {
            Self::Trust => Some(TRUST),
            Self::Receipts if Path::new(HOST_RECEIPTS).is_dir() => Some(HOST_RECEIPTS),
            Self::Receipts => Some(RECEIPTS),
            Self::Db | Self::ReceiptKey | Self::GateUser => None,
        }
    }
}

/// The origin of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    BuiltIn,
    File(PathBuf),
    /// The name of the variable.
    Environment(String),
}

/// A value and its origin.
#[derive(Clone, Debug)]
pub struct Setting {
    pub value: OsString,
    pub source: Source,
}

/// All settings of this invocation.
#[derive(Debug, Default)]
pub struct Settings {
    options: BTreeMap<Name, Setting>,
    /// Variables of releases.
    variables: BTreeMap<String, Setting>,
}

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// The value of `--config`, before the command line is parsed as a whole.
pub fn named_file(arguments: impl Iterator<Item = OsString>) -> Option<PathBuf> {
    let mut arguments = arguments.skip(1).take_while(|argument| argument != "--");
    while let Some(argument) = arguments.next() {
        if argument == "--config" {
            return arguments.next().map(PathBuf::from);
        }
        let text = argument.as_encoded_bytes();
        if text.starts_with(b"--config=") {
            let value = argument.to_string_lossy()["--config=".len()..].to_owned();
            return Some(value.into());
        }
    }
    None
}

/// Reads all settings once, for the rest of this process.
pub fn load(config: Option<&Path>) -> Result<(), CliError> {
    let host = Path::new(HOST_FILE);
    let mut settings = Settings::default();
    // A directory that may not be searched is an error: a setting in it would silently not hold.
    if host.try_exists().at(host)? {
        settings.read_file(host)?;
    }
    if let Some(path) = config {
        settings.read_file(path)?;
    }
    settings.read_environment(std::env::vars_os())?;
    SETTINGS.get_or_init(|| settings);
    Ok(())
}

/// The settings; before [`load`] there are none.
pub fn current() -> &'static Settings {
    static NONE: Settings = Settings {
        options: BTreeMap::new(),
        variables: BTreeMap::new(),
    };
    SETTINGS.get().unwrap_or(&NONE)
}

/// Directory of receipts, if no option names one.
pub fn receipts() -> PathBuf {
    let set = current().path(Name::Receipts);
    set.unwrap_or_else(|| Name::Receipts.built_in().unwrap_or(RECEIPTS).into())
}

/// The trust root, if no option names one.
pub fn trust() -> PathBuf {
    current().path(Name::Trust).unwrap_or_else(|| TRUST.into())
}

impl Settings {
    /// A value that is set.
    pub fn option(&self, name: Name) -> Option<&Setting> {
        self.options.get(&name)
    }

    /// A path that is set.
    pub fn path(&self, name: Name) -> Option<PathBuf> {
        self.option(name)
            .map(|setting| PathBuf::from(&setting.value))
    }

    /// A text that is set.
    pub fn text(&self, name: Name) -> Result<Option<&str>, CliError> {
        let Some(setting) = self.option(name) else {
            return Ok(None);
        };
        setting.text().map(Some)
    }

    /// A value or the built-in one.
    pub fn in_force(&self, name: Name) -> Option<Setting> {
        let built_in = || {
            Some(Setting {
                value: name.built_in()?.into(),
                source: Source::BuiltIn,
            })
        };
        self.option(name).cloned().or_else(built_in)
    }

    /// Values of variables that are set, by the names as written.
    pub fn variables(&self) -> &BTreeMap<String, Setting> {
        &self.variables
    }

    /// Adds variables that the release declares and the command line does not give, and tells them:
    /// they may be those of an earlier release. A name in the environment may be in capitals.
    pub fn add_variables(
        &self,
        manifest: &Manifest,
        mut given: BTreeMap<String, String>,
        out: Option<Output>,
    ) -> Result<BTreeMap<String, String>, CliError> {
        for declared in manifest.variables.keys() {
            let name = declared.as_str();
            if given.contains_key(name) {
                continue;
            }
            if let Some(setting) = self.variable(name)? {
                let (value, source) = (setting.text()?, &setting.source);
                if let Some(out) = out {
                    out.note(format!("variable {name} = {} ({source})", escape(value)));
                }
                given.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(given)
    }

    fn variable(&self, name: &str) -> Result<Option<&Setting>, CliError> {
        if let Some(exact) = self.variables.get(name) {
            return Ok(Some(exact));
        }
        let is_from_environment =
            |setting: &&Setting| matches!(setting.source, Source::Environment(_));
        let all = self.variables.iter();
        let mut found = all
            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, setting)| setting)
            .filter(is_from_environment);
        match (found.next(), found.next()) {
            (Some(one), Some(other)) if one.value != other.value => {
                let text = format!("{} and {} differ", one.source, other.source);
                Err(CliError::new(Kind::Variables, text).hint("unset one of them"))
            }
            (found, _) => Ok(found),
        }
    }

    /// Adds the settings of a file, over those so far.
    fn read_file(&mut self, path: &Path) -> Result<(), CliError> {
        let file = file::read(path)?;
        for (name, value) in file.options {
            let value = match path.parent() {
                Some(dir) if name.is_path() => dir.join(value).into_os_string(),
                _ => value.into(),
            };
            let source = Source::File(path.to_owned());
            self.options.insert(name, Setting { value, source });
        }
        for (name, value) in file.variables {
            let source = Source::File(path.to_owned());
            let value = value.into();
            self.variables.insert(name, Setting { value, source });
        }
        Ok(())
    }

    /// Adds environment variables, over the settings so far. An empty one counts as absent, as in
    /// libpq; an empty variable of a release is a value.
    fn read_environment(
        &mut self,
        all: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<(), CliError> {
        for (variable, value) in all {
            let Some(variable) = variable.to_str() else {
                continue;
            };
            let source = Source::Environment(variable.to_owned());
            let named = Name::ALL.iter().find(|name| name.variable() == variable);
            match (named, variable.strip_prefix(VARIABLE)) {
                (Some(name), _) if !value.is_empty() => {
                    self.options.insert(*name, Setting { value, source });
                }
                (None, Some(name)) if !name.is_empty() => {
                    // The environment precedes a file's value of another spelling.
                    self.variables.retain(|other, setting| {
                        !other.eq_ignore_ascii_case(name)
                            || matches!(setting.source, Source::Environment(_))
                    });
                    self.variables
                        .insert(name.to_owned(), Setting { value, source });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Setting {
    fn text(&self) -> Result<&str, CliError> {
        self.value
            .to_str()
            .ok_or_else(|| CliError::usage(format!("{}: expected UTF-8", self.source)))
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::File(path) => write!(f, "{}", display_path(path)),
            Self::Environment(variable) => f.write_str(&super::escape(variable)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_environment(all: &[(&str, &str)]) -> Settings {
        let mut settings = Settings::default();
        let source = || Source::File("/f".into());
        for (name, value) in [("ticket", "file"), ("other", "file")] {
            let (value, source) = (value.into(), source());
            let setting = Setting { value, source };
            settings.variables.insert(name.to_owned(), setting);
        }
        let all = all.iter().map(|(name, value)| (name.into(), value.into()));
        settings.read_environment(all).unwrap();
        settings
    }

    #[test]
    fn variables_of_the_environment_precede_files() {
        let value = |all: &[(&str, &str)], name: &str| {
            let settings = with_environment(all);
            let found = settings.variable(name).unwrap();
            found.map(|setting| setting.value.to_str().unwrap().to_owned())
        };
        for spelling in ["PGSEAL_VAR_ticket", "PGSEAL_VAR_TICKET"] {
            assert_eq!(
                value(&[(spelling, "env")], "ticket").as_deref(),
                Some("env")
            );
            assert_eq!(value(&[(spelling, "")], "ticket").as_deref(), Some(""));
        }
        assert_eq!(value(&[], "ticket").as_deref(), Some("file"));
        assert_eq!(value(&[], "Ticket"), None);
        let both = [("PGSEAL_VAR_TICKET", "a"), ("PGSEAL_VAR_Ticket", "b")];
        let refused = with_environment(&both).variable("ticket").unwrap_err();
        assert!(refused.lines[0].contains("differ"), "{:?}", refused.lines);
    }

    #[test]
    fn an_empty_option_counts_as_absent() {
        let settings = with_environment(&[("PGSEAL_DB", ""), ("PGSEAL_TRUST", "t.json")]);
        assert!(settings.option(Name::Db).is_none());
        assert_eq!(settings.path(Name::Trust), Some("t.json".into()));
    }
}
