//! The Parquet file as DuckDB reads it.

use std::fs;

use super::site::{ODD, archive};
use pgseal_testkit::moto::script;

/// Compares the Parquet file and the lines of one audit, and runs typical queries.
const COMPARE: &str = include_str!("compare.py");

#[test]
fn duckdb_reads_what_the_lines_say() {
    let site = archive();
    let receipt = "{\"_type\":\"https://in-toto.io/Statement/v1\"}";
    site.write("archive/broken.receipt.json", receipt);
    let audit = |file: &str| {
        let args = [
            "audit",
            "archive",
            "--as-of",
            "2030-01-01T00:00:00Z",
            "--jsonl",
            "-o",
            "all.jsonl",
            "--parquet",
            file,
        ];
        assert_eq!(site.run(args).code, 50);
        site.read(file)
    };
    let first = audit("all.parquet");
    assert!(first.starts_with(b"PAR1") && first.ends_with(b"PAR1"));
    assert_eq!(
        audit("again.parquet"),
        first,
        "the same findings are the same bytes"
    );
    let (parquet, jsonl) = (site.path("all.parquet"), site.path("all.jsonl"));
    let said = script(
        COMPARE,
        &[parquet.to_str().unwrap(), jsonl.to_str().unwrap()],
    );
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "[('file-changed', 1), ('malformed', 3)]");
    assert_eq!(lines[1], "[('release key', 5)]");
    assert_eq!(lines[2], format!("pgseal {}", env!("CARGO_PKG_VERSION")));
    assert!(
        String::from_utf8(site.read("all.jsonl"))
            .unwrap()
            .contains(ODD)
    );
}

/// The page's queries about runs, each of which is a block of the page.
const QUERIES: &str = "
import duckdb, sys
con = duckdb.connect()
con.execute(f\"create view findings as from '{sys.argv[1]}'\")
for query in sys.argv[2:]:
    # As text: times in Python would need one more package.
    text = f\"select columns(*)::varchar from ({query.strip().rstrip(';')})\"
    print(con.execute(text).fetchall())
";

#[test]
fn the_queries_of_the_page_run() {
    let site = archive();
    let audit = ["audit", "archive", "--as-of", "2030-01-01T00:00:00Z"];
    site.run(audit.iter().chain(&["--parquet", "all.parquet"]));
    let page = include_str!("../../../docs/audit-stores.md");
    let blocks = page.split("```sql\n").skip(1);
    let queries: Vec<&str> = blocks
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    let parquet = site.path("all.parquet");
    let arguments = [&[parquet.to_str().unwrap()], &*queries].concat();
    let said = script(QUERIES, &arguments);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    // The receipt of the rollback is not signed, so it proves nothing.
    assert!(
        lines[0].starts_with("[('small', '1.0.0', ")
            && lines[0].contains("'run', 'committed', '2026-11-01")
            && !lines[0].contains("rollback"),
        "{said}"
    );
    assert!(
        lines[1].starts_with("[('small', '1.0.0', '1', '0', '00:00:"),
        "{said}"
    );
}

/// A failed export leaves no partial file, and an older file stays.
#[test]
fn whole_or_not_at_all() {
    let site = archive();
    site.write("old.parquet", "older");
    fs::create_dir(site.path("archive/none")).unwrap();
    let done = site
        .run([
            "audit",
            "archive/none",
            "archive/small.pgseal",
            "--parquet",
            "old.parquet",
        ])
        .done();
    assert!(
        done.text().contains("1 bundle, 1 authentic"),
        "{}",
        done.text()
    );
    assert!(
        site.read("old.parquet").starts_with(b"PAR1"),
        "it is replaced"
    );
    let mut limited = std::process::Command::new("sh");
    // The limit prevents a file of more than one block.
    let run = "ulimit -f 1; exec \"$0\" audit archive --trust trust.json --parquet old.parquet --html new.html";
    limited
        .current_dir(site.dir())
        .args(["-c", run, env!("CARGO_BIN_EXE_pgseal")]);
    let before = site.snapshot();
    let failed = pgseal_testkit::site::outcome(&mut limited);
    assert_eq!(failed.code, 1, "{}{}", failed.text(), failed.stderr);
    assert!(failed.stderr.contains("old.parquet: "), "{}", failed.stderr);
    assert_eq!(
        site.snapshot(),
        before,
        "nothing is left behind, and the older one is as it was"
    );
}
