//! Writes the columns to a Parquet file.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, GzipLevel};
use parquet::data_type::{BoolType, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::{COLUMNS, Cell, Cells, Column, Member};
use crate::audit::finding::Finding;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::version::PGSEAL;

/// Rows of a row group, which bounds the rows held in memory as columns.
const ROWS: usize = 1 << 16;

/// In UTC, so that every reader sees a point in time.
const TIME: &str = "TIMESTAMP(MICROS,true)";

/// Writes all findings as one Parquet file.
pub fn write(findings: &[Finding], into: impl Write + Send) -> io::Result<()> {
    write_rows(findings, into).map_err(|error| match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    })
}

fn write_rows(findings: &[Finding], into: impl Write + Send) -> Result<(), ParquetError> {
    let schema = parse_message_type(&schema())?;
    let properties = WriterProperties::builder()
        .set_created_by(format!("pgseal {PGSEAL}"))
        .set_compression(Compression::GZIP(GzipLevel::default()))
        .build();
    let mut file = SerializedFileWriter::new(into, Arc::new(schema), Arc::new(properties))?;
    for rows in findings.chunks(ROWS) {
        let mut group = file.next_row_group()?;
        COLUMNS
            .iter()
            .try_for_each(|Column(_, cell)| column(&mut group, rows, cell))?;
        group.close()?;
    }
    file.close()?;
    Ok(())
}

/// The schema in the notation of the Parquet format's documentation.
fn schema() -> String {
    let fields: String = COLUMNS.iter().map(|Column(name, cell)| match cell {
        Cell::Text(_) => format!("optional binary {name} (STRING);"),
        Cell::Number(_) => format!("optional int64 {name};"),
        Cell::Flag(_) => format!("optional boolean {name};"),
        Cell::Time(_) => format!("optional int64 {name} ({TIME});"),
        Cell::List(members) => {
            let members: String =
                members.iter().map(|Member(name, cells)| match cells {
                Cells::Texts(_) => format!("optional binary {name} (STRING);"),
                Cells::Times(_) => format!("optional int64 {name} ({TIME});"),
            }).collect();
            format!("required group {name} (LIST) {{ repeated group list {{ required group element {{ {members} }} }} }}")
        }
    }).collect();
    format!("message finding {{ {fields} }}")
}

fn column<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    rows: &[Finding],
    cell: &Cell,
) -> Result<(), ParquetError> {
    match cell {
        Cell::Text(of) => {
            single::<_, ByteArrayType>(group, rows, |row| Some(of(row)?.into_bytes().into()))
        }
        Cell::Number(of) => single::<_, Int64Type>(group, rows, |row| {
            Some(i64::try_from(of(row)?).unwrap_or(i64::MAX))
        }),
        Cell::Flag(of) => single::<_, BoolType>(group, rows, of),
        Cell::Time(of) => single::<_, Int64Type>(group, rows, |row| Some(micros(of(row)?))),
        Cell::List(members) => members.iter().try_for_each(|Member(_, cells)| match cells {
            Cells::Texts(of) => list::<_, ByteArrayType>(group, rows, |row| {
                all(of(row), |text| text.into_bytes().into())
            }),
            Cells::Times(of) => list::<_, Int64Type>(group, rows, |row| all(of(row), micros)),
        }),
    }
}

/// Writes an optional column. Definition level 1 is a value, 0 is null.
fn single<W: Write + Send, T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    rows: &[Finding],
    of: impl Fn(&Finding) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let cells: Vec<Option<T::T>> = rows.iter().map(of).collect();
    let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    let values: Vec<T::T> = cells.into_iter().flatten().collect();
    put::<_, T>(group, &values, &levels, None)
}

/// Writes a list column. Definition level 0 is an empty list, 1 a struct without this member, 2 a
/// value. Repetition level 1 continues a list.
fn list<W: Write + Send, T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    rows: &[Finding],
    of: impl Fn(&Finding) -> Vec<Option<T::T>>,
) -> Result<(), ParquetError> {
    let (mut values, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let cells = of(row);
        if cells.is_empty() {
            defined.push(0);
            repeated.push(0);
        }
        for (at, cell) in cells.into_iter().enumerate() {
            defined.push(if cell.is_some() { 2 } else { 1 });
            repeated.push(i16::from(at > 0));
            values.extend(cell);
        }
    }
    put::<_, T>(group, &values, &defined, Some(&repeated))
}

fn put<W: Write + Send, T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    defined: &[i16],
    repeated: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let next = group.next_column()?;
    let mut column =
        next.ok_or_else(|| ParquetError::General("more columns than the schema has".to_owned()))?;
    column
        .typed::<T>()
        .write_batch(values, Some(defined), repeated)?;
    column.close()
}

fn micros(at: Timestamp) -> i64 {
    at.seconds().saturating_mul(1_000_000)
}

fn all<A, B>(cells: Vec<Option<A>>, of: impl Fn(A) -> B) -> Vec<Option<B>> {
    cells.into_iter().map(|cell| cell.map(&of)).collect()
}
