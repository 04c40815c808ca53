//! Resolution of include paths, always inside the release.

/// The path inside the release, relative to its root or to the folder of `base`.
pub(super) fn resolve(path: &str, base: Option<&str>) -> Result<String, &'static str> {
    if path.is_empty() {
        return Err("it is empty");
    }
    if path.starts_with('/') || path.starts_with('~') {
        return Err("it leaves the release");
    }
    if path.contains(['\\', '\0', '\n', '\r']) {
        return Err("it holds a character that no file of a release has");
    }
    let folder = base
        .and_then(|base| base.rsplit_once('/'))
        .map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => return Err("it leaves the release"),
            ".." => {}
            _ => parts.push(part),
        }
    }
    if parts.is_empty() {
        Err("it names no file")
    } else {
        Ok(parts.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn paths_stay_inside() {
        assert_eq!(
            resolve("./a//b.sql", Some("x/y.sql")),
            Ok("x/a/b.sql".into())
        );
        assert_eq!(resolve("../b.sql", Some("x/y.sql")), Ok("b.sql".into()));
        assert_eq!(resolve("b.sql", None), Ok("b.sql".into()));
        for bad in ["", "/a", "~/a", "..", "a/../../b", "a\\b", "."] {
            assert!(resolve(bad, None).is_err(), "{bad}");
        }
    }
}
