//! The first tiers of a release, shipped alone under their own gates and approvals.

use std::fs;
use std::path::{Path, PathBuf};

use super::database;
use pgseal_testkit::release::{Answer, Site, assert_same, dump};

const TOML: &str = r#"format = 1

[release]
name = "rollout"
version = "1.0.0"
sequence = 1
summary = "Adds a table and fills it."

[target]
database = "DATABASE"

[variables.code]
required = true
about = "who ratified it"

[[gate]]
name = "authorised"
file = "gate/authorised.sql"

[[gate]]
name = "ratified"
file = "gate/ratified.sql"

[states.baseline]
probe = "verify/baseline.sql"
expect = { structure = false, said = { min = 0 } }

[states.finalized]
probe = "verify/finalized.sql"
expect = { structure = true, filled = 3 }

[[tier]]
name = "structure"
file = "tiers/structure.sql"
gate = ["authorised"]
transaction = "release"

[[tier]]
name = "fill"
file = "tiers/fill.sql"
gate = ["ratified"]
transaction = "release"

[[rollback]]
file = "rollback/all.sql"

[[verify]]
name = "empty"
file = "verify/empty.sql"
state = "any"
mode = "read-only"

[[stage]]
name = "structure"
summary = "Adds the table and leaves it empty."
tiers = ["structure"]
finalized = { probe = "verify/structure.sql", expect = { structure = true, said = 1, rows = 0 } }
rollback = [{ file = "rollback/all.sql" }]
verify = ["empty"]
variables = []

[limits]
lock_timeout = "5s"
statement_timeout = "1min"
idle_timeout = "1min"
"#;

const FILES: [(&str, &str); 11] = [
    (
        "gate/authorised.sql",
        "select count(*) > 0 as ready, 'the owner wants the structure' as reason from public.said where what = 'structure';\n",
    ),
    (
        "gate/ratified.sql",
        "select count(*) > 0 as ready, 'ratification' as reason from public.said where what = 'ratified';\n",
    ),
    (
        "verify/baseline.sql",
        "select to_regclass('public.ownership') is not null as structure, (select count(*) from public.said) as said;\n",
    ),
    (
        "verify/structure.sql",
        "select to_regclass('public.ownership') is not null as structure, (select count(*) from public.said) as said,\n\
         (select count(*) from public.ownership) as rows;\n",
    ),
    (
        "verify/finalized.sql",
        "select to_regclass('public.ownership') is not null as structure, count(*) as filled from public.ownership;\n",
    ),
    (
        "verify/empty.sql",
        "select 'said' as name, count(*) >= 0 as ok from public.said;\n",
    ),
    (
        "tiers/structure.sql",
        "create table public.ownership (collection integer primary key);\n",
    ),
    ("tiers/code.sql", "select :'code';\n"),
    (
        "tiers/fill.sql",
        "insert into public.ownership select n from generate_series(1, 3) n;\n-- :'code'\n",
    ),
    (
        "rollback/all.sql",
        "drop table if exists public.ownership;\n",
    ),
    (
        "notes.txt",
        "Both releases carry every file of the directory.\n",
    ),
];

