//! Runs that require a rehearsal: which receipt counts, and its maximum age.

use pgseal::record::rehearsal::claimed;
use pgseal::trust::SecretKey;
use pgseal_verify::format::json::to_canonical;
use pgseal_verify::format::statement::PAYLOAD_TYPE;
use pgseal_verify::format::timestamp::Timestamp;

use super::rehearse::{Rehearsal, Shop, receipts};
use pgseal_testkit::cluster::Cluster;
use pgseal_testkit::release::BEFORE;

#[test]
fn a_run_that_needs_a_rehearsal() {
    let shop = Shop::new("needs");
    let dir = shop.site.path("source");
    shop.release().write(&dir);
    let bundle = shop.site.path("needs.pgseal");
    let pack = [
        "pack",
        "source",
        "-o",
        "needs.pgseal",
        "--key",
        "release.key",
        "--require-rehearsal",
    ];
    shop.site.pgseal(pack).done();
    let operator = shop.site.operator(&bundle, &shop.db.url());
    operator.run().fails_saying(
        11,
        &[
            "rehearsed before it runs",
            "holds no receipt",
            "pgseal rehearse",
        ],
    );

    // Unsigned, of another release, failed, of another database: none of them counts.
    let rehearsal = || Rehearsal::of(&shop.site, &bundle, Cluster::shared()).from(shop.db.name());
    rehearsal().run().done();
    operator.run().fails_saying(11, &["not signed"]);
    let other = shop.site.pack(&shop.release().named("other", "2.0.0", 1));
    Rehearsal::of(&shop.site, &other, Cluster::shared())
        .from(shop.db.name())
        .signed()
        .run()
        .done();
    let of_other = receipts(&shop.site)
        .into_iter()
        .find(|path| path.to_string_lossy().contains("other"))
        .unwrap();
    let named = operator.ask_with("run", &["--rehearsal", of_other.to_str().unwrap()]);
    named.fails_saying(11, &["another release"]);
    let elsewhere = Cluster::shared().database("needs_elsewhere");
    elsewhere.client().batch_execute(BEFORE).unwrap();
    Rehearsal::of(&shop.site, &bundle, Cluster::shared())
        .from(elsewhere.name())
        .signed()
        .run()
        .done();
    operator
        .run()
        .fails_saying(11, &["rehearsed before it runs"]);

    rehearsal().signed().run().done();
    // A later failed one counts, even next to a proved one, and whichever is named.
    let proved = receipts(&shop.site).pop().unwrap();
    shop.db
        .client()
        .batch_execute("create domain public.widgets as integer")
        .unwrap();
    rehearsal().signed().run().fails(30);
    operator.run().fails_saying(
        11,
        &[
            "the newest receipt that speaks for it",
            "that rehearsal failed",
        ],
    );
    let named = operator.ask_with("run", &["--rehearsal", proved.to_str().unwrap()]);
    named.fails_saying(11, &["the newest receipt that speaks for it"]);
    assert_eq!(operator.plan().code, 11);
    shop.db
        .client()
        .batch_execute("drop domain public.widgets")
        .unwrap();
    // Of two that ended in the same second the worse one counts.
    pgseal_testkit::next_second();
    rehearsal().signed().run().done();
    // A rehearsal that compared less doesn't contradict the earlier proof.
    rehearsal().with(["--schema-only"]).signed().run().done();
    // A rehearsal approves nothing: gates and approvals still decide.
    operator.run().done();
    operator.rollback().done();

    // A trust root may require a rehearsal of every release.
    let plain = shop.site.pack(&shop.release().named("plain", "1.0.0", 1));
    let policy = [
        "trust",
        "set-policy",
        "trust.json",
        "--rehearsal",
        "required",
        "--root-key",
        "root.key",
    ];
    shop.site.pgseal(policy).done();
    let operator = shop.site.operator(&plain, &shop.db.url());
    operator.run().fails_saying(11, &["the trust root wants"]);
    let rehearsal = Rehearsal::of(&shop.site, &plain, Cluster::shared())
        .from(shop.db.name())
        .signed();
    rehearsal.with(["--schema-only"]).run().done();
    operator
        .run()
        .fails_saying(11, &["did not compare all rows"]);
    let plan = operator.plan();
    assert_eq!(plan.code, 11, "{plan}");
    plan.says(&["the trust root wants"]);
}

