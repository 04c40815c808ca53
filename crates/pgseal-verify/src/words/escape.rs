//! Escapes foreign text for terminals, pages and JSON.

/// Escapes foreign text as one line: control characters and characters that change text direction
/// become `\u{..}`.
pub fn escape(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut line, c| {
            if is_harmless(c) {
                line.push(c)
            } else {
                line.extend(c.escape_unicode())
            }
            line
        })
}

/// Equivalent JSON text with those characters as `\uXXXX`.
pub fn escape_json(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut line, c| {
            if is_harmless(c) {
                line.push(c);
            } else {
                line.extend(
                    c.encode_utf16(&mut [0; 2])
                        .iter()
                        .map(|unit| format!("\\u{unit:04x}")),
                );
            }
            line
        })
}

/// A value behind a prefix, escaped; nothing without a value.
pub fn optional(prefix: &str, value: Option<&impl std::fmt::Display>) -> String {
    value.map_or(String::new(), |value| {
        format!("{prefix}{}", escape(&value.to_string()))
    })
}

/// Like [`escape`], keeping line feeds and tabs.
pub fn escape_lines(text: &str) -> String {
    text.split_inclusive('\n')
        .flat_map(|line| match line.strip_suffix('\n') {
            Some(line) => [escape_tabs(line), "\n".to_owned()],
            None => [escape_tabs(line), String::new()],
        })
        .collect()
}

fn escape_tabs(line: &str) -> String {
    line.split('\t').map(escape).collect::<Vec<_>>().join("\t")
}

fn is_harmless(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    // Tag characters are invisible, and some programs interpret them.
    let is_tag = matches!(c, '\u{e0000}'..='\u{e007f}');
    // Other blanks look like the one at which lines are broken.
    let is_blank = c.is_whitespace() && c != ' ';
    !c.is_control() && !turns && !is_tag && !is_blank
}
