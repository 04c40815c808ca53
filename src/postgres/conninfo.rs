//! Parser for libpq's connection strings (PostgreSQL manual, "Connection Strings"): a URL, keywords
//! and values, or a bare database name as in psql. Keywords are listed in `keywords.rs`; their
//! values are interpreted in `settings.rs`.
//!
//! Errors show no values. A `:` or `/` in a password that is not written as `%3A` or `%2F` moves
//! part of the password into the host or the port.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use super::keywords;
use super::settings::SettingsError;

/// libpq keywords with their values, each once. A repeated keyword in one string replaces the
/// earlier value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(BTreeMap<&'static str, Zeroizing<String>>);

impl Parameters {
    /// Parses the value of `--db`.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let mut parameters = Self::default();
        match ["postgresql://", "postgres://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))
        {
            Some(rest) => parameters.url(rest)?,
            None if text.contains('=') => parameters.keywords_and_values(text)?,
            None if text.is_empty() => {}
            None => parameters.set("dbname", text)?,
        }
        Ok(parameters)
    }

    /// The value of a keyword; an empty value counts as none.
    pub fn get(&self, keyword: &str) -> Option<&str> {
        self.0
            .get(keyword)
            .map(|value| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Whether the keyword is present, even with an empty value. Then no other source is consulted.
    pub fn has(&self, keyword: &str) -> bool {
        self.0.contains_key(keyword)
    }

    /// Keywords with a non-empty value.
    pub fn given(&self) -> impl Iterator<Item = &'static str> {
        self.0
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(keyword, _)| *keyword)
    }

    /// Formats as keywords and values, for another `--db`.
    pub fn to_text(&self) -> String {
        let quoted = |value: &str| value.replace('\\', "\\\\").replace('\'', "\\'");
        let all = self.0.iter();
        let words = all.map(|(keyword, value)| format!("{keyword}='{}'", quoted(value)));
        words.collect::<Vec<_>>().join(" ")
    }

    /// Sets a value. A keyword unknown to libpq is an error.
    pub fn set(&mut self, keyword: &str, value: &str) -> Result<(), SettingsError> {
        let known =
            keywords::find(keyword).ok_or_else(|| SettingsError::Unknown(keyword.to_owned()))?;
        if value.contains('\0') {
            return Err(SettingsError::Syntax(
                "a value holds a zero byte".to_owned(),
            ));
        }
        self.0.insert(known.name, Zeroizing::new(value.to_owned()));
        Ok(())
    }

    /// Removes a value, so that other sources are consulted.
    pub fn remove(&mut self, keyword: &str) {
        self.0.remove(keyword);
    }

    /// Sets a value if the keyword is absent.
    pub fn set_default(&mut self, keyword: &str, value: &str) -> Result<(), SettingsError> {
        if self.has(keyword) {
            Ok(())
        } else {
            self.set(keyword, value)
        }
    }

    fn keywords_and_values(&mut self, text: &str) -> Result<(), SettingsError> {
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let end = rest
                .find(|c: char| c == '=' || c.is_ascii_whitespace())
                .unwrap_or(rest.len());
            let (keyword, after) = rest.split_at(end);
            let Some(after) = after.trim_start().strip_prefix('=') else {
                // Not shown: the word may be the second half of a password that contains a space.
                return Err(SettingsError::Syntax(
                    "a word has no \"=\" behind it".to_owned(),
                ));
            };
            let (value, after) = value(after.trim_start())?;
            self.set(keyword, &value)?;
            rest = after.trim_start();
        }
        Ok(())
    }

    /// Parses the part after `postgresql://`:
    /// `[user[:password]@][host[:port],...][/dbname][?keyword=value&...]`.
    fn url(&mut self, text: &str) -> Result<(), SettingsError> {
        let mut rest = text;
        let end = rest.find(['@', '/']).unwrap_or(rest.len());
        if rest[end..].starts_with('@') {
            let (user, password) = rest[..end].split_once(':').unwrap_or((&rest[..end], ""));
            self.decoded("user", user)?;
            self.decoded("password", password)?;
            rest = &rest[end + 1..];
        }
        let (mut hosts, mut ports) = (Vec::new(), Vec::new());
        loop {
            let host;
            if let Some(bracket) = rest.strip_prefix('[') {
                (host, rest) = bracket
                    .split_once(']')
                    .ok_or_else(|| syntax("an IPv6 address has no \"]\""))?;
                if host.is_empty() {
                    return Err(syntax("an IPv6 address is empty"));
                }
                if !(rest.is_empty() || rest.starts_with([':', '/', '?', ','])) {
                    return Err(syntax(
                        "behind the \"]\" of an IPv6 address is neither a port nor a database",
                    ));
                }
            } else {
                (host, rest) = rest.split_at(rest.find([':', '/', '?', ',']).unwrap_or(rest.len()));
            }
            hosts.push(host);
            let mut port = "";
            if let Some(after) = rest.strip_prefix(':') {
                (port, rest) = after.split_at(after.find(['/', '?', ',']).unwrap_or(after.len()));
            }
            ports.push(port);
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        self.decoded("host", &hosts.join(","))?;
        self.decoded("port", &ports.join(","))?;
        if let Some(path) = rest.strip_prefix('/') {
            let (database, after) = path.split_at(path.find('?').unwrap_or(path.len()));
            self.decoded("dbname", database)?;
            rest = after;
        }
        let Some(query) = rest.strip_prefix('?') else {
            return Ok(());
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (keyword, value) = pair
                .split_once('=')
                .ok_or_else(|| syntax("a word behind \"?\" has no \"=\""))?;
            if value.contains('=') {
                return Err(syntax("a \"=\" inside a value has to be written %3D"));
            }
            let keyword = decode(keyword)?;
            // The spelling of other drivers.
            if (keyword.as_str(), value) == ("ssl", "true") {
                self.set("sslmode", "require")?;
            } else {
                self.set(&keyword, &decode(value)?)?;
            }
        }
        Ok(())
    }

    /// Sets a value from a decoded part of the URL. An empty part, or an empty list, sets nothing.
    fn decoded(&mut self, keyword: &str, text: &str) -> Result<(), SettingsError> {
        let nothing = text
            .chars()
            .all(|c| c == ',' && (keyword == "host" || keyword == "port"));
        if nothing && !(keyword == "host" && text.len() > 1) {
            Ok(())
        } else {
            self.set(keyword, &decode(text)?)
        }
    }
}

