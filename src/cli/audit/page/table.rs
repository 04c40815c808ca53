//! Tables of any length. The first cell is the row header; on a narrow screen each row is a card.

use maud::{Markup, html};

use crate::cli::output::escape;
use pgseal_verify::plural;

/// Maximum number of rows shown.
const ROWS: usize = 1_000;

/// A column: its head and the class of its cells.
pub struct Column {
    head: &'static str,
    class: &'static str,
}

impl Column {
    /// Fixed words of pgseal, which are not broken.
    pub fn own(head: &'static str) -> Self {
        Self { head, class: "own" }
    }

    /// Foreign text, which may contain words of any length.
    pub fn free(head: &'static str) -> Self {
        Self {
            head,
            class: "free",
        }
    }

    /// A number.
    pub fn count(head: &'static str) -> Self {
        Self {
            head,
            class: "count",
        }
    }
}

/// A table cell.
pub struct Cell {
    pub text: String,
    /// Second line, in smaller type.
    pub below: Option<String>,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, below: None }
    }
}

impl Cell {
    /// Creates a cell with a second line.
    pub fn with(text: String, below: String) -> Self {
        Self {
            text,
            below: Some(below),
        }
    }

    // Escaping makes line breaks in paths visible, too.
    fn content(&self) -> Markup {
        html! { (escape(&self.text)) @if let Some(below) = &self.below { span.below { (escape(below)) } } }
    }
}

/// Renders a table.
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
        @if more > 0 { p.note { (plural::count(more, "more row")) ": --jsonl and --parquet have all of them." } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_ends_and_says_so() {
        let rows = (0..ROWS + 3).map(|n| {
            vec![
                n.to_string().into(),
                Cell::with("<b>".into(), "\u{202e}\n".into()),
            ]
        });
        let page = table(&[Column::own("what"), Column::free("why")], rows).into_string();
        assert_eq!(page.matches("<tr>").count(), ROWS + 1);
        assert!(page.ends_with("3 more rows: --jsonl and --parquet have all of them.</p>"));
        assert!(
            page.contains("&lt;b&gt;<span class=\"below\">\\u{202e}\\u{a}</span>")
                && !page.contains("<b>")
        );
    }
}
