//! The server keeps reading texts as pgseal read them when packing. Scripts may not change that; if a change is
//! invisible in the text, the script stops.

use pgseal::database::{DatabaseError, Purpose, Session};
use pgseal::postgres::PostgresSession;

use super::small;
use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::proxy::{Fate, Proxy};
use pgseal_testkit::release::{Release, Site, assert_same, dump};

/// One string for pgseal; if backslashes escape, the server reads a call. No rollback reverts `nextval`.
const HIDDEN: &str = "select 'a\\', ' , nextval($$public.hidden$$) --';\n";

/// Changes of the setting that no text of the release shows.
const BEFORE: &str = "
    create sequence public.hidden;
    create sequence public.ran;
    create table public.notes (id integer, note text);
    create function public.off() returns text language sql as
        $$ select set_config('standard_conforming_strings', 'off', false) $$;
    create function public.off_and_on() returns text language plpgsql as $$ begin
        perform set_config('standard_conforming_strings', 'off', false);
        return set_config('standard_conforming_strings', 'on', false); end $$;
    create function public.inside() returns text language sql set standard_conforming_strings = off as
        $$ select current_setting('standard_conforming_strings') $$;
    create function public.fires() returns trigger language plpgsql as
        $$ begin perform public.off(); return new; end $$;
    create table public.watched (a integer);
    create trigger fires before insert on public.watched for each row execute function public.fires();
    create table public.later (a integer);
    create constraint trigger fires after insert on public.later deferrable initially deferred
        for each row execute function public.fires();
    create function public.off_is_fine() returns boolean language sql as $$ select public.off() = 'off' $$;
    create domain public.trap as integer check (public.off_is_fine());
    create procedure public.off_for_good() language plpgsql as $$ begin
        perform public.off(); commit; end $$;";

fn prepared(prefix: &str) -> (TestDatabase<'static>, Release, Site) {
    let (db, release, site) = small(prefix);
    db.client().batch_execute(BEFORE).unwrap();
    (db, release, site)
}

#[track_caller]
fn nothing_hidden_ran(db: &TestDatabase<'_>) {
    assert_eq!(db.ask("select is_called from public.hidden"), "f");
}

/// Covers every plain spelling of a forbidden `SET`, and that allowed ones pack.
#[test]
fn other_spellings_of_set_do_not_pack() {
    let (db, release, site) = small("spellings");
    let bundle = site.path("refused.pgseal");
    let strings = "where strings end by set_config()";
    for (sql, words) in [
        (
            "select set_config('standard_conforming_strings', 'off', false);\n",
            [strings, "remove this set_config()"],
        ),
        (
            "with a as (select pg_catalog . \"set_config\" -- x\n (E'standard\\x5fconforming_strings', 'off', true))\n\
             insert into public.widgets select 7, a::text from a;\n",
            [strings, "tiers/tried.sql:1:1"],
        ),
        (
            "select 1 \\; select U&\"set!005fconfig\" uescape '!' ($$standard_conforming_strings$$, 'off', false);\n",
            [strings, "tiers/tried.sql:1:1"],
        ),
        (
            "set U&\"standard!005fconforming_strings\" uescape '!' = off;\n",
            ["where strings end in", "no longer agree"],
        ),
        (
            "select set_config('client_encoding', 'LATIN1', false);\n",
            ["the client's encoding by set_config()", "remove"],
        ),
        (
            "select set_config('session_authorization', 'x', false);\n",
            ["the session's user by set_config()", "remove"],
        ),
        (
            "select set_config('standard_' || 'conforming_strings', 'off', false);\n",
            [
                "whose name is no literal by set_config()",
                "write the setting's name as a literal",
            ],
        ),
        (
            "update pg_settings set setting = 'off' where name = 'standard_conforming_strings';\n",
            [
                "where strings end by UPDATE of pg_settings",
                "remove this UPDATE",
            ],
        ),
        (
            "update pg_settings set setting = 'off' where name like 'standard%';\n",
            [
                "whose name is no literal by UPDATE of pg_settings",
                "write SET",
            ],
        ),
    ] {
        let answer = site.try_pack(
            &release.clone().tier("tried", &format!("{sql}{HIDDEN}")),
            &bundle,
        );
        answer.fails_saying(2, &words);
        assert!(answer.stderr.contains("tiers/tried.sql:1:1: "), "{answer}");
        assert!(!bundle.exists(), "{sql}");
    }
    let fine = "select pg_catalog.set_config('search_path', '', false);
        select set_config('standard_conforming_strings', 'on', false), set_config('client_encoding', 'UTF8', false);
        select set_config('client_encoding', 'UNICODE', false);
        update pg_settings set setting = '3MB' where name = 'work_mem';
        select set_config('role', 'pg_read_all_stats', false);
        reset role;
        set client_encoding = 'UNICODE';
        select 'a\\', current_setting('work_mem');\n";
    site.try_pack(&release.tier("fine", fine), &bundle).done();
    site.operator(&bundle, &db.url()).run().done();
}