/// Shows only names, because a value may be a password.
impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Parses the value after `=`, and returns it with the rest of the text. A quoted value may contain
/// spaces; a backslash takes the next character literally.
fn value(text: &str) -> Result<(Zeroizing<String>, &str), SettingsError> {
    let quoted = text.starts_with('\'');
    let mut value = Zeroizing::new(String::new());
    let mut chars = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            c if !quoted && c.is_ascii_whitespace() => return Ok((value, &text[at..])),
            c => value.push(c),
        }
    }
    if quoted {
        Err(syntax("a quote is not closed"))
    } else {
        Ok((value, ""))
    }
}

fn decode(text: &str) -> Result<Zeroizing<String>, SettingsError> {
    let wrong =
        || syntax("a \"%\" is not followed by two hexadecimal digits; a plain one is written %25");
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let digit = |at: usize| after.get(at).and_then(|c| char::from(*c).to_digit(16));
            let (high, low) = digit(0).zip(digit(1)).ok_or_else(wrong)?;
            bytes.push((high * 16 + low) as u8);
            rest = &after[2..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(syntax("a value is not UTF-8")),
    }
}

fn syntax(what: &str) -> SettingsError {
    SettingsError::Syntax(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(&'static str, String)> {
        let Parameters(map) = Parameters::parse(text).unwrap();
        map.into_iter()
            .map(|(keyword, value)| (keyword, value.to_string()))
            .collect()
    }

    #[test]
    fn urls() {
        assert_eq!(
            read(
                "postgresql://u%20x:p%40s@h1:1,[::1],h3:3/d%2Fb?sslmode=require&connect_timeout=3"
            ),
            [
                ("connect_timeout", "3".to_owned()),
                ("dbname", "d/b".to_owned()),
                ("host", "h1,::1,h3".to_owned()),
                ("password", "p@s".to_owned()),
                ("port", "1,,3".to_owned()),
                ("sslmode", "require".to_owned()),
                ("user", "u x".to_owned()),
            ]
        );
        assert_eq!(read("postgres://"), []);
        assert_eq!(read("postgres:///d"), [("dbname", "d".to_owned())]);
        assert_eq!(
            read("postgres://%2Frun%2Fpg/d?ssl=true")[1..2],
            [("host", "/run/pg".to_owned())]
        );
        assert_eq!(read("postgres://u@?host=a")[0], ("host", "a".to_owned()));
    }

    #[test]
    fn keywords_and_values() {
        assert_eq!(
            read(r"host = a  dbname='two words' user=it\'s password='q\'\\' port="),
            [
                ("dbname", "two words".to_owned()),
                ("host", "a".to_owned()),
                ("password", r"q'\".to_owned()),
                ("port", String::new()),
                ("user", "it's".to_owned()),
            ]
        );
        assert_eq!(read("shop"), [("dbname", "shop".to_owned())]);
    }

    #[test]
    fn what_is_wrong_is_said_without_a_value() {
        for text in [
            "host=a secret",
            "password='secret",
            "postgres://u:secret%zz@h/d",
            "postgres://u:x@[secret/d",
            "postgres://h/d?password=sec=secret",
            "postgres://h/d?secret",
        ] {
            let error = Parameters::parse(text).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{text}: {error}");
        }
        let error = Parameters::parse("host=a sslmod=require")
            .unwrap_err()
            .to_string();
        assert!(error.contains("sslmod"), "{error}");
        assert!(!format!("{:?}", Parameters::parse("password=secret").unwrap()).contains("secret"));
    }
}
