//! The password file (PostgreSQL manual, "The Password File"): lines of
//! `hostname:port:database:username:password`, of which the first match counts.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::environment::home;
use crate::postgres::{Parameters, Password, Settings};

/// Path of the password file.
pub fn path(parameters: &Parameters) -> Option<PathBuf> {
    parameters
        .get("passfile")
        .map(PathBuf::from)
        .or_else(|| Some(home()?.join(".pgpass")))
}

/// Sets the password of each host. Like libpq, ignores a file that others may access, and returns a
/// warning.
pub fn fill(settings: &mut Settings, path: &Path) -> Option<String> {
    let about = fs::metadata(path).ok()?;
    let path_text = path.display();
    if !about.is_file() {
        return Some(format!(
            "the password file {path_text} is not a plain file, so it is not used"
        ));
    }
    if about.mode() & 0o077 != 0 {
        return Some(format!(
            "the password file {path_text} may be read by others, so it is not used: chmod 0600 {path_text}"
        ));
    }
    let text = match fs::read(path) {
        Ok(bytes) => Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()),
        Err(e) => return Some(format!("the password file {path_text} can't be read: {e}")),
    };
    for host in &mut settings.hosts {
        let port = host.port.to_string();
        let wanted = [
            host.in_password_file(),
            &port,
            &settings.database,
            &settings.user,
        ];
        host.password = find(&text, wanted).map(|password| Password::new(&password));
    }
    None
}

/// Returns the password of the first matching line.
fn find(text: &str, wanted: [&str; 4]) -> Option<Zeroizing<String>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| fits(line, wanted)).next()
}

fn fits(line: &str, wanted: [&str; 4]) -> Option<Zeroizing<String>> {
    let mut rest = line;
    for wanted in wanted {
        let (field, after) = field(rest)?;
        if *field != wanted && rest.strip_suffix(after).is_none_or(|raw| raw != "*:") {
            return None;
        }
        rest = after;
    }
    let password = plain(rest);
    (!password.is_empty()).then_some(password)
}

/// Splits at the first unescaped colon.
fn field(text: &str) -> Option<(Zeroizing<String>, &str)> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            ':' if !escaped => return Some((plain(&text[..at]), &text[at + 1..])),
            _ => escaped = c == '\\' && !escaped,
        }
    }
    None
}

/// Removes the backslashes that escape a colon or a backslash.
fn plain(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> Option<String> {
        find(text, ["h:1", "5432", "shop", "lena"]).map(|password| password.to_string())
    }

    #[test]
    fn the_first_line_that_fits() {
        assert_eq!(
            ask("#*:*:*:*:no\nx:*:*:*:no\nh\\:1:5432:*:lena:a\\:b\\\\c:d\n*:*:*:*:late").unwrap(),
            "a:b\\c:d"
        );
        assert_eq!(ask("*:*:*:*:all\n").unwrap(), "all");
        for none in [
            "",
            "*:*:*:all",
            "h:1:5432:shop:lena:x",
            "\\*:*:*:*:x",
            "*:*:*:*:",
            "h\\:1:5433:*:*:x",
        ] {
            assert_eq!(ask(none), None, "{none}");
        }
    }
}
