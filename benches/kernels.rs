//! Inner loops of the program, measured alone: the lower bounds of its commands. `just bench kernels` adds the results
//! to docs/benchmarks.md next to `openssl speed`; `cargo bench` shows them with criterion's comparison to the previous
//! run.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pgseal::bundle::definition::Definition;
use pgseal::bundle::{UnsignedBundle, UntrustedBundle};
use pgseal_testkit::keys;
use pgseal_verify::archive::source::InMemory;
use pgseal_verify::archive::{gzip, header};
use pgseal_verify::digest::Digest;
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::json;
use pgseal_verify::format::statement::{PAYLOAD_TYPE, Statement};
use psql_script::{FileError, Files, Script, Step, Variables, inspect};

criterion_group!(
    kernels,
    hash,
    backends,
    headers,
    statement,
    signature,
    compression,
    lexer
);
criterion_main!(kernels);

fn hash(c: &mut Criterion) {
    let mut group = c.benchmark_group("hash");
    for size in [4 << 10, 1 << 20, 16 << 20] {
        let bytes = seed_data(size);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), &bytes, |b, bytes| {
            b.iter(|| Digest::of(black_box(bytes)));
        });
    }
}

/// Compares the backends that [`hash`] chooses between, on this processor.
fn backends(c: &mut Criterion) {
    let bytes = seed_data(1 << 20);
    let mut group = c.benchmark_group("backend");
    group.throughput(Throughput::Bytes(1 << 20));
    group.bench_function("sha2", |b| {
        b.iter(|| <sha2::Sha256 as sha2::Digest>::digest(black_box(&bytes)))
    });
    group.bench_function("ring", |b| {
        b.iter(|| ring::digest::digest(&ring::digest::SHA256, black_box(&bytes)))
    });
}

fn headers(c: &mut Criterion) {
    let path: EntryPath = "executor/03_collections_and_their_scopes.sql.gz"
        .parse()
        .unwrap();
    let block = header::encode(&path, 123_456);
    let mut group = c.benchmark_group("header");
    group.throughput(Throughput::Elements(1));
    group.bench_function("encode", |b| {
        b.iter(|| header::encode(black_box(&path), black_box(123_456)))
    });
    group.bench_function("decode", |b| {
        b.iter(|| header::decode(black_box(&block)).unwrap())
    });
}

fn statement(c: &mut Criterion) {
    let bytes = one_roof_statement();
    let mut group = c.benchmark_group("statement");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("parse", |b| {
        b.iter(|| json::from_canonical::<Statement>(black_box(&bytes)).unwrap())
    });
}

fn signature(c: &mut Criterion) {
    let (key, bytes) = (keys::key("bench"), one_roof_statement());
    let (public, signature) = (key.public_key(), key.sign(PAYLOAD_TYPE, &bytes));
    let mut group = c.benchmark_group("signature");
    group.throughput(Throughput::Elements(1));
    group.bench_function("verify", |b| {
        b.iter(|| assert!(public.signed(PAYLOAD_TYPE, black_box(&bytes), &signature)))
    });
    group.bench_function("sign", |b| {
        b.iter(|| key.sign(PAYLOAD_TYPE, black_box(&bytes)))
    });
}

fn compression(c: &mut Criterion) {
    let content = seed_data(4 << 20);
    let stored = gzip::compress(&content).unwrap();
    let size = content.len() as u64;
    let mut group = c.benchmark_group("gzip");
    group.throughput(Throughput::Bytes(size)).sample_size(10);
    group.bench_function("compress", |b| {
        b.iter(|| gzip::compress(black_box(&content)).unwrap())
    });
    group.bench_function("decompress", |b| {
        b.iter(|| gzip::decompress(black_box(&stored), size).unwrap())
    });
}

