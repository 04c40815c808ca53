//! A release with three non-transactional tiers: `plan` and `inspect` list the points where it can stop.

use serde_json::json;

use super::small;

const STEPS: [&str; 3] = ["index", "types", "server"];

#[test]
fn a_plan_shows_where_a_run_can_stop() {
    let (db, release, site) = small("points");
    let release = release
        .tier("index", "create index concurrently widgets_name on public.widgets (name);\nvacuum public.widgets;\n")
        .tier("types", "alter type public.size add value if not exists 'huge';\n")
        .tier("more", "insert into public.widgets values (3, 'three');\n")
        .tier("server", "alter system set wal_compression = on;\ncall public.tidy();\n");
    let release = release.rollback("index", "drop index if exists public.widgets_name;\n");
    let dir = site.path("mixed");
    std::fs::create_dir(&dir).unwrap();
    release.write(&dir);
    let path = dir.join("release.toml");
    let mut toml = std::fs::read_to_string(&path).unwrap();
    for name in STEPS {
        let file = format!("file = \"tiers/{name}.sql\"\ntransaction = ");
        assert!(toml.contains(&file), "{toml}");
        let more = if name == "server" {
            "\ndispatch = [\"ALTER SYSTEM\"]"
        } else {
            ""
        };
        toml = toml.replace(
            &format!("{file}\"release\""),
            &format!("{file}\"none\"{more}"),
        );
    }
    std::fs::write(&path, toml).unwrap();
    let bundle = site.path("mixed.pgseal");
    site.pack_dir(&dir, &bundle).done();
    let operator = site.operator(&bundle, &db.url());
    let plan = operator.plan();
    let from = plan
        .stdout
        .find("phase 1/5")
        .unwrap_or_else(|| panic!("{plan}"));
    let until = plan.stdout[from..]
        .find("\n         ")
        .map_or(plan.stdout.len(), |at| from + at + 1);
    let expected = "phase 1/5: one transaction: widgets
phase 2/5: statement by statement, each committed alone: index
phase 3/5: statement by statement, each committed alone: types
phase 4/5: one transaction: more
phase 5/5: statement by statement, each committed alone: server
    then one transaction that checks the finalized state
commits alone                      statement                                                     after a crash                          a rollback from there on
index 1        tiers/index.sql:1   create index concurrently widgets_name on public.widgets (na...  the index is valid, INVALID or absent  undone at rollback/index.sql:1
index 2        tiers/index.sql:2   vacuum public.widgets                                         it runs again, which does no harm      nothing to undo
";
    let lines = |text: &str| -> Vec<String> {
        text.lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    };
    let (shown, wanted) = (lines(&plan.stdout[from..until]), lines(expected));
    assert_eq!(shown[..wanted.len()], wanted, "{plan}");
    plan.says(&[
        "its record commits with it",
        "NOT UNDONE: the value of public.size stays",
        "no evidence in the catalog: the operator decides",
        "NOT SEEN to be undone",
    ]);
    let document = operator.json("plan");
    let phases = document["phases"].as_array().unwrap();
    assert_eq!(
        phases[3],
        json!({ "transaction": "release", "tiers": ["more"] })
    );
    assert_eq!(document["points"].as_array().unwrap().len(), 5);
    let inspected = site.pgseal([
        "inspect".as_ref(),
        bundle.as_os_str(),
        "--trust".as_ref(),
        "trust.json".as_ref(),
    ]);
    assert_eq!(
        inspected
            .stdout
            .matches("without a transaction: statement by statement")
            .count(),
        3,
        "{inspected}"
    );
}
