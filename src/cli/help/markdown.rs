//! Markdown as plain text: headings, paragraphs, lists, code and tables, within a width.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::topics::TOPICS;
use crate::cli::table;
use crate::cli::wrap::line_of;

/// A page as text, with headings as `bold` writes them.
pub fn render(markdown: &str, width: usize, bold: &dyn Fn(&str) -> String) -> String {
    let mut page = Page {
        width,
        bold,
        ..Page::new()
    };
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        page.event(event);
    }
    page.blocks.trim_end().to_owned()
}

/// The rows of the tables of a text, with their heads.
pub fn rows(markdown: &str) -> Vec<Vec<String>> {
    let mut page = Page::new();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::End(TagEnd::Table) => {}
            event => page.event(event),
        }
    }
    page.rows
}

struct Page<'bold> {
    width: usize,
    bold: &'bold dyn Fn(&str) -> String,
    blocks: String,
    /// Text of the current paragraph, heading, item or cell.
    text: String,
    /// Marks of the lists around the current item; `None` is a bullet.
    lists: Vec<Option<u64>>,
    /// Mark of the item that has not been written yet.
    mark: Option<String>,
    link: String,
    /// Where the text of the link begins.
    link_start: usize,
    rows: Vec<Vec<String>>,
}

impl Page<'_> {
    fn new() -> Self {
        Self {
            width: 0,
            bold: &|text| text.to_owned(),
            blocks: String::new(),
            text: String::new(),
            lists: Vec::new(),
            mark: None,
            link: String::new(),
            link_start: 0,
            rows: Vec::new(),
        }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.text.push_str(&text),
            Event::Code(code) => self.text.push_str(&format!("`{code}`")),
            Event::SoftBreak | Event::HardBreak => self.text.push(' '),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::List(first) => {
                self.paragraph();
                self.lists.push(first);
            }
            Tag::Item => {
                let list = self.lists.last_mut();
                self.mark = list.map(|list| match list {
                    Some(number) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    None => "- ".to_owned(),
                });
            }
            Tag::CodeBlock(_) => self.paragraph(),
            Tag::Link { dest_url, .. } => {
                self.link = dest_url.into_string();
                self.link_start = self.text.len();
            }
            Tag::TableHead | Tag::TableRow => self.rows.push(Vec::new()),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                let heading = std::mem::take(&mut self.text);
                let heading = (self.bold)(&heading);
                self.block(&heading);
            }
            TagEnd::Paragraph | TagEnd::Item => self.paragraph(),
            TagEnd::List(_) => {
                self.lists.pop();
                if self.lists.is_empty() {
                    self.blocks.push('\n');
                }
            }
            TagEnd::CodeBlock => self.code(),
            TagEnd::Link => self.link_end(),
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.text);
                self.rows
                    .last_mut()
                    .into_iter()
                    .for_each(|row| row.push(cell.clone()));
            }
            TagEnd::Table => self.table(),
            _ => {}
        }
    }

    /// Names the topic of a linked page.
    fn link_end(&mut self) {
        let link = std::mem::take(&mut self.link);
        let path = link.split('#').next().unwrap_or_default();
        let file = path.rsplit('/').next().unwrap_or_default();
        let is_it = |source: &str| !file.is_empty() && source == format!("docs/{file}");
        let topic = TOPICS.iter().find(|topic| is_it(topic.source.0));
        let Some(topic) = topic else { return };
        let named = format!("`pgseal help {}`", topic.name);
        match self.text.split_at(self.link_start) {
            (before, text) if text.ends_with(".md") => self.text = format!("{before}{named}"),
            _ => self.text.push_str(&format!(" ({named})")),
        }
    }

    fn indent(&self) -> usize {
        2 * self.lists.len()
    }

    fn block(&mut self, text: &str) {
        self.blocks.push_str(text);
        self.blocks.push_str("\n\n");
    }

    fn paragraph(&mut self) {
        let text = std::mem::take(&mut self.text);
        if text.is_empty() {
            return;
        }
        let indent = self.indent();
        let mark = self.mark.take().unwrap_or_default();
        let first = indent.saturating_sub(mark.len());
        let line = format!("{}{mark}{text}", " ".repeat(first));
        let line = line_of(&line, self.width, first + mark.len());
        match self.lists.is_empty() {
            true => self.block(&line),
            false => {
                self.blocks.push_str(&line);
                self.blocks.push('\n');
            }
        }
    }

    /// Code is never broken, since it is copied.
    fn code(&mut self) {
        let (text, indent) = (std::mem::take(&mut self.text), self.indent() + 4);
        let lines = text.trim_end().lines();
        let lines = lines.map(|line| {
            format!("{}{line}", " ".repeat(indent))
                .trim_end()
                .to_owned()
        });
        let code = lines.collect::<Vec<_>>().join("\n");
        self.block(&code);
    }

    fn table(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        let head = rows.remove(0);
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        let text = table::fit(&head, rows, Some(self.width));
        self.block(&text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(markdown: &str, width: usize) -> String {
        render(markdown, width, &|text| format!("[{text}]"))
    }

    #[test]
    fn blocks_are_readable_text() {
        let page = "# A title\n\nOne sentence.\nAnother [about gates](gate.md#x).\n\n- first\n- second item\n\n```sh\npgseal run x\n```\n\n| a | b |\n|---|---|\n| `1` | two words |\n";
        let text = "[A title]\n\nOne sentence. Another about gates (`pgseal help gates`).\n\n- first\n- second item\n\n    pgseal run x\n\na    b\n`1`  two words";
        assert_eq!(plain(page, 80), text);
    }

    #[test]
    fn only_code_and_single_words_are_wider_than_the_page() {
        use crate::cli::wrap::columns;
        for topic in TOPICS {
            for line in plain(topic.markdown(), 80).lines() {
                let is_code = line.starts_with("    ");
                let is_word = line.trim().split(' ').count() <= 2;
                assert!(
                    columns(line) <= 80 || is_code || is_word,
                    "{}: {line}",
                    topic.name
                );
            }
        }
    }

    #[test]
    fn tables_have_rows() {
        let table = "| a | b |\n|---|---|\n| `1` | two |\n";
        assert_eq!(rows(table), [["a", "b"], ["`1`", "two"]]);
    }
}
