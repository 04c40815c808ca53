//! Foreign sources that lead out of their directory, hide, or contradict themselves: refused by file and line, and nothing
//! is left behind.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::Import;

/// A tool, its files, and the refusal.
type Case = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);

const TABLE: &str = "create table a (b int);\n";

const CASES: &[Case] = &[
    // Paths that leave the directory.
    (
        "psql",
        &[("upgrade.sql", "select 1;\n\\i ../outside.sql\n")],
        "upgrade.sql:2: refused path",
    ),
    (
        "psql",
        &[("upgrade.sql", "\\i /etc/hostname\n")],
        "upgrade.sql:1: refused path",
    ),
    (
        "sqitch",
        &[(
            "sqitch.plan",
            "%project=a\n../../outside 2026-01-01T00:00:00Z a <a@b> # x\n",
        )],
        "sqitch.plan:2: the change's name leads out",
    ),
    (
        "sqitch",
        &[
            ("sqitch.conf", "[core]\n\tdeploy_dir = /etc\n"),
            ("sqitch.plan", ""),
        ],
        "sqitch.conf:2: /etc leads out",
    ),
    (
        "sqitch",
        &[("sqitch.conf", "[core]\n\tplan_file = ../outside.plan\n")],
        "sqitch.conf:2: ../outside.plan leads out",
    ),
    // Cycles, and files that are not there.
    (
        "psql",
        &[
            ("upgrade.sql", "\\i a.sql\n"),
            ("a.sql", "\\i upgrade.sql\n"),
        ],
        "a.sql:1: \\\"upgrade.sql\\\" includes itself",
    ),
    (
        "psql",
        &[("upgrade.sql", "select 1;\n\n\\i a.sql\n")],
        "upgrade.sql:3: can't read \\\"a.sql\\\"",
    ),
    // Names of files that the release writes itself.
    (
        "psql",
        &[
            ("upgrade.sql", "\\i release.toml\n"),
            ("release.toml", TABLE),
        ],
        "release.toml: the release has a file of this name",
    ),
    (
        "psql",
        &[
            ("upgrade.sql", "\\i rollback/01_upgrade.sql\n"),
            ("rollback/01_upgrade.sql", TABLE),
        ],
        "rollback/01_upgrade.sql: the release has a file of this name",
    ),
    // Two of one version.
    (
        "flyway",
        &[("V1__a.sql", TABLE), ("V01.0__b.sql", TABLE)],
        "V1__a.sql:1: V01.0__b.sql has the same version",
    ),
    (
        "flyway",
        &[("a/R__a.sql", TABLE), ("b/R__a.sql", TABLE)],
        "b/R__a.sql:1: a/R__a.sql:1 is a already",
    ),
    (
        "flyway",
        &[
            ("V1__a.sql", TABLE),
            ("a/U1__a.sql", TABLE),
            ("b/U1__a.sql", TABLE),
        ],
        "b/U1__a.sql: another file undoes the same version",
    ),
    (
        "golang-migrate",
        &[("1_a.up.sql", TABLE), ("01_b.up.sql", TABLE)],
        "1_a.up.sql:1: 01_b.up.sql:1 is 1 already",
    ),
    (
        "golang-migrate",
        &[
            ("1_a.up.sql", TABLE),
            ("1_a.down.sql", TABLE),
            ("1_b.down.sql", TABLE),
        ],
        "1_b.down.sql: another file undoes the same version",
    ),
    (
        "atlas",
        &[("1_a.sql", TABLE), ("1_b.sql", TABLE)],
        "1_b.sql:1: 1_a.sql:1 is 1 already",
    ),
    (
        "dbmate",
        &[
            ("1_a.sql", "-- migrate:up\n"),
            ("1_b.sql", "-- migrate:up\n"),
        ],
        "1_b.sql:1: 1_a.sql:1 is 1 already",
    ),
    (
        "goose",
        &[
            ("1_a.sql", "-- +goose Up\n"),
            ("01_b.sql", "-- +goose Up\n"),
        ],
        " is 1 already",
    ),
    (
        "liquibase",
        &[(
            "a.sql",
            "--liquibase formatted sql\n--changeset a:1\nselect 1;\n--changeset a:1\nselect 2;\n",
        )],
        "a.sql:5: a.sql:3 is a:1 already",
    ),
    (
        "sqitch",
        &[
            (
                "sqitch.plan",
                "%project=a\na 2026 a <a@b> # x\na 2026 a <a@b> # x\n",
            ),
            ("deploy/a.sql", TABLE),
        ],
        "sqitch.plan:3: a is in the plan twice",
    ),
    (
        "sqitch",
        &[
            (
                "sqitch.plan",
                "%project=a\na 2026 a <a@b> # x\n@v1 2026 a <a@b> # x\n@v1 2026 a <a@b> # x\n",
            ),
            ("deploy/a.sql", TABLE),
        ],
        "sqitch.plan:4: the plan has the tag @v1 already",
    ),
    (
        "alembic",
        &[(
            "up.sql",
            "BEGIN;\n-- Running upgrade  -> a\ncreate table a (b int);\n-- Running upgrade  -> a\nCOMMIT;\n",
        )],
        "up.sql:4:  -> a is in the file twice",
    ),
    // A file that its tool did not finish.
    (
        "alembic",
        &[(
            "up.sql",
            "BEGIN;\n\n-- Running upgrade  -> a\n\ncreate table a (b int);\n",
        )],
        "up.sql:5: BEGIN has no COMMIT",
    ),
    (
        "django",
        &[("1_a.up.sql", TABLE)],
        "1_a.up.sql: expected N_APP.NAME.up.sql",
    ),
    // One variable of psql for two placeholders.
    (
        "flyway",
        &[("V1__a.sql", "select ${a.b};\nselect ${a-b};\n")],
        "V1__a.sql:2: the placeholders a.b and a-b would be one variable",
    ),
    (
        "flyway",
        &[
            ("V1__a.sql", TABLE),
            (
                "flyway.conf",
                "flyway.placeholders.a.b=1\nflyway.placeholders.a_b=2\n",
            ),
        ],
        "flyway.conf: the placeholders a.b and a_b would be one variable",
    ),
];

