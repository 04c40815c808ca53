//! Leftovers of rehearsals that were killed, kept their clone, or could not drop it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::rehearse::{Rehearsal, Shop, clones, last_receipt};
use pgseal_testkit::cluster::Cluster;
use pgseal_testkit::release::{Running, wait_until};

#[test]
fn two_at_once_and_one_that_was_killed() {
    let shop = Shop::new("killed");
    let release = shop.release().tier(
        "slow",
        "select pg_sleep(case when current_database() like '%rehearsal%' then 2 end);\n",
    );
    let rehearsal = shop.rehearsal(&release);
    let (one, two) = (
        Running::of(&mut rehearsal.command()),
        Running::of(&mut rehearsal.command()),
    );
    let (one, two) = (one.end(), two.end());
    one.done();
    two.done();
    let left = format!("left its clone {}_rehearsal", shop.db.name());
    assert!(
        !one.stderr.contains(&left) && !two.stderr.contains(&left),
        "{one}{two}"
    );
    let killed = Running::of(&mut rehearsal.command());
    let sleeps = "select count(*) from pg_stat_activity where query like '%pg_sleep%rehearsal%' and state = 'active' and pid <> pg_backend_pid()";
    wait_until("it runs", || shop.db.ask(sleeps) == "1");
    killed.kill();
    let left = clones(&shop.db, shop.db.name()).pop().unwrap();
    // The clone's lock ends with its session.
    let mark = format!(
        "select count(*) from pg_locks where locktype = 'advisory' and objsubid = 2
         and lpad(to_hex(objid::bigint), 8, '0') = right('{left}', 8)"
    );
    wait_until("its sessions are gone", || shop.db.ask(&mark) == "0");
    rehearsal
        .run()
        .done()
        .says(&["left its clone", &left, "drop database"]);
    shop.db
        .client()
        .batch_execute(&format!("drop database {left} with (force)"))
        .unwrap();
}

/// Sources for which a restore blocks in the server, with `pg_dump` waiting behind it.
const SLOW_TO_RESTORE: &str = "
    create function public.slow(integer) returns boolean language plpgsql immutable as $$
    begin
        if current_database() like '%rehearsal%' then perform pg_sleep(60); end if;
        return true;
    end $$;
    create table public.a_slow (n integer check (public.slow(n)));
    insert into public.a_slow values (1);
    create table public.b_large (line text);
    insert into public.b_large select repeat(md5(i::text), 100) from generate_series(1, 2000) i;";

