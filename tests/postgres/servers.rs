//! The main story on every available server version: `PGSEAL_POSTGRES_BINS`.

use pgseal_testkit::programs::ServerPrograms;

use pgseal_testkit::cluster::{Cluster, TestDatabase, all_programs};
use pgseal_testkit::fingerprint::{self, Fingerprint};
use pgseal_testkit::proxy::{Fate, Proxy};
use pgseal_testkit::release::{BEFORE, Release, Site};

#[test]
fn the_story_on_every_version() {
    let versions = all_programs();
    let threads: Vec<_> = versions
        .into_iter()
        .map(|programs| {
            std::thread::Builder::new()
                .name(programs.dir().display().to_string())
                .spawn(move || story(&programs))
                .unwrap()
        })
        .collect();
    let told: Vec<String> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    eprintln!("the story was told on PostgreSQL {}", told.join(", "));
}

/// Returns the version.
fn story(programs: &ServerPrograms) -> String {
    let cluster = Cluster::of(programs);
    let db = cluster.database("story");
    db.client().batch_execute(BEFORE).unwrap();
    db.client()
        .batch_execute("delete from public.approvals; create table public.log (what text)")
        .unwrap();
    let site = Site::new();
    let bundle = site.pack(&release(db.name()));
    let operator = site.operator(&bundle, &db.url());
    assert_eq!(operator.gate().code, 20);
    operator.run().fails(20);
    assert_eq!(
        db.ask("select to_regnamespace('pgseal') is null"),
        "t",
        "a refused run leaves nothing"
    );
    // The row of a human approval.
    db.client()
        .batch_execute("insert into public.approvals values ('somebody')")
        .unwrap();
    operator.gate().done();
    operator.plan().done();
    let ready = now(&db);
    operator.run().done();
    let finalized = now(&db);
    assert_ne!(finalized, ready);
    operator.run().fails_saying(22, &["already applied"]);
    operator.check().done();
    let (answer, status) = operator.status();
    answer.done();
    assert_eq!(status["in_effect"][0]["release"], "small", "{status}");
    operator.rollback().done();
    same(&ready, &now(&db));
    operator.rollback().done().says(&["nothing to do"]);
    operator.check().done();
    // The lost answer to COMMIT is queried again, not guessed.
    let proxy = Proxy::before(cluster.server().dir(), Fate::AnswerLost);
    operator.clone().url(&proxy.url(db.name())).run().done();
    assert!(proxy.struck());
    same(&finalized, &now(&db));
    operator.rollback().done();
    let proxy = Proxy::before(cluster.server().dir(), Fate::NeverSent);
    operator.clone().url(&proxy.url(db.name())).run().fails(30);
    assert!(proxy.struck());
    same(&ready, &now(&db));
    // Each committed run has written once.
    assert_eq!(db.ask("select count(*) from public.log"), "2");
    assert_eq!(operator.unfinished(), [""; 0]);
    db.ask("show server_version")
}

/// Covers the kinds of changes of a run in a few statements.
fn release(database: &str) -> Release {
    let more = "insert into public.log values ('run');
create function public.name_of(integer) returns text language sql stable
    as 'select name from public.widgets where id = $1';
select count(*) as counted from public.widgets \\gset
\\if :{?counted}
insert into public.widgets values (3, 'of ' || :counted);
\\endif
copy public.widgets from stdin;
4\tfour
\\.
do $$ begin raise notice 'there are % widgets', (select count(*) from public.widgets); end $$;
";
    let verify = "select 'widgets' as name, count(*) = 4 as ok from public.widgets;\n";
    let rehearsal = "insert into public.widgets values (9, 'nine');\nselect 'nine' as name, count(*) = 5 as ok from public.widgets;\n";
    Release::on(database)
        .tier("more", more)
        .rollback("more", "drop function public.name_of(integer);\n")
        .verify("counts", "finalized", "read-only", verify)
        .verify("rehearsal", "finalized", "rolled-back", rehearsal)
}

fn now(db: &TestDatabase<'_>) -> Fingerprint {
    fingerprint::take_without(&mut db.client(), &["log"]).unwrap()
}

#[track_caller]
fn same(expected: &Fingerprint, found: &Fingerprint) {
    assert!(
        expected == found,
        "{}",
        fingerprint::difference(expected, found)
    );
}
