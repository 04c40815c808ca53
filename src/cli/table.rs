//! Plain text tables with columns of the necessary width. Every cell is escaped. On a terminal they
//! fit its width: cells are wrapped, and where that is not enough a row becomes a block.

use super::wrap::{columns, line_of};
use super::{escape, output};

/// Blanks between two columns.
const GAP: usize = 2;

/// A table with a header row, as lines joined by line feeds.
pub fn render(head: &[&str], rows: Vec<Vec<String>>) -> String {
    fit(head, rows, output::width())
}

/// Like [`render`], for a given width; without one each row is one line.
pub fn fit(head: &[&str], rows: Vec<Vec<String>>, width: Option<usize>) -> String {
    let escaped = |row: Vec<String>| row.iter().map(|cell| escape(cell)).collect();
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let rows: Vec<Vec<String>> = rows.into_iter().map(escaped).collect();
    let all = || std::iter::once(&head).chain(&rows);
    let count = all().map(Vec::len).max().unwrap_or_default();
    let of = |measure: fn(&str) -> usize| {
        let column = move |at: usize| {
            let cells = all().filter_map(move |row| row.get(at));
            cells.map(|cell| measure(cell)).max().unwrap_or_default()
        };
        (0..count).map(column).collect::<Vec<_>>()
    };
    let widths = of(columns);
    let narrow = match width {
        None => Some(widths),
        Some(width) => shrink(widths, &of(longest_word), width),
    };
    match narrow {
        Some(widths) => all()
            .map(|row| wrapped(row, &widths))
            .collect::<Vec<_>>()
            .join("\n"),
        None => {
            let width = width.unwrap_or(usize::MAX);
            rows.iter()
                .map(|row| block(&head, row, width))
                .collect::<Vec<_>>()
                .join("\n")
        }
    }
}

fn longest_word(cell: &str) -> usize {
    cell.split(' ').map(columns).max().unwrap_or_default()
}

/// Takes room from the widest columns until the table fits; `None` if words would have to break.
fn shrink(mut widths: Vec<usize>, least: &[usize], width: usize) -> Option<Vec<usize>> {
    let gaps = GAP * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        let can = (0..widths.len()).filter(|at| widths[*at] > least[*at]);
        let at = can.max_by_key(|at| widths[*at])?;
        widths[at] -= 1;
    }
    Some(widths)
}

/// A row whose cells are wrapped to the widths.
fn wrapped(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths);
    let cells: Vec<Vec<String>> = cells
        .map(|(cell, width)| {
            let lines = line_of(cell, *width, 0);
            lines.split('\n').map(str::to_owned).collect()
        })
        .collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or_default();
    let line = |at: usize| {
        let cells = cells.iter().zip(widths).map(|(lines, width)| {
            let text = lines.get(at).map_or("", String::as_str);
            format!("{text:width$}")
        });
        let line = cells.collect::<Vec<_>>().join(&" ".repeat(GAP));
        line.trim_end().to_owned()
    };
    (0..height).map(line).collect::<Vec<_>>().join("\n")
}

/// A row as a block: its first cell, then a line for each other cell, behind the column's name.
fn block(head: &[String], row: &[String], width: usize) -> String {
    let mut cells = head.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
    let first = cells.next().map(|(_, cell)| cell.clone());
    let rest = cells.map(|(name, cell)| match name.is_empty() {
        true => format!("    {cell}"),
        false => format!("    {name}: {cell}"),
    });
    let lines = first.into_iter().chain(rest);
    let lines = lines.map(|line| {
        let indent = if line.starts_with(' ') { 6 } else { 4 };
        line_of(&line, width, indent)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    fn both() -> Vec<Vec<String>> {
        vec![
            row(&["a", "one two three four", "x.sql:1"]),
            row(&["bb", "five", "y.sql:22"]),
        ]
    }

    #[test]
    fn a_row_is_a_line_where_there_is_room() {
        let lines = "n   text                at\n\
                     a   one two three four  x.sql:1\n\
                     bb  five                y.sql:22";
        for width in [None, Some(32)] {
            assert_eq!(fit(&["n", "text", "at"], both(), width), lines);
        }
    }

    #[test]
    fn cells_are_wrapped_between_words() {
        let lines = "n   text         at\n\
                     a   one two      x.sql:1\n    three four\n\
                     bb  five         y.sql:22";
        assert_eq!(fit(&["n", "text", "at"], both(), Some(25)), lines);
    }

    #[test]
    fn a_row_is_a_block_where_words_would_break() {
        let lines = "a\n    text: one\n      two three\n      four\n    at: x.sql:1\n\
                     bb\n    text: five\n    at:\n      y.sql:22";
        assert_eq!(fit(&["n", "text", "at"], both(), Some(15)), lines);
    }
}
