//! Columns and literals of `INSERT INTO table VALUES (...), ...`.

use super::copy::columns;
use super::{Block, Cell};
use psql_script::{STAND_IN, Tokens};

/// The rows of an INSERT of literals only, without clauses that could drop or change a row.
pub(super) fn block(sql: &str) -> Option<Block> {
    if !Tokens::first(sql, 2).are(0, &["insert", "into"]) {
        return None;
    }
    let tokens = Tokens::new(sql);
    let (table, mut at) = tokens.name(2)?;
    let mut block = Block {
        table: table.to_string(),
        ..Block::default()
    };
    if tokens.is(at, "(") {
        (block.columns, at) = columns(&tokens, at)?;
    }
    at = Some(tokens.behind(at, &["values"])).filter(|behind| *behind > at)?;
    loop {
        let (row, behind) = row(&tokens, at)?;
        block.add(|| row);
        at = behind + 1;
        if !tokens.is(behind, ",") {
            // The end, or a semicolon at the end.
            return (at >= tokens.len()).then_some(block);
        }
    }
}

/// The row in parentheses at `at`, and the place behind it.
fn row(tokens: &Tokens<'_>, mut at: usize) -> Option<(Vec<Cell>, usize)> {
    let mut row = Vec::new();
    if !tokens.is(at, "(") {
        return None;
    }
    loop {
        let (cell, behind) = cell(tokens, at + 1)?;
        row.push(cell);
        at = behind;
        if tokens.is(at, ")") {
            return Some((row, at + 1));
        }
        if !tokens.is(at, ",") {
            return None;
        }
    }
}

/// The literal at `at`, and the place behind it.
fn cell(tokens: &Tokens<'_>, at: usize) -> Option<(Cell, usize)> {
    if let Some(text) = tokens.literal(at) {
        // A variable whose value only a run knows.
        return Some((Cell::Text(text.replace(STAND_IN, "VALUE")), at + 1));
    }
    // A number can be several tokens.
    let end = (at..tokens.len()).find(|i| tokens.is(*i, ",") || tokens.is(*i, ")"))?;
    let number = tokens.sql[tokens.start(at)..tokens.start(end)].trim_end();
    if number.ends_with(|c: char| c.is_ascii_digit()) && number.parse::<f64>().is_ok() {
        return Some((Cell::Text(number.to_owned()), end));
    }
    let cell = match tokens.word(at).to_ascii_lowercase().as_str() {
        "null" => Cell::Keyword("NULL"),
        "default" => Cell::Keyword("DEFAULT"),
        word @ ("true" | "false") => Cell::Text(word.to_owned()),
        _ => return None,
    };
    Some((cell, at + 1))
}
