//! Foreign text in Markdown.

/// Foreign text on one line, which Markdown shows as it is.
pub fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut before = ' ';
    let mut characters = value.chars().peekable();
    while let Some(c) = characters.next() {
        let after = characters.peek().copied().unwrap_or(' ');
        // Between letters, an underscore is only itself.
        let is_inside = c == '_' && before.is_alphanumeric() && after.is_alphanumeric();
        if c.is_control() {
            out.extend(c.escape_unicode());
        } else {
            if r"\`*_[]<>&|~{}".contains(c) && !is_inside {
                out.push('\\');
            }
            out.push(c);
        }
        before = c;
    }
    out
}
