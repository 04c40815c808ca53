//! A runbook as one HTML page. Raw HTML is escaped and shown as text. Links lead only to web pages,
//! mail addresses and the page itself; images are replaced by their alternative text.

use maud::{PreEscaped, html};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::cli::html;

/// Renders a runbook, which is CommonMark with tables, as a page.
pub fn page(title: &str, text: &str) -> String {
    let mut body = String::with_capacity(text.len() * 2);
    pulldown_cmark::html::push_html(&mut body, events(text).into_iter());
    html::page(title, "runbook", &html! { main { (PreEscaped(body)) } })
}

fn events(text: &str) -> Vec<Event<'_>> {
    let mut kept = Vec::new();
    let mut links = Vec::new();
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        kept.push(match event {
            Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
            Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
            Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
            Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => continue,
            Event::Start(Tag::Link {
                link_type,
                dest_url,
                title,
                id,
            }) => {
                links.push(is_harmless(&dest_url));
                if !is_harmless(&dest_url) {
                    continue;
                }
                Event::Start(Tag::Link {
                    link_type,
                    dest_url,
                    title,
                    id,
                })
            }
            Event::End(TagEnd::Link) if links.pop() == Some(false) => continue,
            event => event,
        });
    }
    kept
}

fn is_harmless(address: &str) -> bool {
    let begins = |scheme: &str| {
        let start = address.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    // A mail address in angle brackets has no scheme here; the HTML writer adds `mailto:`.
    begins("https://")
        || begins("http://")
        || begins("mailto:")
        || begins("#")
        || !address.contains(':') && address.contains('@')
}

#[cfg(test)]
mod tests {
    use super::page;

    #[test]
    fn nothing_of_the_text_is_obeyed() {
        let text = "# A <b>title</b>\n\n<script>alert(1)</script>\n\nx <img src=http://x> ![words](http://x/y.png)\n\n\
                    [a](javascript:alert(1)) [b](https://example.org) <a@example.org> [c](#d) [e](file:///etc/passwd)\n\n\
                    | a | b |\n|---|---|\n| `<i>` | 2 |\n";
        let page = page("</title><script>", text);
        for word in "<script <img <b> <i> javascript: file: src=".split(' ') {
            let is_there =
                [format!("\"{word}"), format!("<{word}")].map(|text| page.contains(&text));
            assert_eq!(is_there, [false, false], "{word}: {page}");
        }
        for word in ["<script", "<img", "href=\"javascript"] {
            assert!(!page.contains(word), "{word}: {page}");
        }
        for word in [
            "&lt;script&gt;alert(1)",
            "words",
            "href=\"https://example.org\"",
            "mailto:a@example.org",
            "<td>2</td>",
        ] {
            assert!(page.contains(word), "{word}: {page}");
        }
    }
}
