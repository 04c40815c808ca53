//! Tables of any length: the first cell of a row says what it is about; on a narrow screen each row is a card.

use crate::cli::html::Html;
use pgseal_verify::words;

/// So many rows a table has at most.
const ROWS: usize = 1_000;

/// The head of a column, and what is in it.
pub struct Column {
    head: &'static str,
    class: &'static str,
}

impl Column {
    /// Words of ours, which are not broken.
    pub fn own(head: &'static str) -> Self {
        Self { head, class: "own" }
    }

    /// Text of others, however long its words are.
    pub fn free(head: &'static str) -> Self {
        Self { head, class: "free" }
    }

    /// A number.
    pub fn count(head: &'static str) -> Self {
        Self { head, class: "count" }
    }
}

/// What is in a cell.
pub struct Cell {
    /// What it says.
    pub text: String,
    /// A second line, set smaller.
    pub below: Option<String>,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, below: None }
    }
}

impl Cell {
    /// With a second line, set smaller.
    pub fn with(text: String, below: String) -> Self {
        Self { text, below: Some(below) }
    }

    fn write(&self, html: &mut Html) {
        html.text(&self.text);
        if let Some(below) = &self.below {
            html.leaf("span", &[("class", "below")], below);
        }
    }
}

/// Writes a table.
pub fn table(html: &mut Html, columns: &[Column], rows: impl Iterator<Item = Vec<Cell>>) {
    let mut more = 0;
    html.element("table", &[("class", "list")], |html| {
        html.element("thead", &[], |html| {
            html.element("tr", &[], |html| {
                let head = |column: &Column| html.leaf("th", &[("scope", "col"), ("class", column.class)], column.head);
                columns.iter().for_each(head);
            });
        });
        html.element("tbody", &[], |html| {
            for (at, cells) in rows.enumerate() {
                if at < ROWS { row(html, columns, &cells) } else { more += 1 }
            }
        });
    });
    if more > 0 {
        let rows = words::count(more, "more row");
        html.leaf("p", &[("class", "note")], &format!("{rows}: --jsonl and --parquet have all of them."));
    }
}

fn row(html: &mut Html, columns: &[Column], cells: &[Cell]) {
    html.element("tr", &[], |html| {
        for (at, (cell, column)) in cells.iter().zip(columns).enumerate() {
            if at == 0 {
                let class = format!("what {}", column.class);
                html.element("th", &[("scope", "row"), ("class", &class)], |html| cell.write(html));
            } else {
                html.element("td", &[("class", column.class), ("data-head", column.head)], |html| cell.write(html));
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_ends_and_says_so() {
        let mut html = Html::default();
        let rows = (0..ROWS + 3).map(|n| vec![n.to_string().into(), Cell::with("<b>".into(), "\u{202e}".into())]);
        table(&mut html, &[Column::own("what"), Column::free("why")], rows);
        let page = html.finish();
        assert_eq!(page.matches("<tr>").count(), ROWS + 1);
        assert!(page.ends_with("3 more rows: --jsonl and --parquet have all of them.</p>"));
        assert!(page.contains("&lt;b&gt;<span class=\"below\">\\u{202e}</span>") && !page.contains("<b>"));
    }
}