fn lexer(c: &mut Criterion) {
    let inserts = Memory(inserts(10_000));
    let copy = Memory([&b"copy t from stdin;\n"[..], &seed_data(4 << 20), b"\\.\n"].concat());
    let mut group = c.benchmark_group("lexer");
    for (name, script) in [("inserts", &inserts), ("copy", &copy)] {
        group.throughput(Throughput::Bytes(script.0.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| statements(black_box(script), "script.sql"))
        });
    }
    let tiers = tiers();
    let bytes = tiers
        .iter()
        .map(|path| one_roof().join(path).metadata().unwrap().len())
        .sum();
    group.throughput(Throughput::Bytes(bytes));
    group.bench_function("tiers", |b| {
        b.iter(|| {
            tiers
                .iter()
                .map(|path| statements(&OneRoof, path))
                .sum::<usize>()
        })
    });
    let sql = "insert into public.t (id, name, at) values (17, 'it''s row 17', '2026-01-01')";
    group.throughput(Throughput::Bytes(sql.len() as u64));
    group.bench_function("inspect", |b| b.iter(|| inspect(black_box(sql))));
}

/// A script without includes.
struct Memory(Vec<u8>);

impl Files for Memory {
    fn open(&self, _: &str) -> Result<Box<dyn Read + '_>, FileError> {
        Ok(Box::new(Cursor::new(&self.0)))
    }
}

/// The files of the reference release.
struct OneRoof;

impl Files for OneRoof {
    fn open(&self, path: &str) -> Result<Box<dyn Read + '_>, FileError> {
        let file = std::fs::File::open(one_roof().join(path)).map_err(|_| FileError::NotFound)?;
        Ok(Box::new(file))
    }
}

/// Reads a script to its end, including COPY data, and counts its statements.
fn statements(files: &dyn Files, path: &str) -> usize {
    let mut variables = Variables::default();
    variables.set("ratified_apr", "APR-BENCH-1").unwrap();
    let mut script = Script::open(files, path, variables).unwrap();
    let mut count = 0;
    while let Some(step) = script.next_step().unwrap() {
        count += usize::from(matches!(step, Step::Statement(_)));
    }
    count
}

fn inserts(rows: u32) -> Vec<u8> {
    let row = |n| {
        format!(
            "insert into public.t (id, name, at) values ({n}, 'it''s row number {n}', '2026-01-01');\n"
        )
    };
    (0..rows).map(row).collect::<String>().into_bytes()
}

/// Returns the tiers of the reference release; their includes don't count in their bytes.
fn tiers() -> Vec<String> {
    let dir = std::fs::read_dir(one_roof().join("executor")).unwrap();
    let names = dir.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name.ends_with(".sql"))
        .map(|name| format!("executor/{name}"))
        .collect()
}

fn one_roof() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bundle/one-roof")
}

fn one_roof_statement() -> Vec<u8> {
    let definition = Definition::read(&one_roof()).unwrap();
    let signed = UnsignedBundle::pack(definition, None)
        .unwrap()
        .sign(&[keys::key("bench")]);
    let bytes: Arc<[u8]> = signed.write(Vec::new()).unwrap().into();
    UntrustedBundle::parse(Box::new(InMemory(bytes)))
        .unwrap()
        .claimed_statement()
        .to_vec()
}

/// Generates rows of COPY data that compress about as well as real ones, the same each time (xorshift64).
fn seed_data(size: usize) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "council",
        "collection",
        "scope",
        "approved",
        "issue",
        "event",
        "boundary",
        "owner",
        "draft",
        "closed",
        "read",
        "write",
        "policy",
        "axis",
        "governance",
        "system",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut bytes = Vec::with_capacity(size + 128);
    for id in 0.. {
        if bytes.len() >= size {
            break;
        }
        let (a, b) = (next(), next());
        let word = |n: u64| WORDS[(n % 16) as usize];
        let row = format!(
            "{id}\t{:08x}\t{} {} {}\t2026-0{}-1{}\n",
            a >> 32,
            word(a),
            word(a >> 4),
            word(b),
            b % 9 + 1,
            b % 8
        );
        bytes.extend_from_slice(row.as_bytes());
    }
    bytes.truncate(size);
    bytes
}
