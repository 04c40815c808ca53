use super::*;

fn tier(text: &str) -> Pieces {
    read(
        &Script::whole("a.sql", text.to_owned()),
        &BTreeMap::new(),
        Purpose::Tier,
        false,
    )
}

fn texts(read: &Pieces) -> Vec<(&str, bool)> {
    let pieces = read.pieces.iter();
    pieces
        .map(|piece| (piece.sql.trim(), piece.alone))
        .collect()
}

#[test]
fn only_a_pair_around_the_whole_script_goes() {
    for (sql, left) in [
        (
            "-- x\nBEGIN;\ncreate table t (a int);\nCOMMIT;\n",
            "-- x\n\ncreate table t (a int);",
        ),
        ("begin work; select ';commit;'; end;", "select ';commit;';"),
        ("start transaction;\nselect 1;\ncommit", "select 1;"),
    ] {
        let read = tier(sql);
        assert_eq!(texts(&read), [(left, false)], "{sql}");
        assert!(read.refused.is_empty() && read.open.is_empty(), "{sql}");
    }
    for sql in [
        "begin; select 1; commit; begin; select 2; commit;",
        "set work_mem = '1MB'; begin; select 1; commit;",
        "begin; select 1; commit; select 2;",
        "begin isolation level serializable; select 1; commit;",
        "begin; select 1; rollback;",
        "begin; select 1; savepoint a; commit;",
    ] {
        let read = tier(sql);
        assert_eq!(texts(&read), [(sql, false)]);
        assert!(!read.refused.is_empty(), "{sql}");
    }
    // A body of PL/pgSQL is a string.
    let body = "create function f() returns void language plpgsql as $$ begin perform 1; end; $$;";
    assert_eq!(texts(&tier(body)), [(body, false)]);
}

#[test]
fn statements_outside_of_transactions_get_tiers_of_their_own() {
    let sql = "set lock_timeout = '1s';\ncreate table t (a int);\n-- quick\ncreate index concurrently i on t (a);\nvacuum t;\nselect 1;\n";
    let read = tier(sql);
    let pieces = texts(&read);
    assert_eq!(
        pieces,
        [
            ("set lock_timeout = '1s';\ncreate table t (a int);", false),
            (
                "set lock_timeout = '1s';\n-- quick\ncreate index concurrently i on t (a);\nvacuum t;",
                true
            ),
            ("set lock_timeout = '1s';\nselect 1;", false),
        ]
    );
    let value = "alter type mood add value 'calm';";
    assert_eq!(texts(&tier(value)), [(value, true)]);
    let both = "copy t from stdin;\n1\n\\.\nvacuum t;\n";
    let read = tier(both);
    assert_eq!(texts(&read), [(both.trim(), false)]);
    assert_eq!(read.open[0].line, 1);
}

#[test]
fn a_rollback_is_one_transaction() {
    let script = Script::whole(
        "a.sql",
        "begin;\ndrop index concurrently i;\ndrop index concurrently if exists j;\ncreate index concurrently k on t (a);\ncommit;".to_owned(),
    );
    let read = read(&script, &BTreeMap::new(), Purpose::Rollback, true);
    assert_eq!(
        texts(&read),
        [(
            "drop index if exists i;\ndrop index  if exists j;\ncreate index  k on t (a);",
            false
        )]
    );
}

/// Where a variable was replaced, bytes of the statement are no bytes of the source.
#[test]
fn replaced_variables_are_not_cut() {
    for sql in [
        "\\set b begin\n:b; select 'é'; commit;",
        "\\set c vacuum\n:c é; select 1;",
    ] {
        assert_eq!(texts(&tier(sql)), [(sql, false)]);
    }
    let script = Script::whole(
        "a.sql",
        "\\set i a_long_name\n/* é */ drop index :i, concurrently;".to_owned(),
    );
    let read = read(&script, &BTreeMap::new(), Purpose::Rollback, false);
    assert_eq!(texts(&read), [(script.text.trim(), false)]);
}

#[test]
fn points_have_their_line_in_the_file() {
    let mut script = Script::whole(
        "a.sql",
        "\nselect dblink_exec('x');\n\\c other\n".to_owned(),
    );
    script.line = 10;
    let read = read(&script, &BTreeMap::new(), Purpose::Tier, false);
    let lines: Vec<u32> = read.refused.iter().map(|open| open.line).collect();
    assert_eq!(lines, [12, 11]);
}