/// `kill -9` also ends the copying programs, and the next rehearsal removes the directory of the killed one.
#[test]
fn nothing_runs_on_after_a_kill() {
    let shop = Shop::new("copying");
    shop.db.client().batch_execute(SLOW_TO_RESTORE).unwrap();
    let temporary = shop.site.path("tmp");
    fs::create_dir(&temporary).unwrap();
    let rehearsal = shop.rehearsal(&shop.release());
    let killed = Running::of(
        rehearsal
            .command()
            .arg("--by-dump")
            .env("TMPDIR", &temporary),
    );
    let pid = killed.pid();
    let sleeps = format!(
        "select count(*) from pg_stat_activity where datname like '{}\\_rehearsal\\_%' and wait_event = 'PgSleep'",
        shop.db.name()
    );
    wait_until("it restores", || shop.db.ask(&sleeps) == "1");
    let programs = children(pid);
    assert_eq!(programs.len(), 2, "{programs:?}");
    killed.kill();
    let since = Instant::now();
    while programs.iter().any(|program| runs(*program)) {
        assert!(
            since.elapsed() < Duration::from_secs(20),
            "a program outlives who started it"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    let left = directories(&temporary);
    assert_eq!(left.len(), 1, "{left:?}");

    // The target of a link with a matching name belongs to others, and stays.
    let other = shop.site.path("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("file"), "").unwrap();
    let link = temporary.join("pgseal-rehearsal-lInK00");
    std::os::unix::fs::symlink(&other, &link).unwrap();
    let next = Rehearsal::of(&shop.site, &rehearsal.bundle, Cluster::shared()).from(shop.db.name());
    let answer = pgseal_testkit::release::Answer::of(
        next.command().env("TMPDIR", &temporary).output().unwrap(),
    );
    answer
        .done()
        .says(&["removed", left[0].to_str().unwrap(), "left its clone"]);
    assert_eq!(directories(&temporary), [link]);
    assert!(other.join("file").exists());
    for clone in clones(&shop.db, shop.db.name()) {
        shop.db
            .client()
            .batch_execute(&format!("drop database {clone} with (force)"))
            .unwrap();
    }
}

fn directories(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

/// State, name and parent of a process on Linux.
fn status(pid: u32) -> Option<(String, String, u32)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let of = |key: &str| {
        Some(
            status
                .lines()
                .find_map(|line| line.strip_prefix(key))?
                .trim()
                .to_owned(),
        )
    };
    Some((of("State:")?, of("Name:")?, of("PPid:")?.parse().ok()?))
}

/// The dump programs that a process has started.
fn children(of: u32) -> Vec<u32> {
    let pids = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let is_one = |pid: &u32| {
        status(*pid).is_some_and(|(_, name, parent)| parent == of && name.starts_with("pg_"))
    };
    pids.filter(is_one).collect()
}

/// A zombie has ended.
fn runs(pid: u32) -> bool {
    status(pid).is_some_and(|(state, ..)| !state.starts_with('Z'))
}

/// A clone kept on request is reported as kept, not as a leftover.
#[test]
fn what_is_kept_is_told() {
    let shop = Shop::new("kept");
    shop.db
        .client()
        .batch_execute(&format!("comment on database {} is 'ours'", shop.db.name()))
        .unwrap();
    let rehearsal = shop.rehearsal(&shop.release());
    let answer = rehearsal
        .command()
        .arg("--keep")
        .output()
        .map(pgseal_testkit::release::Answer::of)
        .unwrap();
    let clone = clones(&shop.db, shop.db.name()).pop().unwrap();
    let drop = format!("drop database \"{clone}\" with (force)");
    answer.done().says(&[
        "kept: the clone",
        &drop,
        "without --receipt-key",
        "proves nothing",
    ]);
    let comment = format!(
        "select shobj_description(oid, 'pg_database') from pg_database where datname = '{clone}'"
    );
    let comment = shop.db.ask(&comment);
    assert!(
        comment.starts_with("ours\nkept by pgseal rehearse ") && comment.ends_with(&drop),
        "{comment}"
    );
    let next = rehearsal.run();
    assert!(!next.done().stderr.contains(&clone), "{next}");
    shop.db.client().batch_execute(&drop).unwrap();
}

/// A role with only the required rights: unreadable parts are reported; a clone that it can't drop is reported, proves
/// nothing, and stays.
#[test]
fn a_role_of_its_own() {
    let shop = Shop::new("plain");
    let name = shop.db.name().to_owned();
    let role = format!("{name}_role");
    let setup = format!(
        "create role {role} login createdb; alter database {name} owner to {role}; alter schema public owner to {role};
         alter table public.approvals owner to {role}; create sequence public.hidden"
    );
    shop.db.client().batch_execute(&setup).unwrap();
    let release = shop.release().tier(
        "slow",
        "select pg_sleep(1) where current_database() like '%rehearsal%';\n",
    );
    let rehearsal = shop.rehearsal(&release);
    let admin = rehearsal
        .admin
        .replace("user=postgres", &format!("user={role}"));
    let admin = admin.replace("postgres@", &format!("{role}@"));
    assert!(admin.contains(&role), "{admin}");
    let rehearsal = Rehearsal { admin, ..rehearsal }.signed();
    rehearsal
        .run()
        .fails_saying(1, &["the fingerprint can't be taken", "public.hidden"]);
    shop.db
        .client()
        .batch_execute(&format!("grant select on public.hidden to {role}"))
        .unwrap();

    let running = Running::of(&mut rehearsal.command());
    let sleeps = format!(
        "select count(*) from pg_stat_activity where datname like '{name}\\_rehearsal\\_%' and wait_event = 'PgSleep'"
    );
    wait_until("the first run", || shop.db.ask(&sleeps) == "1");
    wait_until("its end", || shop.db.ask(&sleeps) == "0");
    wait_until("the second run", || shop.db.ask(&sleeps) == "1");
    let clone = clones(&shop.db, &name).pop().unwrap();
    shop.db
        .client()
        .batch_execute(&format!("alter database {clone} owner to postgres"))
        .unwrap();
    running.end().fails_saying(
        1,
        &[
            "can't be dropped",
            "must be owner",
            &format!("drop database \"{clone}\""),
        ],
    );
    let receipt = last_receipt(&shop.site);
    assert_eq!(
        (&receipt["outcome"], &receipt["kept"]),
        (&"incomplete".into(), &true.into()),
        "{receipt}"
    );
    shop.db
        .client()
        .batch_execute(&format!("drop database {clone} with (force)"))
        .unwrap();
    let bye =
        format!("reassign owned by {role} to postgres; drop owned by {role}; drop role {role}");
    shop.db.client().batch_execute(&bye).unwrap();
}

/// A sequence that was set back would issue values twice; an object in a schema of the server still exists.
#[test]
fn what_a_rollback_must_not_forget() {
    let shop = Shop::new("forgets");
    shop.db
        .client()
        .batch_execute("create sequence public.numbers; select setval('public.numbers', 5)")
        .unwrap();
    let back = "alter sequence public.numbers restart with 1;\n\
                create function information_schema.backdoor() returns integer language sql return 1;\n";
    let rehearsal = shop.rehearsal(&shop.release().tier("back", back));
    rehearsal.run().fails_saying(
        50,
        &[
            "value of public.numbers differs",
            "information_schema.backdoor",
        ],
    );

    // The stand-in script may act for people; its other changes are reported.
    let script = shop.site.path("doctor.sql");
    fs::write(&script, "create table public.doctored (n integer);\n").unwrap();
    let rehearsal = shop
        .rehearsal(&shop.release())
        .with(["--approve-with", script.to_str().unwrap()]);
    rehearsal.run().done();
    let receipt = super::rehearse::last_receipt(&shop.site).to_string();
    assert!(
        receipt.contains("changed by the approval")
            && receipt.contains("table public.doctored is new"),
        "{receipt}"
    );
}

/// Changes of a release to its own clone, and forbidden statements of the stand-in script.
#[test]
fn a_template_and_a_script_that_leaves() {
    let shop = Shop::new("template");
    let release = shop
        .release()
        .tier("template", "alter database :\"DBNAME\" is_template true;\n");
    let release = release.rollback(
        "template",
        "alter database :\"DBNAME\" is_template false;\n",
    );
    shop.rehearsal(&release).run().done().says(&["proved"]);
    assert!(clones(&shop.db, shop.db.name()).is_empty());
    let script = shop.site.path("leaves.sql");
    let link = "create table public.copy as select * from dblink('dbname=postgres', 'select 1') as t(n integer);\n";
    fs::write(&script, link).unwrap();
    let rehearsal = shop
        .rehearsal(&shop.release())
        .with(["--approve-with", script.to_str().unwrap()]);
    rehearsal.run().fails_saying(
        22,
        &["leaves.sql:1:1", "dblink could reach outside of the clone"],
    );
    assert!(clones(&shop.db, shop.db.name()).is_empty());
}

/// A superuser may not use the ledger of a role, not even to read, and the hint names the ways that work.
#[test]
fn a_ledger_of_the_role_that_runs() {
    let shop = Shop::new("ledgerowner");
    let name = shop.db.name().to_owned();
    let role = format!("{name}_role");
    let setup = format!(
        "create role {role} login; alter database {name} owner to {role}; alter schema public owner to {role};
         alter table public.approvals owner to {role}"
    );
    shop.db.client().batch_execute(&setup).unwrap();
    let as_role = |url: &str| {
        let url = url.replace("user=postgres", &format!("user={role}"));
        url.replace("postgres@", &format!("{role}@"))
    };
    let rehearsal = shop.rehearsal(&shop.release());
    let superuser = shop.site.operator(&rehearsal.bundle, &shop.db.url());
    let owner = superuser.clone().url(&as_role(&shop.db.url()));
    owner.run().done();
    owner.rollback().done();
    let hint = ["connect as it (-U ROLE)", "alter role ROLE createdb"];
    for refused in [superuser.status().0, superuser.rollback()] {
        refused.fails_saying(22, &["schema pgseal belongs to", &role]);
        refused.says(&hint);
    }
    assert!(owner.status_text().starts_with("database "));
    let admin = as_role(&rehearsal.admin);
    let rehearsal = Rehearsal { admin, ..rehearsal };
    rehearsal.run().fails_saying(22, &["permission denied"]);
    let allowed = format!("alter role {role} createdb");
    shop.db.client().batch_execute(&allowed).unwrap();
    rehearsal.run().done();
    let bye =
        format!("reassign owned by {role} to postgres; drop owned by {role}; drop role {role}");
    shop.db.client().batch_execute(&bye).unwrap();
}
