//! Points that a person decides, and sources that are not imported.

use std::fs;
use std::path::Path;

use crate::Import;

fn write(dir: &Path, files: &[(&str, &str)]) {
    for (file, text) in files {
        let path = dir.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Each point stands by file and line in the answer and in IMPORT.md, and lint refuses the release.
#[test]
fn what_is_undecided_is_an_error_until_it_is_decided() {
    let import = Import::of(|dir| {
        write(
            dir,
            &[
                (
                    "V1__a.sql",
                    "create table a (b int);\ninsert into a values (1);\n",
                ),
                ("V2__Code.java", "class V2__Code {}"),
                (
                    "V3__text.sql",
                    "select 1;\nselect 'hello ${name}', '${whole}', ${number};\n",
                ),
                ("V4__control.sql", "begin;\nselect 1;\ncommit;\nselect 2;\n"),
                ("V5__out.sql", "select dblink_exec('x', 'y');\n"),
                ("afterMigrate.sql", "select 1;\n"),
            ],
        );
    });
    let answer = import.done("flyway", &[]);
    let points = answer["undecided"].as_array().unwrap().iter();
    let mut points: Vec<String> = points
        .map(|open| format!("{}:{}", open["file"].as_str().unwrap(), open["line"]))
        .collect();
    points.sort();
    points.dedup();
    assert_eq!(
        points,
        [
            "V1__a.sql:null",
            "V2__Code.java:null",
            "V3__text.sql:2",
            "V3__text.sql:null",
            "V4__control.sql:1",
            "V4__control.sql:3",
            "V4__control.sql:null",
            "V5__out.sql:1",
            "V5__out.sql:null",
            "afterMigrate.sql:null",
            "release.toml:null"
        ]
    );
    let page = import.text("IMPORT.md");
    assert!(
        page.contains("- V4__control.sql:3: COMMIT inside of the script"),
        "{page}"
    );
    let tier = import.text("tiers/02_text.sql");
    assert!(
        tier.contains("select 'hello ${name}', :'whole', :number;"),
        "{tier}"
    );
    let errors = import.errors();
    for error in [
        "undecided-import release.toml:1",
        "undecided-import release.toml:3",
        "undecided-import rollback/01_a.sql:1",
        "undecided-import tiers/02_text.sql:1",
        "transaction-control tiers/03_control.sql:1",
        "dispatch tiers/04_out.sql:1",
    ] {
        assert!(
            errors.iter().any(|found| found == error),
            "{error}: {errors:?}"
        );
    }
    import.decide();
    let errors = import.errors();
    assert!(
        errors
            .iter()
            .all(|error| !error.starts_with("undecided-import")),
        "{errors:?}"
    );
}

#[test]
fn a_range_and_its_names() {
    let import = Import::of(|dir| {
        write(
            dir,
            &[
                ("1_a.up.sql", "create table a (b int);"),
                ("1_a.down.sql", "drop table a;"),
                ("2_b.up.sql", "create table b (b int);"),
                ("2_b.down.sql", "drop table b;"),
                ("10_c.up.sql", "create table c (b int);"),
                ("10_c.down.sql", "drop table c;"),
            ],
        );
    });
    import.done(
        "golang-migrate",
        &["--from", "1", "--to", "b", "--database", "app"],
    );
    assert_eq!(import.text("release.toml").matches("[[tier]]").count(), 1);
    let probe = import.text("verify/baseline_probe.sql");
    assert!(probe.contains("from public.schema_migrations"), "{probe}");
    for (more, message) in [
        (["--from", "7"], "no change is called 7; the last is 10"),
        (
            ["--from", "10"],
            "no change is left between --from 10 and --to the end",
        ),
    ] {
        fs::remove_dir_all(import.release()).unwrap_or_default();
        let output = import.run("golang-migrate", &more);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(2));
        assert!(text.contains(message), "{text}");
        assert!(!import.release().exists());
    }
}

#[test]
fn a_source_of_another_kind() {
    let import = Import::of(|dir| write(dir, &[("readme.txt", "nothing")]));
    for tool in ["flyway", "golang-migrate", "dbmate", "goose", "liquibase"] {
        let output = import.run(tool, &[]);
        assert_eq!(output.status.code(), Some(2), "{tool}");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("has no change of"), "{text}");
    }
}

/// A script may say that it has no statement; without a reason it may not.
#[test]
fn nothing_to_do_is_said() {
    let import = Import::of(|dir| {
        write(
            dir,
            &[
                ("1_a.up.sql", "create table a (b int);"),
                ("1_a.down.sql", "drop table a;"),
                ("2_b.up.sql", "update a set b = 2;"),
                ("2_b.down.sql", "-- nothing to undo\n"),
            ],
        );
    });
    import.done("golang-migrate", &["--database", "app"]);
    let rollback = import.release().join("rollback/02_b.sql");
    assert_eq!(
        fs::read_to_string(&rollback).unwrap(),
        "-- pgseal: empty: 2_b.down.sql has no statement\n-- nothing to undo\n"
    );
    assert_eq!(import.errors(), Vec::<String>::new());
    fs::write(&rollback, "-- pgseal: empty:\n").unwrap();
    assert_eq!(import.errors(), ["empty-script rollback/02_b.sql:null"]);
}

