//! Splits a text at `{{name}}`. `{{{{`, or a backslash before `{{`, produces literal braces.

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    Text(&'t str),
    Braces,
    /// Trimmed content between braces, and the byte offset of the opening braces.
    Fact(&'t str, usize),
    /// Byte offset of braces that are not closed on their line.
    Open(usize),
}

/// Splits a text into its parts, in order.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut from) = (Vec::new(), 0);
    while let Some(found) = text[from..].find("{{").map(|found| from + found) {
        let behind = found + 2;
        let escaped = found > from && text.as_bytes()[found - 1] == b'\\';
        let plain = &text[from..if escaped { found - 1 } else { found }];
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        let line = text[behind..].lines().next().unwrap_or_default();
        from = if escaped {
            pieces.push(Piece::Braces);
            behind
        } else if line.starts_with("{{") {
            pieces.push(Piece::Braces);
            behind + 2
        } else if let Some(end) = line.find("}}") {
            pieces.push(Piece::Fact(line[..end].trim(), found));
            behind + end + 2
        } else {
            pieces.push(Piece::Open(found));
            behind
        };
    }
    if from < text.len() {
        pieces.push(Piece::Text(&text[from..]));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::Piece::{Braces, Fact, Open, Text};
    use super::pieces;

    #[test]
    fn a_text_in_pieces() {
        assert_eq!(
            pieces("a {{release.id}}."),
            [Text("a "), Fact("release.id", 2), Text(".")]
        );
        assert_eq!(
            pieces("{{ gates }}{{tiers}}"),
            [Fact("gates", 0), Fact("tiers", 11)]
        );
        assert_eq!(
            pieces(r"\{{x}} {{{{y}}"),
            [Braces, Text("x}} "), Braces, Text("y}}")]
        );
        assert_eq!(pieces("é {{\n}}"), [Text("é "), Open(3), Text("\n}}")]);
        assert_eq!(pieces("{ {} }}"), [Text("{ {} }}")]);
        assert_eq!(pieces("{{{x}}"), [Fact("{x", 0)]);
        assert_eq!(pieces("{{{{{{x}}"), [Braces, Fact("x", 4)]);
        assert_eq!(pieces("{{}}{{"), [Fact("", 0), Open(4)]);
        assert_eq!(pieces(""), []);
    }
}
