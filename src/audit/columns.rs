//! Findings as Parquet, for DuckDB, DataFusion and Spark: a row a finding, in the order of the findings. What a finding has
//! several of is a list of structs. The same findings give the same bytes.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, GzipLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::facts::{Facts, Level};
use super::fault::Fault;
use super::finding::Finding;
use crate::format::timestamp::Timestamp;
use crate::format::version::PGSEAL;

/// Rows of a row group: so many are in memory as columns.
const ROWS: usize = 1 << 16;

/// A column's name, and what a row has there.
struct Column(&'static str, Cell);

enum Cell {
    Text(fn(&Finding) -> Option<String>),
    Number(fn(&Finding) -> Option<u64>),
    Flag(fn(&Finding) -> Option<bool>),
    Time(fn(&Finding) -> Option<Timestamp>),
    List(&'static [Member]),
}

/// A member of the structs of a list, and what the list has there.
struct Member(&'static str, fn(&Finding) -> Vec<Option<String>>);

/// All of them, in order. docs/audit.md lists them: names and types are kept, new ones come at the end.
const COLUMNS: &[Column] = &[
    Column("path", Cell::Text(|row| Some(row.path.clone()))),
    Column("kind", Cell::Text(|row| Some(row.kind.as_str().to_owned()))),
    Column("bytes", Cell::Number(|row| row.bytes)),
    Column("modified", Cell::Time(|row| row.modified)),
    Column("trust_sha256", Cell::Text(|row| Some(row.trust_sha256.to_string()))),
    Column("as_of", Cell::Time(|row| Some(row.as_of))),
    Column("release", Cell::Text(|row| Some(release(row)?.name.to_string()))),
    Column("version", Cell::Text(|row| Some(release(row)?.version.to_string()))),
    Column("sequence", Cell::Number(|row| Some(release(row)?.sequence.into()))),
    Column("release_id", Cell::Text(|row| Some(release(row)?.id.to_string()))),
    Column("authentic_then", Cell::Flag(|row| Some(facts(row)?.then.authentic))),
    Column("authentic_now", Cell::Flag(|row| Some(facts(row)?.now.authentic))),
    Column("why_not_then", Cell::Text(|row| facts(row)?.then.why_not.clone())),
    Column("why_not_now", Cell::Text(|row| facts(row)?.now.why_not.clone())),
    Column("blocked", Cell::Flag(|row| Some(facts(row)?.blocked))),
    Column("files", Cell::Number(|row| Some(facts(row)?.files))),
    Column("signers", Cell::List(SIGNERS)),
    Column("approvals", Cell::List(APPROVALS)),
    Column("run_id", Cell::Text(|row| Some(facts(row)?.receipt.as_ref()?.run_id.clone()))),
    Column("action", Cell::Text(|row| word(&facts(row)?.receipt.as_ref()?.action))),
    Column("outcome", Cell::Text(outcome)),
    Column("started", Cell::Time(|row| times(facts(row)?).map(|(started, _)| started))),
    Column("finished", Cell::Time(|row| times(facts(row)?).map(|(_, finished)| finished))),
    Column("database", Cell::Text(database)),
    Column("user", Cell::Text(|row| Some(facts(row)?.receipt.as_ref()?.user.clone()))),
    Column("host", Cell::Text(|row| Some(facts(row)?.receipt.as_ref()?.host.clone()))),
    Column("apr", Cell::Text(|row| facts(row)?.receipt.as_ref()?.apr.clone())),
    Column("trust_version", Cell::Number(|row| Some(facts(row)?.trust_root.as_ref()?.version.into()))),
    Column("faults", Cell::List(&[Member("kind", |row| kinds(&row.faults)), Member("sentence", |row| told(&row.faults))])),
    Column("notes", Cell::List(&[Member("kind", |row| kinds(&row.notes)), Member("sentence", |row| told(&row.notes))])),
];

const SIGNERS: &[Member] = &[
    Member("key_id", |row| each(row, |facts| facts.signers.iter().map(|one| Some(one.key_id.to_string())).collect())),
    Member("owner", |row| each(row, |facts| facts.signers.iter().map(|one| Some(one.owner.clone())).collect())),
    Member("evidence", |row| each(row, |facts| facts.signers.iter().map(|one| level(one.evidence.level)).collect())),
    Member("since", |row| each(row, |facts| facts.signers.iter().map(|one| time(one.evidence.at)).collect())),
    Member("why_not", |row| each(row, |facts| facts.signers.iter().map(|one| one.why_not.clone()).collect())),
];

const APPROVALS: &[Member] = &[
    Member("key_id", |row| each(row, |facts| facts.approvals.iter().map(|one| Some(one.key_id.to_string())).collect())),
    Member("owner", |row| each(row, |facts| facts.approvals.iter().map(|one| Some(one.owner.clone())).collect())),
    Member("role", |row| each(row, |facts| facts.approvals.iter().map(|one| Some(one.role.to_string())).collect())),
    Member("decision", |row| each(row, |facts| facts.approvals.iter().map(|one| word(&one.decision)).collect())),
    Member("apr", |row| {
        each(row, |facts| facts.approvals.iter().map(|one| one.apr.as_ref().map(ToString::to_string)).collect())
    }),
    Member("at", |row| each(row, |facts| facts.approvals.iter().map(|one| time(Some(one.at))).collect())),
    Member("why_not", |row| each(row, |facts| facts.approvals.iter().map(|one| one.why_not.clone()).collect())),
];

/// Writes all findings.
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
        COLUMNS.iter().try_for_each(|Column(_, cell)| column(&mut group, rows, cell))?;
        group.close()?;
    }
    file.close()?;
    Ok(())
}

/// As the format's own documents write schemas.
fn schema() -> String {
    let fields: String = COLUMNS.iter().map(|Column(name, cell)| match cell {
        Cell::Text(_) => format!("optional binary {name} (STRING);"),
        Cell::Number(_) => format!("optional int64 {name};"),
        Cell::Flag(_) => format!("optional boolean {name};"),
        Cell::Time(_) => format!("optional int64 {name} (TIMESTAMP(MICROS,true));"),
        Cell::List(members) => {
            let members: String =
                members.iter().map(|Member(name, _)| format!("optional binary {name} (STRING);")).collect();
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
        Cell::Text(of) => single::<_, ByteArrayType>(group, rows, |row| Some(ByteArray::from(of(row)?.into_bytes()))),
        Cell::Number(of) => single::<_, Int64Type>(group, rows, |row| Some(i64::try_from(of(row)?).unwrap_or(i64::MAX))),
        Cell::Flag(of) => single::<_, BoolType>(group, rows, of),
        Cell::Time(of) => single::<_, Int64Type>(group, rows, |row| Some(of(row)?.seconds().saturating_mul(1_000_000))),
        Cell::List(members) => members.iter().try_for_each(|Member(_, of)| list(group, rows, of)),
    }
}

/// Definition level 1 is a value, 0 is none.
fn single<W: Write + Send, T: parquet::data_type::DataType>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    rows: &[Finding],
    of: impl Fn(&Finding) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let cells: Vec<Option<T::T>> = rows.iter().map(of).collect();
    let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    let values: Vec<T::T> = cells.into_iter().flatten().collect();
    put::<_, T>(group, &values, &levels, None)
}

/// Definition level 0 is an empty list, 1 a struct without this member, 2 a value; repetition level 1 goes on with a list.
fn list<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    rows: &[Finding],
    of: impl Fn(&Finding) -> Vec<Option<String>>,
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
            values.extend(cell.map(|text| ByteArray::from(text.into_bytes())));
        }
    }
    put::<_, ByteArrayType>(group, &values, &defined, Some(&repeated))
}