/// With other values a script may act differently; and an untrusted receipt may be the one of a failure.
#[test]
fn other_values_and_receipts_that_nobody_can_read() {
    let shop = Shop::new("values");
    let dir = shop.site.path("source");
    shop.release().variable("mode").write(&dir);
    let bundle = shop.site.path("values.pgseal");
    let pack = [
        "pack",
        "source",
        "-o",
        "values.pgseal",
        "--key",
        "release.key",
        "--require-rehearsal",
    ];
    shop.site.pgseal(pack).done();
    let rehearsal = Rehearsal::of(&shop.site, &bundle, Cluster::shared())
        .from(shop.db.name())
        .signed();
    rehearsal.with(["-v", "mode=on"]).run().done();
    let operator = |value: &str| {
        shop.site
            .operator(&bundle, &shop.db.url())
            .variable("mode", value)
    };
    operator("off")
        .run()
        .fails_saying(11, &["it was rehearsed with other values (mode=on)"]);
    let off = operator("off");
    let receipts_here = ["--receipts", off.receipts().to_str().unwrap()];
    let plan = off.ask_with("plan", &receipts_here);
    assert_eq!(plan.code, 11, "{plan}");
    plan.says(&["rehearsed with other values of the variables, so it proves nothing for these"]);
    let report = off.ask_with("report", &receipts_here);
    report.says(&[
        "no rehearsal of it counts",
        "It was rehearsed with other values: mode=on",
    ]);

    let proved = receipts(&shop.site).pop().unwrap();
    let mut bytes = std::fs::read(&proved).unwrap();
    bytes.push(b'\n');
    let bent = shop.site.path("receipts/bent.rehearsal.json");
    std::fs::write(&bent, bytes).unwrap();
    let refused = operator("on").run();
    assert!([10, 11].contains(&refused.code), "{refused}");
    refused.says(&["bent.rehearsal.json", "find out what became of this one"]);
    std::fs::remove_file(bent).unwrap();
    let unsigned = shop.site.path("receipts/unsigned.rehearsal.json");
    std::fs::copy(&proved, &unsigned).unwrap();
    operator("on").run().fails_saying(
        11,
        &[
            "unsigned.rehearsal.json",
            "find out what became of this one",
        ],
    );
    std::fs::remove_file(unsigned).unwrap();
    operator("on").run().done();
}

/// The number of a ticket only ends up in a row: its rehearsal proves the same for every number.
#[test]
fn a_variable_that_is_free_of_the_rehearsal() {
    let shop = Shop::new("anyvalue");
    let dir = shop.site.path("source");
    let release = shop.release().variable("mode");
    let release = release.variable_with("ticket", "rehearsal = \"any\"\n");
    release.write(&dir);
    let bundle = shop.site.path("values.pgseal");
    let pack = ["pack", "source", "-o", "values.pgseal"];
    let more = ["--key", "release.key", "--require-rehearsal"];
    shop.site.pgseal(pack.iter().chain(&more)).done();
    let rehearsal = Rehearsal::of(&shop.site, &bundle, Cluster::shared())
        .from(shop.db.name())
        .signed();
    rehearsal
        .with(["-v", "mode=on", "-v", "ticket=T-1"])
        .run()
        .done();
    let operator = |mode: &str, ticket: &str| {
        let operator = shop.site.operator(&bundle, &shop.db.url());
        operator.variable("mode", mode).variable("ticket", ticket)
    };
    let other = operator("off", "T-1");
    other.run().fails_saying(
        11,
        &["it was rehearsed with other values (mode=on, ticket=T-1)"],
    );
    let operator = operator("on", "T-2");
    let receipts = ["--receipts", operator.receipts().to_str().unwrap()];
    let plan = operator.ask_with("plan", &receipts);
    plan.done();
    assert!(!plan.stdout.contains("other values"), "{plan}");
    operator
        .ask_with("report", &receipts)
        .done()
        .says(&["READY"]);
    operator.run().done();
}

