//! Findings as Parquet, for DuckDB, DataFusion and Spark: one row for each finding, in the order of
//! the findings. Repeated values are lists of structs. The same findings give the same bytes.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, GzipLevel};
use parquet::data_type::{BoolType, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use serde_json::Value;

use super::finding::Finding;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::version::PGSEAL;

/// A column: name, type, and JSON pointers (RFC 6901) into the finding's line of JSON. The first
/// one that leads to a value counts.
struct Column(&'static str, Type, &'static [&'static str]);

enum Type {
    Text,
    Number,
    Flag,
    Time,
    /// A list of structs with these members.
    List(&'static [Column]),
}

use Type::{Flag, List, Number, Text, Time};

/// All columns in order; no name is an SQL keyword. docs/audit-stores.md lists them. Names and
/// types are stable; new columns are added at the end.
const COLUMNS: &[Column] = &[
    Column("path", Text, &["/path"]),
    Column("kind", Text, &["/kind"]),
    Column("bytes", Number, &["/bytes"]),
    Column("modified", Time, &["/modified"]),
    Column("trust_sha256", Text, &["/trust_sha256"]),
    Column("as_of", Time, &["/as_of"]),
    Column("release", Text, &["/facts/release/name"]),
    Column("version", Text, &["/facts/release/version"]),
    Column("sequence", Number, &["/facts/release/sequence"]),
    Column("release_id", Text, &["/facts/release/id"]),
    Column("authentic_then", Flag, &["/facts/then/authentic"]),
    Column("authentic_now", Flag, &["/facts/now/authentic"]),
    Column("why_not_then", Text, &["/facts/then/why_not"]),
    Column("why_not_now", Text, &["/facts/now/why_not"]),
    Column("blocked", Flag, &["/facts/blocked"]),
    Column("files", Number, &["/facts/files"]),
    Column("signers", List(SIGNERS), &["/facts/signers"]),
    Column("approvals", List(APPROVALS), &["/facts/approvals"]),
    Column("run_id", Text, &["/facts/receipt/run_id"]),
    Column(
        "action",
        Text,
        &["/facts/receipt/action", "/facts/rollout/action"],
    ),
    Column(
        "outcome",
        Text,
        &["/facts/receipt/outcome", "/facts/rehearsal/outcome"],
    ),
    Column(
        "started",
        Time,
        &[
            "/facts/receipt/started",
            "/facts/rehearsal/started",
            "/facts/rollout/started",
        ],
    ),
    Column(
        "finished",
        Time,
        &[
            "/facts/receipt/finished",
            "/facts/rehearsal/finished",
            "/facts/rollout/finished",
        ],
    ),
    Column(
        "database",
        Text,
        &["/facts/receipt/database", "/facts/rehearsal/database"],
    ),
    Column(
        "user_name",
        Text,
        &["/facts/receipt/user", "/facts/rollout/user"],
    ),
    Column(
        "host_name",
        Text,
        &["/facts/receipt/host", "/facts/rollout/host"],
    ),
    Column("apr", Text, &["/facts/receipt/apr"]),
    Column("trust_version", Number, &["/facts/trust_root/version"]),
    Column("faults", List(FAULTS), &["/faults"]),
    Column("notes", List(FAULTS), &["/notes"]),
    Column(
        "system_identifier",
        Text,
        &["/facts/receipt/system_identifier"],
    ),
];

const SIGNERS: &[Column] = &[
    Column("key_id", Text, &["/key_id"]),
    Column("owner", Text, &["/owner"]),
    Column("evidence", Text, &["/evidence/level"]),
    Column("since", Time, &["/evidence/at"]),
    Column("why_not", Text, &["/why_not"]),
];

const APPROVALS: &[Column] = &[
    Column("key_id", Text, &["/key_id"]),
    Column("owner", Text, &["/owner"]),
    Column("role", Text, &["/role"]),
    Column("decision", Text, &["/decision"]),
    Column("apr", Text, &["/apr"]),
    Column("said_at", Time, &["/at"]),
    Column("why_not", Text, &["/why_not"]),
];

const FAULTS: &[Column] = &[
    Column("kind", Text, &["/kind"]),
    Column("sentence", Text, &["/sentence"]),
];

impl Column {
    fn value<'v>(&self, row: &'v Value) -> Option<&'v Value> {
        let mut values = self.2.iter().filter_map(|pointer| row.pointer(pointer));
        values.find(|value| !value.is_null())
    }

    /// The field in the notation of the Parquet format's documentation.
    fn field(&self) -> String {
        let name = self.0;
        match self.1 {
            Text => format!("optional binary {name} (STRING);"),
            Number => format!("optional int64 {name};"),
            Flag => format!("optional boolean {name};"),
            // In UTC, so that every reader sees a point in time.
            Time => format!("optional int64 {name} (TIMESTAMP(MICROS,true));"),
            List(members) => format!(
                "required group {name} (LIST) {{ repeated group list {{ required group element {{ {} }} }} }}",
                fields(members)
            ),
        }
    }
}

fn fields(columns: &[Column]) -> String {
    columns.iter().map(Column::field).collect()
}

/// Rows of a row group, which bounds the rows held in memory as JSON.
const ROWS: usize = 1 << 14;

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
    let schema = parse_message_type(&format!("message finding {{ {} }}", fields(COLUMNS)))?;
    let properties = WriterProperties::builder()
        .set_created_by(format!("pgseal {PGSEAL}"))
        .set_compression(Compression::GZIP(GzipLevel::default()))
        .build();
    let mut file = SerializedFileWriter::new(into, Arc::new(schema), Arc::new(properties))?;
    for findings in findings.chunks(ROWS) {
        let rows: Result<Vec<Value>, _> = findings.iter().map(serde_json::to_value).collect();
        let rows = rows.map_err(|error| ParquetError::External(error.into()))?;
        let mut group = file.next_row_group()?;
        for column in COLUMNS {
            match column.1 {
                List(members) => members
                    .iter()
                    .try_for_each(|member| write_list(&mut group, &rows, column, member))?,
                _ => write_column(&mut group, &rows, column)?,
            }
        }
        group.close()?;
    }
    file.close()?;
    Ok(())
}

/// Writes an optional column. Definition level 1 is a value, 0 is null.
fn write_column<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    rows: &[Value],
    column: &Column,
) -> Result<(), ParquetError> {
    let cells: Vec<_> = rows.iter().map(|row| column.value(row)).collect();
    let defined: Vec<_> = cells.iter().map(|cell| cell.is_some().into()).collect();
    let values: Vec<_> = cells.into_iter().flatten().collect();
    put(group, column, &values, &defined, None)
}

