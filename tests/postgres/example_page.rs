//! The example of docs/non-transactional.md, verbatim: it packs, runs, and rolls back.

use std::fs;

use pgseal_testkit::cluster::Cluster;
use pgseal_testkit::release::{Site, assert_same, dump};

const PAGE: &str = include_str!("../../docs/non-transactional.md");

#[test]
fn the_example_packs_and_runs() {
    let (_, example) = PAGE.split_once("\n## An example\n").unwrap();
    let example = example.split("\n## ").next().unwrap();
    let site = Site::new();
    let mut files = 0;
    for block in example.split("```").skip(1).step_by(2) {
        let (_, text) = block.split_once('\n').unwrap();
        let path = text
            .lines()
            .next()
            .unwrap()
            .trim_start_matches(['#', '-', ' ']);
        let path = site.path("customers").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        files += 1;
    }
    assert_eq!(files, 7);
    // Its database is called shop.
    let cluster = Cluster::own();
    let db = cluster.database_named("shop");
    db.client()
        .batch_execute(
            "create schema app; create table app.orders (id bigint primary key); insert into app.orders values (1)",
        )
        .unwrap();
    let before = dump(&db);
    let bundle = site.path("customers.pgseal");
    site.pack_dir(&site.path("customers"), &bundle).done();
    site.pgseal(["lint", "customers"])
        .done()
        .says(&["undone at rollback/01.sql"]);
    let operator = site.operator(&bundle, &db.url());
    operator
        .run()
        .fails_saying(20, &["the database has no comment"]);
    db.client()
        .batch_execute("comment on database shop is 'customers approved'")
        .unwrap();
    operator.run().done();
    operator.check().done();
    operator.rollback().done();
    db.client()
        .batch_execute("comment on database shop is null; drop schema pgseal cascade")
        .unwrap();
    assert_same(&before, &dump(&db));
}
