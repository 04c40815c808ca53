//! Placeholders of Flyway as variables of psql.

use std::collections::BTreeMap;

use super::ImportError;
use super::project::{Open, Script};
use psql_script::{Kind, Tokens};

/// The placeholders of a source.
#[derive(Default)]
pub struct Placeholders {
    /// psql variables, with their defaults.
    pub variables: BTreeMap<String, Option<String>>,
    /// The placeholder of each variable.
    names: BTreeMap<String, String>,
}

impl Placeholders {
    /// The psql variable of a placeholder. psql knows fewer names, so two placeholders could become one variable.
    pub fn variable(&mut self, name: &str) -> Result<String, String> {
        let fits = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let mut variable: String = name.chars().map(fits).collect();
        // psql sets some variables of capital letters itself.
        if !variable.contains(|c: char| c.is_ascii_lowercase()) {
            variable.insert_str(0, "flyway_");
        }
        let known = self.names.entry(variable.clone());
        let known = known.or_insert_with(|| name.to_owned());
        match known == name {
            true => Ok(variable),
            false => Err(format!(
                "the placeholders {known} and {name} would be one variable: rename one of them"
            )),
        }
    }

    /// Writes `${x}` as `:x`, `'${x}'` as `:'x'` and `"${x}"` as `:"x"`. Inside of longer strings and bodies psql replaces
    /// nothing, so those stay for a person.
    pub fn replace(
        &mut self,
        script: &mut Script,
        open: &mut Vec<Open>,
    ) -> Result<(), ImportError> {
        let text = script.text.clone();
        let tokens = Tokens::new(&text);
        let mut edits: Vec<(usize, usize, String)> = Vec::new();
        let line_of = |at: usize| {
            let line = text[..at].matches('\n').count() + 1;
            u32::try_from(line).unwrap_or(u32::MAX)
        };
        for (i, token) in tokens.list.iter().enumerate() {
            let word = tokens.text(i);
            let (end, name, quote) = match token.kind {
                Kind::Mark(b'$') => match named(&text[token.start..]) {
                    Some((name, length)) => (token.start + length, name, ""),
                    None => continue,
                },
                Kind::Text if whole(word, "'").is_some() => {
                    (token.end, whole(word, "'").unwrap_or_default(), "'")
                }
                Kind::Quoted { .. } if whole(word, "\"").is_some() => {
                    (token.end, whole(word, "\"").unwrap_or_default(), "\"")
                }
                Kind::Text | Kind::Dollar | Kind::Quoted { .. } | Kind::Broken => {
                    for (at, _) in word.match_indices("${") {
                        let text = "a placeholder inside of a string or body, where psql replaces nothing: write its value, or build the string by format()";
                        open.push(script.open(line_of(token.start + at), text));
                    }
                    continue;
                }
                _ => continue,
            };
            let variable = self.variable(name).map_err(|why| ImportError::At {
                file: script.file.clone(),
                line: line_of(token.start),
                why,
            })?;
            let by = format!(":{quote}{variable}{quote}");
            self.variables.entry(variable).or_insert(None);
            edits.push((token.start, end, by));
        }
        for (start, end, by) in edits.into_iter().rev() {
            script.text.replace_range(start..end, &by);
        }
        Ok(())
    }
}

/// The name of a placeholder at the beginning, and its length with `${}`.
fn named(text: &str) -> Option<(&str, usize)> {
    let rest = text.strip_prefix("${")?;
    let (name, _) = rest.split_once('}')?;
    let fits = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._-:".contains(c));
    (fits && !name.is_empty()).then_some((name, name.len() + 3))
}

/// The name of a placeholder that is a whole string or identifier.
fn whole<'a>(quoted: &'a str, quote: &str) -> Option<&'a str> {
    let inner = quoted.strip_prefix(quote)?.strip_suffix(quote)?;
    named(inner)
        .filter(|(_, length)| *length == inner.len())
        .map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(placeholders: &mut Placeholders, sql: &str) -> (Result<(), String>, String, usize) {
        let mut script = Script::whole("V1__a.sql", sql.to_owned());
        let mut open = Vec::new();
        let result = placeholders.replace(&mut script, &mut open);
        let result = result.map_err(|error| error.to_string());
        (result, script.text, open.len())
    }

    #[test]
    fn placeholders_are_variables_where_psql_replaces() {
        for (sql, expected, open) in [
            ("select ${a};", "select :a;", 0),
            ("select '${a}';", "select :'a';", 0),
            ("select 1 from \"${a}\".t;", "select 1 from :\"a\".t;", 0),
            ("select 'x${a}';", "select 'x${a}';", 1),
            ("do $$ begin ${a} end $$;", "do $$ begin ${a} end $$;", 1),
            // Quotes and semicolons are in no name.
            (
                "select ${a';drop table b;--};",
                "select ${a';drop table b;--};",
                0,
            ),
            ("select ${USER};", "select :flyway_USER;", 0),
            ("select ${flyway:user};", "select :flyway_user;", 0),
        ] {
            let (result, text, points) = replaced(&mut Placeholders::default(), sql);
            assert_eq!((result, text.as_str(), points), (Ok(()), expected, open));
        }
    }

    #[test]
    fn two_placeholders_are_never_one_variable() {
        let (result, ..) = replaced(
            &mut Placeholders::default(),
            "select ${a.b};\nselect ${a_b};\n",
        );
        assert_eq!(
            result,
            Err("V1__a.sql:2: the placeholders a.b and a_b would be one variable: rename one of them".to_owned())
        );
    }
}
