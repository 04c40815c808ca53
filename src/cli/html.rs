//! Writes HTML. Text goes in by one door, where it is escaped; tags and attribute names are the program's own, which the
//! type says: they live in the program (`&'static str`).

pub mod icon;

use base64ct::{Base64, Encoding};

use super::output::escape;
use pgseal_verify::digest::Digest;

/// The whole style sheet, of every page.
const STYLE: &str = include_str!("html/page.css");

/// A page: no script, no font, no image, nothing from elsewhere. Its policy lets in the one style that is in it, by digest.
/// The class of its body gives it its colour: `ready`, `blocked`, `done`, `stop`.
pub fn page(title: &str, class: &'static str, body: impl FnOnce(&mut Html)) -> String {
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        Base64::encode_string(Digest::of(STYLE.as_bytes()).as_bytes())
    );
    let mut html = Html::default();
    html.fixed("<!DOCTYPE html>\n");
    html.element("html", &[("lang", "en")], |html| {
        html.element("head", &[], |html| {
            html.empty("meta", &[("charset", "utf-8")]);
            html.empty("meta", &[("http-equiv", "Content-Security-Policy"), ("content", &policy)]);
            html.empty("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
            html.empty("meta", &[("name", "color-scheme"), ("content", "light dark")]);
            html.empty("meta", &[("name", "referrer"), ("content", "no-referrer")]);
            html.leaf("title", &[], title);
            html.element("style", &[], |html| html.fixed(STYLE));
        });
        html.fixed("\n");
        html.element("body", &[("class", class)], body);
    });
    html.fixed("\n");
    html.finish()
}

/// A part of a page with its heading.
pub fn section(html: &mut Html, id: &'static str, heading: &str, content: impl FnOnce(&mut Html)) {
    html.element("section", &[("aria-labelledby", id)], |html| {
        html.leaf("h2", &[("id", id)], heading);
        content(html);
    });
}

/// A piece of a page.
#[derive(Default)]
pub struct Html {
    text: String,
}

/// Attributes: names of ours, values from anywhere.
pub type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Html {
    /// An element and what is in it.
    pub fn element(&mut self, tag: &'static str, attributes: Attributes<'_>, content: impl FnOnce(&mut Self)) {
        self.open(tag, attributes);
        content(self);
        self.text.push_str("</");
        self.text.push_str(tag);
        self.text.push('>');
    }

    /// An element with text in it.
    pub fn leaf(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) {
        self.element(tag, attributes, |html| html.text(text));
    }

    /// An element that never has anything in it: `meta`, `br`.
    pub fn empty(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.open(tag, attributes);
    }

    /// Text, whoever wrote it.
    pub fn text(&mut self, text: &str) {
        escaped(text, &mut self.text);
    }

    /// Lines as they stand below each other, whoever wrote them.
    pub fn lines(&mut self, lines: &[String]) {
        self.element("pre", &[], |html| {
            for line in lines {
                html.text(line);
                html.fixed("\n");
            }
        });
    }

    /// Text in which `this` is set as code, as far as backquotes come in pairs.
    pub fn prose(&mut self, text: &str) {
        let parts: Vec<&str> = text.split('`').collect();
        if parts.len().is_multiple_of(2) {
            return self.text(text);
        }
        for (at, part) in parts.into_iter().enumerate() {
            if at.is_multiple_of(2) { self.text(part) } else { self.leaf("code", &[], part) }
        }
    }

    /// Markup of the program's own.
    pub fn fixed(&mut self, markup: &'static str) {
        self.text.push_str(markup);
    }

    /// All of it.
    pub fn finish(self) -> String {
        self.text
    }

    fn open(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.text.push('<');
        self.text.push_str(tag);
        for (name, value) in attributes {
            self.text.push(' ');
            self.text.push_str(name);
            self.text.push_str("=\"");
            escaped(value, &mut self.text);
            self.text.push('"');
        }
        self.text.push('>');
    }
}

/// Control characters, and those that turn the direction of text, are shown as `\u{..}`; then nothing is left of markup, in
/// text as well as in attributes.
fn escaped(text: &str, into: &mut String) {
    for c in escape(text).chars() {
        match c {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            c => into.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_markup() {
        let mut html = Html::default();
        let hostile = "<script>alert('x')</script>\"&\u{202e}\u{1b}[2J\0";
        html.leaf("p", &[("title", hostile)], hostile);
        let inside = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;\\u{202e}\\u{1b}[2J\\u{0}";
        assert_eq!(html.finish(), format!("<p title=\"{inside}\">{inside}</p>"));
    }

    #[test]
    fn lines_stay_lines() {
        let mut html = Html::default();
        html.lines(&["  2 | select <a>".to_owned(), "    |        ^\u{1b}".to_owned()]);
        assert_eq!(html.finish(), "<pre>  2 | select &lt;a&gt;\n    |        ^\\u{1b}\n</pre>");
    }

    #[test]
    fn code_in_prose() {
        let written = |text: &str| {
            let mut html = Html::default();
            html.prose(text);
            html.finish()
        };
        assert_eq!(written("type `a<b` here"), "type <code>a&lt;b</code> here");
        assert_eq!(written("one ` alone"), "one ` alone");
    }
}
