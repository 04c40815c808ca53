//! Frame of every HTML page: content security policy, style sheet and shared parts. `maud` escapes
//! all text.

pub mod icon;

use base64ct::{Base64, Encoding};
use maud::{Markup, PreEscaped, html};

use super::escape_lines;
use pgseal_verify::digest::Digest;

/// The style sheet of every page.
const STYLE: &str = include_str!("html/page.css");

/// A page without scripts, fonts, images or any outside resource. Its policy admits its one style
/// sheet, by digest. Control characters and characters that change text direction appear as
/// `\u{..}` everywhere.
pub fn page(title: &str, class: &str, body: &Markup) -> String {
    let digest = Base64::encode_string(Digest::of(STYLE.as_bytes()).as_bytes());
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    );
    let page = html! {
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body class=(class) { (body) }
        }
    };
    format!("<!DOCTYPE html>\n{}\n", escape_lines(&page.into_string()))
}

/// The answer at the top of a page: a word, a colour and a shape.
pub struct Answer<'a> {
    pub title: &'a str,
    /// Colour: `ready`, `blocked`, `done` or `stop`.
    pub class: &'static str,
    /// Shape, one of `icon`.
    pub icon: &'static str,
    /// Kind of page and time of creation.
    pub made: &'a str,
    /// Subject of the page.
    pub name: &'a str,
    /// One sentence about the subject.
    pub summary: Option<&'a str>,
    pub word: &'a str,
    pub sentence: &'a str,
    /// Paragraphs at the end of the page.
    pub footer: [&'a str; 2],
}

impl Answer<'_> {
    /// Renders the whole page with these sections below the answer.
    pub fn page(&self, sections: &Markup) -> String {
        let body = html! {
            a.skip href="#main" { "Skip to the answer" }
            header {
                p.made { (self.made) }
                p.name { (self.name) }
                @if let Some(summary) = self.summary { p.summary { (summary) } }
            }
            main id="main" {
                section.word aria-labelledby="word" {
                    (PreEscaped(self.icon))
                    h1 id="word" { (self.word) }
                    p { (prose(self.sentence)) }
                }
                (sections)
            }
            footer { @for text in self.footer { p { (text) } } }
        };
        page(self.title, self.class, &body)
    }
}

/// A part of a page with its heading.
pub fn section(id: &str, heading: &str, content: &Markup) -> Markup {
    html! { section aria-labelledby=(id) { h2 id=(id) { (heading) } (content) } }
}

/// Text with backquoted parts set as code, if the backquotes are paired.
pub fn prose(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return html! { (text) };
    }
    html! {
        @for (at, part) in parts.into_iter().enumerate() {
            @if at.is_multiple_of(2) { (part) } @else { code { (part) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_markup() {
        let hostile = "<script>alert('x')</script>\"&\u{202e}\u{1b}[2J\0";
        let page = page(hostile, "done", &html! { p title=(hostile) { (hostile) } });
        let inside = "&lt;script&gt;alert('x')&lt;/script&gt;&quot;&amp;\\u{202e}\\u{1b}[2J\\u{0}";
        assert!(page.contains(&format!("<title>{inside}</title>")), "{page}");
        assert!(
            page.contains(&format!("<p title=\"{inside}\">{inside}</p>")),
            "{page}"
        );
    }

    #[test]
    fn code_in_prose() {
        assert_eq!(
            prose("type `a<b` here").into_string(),
            "type <code>a&lt;b</code> here"
        );
        assert_eq!(prose("one ` alone").into_string(), "one ` alone");
    }
}
