//! `tiers = "tiers/*.sql"` in release.toml.

use serde_json::{Value, json};

use super::{RELEASE_TOML, Release, pgseal, text, trust};

/// The small release, whose release.toml lists tiers by a pattern, with these blocks at its end.
fn listed(pattern: &str, blocks: &str, files: &[(&str, &str)]) -> Release {
    let release = Release::with(files.iter().copied());
    let (head, _) = RELEASE_TOML.split_once("[[tier]]").expect("its tier");
    let head = head.replace("format = 1", &format!("format = 1\ntiers = \"{pattern}\""));
    release.write("release.toml", &format!("{head}{blocks}"));
    release
}

fn manifest(release: &Release) -> Value {
    let dir = release.0.path();
    trust(dir);
    let packed = pgseal(dir, &["pack", "dir", "-o", "a.pgseal", "--key", "k.key"]);
    assert!(packed.status.success(), "{packed:?}");
    let shown = pgseal(dir, &["inspect", "a.pgseal", "--trust", "t.json", "--json"]);
    let document: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    document["manifest"].clone()
}

const MORE: [(&str, &str); 4] = [
    (
        "tiers/02_index.sql",
        "create index concurrently t_a on t (a);\n",
    ),
    ("tiers/10_u2.sql", "create table u2 (a bigint);\n"),
    ("rollback/02_index.sql", "drop index if exists t_a;\n"),
    ("rollback/10_u2.sql", "drop table if exists u2;\n"),
];

#[test]
fn tiers_run_in_the_order_of_their_names_and_go_back_in_reverse() {
    let block =
        "[[tier]]\nname = \"index\"\nfile = \"tiers/02_index.sql\"\ntransaction = \"none\"\n";
    let release = listed("tiers/*.sql", block, &MORE);
    assert_eq!(release.open(), [""; 0]);
    let manifest = manifest(&release);
    let tier = |name: &str, file: &str, transaction: &str| json!({ "name": name, "file": file, "gates": ["open"], "transaction": transaction });
    let tiers = manifest["tiers"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|tier| {
            let mut tier = tier.clone();
            tier.as_object_mut().expect("an object").remove("about");
            tier
        });
    assert_eq!(
        tiers.collect::<Vec<_>>(),
        [
            tier("01", "tiers/01.sql", "release"),
            tier("index", "tiers/02_index.sql", "none"),
            tier("10_u2", "tiers/10_u2.sql", "release"),
        ]
    );
    let back = [
        "rollback/10_u2.sql",
        "rollback/02_index.sql",
        "rollback/01.sql",
    ];
    assert_eq!(
        manifest["rollback"],
        json!(back.map(|file| json!({ "file": file })))
    );
}

#[test]
fn written_rollbacks_are_the_only_ones_and_other_files_are_unlisted() {
    let back = "[[rollback]]\nfile = \"rollback/01.sql\"\n";
    let files = [
        ("tiers/old/03.sql", "select 1;\n"),
        ("rollback/02.sql", "select 1;\n"),
        ("tiers/02.sql", "select 1;\n"),
        ("tiers/.03.sql", "select 1;\n"),
    ];
    let release = listed("tiers/*.sql", back, &files);
    assert_eq!(
        release.open(),
        [
            "unlisted-script rollback/02.sql",
            "unlisted-script tiers/.03.sql",
            "unlisted-script tiers/old/03.sql"
        ]
    );
}

#[test]
fn what_has_no_place_or_no_name_is_refused() {
    let sql = "create table t (a bigint);\n";
    let block = "[[tier]]\nname = \"x\"\nfile = \"rollback/01.sql\"\ntransaction = \"release\"\n";
    let back = "[[rollback]]\nfile = \"rollback/01.sql\"\n";
    for (pattern, blocks, file, says) in [
        (
            "tier/*.sql",
            back,
            "tiers/02.sql",
            "no file is named tier/*.sql",
        ),
        (
            "tiers/*.sql",
            block,
            "tiers/02.sql",
            "gives rollback/01.sql no place of its own",
        ),
        ("tiers/*.sql", back, "tiers/9_x.sql", ""),
        ("tiers/*.sql", back, "tiers/001_x.sql", ""),
        (
            "tiers/*.sql",
            back,
            "tiers/9_y.sql",
            "tiers/10.sql would run before tiers/9_y.sql",
        ),
        (
            "tiers/*.sql",
            back,
            "tiers/02_Users.sql",
            "gives its tier no name",
        ),
        ("tiers/*.sql", back, "tiers/02_users.up.sql", ""),
    ] {
        let mut files = vec![(file, sql)];
        files.extend((file == "tiers/9_y.sql").then_some(("tiers/10.sql", sql)));
        let release = listed(pattern, blocks, &files);
        let (found, exit) = release.problems();
        let refused = found.iter().any(|one| {
            text(&one["message"]).contains(says)
                && one["line"].is_u64()
                && one["severity"] == "error"
        });
        assert_eq!(
            (refused, exit),
            (!says.is_empty(), Some(if says.is_empty() { 0 } else { 2 })),
            "{file}: {found:?}"
        );
    }
}