/// A setting name that only the operator knows is validated at run time.
#[test]
fn a_setting_that_a_variable_names() {
    let (db, release, site) = prepared("variable");
    let sql = format!("select set_config(:'setting', 'off', false);\n{HIDDEN}");
    let bundle = site.pack(&release.variable("setting").tier("tried", &sql));
    let operator = site
        .operator(&bundle, &db.url())
        .variable("setting", "standard_conforming_strings");
    operator.run().fails_saying(
        30,
        &[
            "tiers/tried.sql:1:1",
            "where strings end by set_config()",
            "as before",
        ],
    );
    nothing_hidden_ran(&db);
}

/// A run stops after the statement that changed the setting, and names it; no hidden call runs.
#[test]
fn a_change_that_no_text_shows() {
    let strings = "this statement changed standard_conforming_strings from on to off";
    for (name, sql, words) in [
        (
            "do",
            "do $$ begin\n perform set_config('standard_conforming_strings', 'off', false); end $$;\n",
            [
                "tiers/tried.sql:2:1: cannot send the next statement",
                strings,
            ],
        ),
        (
            "function",
            "select public.off();\n",
            ["tiers/tried.sql:2:1: ", strings],
        ),
        (
            "alone",
            "select public.off() /* alone */;\n",
            ["tiers/tried.sql:2:1: ", strings],
        ),
        (
            "between",
            "insert into public.notes values (1);\nselect public.off();\ninsert into public.notes values (2);\n",
            [
                "tiers/tried.sql:2:1: ",
                "a statement between this one and tiers/tried.sql:4:1 changed standard_conf",
            ],
        ),
        (
            "trigger",
            "insert into public.watched values (1);\n",
            ["tiers/tried.sql:2:1: ", strings],
        ),
        (
            "deferred",
            "insert into public.later values (1);\nset constraints all immediate;\n",
            ["tiers/tried.sql:3:1: ", strings],
        ),
        (
            "copy",
            "copy public.watched from stdin;\n1\n\\.\n",
            ["tiers/tried.sql:2:1: ", strings],
        ),
        (
            "copied",
            "copy (select public.off()) to stdout;\n",
            ["tiers/tried.sql:2:1: ", strings],
        ),
        (
            "gset",
            "select public.off() as setting \\gset\n",
            ["tiers/tried.sql:2:1: ", strings],
        ),
        (
            "gexec",
            "select 'select 1 as one' union all select 'select public.off()' order by 1 \\gexec\n",
            ["statement 2 of \\gexec at tiers/tried.sql:2:1: ", strings],
        ),
        (
            "asked_by_gexec",
            "select 'select ''a\\'', '' , nextval($$public.hidden$$) --''' from public.off() \\gexec\n",
            ["tiers/tried.sql:2:1: ", strings],
        ),
        (
            "bind",
            "select public.off() where $1 = '1' \\bind 1 \\g\n",
            ["tiers/tried.sql:2:1: ", strings],
        ),
        (
            "joined",
            "select 1 \\; select public.off() \\; select 'a\\', ' , nextval($$public.hidden$$) --';\n",
            ["tiers/tried.sql:2:13: ", strings],
        ),
        (
            "while_parsed",
            "select '{1}'::public.trap[] as x, 'a\\', ' , nextval($$public.hidden$$) --' as y \\gset\n",
            ["tiers/tried.sql:2:1: ", strings],
        ),
        (
            "gdesc",
            "select '{1}'::public.trap[] \\gdesc\n",
            ["tiers/tried.sql:2:1: ", strings],
        ),
        (
            "encoding",
            "do $$ begin perform set_config('client_encoding', 'LATIN1', false); end $$;\n",
            [
                "tiers/tried.sql:2:1: ",
                "this statement changed client_encoding from UTF8 to LATIN1",
            ],
        ),
    ] {
        let (db, release, site) = prepared(name);
        let bundle =
            site.pack(&release.tier("tried", &format!("set work_mem = '3MB';\n{sql}{HIDDEN}")));
        let before = dump(&db);
        let answer = site.operator(&bundle, &db.url()).run();
        answer.fails_saying(
            30,
            &[
                words.as_slice(),
                &["the database is as before", "CREATE FUNCTION ... SET"],
            ]
            .concat(),
        );
        nothing_hidden_ran(&db);
        assert_same(&before, &dump(&db));
    }
}

