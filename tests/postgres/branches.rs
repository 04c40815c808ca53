//! Facts that only a run knows must not permit anything that packing rejects: branches that packing did not see, values
//! that become SQL, answers that are never read.

use super::small;

const OUT: &str = "notify ch, 'x';\n";

/// The run takes a branch on a column that the statement does not name.
#[test]
fn a_branch_that_packing_did_not_see() {
    for head in [
        "select trim(' x ') \\gset\n\\if :{?btrim}\n",
        "select int '1' \\gset\n\\if :{?int4}\n",
    ] {
        let (_, release, site) = small("unseen");
        let tier = format!("{head}{OUT}\\endif\n");
        let packed = site.try_pack(&release.tier("unseen", &tier), &site.path("bundle"));
        assert_eq!(packed.code, 2, "{}", packed.stderr);
        assert!(
            packed.stderr.contains("NOTIFY could reach outside"),
            "{}",
            packed.stderr
        );
    }
}

/// The value of a default that a table overrides is unknown when packing.
#[test]
fn a_known_value_that_data_overrides() {
    let (_, release, site) = small("override");
    let tier = format!(
        "\\set go off\nselect * from public.conf \\gset\n\\if :go\n{OUT}\\endif\nselect 1;\n"
    );
    let packed = site.try_pack(&release.tier("override", &tier), &site.path("bundle"));
    assert!(
        packed.code == 2 && packed.stderr.contains("NOTIFY"),
        "{}",
        packed.stderr
    );
}

/// `check` may run without a variable that a run requires.
#[test]
fn a_variable_that_a_command_may_lack() {
    let (_, release, site) = small("lack");
    let verify = format!("\\if :{{?ticket}}\nselect true as ok;\n\\else\n{OUT}\\endif\n");
    let release = release
        .variable("ticket")
        .verify("v", "any", "rolled-back", &verify);
    let packed = site.try_pack(&release, &site.path("bundle"));
    assert!(
        packed.code == 2 && packed.stderr.contains("NOTIFY"),
        "{}",
        packed.stderr
    );
}

/// A value that becomes the name of a function is validated as soon as it is known.
#[test]
fn a_value_that_becomes_a_call() {
    let (db, release, site) = small("value");
    let tier = "select 'pg_notify' as f \\gset\nselect :f('ch', 'x');\n";
    let operator = site.operator(&site.pack(&release.tier("value", tier)), &db.url());
    operator.run().fails_saying(
        30,
        &[
            "tiers/value.sql:2:1",
            "pg_notify could reach outside of the database",
        ],
    );
}

/// A value from outside can't start a statement.
#[test]
fn a_value_that_begins_a_statement() {
    for tier in [
        "select 'commit' as f \\gset\n:f;\n",
        "select 1 \\; :ticket;\n",
    ] {
        let (_, release, site) = small("begins");
        let packed = site.try_pack(
            &release.variable("ticket").tier("begins", tier),
            &site.path("bundle"),
        );
        assert!(
            packed.code == 2 && packed.stderr.contains("the beginning of a statement"),
            "{}",
            packed.stderr
        );
    }
}

/// Gates and probes accept values of the operator only quoted, and no branches on them.
#[test]
fn questions_have_no_way_of_the_operators() {
    for gate in [
        "\\set y :ticket\nselect :y as ready, 'r' as reason;\n",
        "\\if :{?USER}\nselect false as ready, 'r' as reason;\n\\else\nselect true as ready, 'r' as reason;\n\\endif\n",
        "\\if :ticket\nselect true as ready, 'r' as reason;\n\\else\nselect false as ready, 'r' as reason;\n\\endif\n",
    ] {
        let (db, release, site) = small("asks");
        let release = release.variable("ticket").gate("asks", gate);
        let bundle = site.path("bundle");
        let packed = site.try_pack(&release, &bundle);
        // psql sets USER too, so that gate packs, and answers no.
        if gate.contains("USER") {
            assert_eq!(packed.code, 0, "{}", packed.stderr);
            let operator = site
                .operator(&bundle, &db.url())
                .variable("ticket", "OPS-1");
            assert_eq!(operator.gate().code, 20, "{gate}");
        } else {
            assert_eq!(packed.code, 2, "{gate}: {}", packed.stderr);
        }
    }
}

/// A gate script that waits for its own answer does not hang.
#[test]
fn a_question_never_waits() {
    let (db, release, site) = small("waits");
    let release = release.gate(
        "waits",
        "select true as ready, 'r' as reason;\n\\echo :ROW_COUNT\n",
    );
    let operator = site.operator(&site.pack(&release), &db.url());
    operator.gate().done();
}

/// A check whose answer is discarded is no check.
#[test]
fn checks_that_nobody_reads() {
    for verify in [
        "select false as ok, 'x' as name \\gset\n",
        "select false as ok, 'x' as name \\gdesc\n",
        "select false as ok, 'x' as name \\parse s\n",
        "call public.check_all(null);\n",
        "copy (select false as ok) to stdout;\n",
    ] {
        let (_, release, site) = small("unread");
        let packed = site.try_pack(
            &release.verify("v", "any", "rolled-back", verify),
            &site.path("bundle"),
        );
        assert_eq!(packed.code, 2, "{verify}: {}", packed.stderr);
    }
}

/// Settings of a role or database for strings and comparisons affect neither scripts nor gates.
#[test]
fn settings_of_the_database() {
    let (db, release, site) = small("settings");
    let name = db.name();
    db.client()
        .batch_execute(&format!(
            "alter database {name} set transform_null_equals = on;
             alter database {name} set standard_conforming_strings = off;
             alter database {name} set datestyle = 'German'"
        ))
        .unwrap();
    let tier =
        "insert into public.widgets values (3, 'C:\\new'), (4, (date '2026-01-02')::text);\n";
    let gate = "select coalesce((nullif('no', 'no') = null), false) as ready, 'r' as reason;\n";
    let bundle = site.pack(&release.clone().tier("settings", tier));
    site.operator(&bundle, &db.url()).run().done();
    assert_eq!(
        db.ask("select name from public.widgets where id = 3"),
        "C:\\new"
    );
    assert_eq!(
        db.ask("select name from public.widgets where id = 4"),
        "2026-01-02"
    );
    let gated = site.pack(&release.named("small", "2.0.0", 2).gate("nulls", gate));
    assert_eq!(site.operator(&gated, &db.url()).gate().code, 20);
}
