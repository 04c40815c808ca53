//! The documentation of each rule, from `docs/lint.md` embedded in the binary.

/// The text of `docs/lint.md`.
pub const DOCUMENT: &str = include_str!("../../docs/lint.md");

/// A rule's section, without its heading.
pub fn page(id: &str) -> Option<&'static str> {
    let heading = format!("\n### {id}\n");
    let start = DOCUMENT.find(&heading)? + heading.len();
    let rest = DOCUMENT.get(start..)?;
    let end = [rest.find("\n### "), rest.find("\n## ")]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(rest.len());
    Some(rest.get(..end)?.trim())
}

#[cfg(test)]
mod tests {
    use super::page;
    use crate::rules::RULES;

    #[test]
    fn every_rule_has_a_page() {
        for rule in RULES {
            assert!(
                page(rule.id).is_some_and(|page| page.len() > 100),
                "{}",
                rule.id
            );
        }
        assert_eq!(page("no-such-rule"), None);
    }
}