pub(super) fn write(site: &Site, database: &str, edit: impl Fn(&str) -> String) -> PathBuf {
    let dir = site.path("rollout");
    for (path, text) in FILES {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::write(
        dir.join("release.toml"),
        edit(&TOML.replace("DATABASE", database)),
    )
    .unwrap();
    dir
}

pub(super) fn pack(site: &Site, dir: &Path, stage: &[&str], name: &str) -> (PathBuf, Answer) {
    let bundle = site.path(name);
    let (dir, file) = (dir.to_str().unwrap(), bundle.to_str().unwrap());
    let args = ["pack", dir, "-o", file, "--key", "release.key"];
    let answer = site.pgseal(args.iter().chain(stage));
    (bundle, answer)
}

#[test]
fn a_stage_ships_alone_and_stands_in_the_way_of_the_whole() {
    let db = database("stages");
    db.client()
        .batch_execute("create table public.said (what text not null)")
        .unwrap();
    let site = Site::new();
    let dir = write(&site, db.name(), str::to_owned);
    let (whole, packed) = pack(&site, &dir, &[], "whole.pgseal");
    packed.done();
    let (stage, packed) = pack(&site, &dir, &["--stage", "structure"], "stage.pgseal");
    packed.done().says(&[
        "rollout-structure 1.0.0",
        "this is stage structure of rollout",
        "leaves structure = true",
    ]);
    let whole = site.operator(&whole, &db.url()).variable("code", "A-1");
    let stage = site.operator(&stage, &db.url());
    let before = dump(&db);

    // The stage has only its own gate.
    stage.run().fails_saying(20, &["authorised"]);
    db.client()
        .batch_execute("insert into public.said values ('structure')")
        .unwrap();
    let plan = stage.plan();
    plan.done().says(&[
        "will not start while the stage is in effect",
        "its baseline has false",
    ]);
    assert!(
        !plan.to_string().contains("leaves said"),
        "1 is at least 0: {plan}"
    );
    whole.run().fails_saying(20, &["ratified"]);
    stage
        .run()
        .done()
        .says(&["this is stage structure of rollout"]);
    assert_eq!(db.ask("select count(*) from public.ownership"), "0");
    stage.check().done();

    // Ratified or not: the whole release starts from its baseline, and no option overrides this.
    db.client()
        .batch_execute("insert into public.said values ('ratified')")
        .unwrap();
    let overlap = ["rollout-structure 1.0.0, which has tiers of this release, is in effect"];
    whole.run().fails_saying(22, &overlap);
    let plan = whole.plan();
    assert_eq!(plan.code, 22, "{plan}");
    plan.says(&overlap);
    stage.rollback().done();
    db.client()
        .batch_execute("delete from public.said")
        .unwrap();
    assert_same(&before, &dump(&db));
    db.client()
        .batch_execute("insert into public.said values ('ratified'), ('structure')")
        .unwrap();
    whole.run().done();
    assert_eq!(db.ask("select count(*) from public.ownership"), "3");
    stage.run().fails_saying(
        22,
        &["rollout 1.0.0, which has tiers of this release, is in effect"],
    );
    whole.rollback().done();
}

#[test]
fn approvals_of_a_stage_are_not_those_of_the_whole() {
    let db = database("stage_approvals");
    let site = Site::new();
    let dir = write(&site, db.name(), str::to_owned);
    let (whole, _) = pack(&site, &dir, &[], "whole.pgseal");
    let (stage, _) = pack(&site, &dir, &["--stage", "structure"], "stage.pgseal");
    let id = |bundle: &Path| {
        let answer = site.pgseal([
            "verify",
            bundle.to_str().unwrap(),
            "--trust",
            "trust.json",
            "--json",
        ]);
        answer.done().json()["release_id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_ne!(id(&whole), id(&stage));
}

#[test]
fn what_is_no_stage_does_not_pack() {
    let site = Site::new();
    let refused = |from: &str, to: &str, words: &[&str]| {
        let edit = |text: &str| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        };
        let dir = write(&site, "anything", edit);
        pack(&site, &dir, &["--stage", "structure"], "no.pgseal")
            .1
            .fails_saying(2, words);
    };
    let tiers = "tiers = [\"structure\"]";
    refused(
        tiers,
        "tiers = [\"fill\"]",
        &["release.toml:", "the first tiers of the release"],
    );
    refused(
        tiers,
        "tiers = [\"structure\", \"fill\"]",
        &["the first tiers of the release"],
    );
    refused(tiers, "tiers = []", &["the first tiers of the release"]);
    refused(
        "verify = [\"empty\"]",
        "verify = [\"full\"]",
        &["no [[verify]] named"],
    );
    refused(
        "variables = []",
        "variables = [\"nothing\"]",
        &["no variable named"],
    );
    refused("[{ file = \"rollback/all.sql\" }]", "[]", &["no rollback"]);
    refused(
        "name = \"structure\"\nsummary",
        "name = \"other\"\nsummary",
        &["no stage \"structure\"; it has other"],
    );
    // The tier's script uses the variable, and the stage declares none.
    let gate = "name = \"structure\"\nfile = \"tiers/structure.sql\"";
    refused(
        gate,
        "name = \"structure\"\nfile = \"tiers/code.sql\"",
        &[
            "tiers/code.sql:1:",
            "\"code\" is not set",
            "variables = [...]",
        ],
    );
    refused(
        "said = 1, rows = 0 }",
        "}, gate = []",
        &["release.toml:", "unknown field"],
    );
}