/// Also after the last statement, in an included file.
#[test]
fn a_change_at_the_end_of_a_script() {
    let (db, release, site) = prepared("last");
    let bundle = site.pack(
        &release
            .tier("last", "\\ir more.sql\n")
            .file("tiers/more.sql", "select public.off();\n"),
    );
    let place = "tiers/more.sql:1:1 (included from tiers/last.sql:1:1)";
    site.operator(&bundle, &db.url())
        .run()
        .fails_saying(30, &[place, "changed standard_conforming_strings"]);
}

/// Batches in flight are harmless; no further one is sent.
#[test]
fn batches_stop_behind_the_one_that_changed_it() {
    let (db, release, site) = prepared("batches");
    let rows = "select nextval('public.ran');\n".repeat(3_000);
    let bundle = site.pack(&release.tier("many", &format!("select public.off();\n{rows}")));
    let answer = site.operator(&bundle, &db.url()).run();
    answer.fails_saying(
        30,
        &[
            "tiers/many.sql:1:1: ",
            "a statement between",
            "changed standard_conforming_strings",
        ],
    );
    let ran: u32 = db.ask("select last_value from public.ran").parse().unwrap();
    assert!(ran <= 600, "{ran} of 3000");
}

/// A temporary change that is reverted doesn't count.
#[test]
fn changes_that_do_not_last() {
    let (db, release, site) = prepared("fleeting");
    let fine = format!(
        "select public.off_and_on();
        select public.inside() /* alone */;
        do $$ begin
            begin perform public.off(); raise 'back'; exception when others then null; end;
        end $$;
        {HIDDEN}"
    );
    let release = release
        .tier("fine", &fine)
        .verify("fine", "finalized", "rolled-back", &fine);
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    operator.check().done();
    nothing_hidden_ran(&db);
}

/// Verify scripts, in a run and in `check`.
#[test]
fn verify_scripts_stop_too() {
    for mode in ["read-only", "rolled-back"] {
        let (db, release, site) = prepared("verify");
        // The run is unaffected; the check evaluates it afterwards.
        let check = format!("select public.off_if() is not null as ok;\n{HIDDEN}");
        let create = |body: &str| {
            let sql = format!(
                "create or replace function public.off_if() returns text language sql as $$ {body} $$"
            );
            db.client().batch_execute(&sql).unwrap();
        };
        create("select public.off()");
        let bundle = site.pack(&release.verify("v", "finalized", mode, &check));
        let operator = site.operator(&bundle, &db.url());
        let words = [
            "verify/v.sql:1:1: ",
            "changed standard_conforming_strings from on to off",
        ];
        operator
            .run()
            .fails_saying(30, &[words.as_slice(), &["as before"]].concat());
        create("select 'on'::text");
        operator.run().done();
        operator.check().done();
        create("select public.off()");
        let checked = operator.check();
        assert_eq!(checked.code, 22, "{checked}");
        checked.says(&words);
        nothing_hidden_ran(&db);
    }
}

#[test]
fn rollbacks_stop_too() {
    let (db, release, site) = prepared("undo");
    let bundle = site.pack(&release.rollback(
        "first",
        &format!("do $$ begin perform public.off(); end $$;\n{HIDDEN}"),
    ));
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    operator.rollback().fails_saying(
        30,
        &[
            "rollback/first.sql:1:1: ",
            "changed standard_conforming_strings",
        ],
    );
    nothing_hidden_ran(&db);
    assert_eq!(db.ask("select count(*) from public.widgets"), "2");
}

