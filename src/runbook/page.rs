//! A runbook as one HTML page that needs nothing else: no network, no script, no font. Raw HTML of the text is shown, not
//! obeyed; links lead to web pages, mail and the page itself; pictures are their words.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// What a page looks like, on screens, dark and light, and on paper.
const STYLE: &str = include_str!("page.css");

/// A page. The text is CommonMark with tables.
pub fn page(title: &str, text: &str) -> String {
    let mut body = String::with_capacity(text.len() * 2);
    html::push_html(&mut body, events(text).into_iter());
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
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
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                links.push(is_harmless(&dest_url));
                if !is_harmless(&dest_url) {
                    continue;
                }
                Event::Start(Tag::Link { link_type, dest_url, title, id })
            }
            Event::End(TagEnd::Link) if links.pop() == Some(false) => continue,
            event => event,
        });
    }
    kept
}

fn is_harmless(address: &str) -> bool {
    let begins = |scheme: &str| address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    // An address of mail between angle brackets has no scheme; the writer of HTML adds it.
    begins("https://")
        || begins("http://")
        || begins("mailto:")
        || begins("#")
        || !address.contains(':') && address.contains('@')
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    html::push_html(&mut out, std::iter::once(Event::Text(CowStr::from(text))));
    out
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
        for word in ["<script", "<img", "<b>", "<i>", "javascript:", "file:", "src="] {
            assert!(!page.contains(&format!("\"{word}")) && !page.contains(&format!("<{word}")), "{word}: {page}");
        }
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("href=\"javascript"), "{page}");
        for word in
            ["&lt;script&gt;alert(1)", "words", "href=\"https://example.org\"", "mailto:a@example.org", "<td>2</td>"]
        {
            assert!(page.contains(word), "{word}: {page}");
        }
    }
}