/// Writes a member of a list column. Definition level 0 is an empty list, 1 a struct without this
/// member, 2 a value. Repetition level 1 continues a list.
fn write_list<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    rows: &[Value],
    list: &Column,
    member: &Column,
) -> Result<(), ParquetError> {
    let (mut values, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let elements = list.value(row).and_then(Value::as_array);
        let elements = elements.map_or(&[][..], Vec::as_slice);
        if elements.is_empty() {
            defined.push(0);
            repeated.push(0);
        }
        for (at, element) in elements.iter().enumerate() {
            let cell = member.value(element);
            defined.push(1 + i16::from(cell.is_some()));
            repeated.push(i16::from(at > 0));
            values.extend(cell);
        }
    }
    put(group, member, &values, &defined, Some(&repeated))
}

fn put<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    column: &Column,
    values: &[&Value],
    defined: &[i16],
    repeated: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let levels = (defined, repeated);
    match column.1 {
        Text => {
            put_as::<_, ByteArrayType>(group, values, levels, |value| Some(value.as_str()?.into()))
        }
        Number => put_as::<_, Int64Type>(group, values, levels, |value| {
            Some(i64::try_from(value.as_u64()?).unwrap_or(i64::MAX))
        }),
        Flag => put_as::<_, BoolType>(group, values, levels, Value::as_bool),
        Time => put_as::<_, Int64Type>(group, values, levels, |value| {
            let at: Timestamp = value.as_str()?.parse().ok()?;
            Some(at.seconds().saturating_mul(1_000_000))
        }),
        List(_) => Err(ParquetError::General("a list in a list".to_owned())),
    }
}

fn put_as<W: Write + Send, T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[&Value],
    (defined, repeated): (&[i16], Option<&[i16]>),
    of: impl Fn(&Value) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let wrong = |what: &str| ParquetError::General(what.to_owned());
    let values: Option<Vec<T::T>> = values.iter().map(|value| of(value)).collect();
    let values = values.ok_or_else(|| wrong("a value of another type than its column"))?;
    let mut column = group
        .next_column()?
        .ok_or_else(|| wrong("more columns than the schema has"))?;
    column
        .typed::<T>()
        .write_batch(&values, Some(defined), repeated)?;
    column.close()
}
