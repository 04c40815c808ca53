//! Tables in Markdown. Foreign text never acts as Markdown or HTML.

use super::{Cell, RowTable, Rows};
use crate::runbook::escaped;
use pgseal_verify::plural::count;
use psql_script::Position;

/// Maximum number of characters shown of a cell.
const CELL: usize = 200;

/// Maximum number of statements named whose rows are not shown.
const HIDDEN: usize = 5;

impl Rows {
    /// The tables, and the statements whose rows are not shown.
    pub fn markdown(&self) -> String {
        let mut out: String = self.tables.iter().map(RowTable::markdown).collect();
        let name = |(verb, at): &(String, Position)| format!("{verb} at {}", place(at));
        let hidden: Vec<String> = self.hidden.iter().take(HIDDEN).map(name).collect();
        if !hidden.is_empty() {
            let more = match self.hidden.len() - hidden.len() {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            let hidden = hidden.join(", ");
            out.push_str(&format!(
                "Other statements that can change rows, not shown here: {hidden}{more}.\n"
            ));
        }
        out.trim_end().to_owned()
    }
}

impl RowTable {
    fn markdown(&self) -> String {
        let block = &self.block;
        let width = block.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = width.max(block.columns.len());
        let heads = (0..width).map(|at| match block.columns.get(at) {
            Some(name) => escaped(name),
            None => (at + 1).to_string(),
        });
        let place = match self.statements {
            1 => place(&self.at),
            statements => format!("{statements} statements from {} on", place(&self.at)),
        };
        let condition = if self.is_conditional {
            "; only if a condition of the script holds"
        } else {
            ""
        };
        let (table, rows) = (escaped(&block.table), count(block.count as u64, "row"));
        let mut out = format!("**{table}**: {rows} ({place}{condition})\n\n");
        out.push_str(&line(heads));
        out.push_str(&line((0..width).map(|_| "---".to_owned())));
        for row in &block.rows {
            let cells = row.iter().map(cell).chain(std::iter::repeat(String::new()));
            out.push_str(&line(cells.take(width)));
        }
        let shown = block.rows.len();
        if block.count > shown {
            let more = block.count - shown;
            out.push_str(&format!(
                "\nThe first {shown} rows; {more} more are in the file.\n"
            ));
        }
        out.push('\n');
        out
    }
}

/// `FILE:LINE`
fn place(at: &Position) -> String {
    escaped(&format!("{}:{}", at.file, at.line))
}

fn line(cells: impl Iterator<Item = String>) -> String {
    cells.fold("|".to_owned(), |line, cell| line + " " + &cell + " |") + "\n"
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Keyword(word) => format!("`{word}`"),
        Cell::Text(value) => match value.char_indices().nth(CELL) {
            Some((end, _)) => format!("{} …", escaped(&value[..end])),
            None => escaped(value),
        },
    }
}
