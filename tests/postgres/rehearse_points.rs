//! Rehearsals stop behind every commit point of tiers without a transaction, and roll back from there.

use serde_json::{Value, json};

use super::rehearse::{Shop, last_receipt, receipts};
use pgseal_testkit::release::Release;

/// Three statements that commit alone, between transactions.
fn release(shop: &Shop) -> Release {
    shop.release()
        .alone(
            "index",
            "create index concurrently widgets_name on public.widgets (name);
             insert into public.approvals values ('first');\n",
        )
        .tier("more", "insert into public.widgets values (3, 'three');\n")
        .alone("late", "insert into public.approvals values ('second');\n")
}

const BACK: &str = "delete from public.approvals where who in ('first', 'second');\n";

fn points(receipt: &Value) -> Vec<(String, Option<String>, String)> {
    let points = receipt["points"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    points
        .map(|point| {
            (
                text(&point["tier"]).unwrap(),
                text(&point["at"]),
                text(&point["rollback"]).unwrap(),
            )
        })
        .collect()
}

fn point(tier: &str, at: Option<&str>, rollback: &str) -> (String, Option<String>, String) {
    (tier.to_owned(), at.map(str::to_owned), rollback.to_owned())
}

#[test]
fn every_commit_point_is_rolled_back_from() {
    let shop = Shop::new("points");
    let release = release(&shop).rollback("approvals", BACK);
    let rehearsal = shop.rehearsal(&release).signed();
    rehearsal
        .run()
        .done()
        .says(&["rolled back from 5 of 5 commit points", "proved"]);
    let receipt = last_receipt(&shop.site);
    let restored = "restored";
    assert_eq!(
        points(&receipt),
        [
            point("widgets", None, restored),
            point("index", Some("tiers/index.sql:1:1"), restored),
            point("index", Some("tiers/index.sql:2:14"), restored),
            point("more", None, restored),
            point("late", Some("tiers/late.sql:1:1"), restored),
        ]
    );
    assert_eq!(receipt["more_points"], Value::Null);
    let path = receipts(&shop.site).pop().unwrap();
    let shown = shop.site.pgseal([
        "receipt",
        "show",
        path.to_str().unwrap(),
        "--trust",
        "trust.json",
    ]);
    shown
        .done()
        .says(&["tiers/index.sql:2:14", "restored", "authentic"]);
    // Others write to the source meanwhile: the clone does not notice.
    let db = shop.db.name().to_owned();
    let url = shop.db.connection();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let writer = std::thread::spawn(move || {
        let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
        let mut number = 0;
        while ended.try_recv().is_err() {
            number += 1;
            let who = format!("insert into public.approvals values ('writer {number}')");
            client.batch_execute(&who).unwrap();
        }
        number
    });
    let document = rehearsal.json();
    end.send(()).unwrap();
    assert!(writer.join().unwrap() > 10, "{db}");
    assert_eq!(document["rehearsal"]["outcome"], "proved");
    assert_eq!(document["rehearsal"]["source"]["method"], "dump-restore");
}

/// The rollback is right after a whole run, and wrong behind the second statement.
#[test]
fn a_rollback_that_fails_half_way_is_named() {
    let shop = Shop::new("points_fail");
    let once = "do $$ begin
        if (select count(*) from public.approvals where who in ('first', 'second')) = 1 then
            raise exception 'it is half way';
        end if; end $$;\n";
    let release = release(&shop)
        .rollback("approvals", BACK)
        .rollback("once", once);
    shop.rehearsal(&release).run().fails_saying(
        50,
        &[
            "rehearsal, stop behind tiers/index.sql:2:14, roll back",
            "it is half way",
        ],
    );
    let receipt = last_receipt(&shop.site);
    assert_eq!(receipt["outcome"], "failed");
    let results: Vec<_> = points(&receipt).into_iter().map(|point| point.2).collect();
    assert_eq!(
        results,
        ["restored", "restored", "failed", "untried", "untried"]
    );
}

/// The rollback commits behind the second statement, and leaves its row.
#[test]
fn a_rollback_that_forgets_half_way_is_named() {
    let shop = Shop::new("points_left");
    let forgets = "delete from public.approvals where who in ('first', 'second')
        and exists (select from public.approvals where who = 'second');\n";
    let release = release(&shop).rollback("approvals", forgets);
    shop.rehearsal(&release).run().fails_saying(
        50,
        &[
            "rehearsal, stop behind tiers/index.sql:2:14, roll back",
            "did not restore the database",
            "public.approvals",
        ],
    );
    let receipt = last_receipt(&shop.site);
    assert_eq!(receipt["points"][2]["rollback"], json!("failed"));
    assert_eq!(receipt["outcome"], "failed");
}

/// One transaction has no point to stop behind.
#[test]
fn a_release_of_one_transaction_has_none() {
    let shop = Shop::new("points_none");
    shop.rehearsal(&shop.release()).run().done();
    assert_eq!(last_receipt(&shop.site)["points"], Value::Null);
}
