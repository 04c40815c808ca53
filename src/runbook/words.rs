//! A line of a shell, cut into simple commands and their words. As far as runbooks need it: nothing is expanded.

/// A word and the byte at which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Without its quotes.
    pub text: String,
    /// Where it begins.
    pub at: usize,
}

/// The simple commands of a text. `{{...}}` is a part of a word, whatever stands in it.
pub fn commands(text: &str) -> Vec<Vec<Word>> {
    let (mut commands, mut words): (Vec<Vec<Word>>, Vec<Word>) = (Vec::new(), Vec::new());
    let mut word: Option<Word> = None;
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let open = |word: &mut Option<Word>| {
            word.get_or_insert_with(|| Word { text: String::new(), at });
        };
        match c {
            '\\' => {
                if let Some((_, next)) = rest.next_if(|(_, next)| *next != '\n') {
                    word.get_or_insert_with(|| Word { text: String::new(), at }).text.push(next);
                } else {
                    rest.next();
                }
            }
            '\'' | '"' => {
                open(&mut word);
                for (_, inner) in rest.by_ref().take_while(|(_, inner)| *inner != c) {
                    word.as_mut().into_iter().for_each(|word| word.text.push(inner));
                }
            }
            '{' if text[at..].starts_with("{{") => {
                open(&mut word);
                let end = text[at..].find("}}").map_or(text.len(), |end| at + end + 2);
                word.as_mut().into_iter().for_each(|word| word.text.push_str(&text[at..end]));
                while rest.next_if(|(at, _)| *at < end).is_some() {}
            }
            '#' if word.is_none() => while rest.next_if(|(_, c)| *c != '\n').is_some() {},
            '|' | '&' | ';' | '(' | ')' | '<' | '>' | '\n' => {
                words.extend(word.take());
                commands.push(std::mem::take(&mut words));
            }
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_with(|| Word { text: String::new(), at }).text.push(c),
        }
    }
    words.extend(word);
    commands.push(words);
    commands.retain(|words| !words.is_empty());
    commands
}

#[cfg(test)]
mod tests {
    use super::commands;

    fn cut(text: &str) -> Vec<Vec<String>> {
        commands(text).into_iter().map(|words| words.into_iter().map(|word| word.text).collect()).collect()
    }

    #[test]
    fn lines() {
        assert_eq!(cut(r#"a --b "c d" -v 'e;f' # g"#), [["a", "--b", "c d", "-v", "e;f"]]);
        assert_eq!(cut("a | b && (c; d) > e"), [["a"], ["b"], ["c"], ["d"], ["e"]]);
        assert_eq!(cut("a \\\n b\nc"), [vec!["a", "b"], vec!["c"]]);
        assert_eq!(cut("a {{ command.x }}.y {{"), [["a", "{{ command.x }}.y", "{{"]]);
        assert_eq!(cut("a 'open"), [["a", "open"]]);
        assert_eq!(commands("é b")[0][1].at, 3);
        assert!(cut("  # nothing").is_empty());
    }
}