/// A rehearsal three days old; the release allows five days, and the trust root sets its own limit.
#[test]
fn a_rehearsal_that_is_too_old() {
    let shop = Shop::new("aged");
    let dir = shop.site.path("source");
    shop.release().write(&dir);
    let toml = std::fs::read_to_string(dir.join("release.toml")).unwrap();
    let with =
        |lines: &str| std::fs::write(dir.join("release.toml"), format!("{lines}\n{toml}")).unwrap();
    let bundle = shop.site.path("aged.pgseal");
    with("rehearsal_max_age_days = 5");
    shop.site
        .pack_dir(&dir, &bundle)
        .fails_saying(2, &["release.toml:1:", "limits nothing"]);
    for days in ["0", "-1", "4294967296"] {
        with(&format!(
            "require_rehearsal = true\nrehearsal_max_age_days = {days}"
        ));
        let says = ["release.toml:2:26:", "a whole number from 1 to 4294967295"];
        shop.site.pack_dir(&dir, &bundle).fails_saying(2, &says);
    }
    with("require_rehearsal = true\nrehearsal_max_age_days = 5");
    shop.site.pack_dir(&dir, &bundle).done();
    let inspected = shop
        .site
        .pgseal(["inspect", "aged.pgseal", "--trust", "trust.json"]);
    inspected
        .done()
        .says(&["needs the receipt of a rehearsal, at most 5 days old"]);
    Rehearsal::of(&shop.site, &bundle, Cluster::shared())
        .from(shop.db.name())
        .signed()
        .run()
        .done();
    ago(&shop, 3 * DAY);
    let operator = shop.site.operator(&bundle, &shop.db.url());
    operator.run().done();
    operator.rollback().done();

    let policy = |arguments: &[&str]| {
        let policy = [
            "trust",
            "set-policy",
            "trust.json",
            "--root-key",
            "root.key",
        ];
        shop.site.pgseal(policy.iter().chain(arguments))
    };
    policy(&["--rehearsal-max-age", "2"]).fails_saying(2, &["no run needs a rehearsal"]);
    let changed = policy(&["--rehearsal", "required", "--rehearsal-max-age", "2"]);
    changed
        .done()
        .says(&["a rehearsal that a run needs may be 2 days old"]);
    operator
        .run()
        .fails_saying(11, &["that rehearsal ended on", "may be 2 days old"]);
    assert_eq!(operator.plan().code, 11);
    policy(&["--rehearsal-max-age", "3"]).done();
    ago(&shop, 60);
    operator.run().fails_saying(11, &["may be 3 days old"]);
    policy(&["--rehearsal-max-age", "0"]).done();
    operator.run().done();
    operator.rollback().done();
    ago(&shop, -4 * DAY);
    operator
        .run()
        .fails_saying(11, &["in the future by this host's clock"]);
}

/// The hint doesn't propose a rollback on the source, where the release is already applied.
#[test]
fn of_a_release_that_is_in_effect() {
    let shop = Shop::new("ineffect");
    let bundle = shop.site.pack(&shop.release());
    shop.site.operator(&bundle, &shop.db.url()).run().done();
    let answer = shop.rehearsal(&shop.release()).run();
    answer.fails_saying(
        22,
        &[
            "is already applied",
            "the source has the release in effect",
            "--from-dump",
        ],
    );
    assert!(!answer.to_string().contains("rollback"), "{answer}");
}

const DAY: i64 = 24 * 60 * 60;

/// Moves the end of the only rehearsal back by so many seconds, and signs the receipt again.
fn ago(shop: &Shop, seconds: i64) {
    let path = receipts(&shop.site).pop().unwrap();
    let mut statement = claimed(&path).unwrap();
    let earlier = |at: Timestamp| Timestamp::from_seconds(at.seconds() - seconds).unwrap();
    let rehearsal = &mut statement.predicate;
    (rehearsal.started, rehearsal.finished) =
        (earlier(rehearsal.started), earlier(rehearsal.finished));
    let document = to_canonical(&statement).unwrap();
    let key = SecretKey::read(&shop.site.path("receipt.key"), || {
        unreachable!("no passphrase")
    })
    .unwrap();
    std::fs::write(
        path.with_extension("sig"),
        key.sign(PAYLOAD_TYPE, &document),
    )
    .unwrap();
    std::fs::write(path, document).unwrap();
}