/// Without a transaction: statements that can be rolled back are; others are done and recorded, and a resumed run
/// continues after them.
#[test]
fn tiers_without_a_transaction_stop_too() {
    for (statement, found, then) in [
        ("insert into public.watched values (1);\n", 0, 31),
        ("insert into public.later values (1);\n", 0, 31),
        (
            "do $$ begin insert into public.watched values (1); end $$;\n",
            1,
            0,
        ),
        ("call public.off_for_good();\n", 0, 0),
    ] {
        let (db, release, site) = prepared("stepwise");
        let release = release.alone("steps", &format!("{statement}{HIDDEN}"));
        let release = release.finalized("select true as done;\n", "{ done = true }");
        let bundle = site.pack(&release);
        let operator = site.operator(&bundle, &db.url());
        let words = [
            "tiers/steps.sql:1:1: ",
            "this statement changed standard_conforming_strings",
            "half way",
        ];
        operator.run().fails_saying(31, &words);
        let count = |table: &str| {
            db.ask(&format!("select count(*)::int from public.{table}"))
                .parse()
                .unwrap_or(-1)
        };
        assert_eq!(count("watched") + count("later"), found, "{statement}");
        let resumed = operator.ask_with("run", &["--resume"]);
        assert_eq!(resumed.code, then, "{statement}: {resumed}");
        assert_eq!(count("watched") + count("later"), found, "{statement}");
        nothing_hidden_ran(&db);
    }
}

/// The effect of a statement is looked up and recorded in the original encoding: names are not only ASCII.
#[test]
fn a_changed_encoding_spoils_no_record() {
    let (db, release, site) = small("record");
    db.client()
        .batch_execute(
            "create function public.latin() returns event_trigger language plpgsql as $$ begin
                 if exists (select from pg_event_trigger_ddl_commands() where object_identity ~ 'größe') then
                     perform set_config('client_encoding', 'LATIN1', false);
                 end if; end $$;
             create event trigger latin on ddl_command_end execute function public.latin();",
        )
        .unwrap();
    let bundle = site.pack(&release.alone(
        "index",
        "create index concurrently größe on public.widgets (name);\n",
    ));
    let operator = site.operator(&bundle, &db.url());
    let words = [
        "tiers/index.sql:1:1: ",
        "changed client_encoding from UTF8 to LATIN1",
        "half way",
    ];
    operator.run().fails_saying(31, &words);
    assert_eq!(
        db.ask(
            "select string_agg(happened, ' ' order by id) from pgseal.steps where statement = 1"
        ),
        "started done"
    );
    operator.ask_with("run", &["--resume"]).done();
}

/// Some answers are followed by a late report of a changed setting; no call returns before it.
#[test]
fn every_call_waits_for_the_report() {
    let (db, _, _) = prepared("slowly");
    let proxy = Proxy::before(Cluster::shared().server().dir(), Fate::MessageByMessage);
    let url = proxy.url(db.name()).parse().unwrap();
    type Call = fn(&mut dyn Session) -> Result<(), DatabaseError>;
    let calls: [(&str, Call); 8] = [
        ("execute", |session| {
            session.execute("select public.off()").map(drop)
        }),
        ("execute_with", |session| {
            session
                .execute_with("select public.off(), $1", &["x".into()])
                .map(drop)
        }),
        ("rows", |session| {
            session.rows("select public.off()", 1).map(drop)
        }),
        ("select", |session| {
            session.select("select public.off()", 1).map(drop)
        }),
        ("analyse", |session| {
            session
                .analyse("select '{1}'::public.trap[] is not null")
                .map(drop)
        }),
        ("copy_in", |session| {
            session
                .copy_in("copy public.watched from stdin", &mut &b"1\n"[..])
                .map(drop)
        }),
        ("copy_out", |session| {
            session
                .copy_out("copy (select public.off()) to stdout")
                .map(drop)
        }),
        ("receive_batch", |session| {
            session.send_batch("select public.off(); select 1;")?;
            session.receive_batch().map(drop)
        }),
    ];
    for (name, call) in calls {
        let mut session = PostgresSession::open(&url, Purpose::Write).unwrap();
        session.execute("BEGIN").unwrap();
        assert_eq!(session.changed_reading(), None);
        call(&mut session).unwrap_or_else(|error| panic!("{name}: {error}"));
        let changed = session
            .changed_reading()
            .unwrap_or_else(|| panic!("{name} came back before the report"));
        assert_eq!(
            (changed.setting, changed.to.as_str()),
            ("standard_conforming_strings", "off"),
            "{name}"
        );
        session.execute("ROLLBACK").unwrap();
        assert_eq!(session.changed_reading(), None, "{name}");
    }
    let mut session = PostgresSession::open(&url, Purpose::Write).unwrap();
    session.execute("BEGIN").unwrap();
    let error = session
        .rows("select '{1}'::public.trap[] is not null", 1)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("changed from on to off while the statement was parsed"),
        "{error}"
    );
}
