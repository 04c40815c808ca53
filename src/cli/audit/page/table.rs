//! Tables of any length: the first cell of a row says what it is about; on a narrow screen each row is a card.

use maud::{Markup, html};

use crate::cli::output::escape;
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

    // Line breaks of paths are shown, too.
    fn content(&self) -> Markup {
        html! { (escape(&self.text)) @if let Some(below) = &self.below { span.below { (escape(below)) } } }
    }
}

/// Writes a table.
pub fn table(columns: &[Column], mut rows: impl Iterator<Item = Vec<Cell>>) -> Markup {
    html! {
        table.list {
            thead { tr { @for column in columns { th scope="col" class=(column.class) { (column.head) } } } }
            tbody { @for cells in rows.by_ref().take(ROWS) { tr {
                @for (at, (cell, column)) in cells.iter().zip(columns).enumerate() {
                    @if at == 0 {
                        th scope="row" class={ "what " (column.class) } { (cell.content()) }
                    } @else {
                        td class=(column.class) data-head=(column.head) { (cell.content()) }
                    }
                }
            } } }
        }
        @let more = rows.count();
        @if more > 0 { p.note { (words::count(more, "more row")) ": --jsonl and --parquet have all of them." } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_ends_and_says_so() {
        let rows = (0..ROWS + 3).map(|n| vec![n.to_string().into(), Cell::with("<b>".into(), "\u{202e}\n".into())]);
        let page = table(&[Column::own("what"), Column::free("why")], rows).into_string();
        assert_eq!(page.matches("<tr>").count(), ROWS + 1);
        assert!(page.ends_with("3 more rows: --jsonl and --parquet have all of them.</p>"));
        assert!(page.contains("&lt;b&gt;<span class=\"below\">\\u{202e}\\u{a}</span>") && !page.contains("<b>"));
    }
}