/// Directories of Diesel and Hasura; a file that only ends like a way up is none.
#[test]
fn directories_of_up_and_down() {
    let import = Import::of(|dir| {
        write(
            dir,
            &[
                ("2026-01-02-000000_b/up.sql", "create table b (b int);"),
                ("2026-01-02-000000_b/down.sql", "drop table b;"),
                ("00000000000000_a/up.sql", "create table a (b int);"),
                ("00000000000000_a/down.sql", "drop table a;"),
                ("3_setup.sql", "create table c (b int);"),
            ],
        );
    });
    let answer = import.done("golang-migrate", &["--database", "app"]);
    let points = answer["undecided"].as_array().unwrap();
    assert_eq!(points.len(), 1, "{answer}");
    assert_eq!(points[0]["file"], "3_setup.sql");
    assert_eq!(
        import.text("tiers/01_a.sql").trim(),
        "create table a (b int);"
    );
    assert_eq!(import.text("rollback/02_b.sql").trim(), "drop table b;");
    fs::remove_dir_all(import.release()).unwrap();
    let output = import.run("golang-migrate", &["--keep-history"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("are of another tool"), "{text}");
}

/// A draft restores what the change replaces: by the definition before, also of a change that is not imported.
#[test]
fn replaced_definitions_come_back() {
    let function = |body: &str| {
        format!("create or replace function f() returns int language sql as 'select {body}';\n")
    };
    let source = |dir: &Path| {
        write(
            dir,
            &[
                (
                    "1_f.sql",
                    "create function f() returns int language sql as 'select 1';\ncreate view v as select f();\n",
                ),
                ("2_f.sql", &function("2")),
                ("3_f.sql", &function("3")),
                ("4_data.sql", "update t set a = 1;\n"),
            ],
        );
    };
    let import = Import::of(source);
    import.done("atlas", &["--database", "app"]);
    let rollback = |import: &Import, file: &str| {
        let text = import.text(file);
        let lines = text.lines().filter(|line| !line.starts_with("--"));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        rollback(&import, "rollback/03_f-3.sql").trim(),
        function("2").trim()
    );
    assert_eq!(
        rollback(&import, "rollback/02_f-2.sql").trim(),
        function("1").trim()
    );
    assert_eq!(
        rollback(&import, "rollback/01_f.sql").trim(),
        "drop view public.v;\ndrop function public.f;"
    );
    let nothing = import.text("rollback/04_data.sql");
    assert!(nothing.contains("write one here"), "{nothing}");
    let later = Import::of(source);
    later.done("atlas", &["--database", "app", "--from", "2"]);
    assert_eq!(
        rollback(&later, "rollback/01_f.sql").trim(),
        function("2").trim()
    );
}

/// What the first change of a project replaces is new; of a later one it may not be.
#[test]
fn a_replaced_function_is_new_in_an_empty_database() {
    let source = |dir: &Path| {
        let text = "create schema if not exists s;\ncreate or replace function s.f() returns int language sql as 'select 1';\n";
        write(dir, &[("1_x.sql", "select 1;\n"), ("2_f.sql", text)]);
    };
    let first = Import::of(source);
    first.done("atlas", &["--database", "app"]);
    let probe = first.text("verify/baseline_probe.sql");
    assert!(
        probe.contains("n.nspname = 's' and p.proname = 'f'"),
        "{probe}"
    );
    assert!(!probe.contains("to_regnamespace"), "{probe}");
    assert!(
        first
            .text("rollback/02_f.sql")
            .contains("drop function s.f;")
    );
    let later = Import::of(source);
    later.done("atlas", &["--database", "app", "--from", "1"]);
    let probe = later.text("verify/baseline_probe.sql");
    assert!(!probe.contains("proname"), "{probe}");
    assert!(!later.text("rollback/01_f.sql").contains("drop function"));
}

/// A dependency on another project is one point, at its first line.
#[test]
fn another_project_is_named_once() {
    let import = Import::of(|dir| {
        let plan = "%project=a\na [base:x] 2026 a <a@b> # x\nb [a base:x base:y] 2026 a <a@b> # x\nc [c] 2026 a <a@b> # x\n";
        write(
            dir,
            &[
                ("sqitch.plan", plan),
                ("sqitch.conf", "[core]\n\tdeploy_dir = ./up//\n"),
            ],
        );
        for name in ["a", "b", "c"] {
            let table = format!("create table {name} (b int);");
            let drop = format!("drop table {name};");
            write(
                dir,
                &[
                    (&format!("up/{name}.sql"), &table),
                    (&format!("revert/{name}.sql"), &drop),
                ],
            );
        }
    });
    let answer = import.done("sqitch", &["--database", "app"]);
    let points = answer["undecided"].as_array().unwrap().iter();
    let points: Vec<String> = points
        .map(|open| format!("{}:{}", open["line"], open["text"].as_str().unwrap()))
        .collect();
    assert_eq!(
        points,
        [
            "2:a needs base:x of another project: name the release of base in [release] requires",
            "4:c needs c, which is not before it in the plan",
        ]
    );
}