fn put<W: Write + Send, T: parquet::data_type::DataType>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    defined: &[i16],
    repeated: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let next = group.next_column()?;
    let mut column = next.ok_or_else(|| ParquetError::General("more columns than the schema has".to_owned()))?;
    column.typed::<T>().write_batch(values, Some(defined), repeated)?;
    column.close()
}

fn facts(row: &Finding) -> Option<&Facts> {
    row.facts.as_ref()
}

fn release(row: &Finding) -> Option<&super::facts::ReleaseFacts> {
    facts(row)?.release.as_ref()
}

fn outcome(row: &Finding) -> Option<String> {
    let facts = facts(row)?;
    match &facts.receipt {
        Some(receipt) => word(&receipt.outcome),
        None => word(&facts.rehearsal.as_ref()?.outcome),
    }
}

fn database(row: &Finding) -> Option<String> {
    let facts = facts(row)?;
    match &facts.receipt {
        Some(receipt) => Some(receipt.database.clone()),
        None => facts.rehearsal.as_ref()?.database.clone(),
    }
}

fn times(facts: &Facts) -> Option<(Timestamp, Timestamp)> {
    let receipt = facts.receipt.as_ref().map(|receipt| (receipt.started, receipt.finished));
    receipt.or_else(|| facts.rehearsal.as_ref().map(|rehearsal| (rehearsal.started, rehearsal.finished)))
}

fn each(row: &Finding, of: impl Fn(&Facts) -> Vec<Option<String>>) -> Vec<Option<String>> {
    facts(row).map(of).unwrap_or_default()
}

fn kinds(faults: &[Fault]) -> Vec<Option<String>> {
    faults.iter().map(|fault| Some(fault.kind.as_str().to_owned())).collect()
}

fn told(faults: &[Fault]) -> Vec<Option<String>> {
    faults.iter().map(|fault| Some(fault.sentence.clone())).collect()
}

fn level(level: Level) -> Option<String> {
    word(&level)
}

fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// The word that JSON has for it.
fn word(value: &impl serde::Serialize) -> Option<String> {
    serde_json::to_value(value).ok()?.as_str().map(str::to_owned)
}
