//! Statements that the database generates: `\gexec`, and the use of answers by `\gset`, `\gdesc` and `\bind`.

use super::small;
use pgseal_testkit::release::{assert_same, dump};

#[test]
fn what_gexec_generates_runs_in_order() {
    let (db, release, site) = small("gexec");
    let tier = "select format('create table public.part_%s (n integer)', n), format('insert into public.part_%s values (%s)', n, n)\n\
                from generate_series(1, 3) n union all select null, 'insert into public.part_1 values (10);' \\gexec\n\
                select 1 where false \\gexec\n\
                insert into public.part_2 values (20);\n";
    let bundle = site.pack(&release.tier("gexec", tier).rollback(
        "gexec",
        "drop table if exists public.part_1, public.part_2, public.part_3;\n",
    ));
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    let all = "select string_agg(n::text, ' ' order by n) from (select n from public.part_1 union all select n from public.part_2
               union all select n from public.part_3) t";
    assert_eq!(db.ask(all), "1 2 3 10 20");
    operator.rollback().done();
}

/// Generated statements were never reviewed.
#[test]
fn what_gexec_may_not_generate() {
    let refusals = [
        ("commit", "transaction control (COMMIT)"),
        ("select 1; rollback", "transaction control (ROLLBACK)"),
        ("vacuum", "can't run inside a transaction"),
        (
            "set role none",
            "a change of the role in a generated statement",
        ),
        ("reset all", "a reset of the whole session"),
        ("copy public.widgets from stdin", "COPY FROM STDIN"),
        ("notify ch", "NOTIFY could reach outside of the database"),
        (
            "select pg_read_file(''x'')",
            "pg_read_file could reach outside of the database",
        ),
        (
            "do ''begin perform pg_notify(''''a'''', ''''b''''); end''",
            "pg_notify could reach outside",
        ),
    ];
    for (text, why) in refusals {
        let (db, release, site) = small("gexecno");
        let sql = format!(
            "insert into public.widgets values (3, 'three');\nselect 'select 1', '{text}' \\gexec\n"
        );
        let bundle = site.pack(&release.tier("generates", &sql));
        let before = dump(&db);
        let answer = site.operator(&bundle, &db.url()).run();
        answer.fails_saying(
            30,
            &[
                "statement 2 of \\gexec at tiers/generates.sql:2:1: ",
                why,
                "1 | ",
            ],
        );
        assert_same(&before, &dump(&db));
    }
}

#[test]
fn what_fails_in_a_generated_statement() {
    let (db, release, site) = small("gexecerr");
    let tier =
        "select format('select 1%s  / %s', chr(10), n) from generate_series(2, 0, -1) n \\gexec\n";
    let bundle = site.pack(&release.clone().tier("generates", tier));
    let operator = site.operator(&bundle, &db.url());
    operator.run().fails_saying(
        30,
        &["statement 3 of \\gexec at tiers/generates.sql:1:1: division by zero (SQLSTATE 22012)"],
    );
    let tier = "select 'select 1,' || chr(10) || '  nobody' \\gexec\n";
    let bundle = site.pack(&release.tier("generates", tier));
    let answer = site.operator(&bundle, &db.url()).run();
    answer.fails_saying(
        30,
        &[
            "statement 1 of \\gexec at tiers/generates.sql:1:1: ",
            "42703",
            "2 |   nobody",
            "  |   ^",
        ],
    );
}

#[test]
fn variables_from_answers() {
    let (db, release, site) = small("gset");
    let tier = "select count(*) as count, 'it''s' as text from public.widgets \\gset w_\n\
                insert into public.widgets values (:w_count + 1, :'w_text');\n\
                select 1 \\; select 'last' as which \\gset\n\
                insert into public.widgets values (4, :'which');\n\
                insert into public.widgets select n, 'row' from generate_series(5, 9) n;\n\
                \\if :{?ROW_COUNT}\n\\echo :ROW_COUNT rows\n\\endif\n";
    let bundle = site.pack(&release.tier("gset", tier));
    site.operator(&bundle, &db.url())
        .run()
        .done()
        .says(&["    5 rows"]);
    assert_eq!(
        db.ask("select string_agg(name, ' ' order by id) from public.widgets where id < 5"),
        "one two it's last"
    );
}

#[test]
fn gset_takes_one_row() {
    for (rows, why) in [(0, "row"), (2, "row"), (5, "row")] {
        let (db, release, site) = small("gsetno");
        let tier = format!("select n from generate_series(1, {rows}) n \\gset\n");
        let bundle = site.pack(&release.tier("gset", &tier));
        site.operator(&bundle, &db.url())
            .run()
            .fails_saying(30, &["tiers/gset.sql:1:", why]);
    }
}

#[test]
fn parameters_and_descriptions() {
    let (db, release, site) = small("bind");
    let tier = "insert into public.widgets values ($1, $2) \\bind 3 'it''s' \\g\n\
                insert into public.widgets values (4, 'never') \\gdesc\n";
    let bundle = site.pack(&release.clone().tier("bind", tier));
    site.operator(&bundle, &db.url()).run().done();
    assert_eq!(
        db.ask("select string_agg(name, ' ' order by id) from public.widgets"),
        "one two it's"
    );
    let (db, release, site) = small("bindbad");
    let bundle = site.pack(&release.tier("bind", "\n select $1::integer \\bind four \\g\n"));
    site.operator(&bundle, &db.url())
        .run()
        .fails_saying(30, &["tiers/bind.sql:2:2: ", "22P02"]);
}

#[test]
fn variables_of_the_session() {
    let (db, release, site) = small("special");
    let tier = "insert into public.widgets values (3, :'DBNAME'), (4, :'USER'), (5, :'ENCODING'), (6, :'SERVER_VERSION_NUM');\n\
                \\if :{?SERVER_VERSION_NAME}\n\\echo there\n\\endif\n";
    let bundle = site.pack(&release.tier("special", tier));
    site.operator(&bundle, &db.url())
        .run()
        .done()
        .says(&["    there"]);
    let expected =
        db.ask("select current_database() || ' ' || session_user || ' UTF8 ' || current_setting('server_version_num')");
    assert_eq!(
        db.ask("select string_agg(name, ' ' order by id) from public.widgets where id > 2"),
        expected
    );
}
