//! The command `fingerprint`.

use super::every_kind;
use pgseal_testkit::cluster::Cluster;
use pgseal_testkit::release::Site;

#[test]
fn two_fingerprints_are_taken_and_compared() {
    let db = Cluster::shared().database("fp_command");
    let run = |sql: &str| db.client().batch_execute(sql).unwrap();
    run(
        "create table widgets (n int, name text default 'x'); create index widgets_name on widgets (name)",
    );
    let site = Site::new();
    let url = db.url();
    let take = |file: &str, more: &[&str]| {
        site.pgseal([&["fingerprint", "--db", &url, "-o", file], more].concat())
    };
    let taken = take("a.json", &[]);
    taken
        .done()
        .says(&["objects, 0 rows of 1 table\n", "written to a.json"]);
    // An existing file is never replaced.
    take("a.json", &[]).fails_saying(2, &["a.json exists already"]);
    take("b.json", &[]).done();
    site.pgseal(["fingerprint", "diff", "a.json", "b.json"])
        .done()
        .says(&["alike"]);
    run(
        "drop index widgets_name; alter table widgets alter name set default E'a\\nb'; insert into widgets values (1, 'a')",
    );
    take("c.json", &[]).done();
    let differ = site.pgseal(["fingerprint", "diff", "a.json", "c.json"]);
    assert_eq!(differ.code, 50, "{differ}");
    differ.says(&[
        "index public.widgets_name is missing\n",
        "column public.widgets.name differs: default\n    - default: 'x'::text\n    + default: 'a",
        "rows of public.widgets differ: rows, digest\n    - rows: 0\n",
        "3 differences",
    ]);
    let json = site.pgseal(["fingerprint", "diff", "a.json", "c.json", "--json"]);
    assert_eq!((json.code, &json.json()["alike"]), (50, &false.into()));
    assert_eq!(json.json()["differences"][1]["change"], "missing");
    // Parts of a new table are summarised in its line; the document lists all.
    run(
        "create table more (a serial primary key, b text); create index more_b on more (b); comment on table more is 'x'",
    );
    take("more.json", &[]).done();
    let folded = site.pgseal(["fingerprint", "diff", "c.json", "more.json"]);
    folded.says(&[
        "table public.more is new (2 columns, 1 comment, 1 constraint, 2 indexes, 1 sequence, its rows, its value)\n",
        "10 differences, told in 1 line\n",
    ]);
    let json = site.pgseal(["fingerprint", "diff", "c.json", "more.json", "--json"]);
    assert_eq!(
        json.json()["differences"].as_array().map(Vec::len),
        Some(10)
    );
    // Fingerprints without rows can't be compared with ones that have rows.
    take("d.json", &["--schema-only"]).done().says(&["no rows"]);
    site.pgseal(["fingerprint", "diff", "a.json", "d.json"])
        .fails_saying(2, &["don't cover the same tables"]);
    take("e.json", &["--tables", "public.widgets,public.gone"])
        .fails_saying(2, &["there is no table public.gone"]);
    take("e.json", &["--tables", "public.widgets", "--schema-only"]).fails(2);
}

#[test]
fn a_changed_file_is_no_fingerprint() {
    let db = Cluster::shared().database("fp_file");
    db.client()
        .batch_execute("create table widgets (n int)")
        .unwrap();
    let site = Site::new();
    site.pgseal(["fingerprint", "--db", &db.url(), "-o", "a.json"])
        .done();
    let text = std::fs::read_to_string(site.path("a.json")).unwrap();
    for (changed, why) in [
        (
            text.replace("type: integer", "type: bigint"),
            "its digest is",
        ),
        (format!("{text}\n"), "not canonical"),
        (text.replace("\"format\":1", "\"format\":2"), "format"),
        (text[..text.len() / 2].to_owned(), "EOF"),
    ] {
        assert_ne!(changed, text, "{why}");
        std::fs::write(site.path("b.json"), changed).unwrap();
        site.pgseal(["fingerprint", "diff", "a.json", "b.json"])
            .fails_saying(10, &["b.json is not a fingerprint", why]);
    }
}

#[test]
fn secrets_are_not_shown() {
    let db = every_kind();
    let site = Site::new();
    site.pgseal(["fingerprint", "--db", &db.url(), "-o", "a.json"])
        .done();
    let text = std::fs::read_to_string(site.path("a.json")).unwrap();
    assert!(text.contains("password=(hidden: ") && text.contains("api_key=(hidden: "));
    assert!(!text.contains("hunter2"));
}
