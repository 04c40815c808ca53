//! docs/ledger.md matches the ledger: its columns, and its example queries.

use super::approvals::{EVERYBODY, approve, approved, operator};
use pgseal_testkit::cluster::TestDatabase;
use pgseal_testkit::release::{Release, psql};

const PAGE: &str = include_str!("../../docs/ledger.md");

/// The documented columns of a table or view, with their types.
fn documented(name: &str) -> Vec<String> {
    let (_, section) = PAGE
        .split_once(&format!("## `pgseal.{name}`"))
        .expect("a section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    rows.map(|(column, rest)| format!("{column} {}", rest.split(" |").next().unwrap_or_default()))
        .collect()
}

fn columns(db: &TestDatabase<'_>, name: &str) -> Vec<String> {
    let text = db.ask(&format!(
        "select string_agg(attname || ' ' || format_type(atttypid, atttypmod), chr(10) order by attnum)
         from pg_attribute where attrelid = 'pgseal.{name}'::regclass and attnum > 0 and not attisdropped"
    ));
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_page_about_it() {
    let (db, site, _) = approved("ledgerpage");
    let release = Release::on(db.name()).variable("ratified_apr");
    let bundle = site.pack(&release.alone("steps", "vacuum public.widgets;\n"));
    for who in EVERYBODY {
        approve(&site, &bundle, who, &["--runs", "2"]);
    }
    let operator = operator(&db, &site, &bundle);
    operator.run().done();
    operator.rollback().done();
    operator.run().done();
    for name in ["runs", "in_effect", "ledger", "steps"] {
        assert_eq!(
            documented(name),
            columns(&db, name),
            "pgseal.{name} in docs/ledger.md"
        );
    }
    let format = db.ask("select obj_description('pgseal'::regnamespace)");
    assert!(
        format.contains("format 1") && PAGE.contains("format 1"),
        "{format}"
    );
    let queries: Vec<&str> = PAGE
        .split("```sql\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(queries.len() >= 3);
    for query in queries {
        let answer = psql(&db, &["-XAtc", query], site.path("").as_path());
        let (text, error) = (
            String::from_utf8_lossy(&answer.stdout),
            String::from_utf8_lossy(&answer.stderr),
        );
        assert!(answer.status.success(), "{query}: {error}");
        assert!(!text.trim().is_empty(), "{query} answers nothing");
    }
}
