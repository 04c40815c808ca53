//! Findings as Parquet, for DuckDB, DataFusion and Spark: one row for each finding, in the order of
//! the findings. Repeated values are lists of structs. The same findings give the same bytes.

mod write;

use super::facts::{ApprovalFacts, Facts, ReleaseFacts, Signer};
use super::fault::Fault;
use super::finding::Finding;
use pgseal_verify::format::timestamp::Timestamp;

pub use write::write;

/// A column's name and the function that reads its cell.
struct Column(&'static str, Cell);

enum Cell {
    Text(fn(&Finding) -> Option<String>),
    Number(fn(&Finding) -> Option<u64>),
    Flag(fn(&Finding) -> Option<bool>),
    Time(fn(&Finding) -> Option<Timestamp>),
    List(&'static [Member]),
}

/// A struct member of a list column, and the function that reads its values.
struct Member(&'static str, Cells);

enum Cells {
    Texts(fn(&Finding) -> Vec<Option<String>>),
    Times(fn(&Finding) -> Vec<Option<Timestamp>>),
}

/// All columns in order; no name is an SQL keyword. docs/audit-stores.md lists them. Names and
/// types are stable; new columns are added at the end.
const COLUMNS: &[Column] = &[
    Column("path", Cell::Text(|row| Some(row.path.clone()))),
    Column("kind", Cell::Text(|row| Some(row.kind.as_str().to_owned()))),
    Column("bytes", Cell::Number(|row| row.bytes)),
    Column("modified", Cell::Time(|row| row.modified)),
    Column(
        "trust_sha256",
        Cell::Text(|row| Some(row.trust_sha256.to_string())),
    ),
    Column("as_of", Cell::Time(|row| Some(row.as_of))),
    Column(
        "release",
        Cell::Text(|row| Some(release(row)?.name.to_string())),
    ),
    Column(
        "version",
        Cell::Text(|row| Some(release(row)?.version.to_string())),
    ),
    Column(
        "sequence",
        Cell::Number(|row| Some(release(row)?.sequence.into())),
    ),
    Column(
        "release_id",
        Cell::Text(|row| Some(release(row)?.id.to_string())),
    ),
    Column(
        "authentic_then",
        Cell::Flag(|row| Some(facts(row)?.then.authentic)),
    ),
    Column(
        "authentic_now",
        Cell::Flag(|row| Some(facts(row)?.now.authentic)),
    ),
    Column(
        "why_not_then",
        Cell::Text(|row| facts(row)?.then.why_not.clone()),
    ),
    Column(
        "why_not_now",
        Cell::Text(|row| facts(row)?.now.why_not.clone()),
    ),
    Column("blocked", Cell::Flag(|row| Some(facts(row)?.blocked))),
    Column("files", Cell::Number(|row| Some(facts(row)?.files))),
    Column("signers", Cell::List(SIGNERS)),
    Column("approvals", Cell::List(APPROVALS)),
    Column(
        "run_id",
        Cell::Text(|row| Some(facts(row)?.receipt.as_ref()?.run_id.clone())),
    ),
    Column(
        "action",
        Cell::Text(|row| word(&facts(row)?.receipt.as_ref()?.action)),
    ),
    Column("outcome", Cell::Text(outcome)),
    Column(
        "started",
        Cell::Time(|row| times(facts(row)?).map(|(started, _)| started)),
    ),
    Column(
        "finished",
        Cell::Time(|row| times(facts(row)?).map(|(_, finished)| finished)),
    ),
    Column("database", Cell::Text(database)),
    Column(
        "user_name",
        Cell::Text(|row| Some(facts(row)?.receipt.as_ref()?.user.clone())),
    ),
    Column(
        "host_name",
        Cell::Text(|row| Some(facts(row)?.receipt.as_ref()?.host.clone())),
    ),
    Column(
        "apr",
        Cell::Text(|row| facts(row)?.receipt.as_ref()?.apr.clone()),
    ),
    Column(
        "trust_version",
        Cell::Number(|row| Some(facts(row)?.trust_root.as_ref()?.version.into())),
    ),
    Column("faults", Cell::List(FAULTS)),
    Column("notes", Cell::List(NOTES)),
];

const SIGNERS: &[Member] = &[
    Member(
        "key_id",
        Cells::Texts(|row| {
            signers(row)
                .map(|one| Some(one.key_id.to_string()))
                .collect()
        }),
    ),
    Member(
        "owner",
        Cells::Texts(|row| signers(row).map(|one| Some(one.owner.clone())).collect()),
    ),
    Member(
        "evidence",
        Cells::Texts(|row| signers(row).map(|one| word(&one.evidence.level)).collect()),
    ),
    Member(
        "since",
        Cells::Times(|row| signers(row).map(|one| one.evidence.at).collect()),
    ),
    Member(
        "why_not",
        Cells::Texts(|row| signers(row).map(|one| one.why_not.clone()).collect()),
    ),
];

const APPROVALS: &[Member] = &[
    Member(
        "key_id",
        Cells::Texts(|row| {
            approvals(row)
                .map(|one| Some(one.key_id.to_string()))
                .collect()
        }),
    ),
    Member(
        "owner",
        Cells::Texts(|row| approvals(row).map(|one| Some(one.owner.clone())).collect()),
    ),
    Member(
        "role",
        Cells::Texts(|row| {
            approvals(row)
                .map(|one| Some(one.role.to_string()))
                .collect()
        }),
    ),
    Member(
        "decision",
        Cells::Texts(|row| approvals(row).map(|one| word(&one.decision)).collect()),
    ),
    Member(
        "apr",
        Cells::Texts(|row| {
            approvals(row)
                .map(|one| Some(one.apr.as_ref()?.to_string()))
                .collect()
        }),
    ),
    Member(
        "said_at",
        Cells::Times(|row| approvals(row).map(|one| Some(one.at)).collect()),
    ),
    Member(
        "why_not",
        Cells::Texts(|row| approvals(row).map(|one| one.why_not.clone()).collect()),
    ),
];

const FAULTS: &[Member] = &[
    Member("kind", Cells::Texts(|row| kinds(&row.faults))),
    Member("sentence", Cells::Texts(|row| sentences(&row.faults))),
];

const NOTES: &[Member] = &[
    Member("kind", Cells::Texts(|row| kinds(&row.notes))),
    Member("sentence", Cells::Texts(|row| sentences(&row.notes))),
];

fn facts(row: &Finding) -> Option<&Facts> {
    row.facts.as_ref()
}

fn release(row: &Finding) -> Option<&ReleaseFacts> {
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
    let receipt = facts
        .receipt
        .as_ref()
        .map(|receipt| (receipt.started, receipt.finished));
    receipt.or_else(|| {
        facts
            .rehearsal
            .as_ref()
            .map(|rehearsal| (rehearsal.started, rehearsal.finished))
    })
}

fn signers(row: &Finding) -> impl Iterator<Item = &Signer> {
    facts(row).into_iter().flat_map(|facts| &facts.signers)
}

fn approvals(row: &Finding) -> impl Iterator<Item = &ApprovalFacts> {
    facts(row).into_iter().flat_map(|facts| &facts.approvals)
}

fn kinds(faults: &[Fault]) -> Vec<Option<String>> {
    faults
        .iter()
        .map(|fault| Some(fault.kind.as_str().to_owned()))
        .collect()
}

fn sentences(faults: &[Fault]) -> Vec<Option<String>> {
    faults
        .iter()
        .map(|fault| Some(fault.sentence.clone()))
        .collect()
}

/// The value's JSON string.
fn word(value: &impl serde::Serialize) -> Option<String> {
    serde_json::to_value(value)
        .ok()?
        .as_str()
        .map(str::to_owned)
}