#[test]
fn sources_that_are_refused() {
    let wrong: Vec<String> = CASES
        .iter()
        .filter_map(|(tool, files, refusal)| refused(tool, refusal, |dir| write(dir, files)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn bytes_and_kinds_of_files_that_are_refused() {
    let wrong = [
        refused("flyway", "V1__a.sql:2: the file is not UTF-8", |dir| {
            fs::write(dir.join("V1__a.sql"), b"select 1;\nselect '\xff';\n").unwrap();
        }),
        refused(
            "flyway",
            "V1__a.sql: the file is larger than 64 MiB",
            |dir| {
                let file = fs::File::create(dir.join("V1__a.sql")).unwrap();
                file.set_len((64 << 20) + 1).unwrap();
            },
        ),
        refused("flyway", "a link is not followed", |dir| {
            write(dir, &[("V1__a.sql", TABLE)]);
            symlink("V1__a.sql", dir.join("V2__b.sql")).unwrap();
        }),
        // Migrations behind it would be lost.
        refused("flyway", "sub: a link is not followed", |dir| {
            write(dir, &[("V1__a.sql", TABLE)]);
            symlink("/etc", dir.join("sub")).unwrap();
        }),
        refused("sqitch", "deploy/a.sql: a link is not followed", |dir| {
            write(
                dir,
                &[
                    ("sqitch.plan", "%project=a\na 2026 a <a@b> # x\n"),
                    ("deploy/b.sql", TABLE),
                ],
            );
            symlink("b.sql", dir.join("deploy/a.sql")).unwrap();
        }),
        refused("psql", "upgrade.sql: not a regular file", |dir| {
            let made = Command::new("mkfifo").arg(dir.join("upgrade.sql")).status();
            assert!(made.unwrap().success());
        }),
        refused(
            "golang-migrate",
            r"1_a\\u{a}\\u{1b}[31m.up.sql: the file's name has a control character",
            |dir| {
                write(dir, &[("1_a\n\u{1b}[31m.up.sql", TABLE)]);
            },
        ),
        refused("golang-migrate", "the file's name is not UTF-8", |dir| {
            fs::write(dir.join(OsStr::from_bytes(b"1_a\xff.up.sql")), TABLE).unwrap();
        }),
    ];
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The same text with Windows' line ends and a byte order mark is the same release, but for the ends in scripts.
#[test]
fn line_ends_of_windows() {
    let files = [
        (
            "dbmate",
            "1_a.sql",
            "-- migrate:up\ncreate table a (b int);\n-- migrate:down\ndrop table a;\n",
        ),
        (
            "goose",
            "1_a.sql",
            "-- +goose Up\ncreate table a (b int);\n-- +goose Down\ndrop table a;\n",
        ),
        (
            "liquibase",
            "a.sql",
            "--liquibase formatted sql\n--changeset a:1\ncreate table a (b int);\n--rollback drop table a;\n",
        ),
        (
            "alembic",
            "up.sql",
            "BEGIN;\n-- Running upgrade  -> a\ncreate table a (b int);\nINSERT INTO alembic_version (version_num) VALUES ('a');\nCOMMIT;\n",
        ),
        (
            "sqitch",
            "sqitch.plan",
            "%project=a\na 2026 a <a@b> # A note.\n",
        ),
    ];
    for (tool, file, text) in files {
        let [unix, windows] = [
            text.to_owned(),
            format!("\u{feff}{}", text.replace('\n', "\r\n")),
        ]
        .map(|text| {
            let import = Import::of(|dir| {
                write(dir, &[("deploy/a.sql", TABLE), (file, &text)]);
            });
            let answer = import.done(tool, &["--database", "app"]);
            let mut release: Vec<(String, String)> = ["release.toml", "IMPORT.md"]
                .map(|file| (file.to_owned(), import.text(file)))
                .to_vec();
            for file in walkdir::WalkDir::new(import.release()).sort_by_file_name() {
                let file = file.unwrap();
                if file.file_type().is_file() {
                    let text = fs::read_to_string(file.path()).unwrap();
                    release.push((
                        file.file_name().to_string_lossy().into_owned(),
                        text.replace('\r', ""),
                    ));
                }
            }
            (answer["undecided"].clone(), release)
        });
        assert_eq!(unix, windows, "{tool}");
    }
}

fn write(dir: &Path, files: &[(&str, &str)]) {
    for (file, text) in files {
        let path = dir.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Imports a source, and returns what is wrong with the refusal.
fn refused(tool: &str, refusal: &str, make: impl FnOnce(&Path)) -> Option<String> {
    let import = Import::of(|dir| {
        fs::create_dir_all(dir).unwrap();
        make(dir);
        fs::write(dir.parent().unwrap().join("outside.sql"), TABLE).unwrap();
    });
    let output = import.run(tool, &["--database", "app"]);
    let text = String::from_utf8_lossy(&output.stdout);
    let left = import.0.path().read_dir().unwrap().count();
    // The source and outside.sql alone.
    let is_refused = output.status.code() == Some(2) && text.contains(refusal) && left == 2;
    (!is_refused).then(|| format!("{tool}: {refusal}: {text}"))
}
