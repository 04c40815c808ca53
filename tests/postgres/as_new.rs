//! Session state of one statement never reaches another one, since a resumed run would lack it.

use super::small;
use pgseal_testkit::release::wait_until;

/// Changes every setting that a function can change.
const LITTER: &str = "create function public.litter() returns void language plpgsql as $$
begin
    perform set_config('search_path', 'pg_temp', false);
    perform set_config('work_mem', '7MB', false);
    perform set_config('statement_timeout', '0', false);
    perform set_config('app.note', 'left', false);
    perform pg_advisory_lock(77), pg_advisory_lock(77), pg_advisory_lock_shared(-7, 2147483647);
    execute 'prepare left_behind as select 1';
    execute 'create temp table if not exists scratch (a int)';
end $$;
create table public.seen (at text, what text);
create function public.look(at text) returns void language sql as $$
    insert into public.seen select at, concat_ws(' ', current_setting('work_mem'),
        current_setting('statement_timeout'), 'note=' || coalesce(current_setting('app.note', true), ''),
        (select count(*) from pg_catalog.pg_locks where locktype = 'advisory' and pid = pg_catalog.pg_backend_pid()
             and granted and objsubid::int8 + objid::int8 in (78, 2147483649)),
        (select count(*) from pg_catalog.pg_prepared_statements where name = 'left_behind'),
        (select count(*) from pg_catalog.pg_class where relname = 'scratch'),
        current_schemas(false)::text) $$;
";

#[test]
fn nothing_crosses_statements_of_a_tier_without_a_transaction() {
    let (db, release, site) = small("asnew");
    let alone = "set work_mem = '3MB';
        do $$ begin perform public.litter(); end $$;
        select public.look('after DO');
        select public.litter();
        select public.look('after SELECT');
        call public.in_parts();
        select public.look('after CALL');
        create index concurrently on_seen on public.seen (at);\n";
    let release = release
        .tier(
            "functions",
            &format!(
                "{LITTER}create procedure public.in_parts() language plpgsql as $$
            begin commit; perform public.litter(); end $$;\n"
            ),
        )
        .alone("alone", alone)
        .tier(
            "together",
            "select public.look('together');\nselect public.litter();\n",
        )
        .alone("again", "select public.look('alone again');\n")
        .finalized("select true as done;\n", "{ done = true }");
    let bundle = site.pack(&release);
    site.operator(&bundle, &db.url()).run().done();
    let seen =
        db.ask("select string_agg(at || ': ' || what, E'\\n' order by ctid) from public.seen");
    let expected = |at: &str, memory: &str| format!("{at}: {memory} 1min note= 0 0 0 {{public}}");
    assert_eq!(
        seen.lines().collect::<Vec<_>>(),
        [
            expected("after DO", "3MB"),
            expected("after SELECT", "3MB"),
            expected("after CALL", "3MB"),
            expected("together", "4MB"),
            expected("alone again", "4MB"),
        ]
    );
}

/// During the pause between two retries the run holds no locks that others wait for.
#[test]
fn locks_of_a_try_are_given_back_while_it_pauses() {
    for alone in [false, true] {
        let (db, release, site) = small("pause");
        db.client()
            .batch_execute(
                "create function public.take() returns void language plpgsql as $$
                 begin
                     perform pg_advisory_lock(4711);
                     lock table public.approvals in access exclusive mode;
                 end $$",
            )
            .unwrap();
        let sql = "select public.take();\n";
        let release = if alone {
            release.alone("locks", sql)
        } else {
            release.tier("locks", sql)
        };
        let bundle = site.pack(&release);
        let mut blocker = db.client();
        blocker
            .batch_execute("begin; update public.approvals set who = who")
            .unwrap();
        let operator = site.operator(&bundle, &db.url());
        let mut command = operator.command("run");
        command.args(["--lock-timeout", "400ms", "--lock-retries", "10"]);
        let running = pgseal_testkit::release::Running::of(&mut command);
        wait_until("a try has it", || {
            db.ask("select count(*) from pg_locks where locktype = 'advisory' and objid = 4711 and granted") == "1"
        });
        let mut other = db.client();
        wait_until("it is given back", || {
            let row = other
                .query_one("select pg_try_advisory_lock(4711)", &[])
                .unwrap();
            row.get::<_, bool>(0)
        });
        drop(other);
        drop(blocker);
        running.end().done();
    }
}

/// pgseal recognises its own sessions even if the operator sets `application_name`.
#[test]
fn sessions_are_known_by_their_name() {
    let (db, release, site) = small("appname");
    let tier = "create table public.name as select current_setting('application_name') as name;\n";
    let bundle = site.pack(&release.tier("name", tier));
    let answer = pgseal_testkit::release::Answer::of(
        site.operator(&bundle, &db.url())
            .command("run")
            .env("PGAPPNAME", "deploy")
            .output()
            .unwrap(),
    );
    answer.done();
    assert_eq!(db.ask("select name from public.name"), "pgseal: deploy");
}
