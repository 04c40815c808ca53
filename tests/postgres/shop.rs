//! A typical release of psql scripts: includes, variables, conditions on answers, generated statements, COPY data and
//! files, functions, a dump. It packs unchanged, and has the same effect as in psql.

use std::fs;
use std::path::{Path, PathBuf};

use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::release::{Site, assert_same, dump, psql};

/// Writes the release for this database.
fn written(site: &Site, db: &TestDatabase<'_>) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres/shop");
    let to = site.path("shop");
    copy(&from, &to);
    let toml = fs::read_to_string(to.join("release.toml")).unwrap();
    let toml = toml.replace(
        "database = \"shop\"",
        &format!("database = \"{}\"", db.name()),
    );
    fs::write(to.join("release.toml"), toml).unwrap();
    to
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn scripts_of_psql_run_untouched() {
    let (db, by_hand) = (
        Cluster::shared().database("shop"),
        Cluster::shared().database("byhand"),
    );
    let site = Site::new();
    let dir = written(&site, &db);
    for tier in ["tiers/01_main.sql", "tiers/02_legacy.sql"] {
        let loaded = psql(&by_hand, &["-1", "-v", "env=prod", "-f", tier], &dir);
        assert!(
            loaded.status.success(),
            "{}",
            String::from_utf8_lossy(&loaded.stderr)
        );
    }
    let bundle = site.path("shop.pgseal");
    let packed = site.pack_dir(&dir, &bundle);
    assert_eq!(packed.code, 0, "{}", packed.stderr);
    let operator = site
        .operator(&bundle, &db.url())
        .variable("ticket", "OPS-1")
        .variable("env", "prod");
    operator
        .run()
        .fails_saying(20, &["the database does not carry the comment"]);
    db.client()
        .batch_execute(&format!(
            "comment on database {} is 'approved OPS-1'",
            db.name()
        ))
        .unwrap();
    operator.plan().done();
    operator.run().done().says(&[
        "deploying to prod",
        "rows in the last one, database",
        "changed 1, error false",
    ]);
    assert_same(&dump(&by_hand), &dump(&db));
    operator.check().done();
    operator.rollback().done();
    assert_eq!(
        db.ask("select count(*) from pg_namespace where nspname in ('shop', 'legacy')"),
        "0"
    );
}

/// A plan follows both branches of a condition that only the run can decide, and never waits for an answer.
#[test]
fn a_plan_knows_that_it_does_not_know() {
    let (db, release, site) = super::small("branches");
    let tier = "\\set ok 0\nselect true as ok \\gset\n\\if :ok\ncreate table public.a (a int);\n\\else\ndrop table b;\n\
                \\endif\n\\echo :ROW_COUNT\nselect :ROW_COUNT;\n";
    let release = release
        .tier("branches", tier)
        .rollback("branches", "drop table public.a;\n");
    let operator = site.operator(&site.pack(&release), &db.url());
    operator
        .plan()
        .done()
        .says(&["1 CREATE TABLE", "1 DROP TABLE", "2 SELECT"]);
    operator.run().done();
}
