//! Rehearsals on clones: proved properties, detected faults, and untouched databases.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::one_roof::{APR, Directus, pack, sources};
use pgseal_testkit::cluster::{Cluster, GATE_USER, TestDatabase, programs};
use pgseal_testkit::release::{
    Answer, BEFORE, Release, Running, Site, assert_same, dump, psql, wait_until,
};

/// The arguments of one rehearsal.
pub struct Rehearsal<'s> {
    pub site: &'s Site,
    pub bundle: PathBuf,
    pub admin: String,
    pub arguments: Vec<String>,
}

impl<'s> Rehearsal<'s> {
    pub fn of(site: &'s Site, bundle: &Path, cluster: &Cluster) -> Self {
        let admin = cluster.server().url("postgres");
        Self {
            site,
            bundle: bundle.to_owned(),
            admin,
            arguments: Vec::new(),
        }
    }

    pub fn with<S: AsRef<str>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(
            arguments
                .into_iter()
                .map(|argument| argument.as_ref().to_owned()),
        );
        self
    }

    pub fn from(self, database: &str) -> Self {
        self.with(["--from", database])
    }

    pub fn signed(self) -> Self {
        self.with(["--receipt-key", "receipt.key"])
    }

    pub fn command(&self) -> Command {
        let mut command = self.site.command();
        // The directory of the tests' own programs: pg_dump and pg_restore are there too.
        command.env("PGSEAL_POSTGRES_BIN", programs().dir());
        command.arg("rehearse").arg(&self.bundle).args([
            "--trust",
            "trust.json",
            "--db",
            &self.admin,
        ]);
        command
            .arg("--receipts")
            .arg(self.site.path("receipts"))
            .args(&self.arguments);
        command
    }

    pub fn run(&self) -> Answer {
        Answer::of(self.command().output().unwrap())
    }

    pub fn json(&self) -> Value {
        let answer = Answer::of(self.command().arg("--json").output().unwrap());
        answer.done();
        answer.json()
    }
}

pub fn receipts(site: &Site) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(site.path("receipts")) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(".rehearsal.json"));
    // Names have a resolution of seconds, so two rehearsals may tie.
    paths.sort_by_key(|path| {
        std::fs::metadata(path)
            .and_then(|file| file.modified())
            .unwrap()
    });
    paths
}

pub fn last_receipt(site: &Site) -> Value {
    let path = receipts(site).pop().unwrap();
    let statement: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    statement["predicate"].clone()
}

/// Lists the existing clones of a source.
pub fn clones(db: &TestDatabase<'_>, source: &str) -> Vec<String> {
    let rows = db
        .client()
        .query("select datname::text from pg_database order by 1", &[])
        .unwrap();
    let names = rows.iter().map(|row| row.get::<_, String>(0));
    names
        .filter(|name| name.starts_with(&format!("{source}_rehearsal_")))
        .collect()
}

/// A database at the small release's baseline, its bundle, and their directory.
pub struct Shop {
    pub site: Site,
    pub db: TestDatabase<'static>,
}

impl Shop {
    pub fn new(prefix: &str) -> Self {
        let db = Cluster::shared().database(prefix);
        db.client().batch_execute(BEFORE).unwrap();
        Self {
            site: Site::new(),
            db,
        }
    }

    pub fn release(&self) -> Release {
        Release::on(self.db.name())
    }

    pub fn rehearsal(&self, release: &Release) -> Rehearsal<'_> {
        let bundle = self.site.pack(release);
        Rehearsal::of(&self.site, &bundle, Cluster::shared()).from(self.db.name())
    }
}

/// One command leads from a dump of the baseline to a signed receipt.
#[test]
fn one_roof_from_a_dump_of_its_baseline() {
    let site = Site::new();
    let bundle = pack(&site);
    let baseline = sources().join("one-roof-baseline.sql");
    let ratify = sources().join("one-roof-ratify.sql");
    // A shared cluster would let by_template_and_by_dump count this clone.
    let cluster = Cluster::own();
    let rehearsal = Rehearsal::of(&site, &bundle, &cluster)
        .with([
            "--from-dump",
            baseline.to_str().unwrap(),
            "--approve-with",
            ratify.to_str().unwrap(),
        ])
        .with(["-v", &format!("ratified_apr={APR}")])
        .signed();
    let answer = rehearsal.run();
    answer.done().says(&[
        "proved",
        "the rollback restored everything",
        "ShareRowExclusiveLock",
        "made from a dump of",
    ]);
    let lines = answer.stdout.lines().count() + answer.stderr.lines().count();
    assert!(lines <= 24, "{lines} lines: {answer}");
    let receipt = last_receipt(&site);
    assert_eq!(receipt["outcome"], "proved");
    assert_eq!(receipt["approval"]["file"], "one-roof-ratify.sql");
    assert_eq!(receipt["source"]["method"], "dump");
    assert_eq!(
        receipt["source"]["dump_bytes"],
        std::fs::metadata(&baseline).unwrap().len()
    );
    assert_eq!(
        receipt["fingerprints"]["before"],
        receipt["fingerprints"]["after-rollback"]
    );
    assert_ne!(
        receipt["fingerprints"]["before"],
        receipt["fingerprints"]["after-run"]
    );
    assert_eq!(receipt["tiers"].as_array().unwrap().len(), 8);
    let path = receipts(&site).pop().unwrap();
    let verified = site.pgseal([
        "receipt",
        "verify",
        path.to_str().unwrap(),
        "--trust",
        "trust.json",
    ]);
    verified
        .done()
        .says(&["rehearsal of one-roof", "signed by receipt"]);
    let shown = site.pgseal([
        "receipt",
        "show",
        path.to_str().unwrap(),
        "--trust",
        "trust.json",
    ]);
    shown
        .done()
        .says(&["proved", "authentic", "one-roof-ratify.sql"]);
    site.pgseal(["audit", "receipts", "--trust", "trust.json"])
        .done()
        .says(&["1 rehearsal, 1 authentic"]);

    // The gates are evaluated on the clone too.
    let blocked = Rehearsal::of(&site, &bundle, &cluster).with([
        "--from-dump",
        baseline.to_str().unwrap(),
        "-v",
        &format!("ratified_apr={APR}"),
    ]);
    blocked
        .run()
        .fails_saying(20, &["is BLOCKED", "--approve-with"]);
}

/// The same from a database: first without other connections, then with one.
#[test]
fn by_template_and_by_dump() {
    let directus = Directus::at_baseline();
    let site = Site::new();
    let bundle = pack(&site);
    directus.ratify();
    let before = dump(&directus.db);
    let apr = format!("ratified_apr={APR}");
    let rehearsal = || {
        Rehearsal::of(&site, &bundle, Cluster::shared())
            .from("directus")
            .with(["-v", &apr, "--schema-only"])
    };
    let document = rehearsal().json();
    assert_eq!(
        document["rehearsal"]["source"]["method"], "template",
        "{document}"
    );
    assert_eq!(
        document["remarks"].as_array().unwrap().len(),
        0,
        "{document}"
    );
    let connected = directus.db.client();
    let document = rehearsal().json();
    assert_eq!(document["rehearsal"]["source"]["method"], "dump-restore");
    assert_eq!(
        document["remarks"].as_array().unwrap().len(),
        0,
        "{document}"
    );
    drop(connected);
    let fingerprints = &document["rehearsal"]["fingerprints"];
    assert_eq!(
        fingerprints["source-before"], fingerprints["before"],
        "the clone is what its source is"
    );
    assert_eq!(fingerprints["source-before"], fingerprints["source-after"]);
    assert_same(&before, &dump(&directus.db));
    assert!(clones(&directus.db, "directus").is_empty());
}

/// A rollback that forgets one index: the report names the index.
#[test]
fn a_rollback_that_forgets_an_index() {
    let shop = Shop::new("forgets");
    let index = "create index approvals_who on public.approvals (upper(who));\n";
    let release = shop.release().tier("index", index);
    let answer = shop.rehearsal(&release).signed().run();
    answer.fails_saying(
        50,
        &["the rollback did not restore", "index public.approvals_who"],
    );
    let receipt = last_receipt(&shop.site);
    assert_eq!(receipt["outcome"], "failed");
    assert!(
        receipt["error"].as_str().unwrap().contains("approvals_who"),
        "{receipt}"
    );
    assert!(clones(&shop.db, shop.db.name()).is_empty());
}

/// A rollback that leaves a row changed.
#[test]
fn a_rollback_that_forgets_a_row() {
    let shop = Shop::new("row");
    let release = shop
        .release()
        .tier("change", "update public.approvals set who = 'changed';\n");
    let rehearsal = shop.rehearsal(&release);
    rehearsal
        .run()
        .fails_saying(50, &["rows of public.approvals"]);
    // Rows were not compared, so the result is limited.
    shop.rehearsal(&release)
        .with(["--schema-only"])
        .run()
        .done()
        .says(&["it proves nothing about data"]);
    assert_eq!(last_receipt(&shop.site)["outcome"], "limited");
    assert_eq!(shop.db.ask("select who from approvals"), "somebody");
}

#[test]
fn a_run_that_fails_leaves_no_clone_and_says_why() {
    let shop = Shop::new("fails");
    let release = shop.release().tier("breaks", "select 1/0;\n");
    shop.rehearsal(&release)
        .run()
        .fails_saying(30, &["division by zero", "tiers/breaks.sql:1:1"]);
    let receipt = last_receipt(&shop.site);
    assert_eq!(receipt["outcome"], "failed");
    assert!(
        receipt["error"]
            .as_str()
            .unwrap()
            .contains("division by zero")
    );
    assert!(clones(&shop.db, shop.db.name()).is_empty());
}

/// Settings, rights and comment of a database are part of neither template nor dump; the rehearsal still applies them.
#[test]
fn what_belongs_to_the_database_goes_along() {
    let shop = Shop::new("settings");
    let name = shop.db.name();
    shop.db
        .client()
        .batch_execute(&format!(
            "alter database {name} set app.tenant = 'it''s, us'; alter database {name} set search_path = \"$user\", public, \"a \"\"b\"\"\";
             alter role current_user in database {name} set work_mem = '7MB';
             revoke all on database {name} from public; grant connect on database {name} to {GATE_USER}; comment on database {name} is 'ours'"
        ))
        .unwrap();
    for connected in [false, true] {
        let client = connected.then(|| shop.db.client());
        shop.rehearsal(&shop.release())
            .with(["--keep"])
            .run()
            .done();
        let clone = clones(&shop.db, name).pop().unwrap();
        let facts = |database: &str| {
            shop.db.ask(&format!(
                "select format('%s %s %s', d.datacl, split_part(shobj_description(d.oid, 'pg_database'), E'\\nkept by', 1),
                     (select string_agg(format('%s %s', setrole, setconfig), ';' order by setrole)
                      from pg_db_role_setting where setdatabase = d.oid))
                 from pg_database d where datname = '{database}'"
            ))
        };
        assert_eq!(facts(name), facts(&clone), "connected: {connected}");
        shop.db
            .client()
            .batch_execute(&format!("drop database {clone} with (force)"))
            .unwrap();
        drop(client);
    }
}

/// Changes beyond the clone are not rehearsed next to other databases.
#[test]
fn nothing_but_the_clone_is_changed() {
    let shop = Shop::new("shared");
    let name = shop.db.name();
    let shared = [
        "create role rehearsed_role;\n".to_owned(),
        format!("comment on database {name} is 'changed';\n"),
        format!("alter database {name} set work_mem = '3MB';\n"),
        format!("grant connect on database {name} to public with grant option;\n").replace(" with grant option", ""),
        "do $$ begin execute 'create role rehearsed_role'; exception when others then raise; end $$;\n".to_owned(),
        format!("alter database {name} allow_connections false;\n"),
        "grant set on parameter work_mem to public;\n".to_owned(),
        "create table public.late (n integer);
         create function public.late() returns trigger language plpgsql as $$
         begin execute 'create role rehearsed_role'; return null; end $$;
         create constraint trigger late after insert on public.late deferrable initially deferred
             for each row execute function public.late();
         insert into public.late values (1);\n"
            .to_owned(),
    ];
    for (at, sql) in shared.iter().enumerate() {
        // A grant that already exists changes nothing.
        if sql.starts_with("grant") {
            shop.db
                .client()
                .batch_execute(&format!(
                    "revoke connect on database {name} from public; grant connect on database {name} to {GATE_USER}"
                ))
                .unwrap();
        }
        let release = shop
            .release()
            .named("shared", &format!("1.0.{at}"), 1)
            .tier("shared", sql);
        shop.rehearsal(&release)
            .run()
            .fails_saying(30, &["what all databases of this server share"]);
    }
    assert_eq!(
        shop.db
            .ask("select count(*) from pg_roles where rolname = 'rehearsed_role'"),
        "0"
    );
    assert_eq!(
        shop.db.ask("select coalesce(shobj_description(oid, 'pg_database'), 'none') from pg_database where datname = current_database()"),
        "none"
    );
    // A comment on its own database affects only the clone.
    let own = "comment on database :\"DBNAME\" is 'changed';\n";
    let back = "comment on database :\"DBNAME\" is null;\n";
    let release = shop
        .release()
        .named("own", "1.0.0", 1)
        .tier("own", own)
        .rollback("own", back);
    shop.rehearsal(&release).run().done();
}

/// A server without other databases has none to harm.
#[test]
fn on_a_server_of_its_own_roles_may_be_made() {
    let cluster = Cluster::own();
    let site = Site::new();
    let release = Release::on("elsewhere")
        .tier("role", "create role rehearsed_role;\n")
        .rollback("role", "drop role rehearsed_role;\n");
    let bundle = site.pack(&release);
    let baseline = site.path("before.sql");
    std::fs::write(&baseline, BEFORE).unwrap();
    let rehearsal =
        Rehearsal::of(&site, &bundle, &cluster).with(["--from-dump", baseline.to_str().unwrap()]);
    rehearsal.run().done();
    // A server with the source may be production, even without other databases.
    let mut admin =
        postgres::Client::connect(&cluster.server().connection("postgres"), postgres::NoTls)
            .unwrap();
    // The last run's role belongs to the server, so it survives the clone.
    admin.batch_execute("drop role rehearsed_role").unwrap();
    admin.batch_execute("create database elsewhere").unwrap();
    let mut source =
        postgres::Client::connect(&cluster.server().connection("elsewhere"), postgres::NoTls)
            .unwrap();
    source.batch_execute(BEFORE).unwrap();
    drop(source);
    let beside = Rehearsal::of(&site, &bundle, &cluster).from("elsewhere");
    beside
        .run()
        .fails_saying(30, &["what all databases of this server share"]);
}

/// Statements that reach outside the database are not sent from a clone either, even if acknowledged.
#[test]
fn no_outbound_dispatch() {
    let shop = Shop::new("dispatch");
    let quiet = shop.release().tier("tell", "notify somebody;\n");
    let out = Shop::new("dispatch_out");
    let link = out.release().tier(
        "link",
        "select dblink_exec('dbname=postgres', 'select 1');\n",
    );
    for (shop, release, way, done) in [
        (&shop, quiet, "NOTIFY", true),
        (&out, link, "dblink_exec", false),
    ] {
        let dir = shop.site.path("source");
        release.write(&dir);
        let toml = std::fs::read_to_string(dir.join("release.toml")).unwrap();
        let file = if done {
            "tiers/tell.sql"
        } else {
            "tiers/link.sql"
        };
        let toml = toml.replace(
            &format!("file = \"{file}\"\n"),
            &format!("file = \"{file}\"\ndispatch = [\"{way}\"]\n"),
        );
        std::fs::write(dir.join("release.toml"), toml).unwrap();
        let bundle = shop.site.path("dispatch.pgseal");
        shop.site.pack_dir(&dir, &bundle).done();
        let answer = Rehearsal::of(&shop.site, &bundle, Cluster::shared())
            .from(shop.db.name())
            .run();
        match done {
            true => {
                answer.done().says(&["NOTIFY"]);
            }
            false => answer.fails_saying(22, &["dblink_exec", "outside of the database"]),
        }
    }
}

/// Names with a meaning for code that does not quote.
#[test]
fn hostile_names() {
    let cluster = Cluster::own();
    let (wide, long) = ("ä".repeat(31), "n".repeat(63));
    for name in [
        "a\"b' host=evil",
        "x\\'; drop database postgres; --",
        &wide,
        &long,
    ] {
        let site = Site::new();
        let mut admin = cluster
            .server()
            .url("postgres")
            .parse::<postgres::Config>()
            .unwrap()
            .connect(postgres::NoTls)
            .unwrap();
        admin
            .batch_execute(&format!(
                "create database \"{}\"",
                name.replace('"', "\"\"")
            ))
            .unwrap();
        let mut config = cluster
            .server()
            .connection("postgres")
            .parse::<postgres::Config>()
            .unwrap();
        let mut client = config.dbname(name).connect(postgres::NoTls).unwrap();
        client.batch_execute(BEFORE).unwrap();
        let bundle = site.pack(&Release::on(
            &name.replace('\\', "\\\\").replace('"', "\\\""),
        ));
        let rehearsal = || Rehearsal::of(&site, &bundle, &cluster).from(name);
        // With a connection it copies by dump; without one by template.
        assert_eq!(
            rehearsal().json()["rehearsal"]["source"]["method"],
            "dump-restore",
            "{name}"
        );
        drop(client);
        assert_eq!(
            rehearsal().json()["rehearsal"]["source"]["method"],
            "template",
            "{name}"
        );
        let left: i64 = admin
            .query_one(
                "select count(*) from pg_database where datname like '%\\_rehearsal\\_%'",
                &[],
            )
            .unwrap()
            .get(0);
        assert_eq!(left, 0, "{name}");
    }
}

#[test]
fn ctrl_c_cleans_up() {
    let shop = Shop::new("interrupted");
    let release = shop.release().tier("slow", "select pg_sleep(60);\n");
    let running = Running::of(&mut shop.rehearsal(&release).command());
    let sleeps = "select count(*) from pg_stat_activity where query like '%pg_sleep(60)%' and state = 'active' and pid <> pg_backend_pid()";
    wait_until("it runs", || shop.db.ask(sleeps) == "1");
    let pid = running.pid().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    running.end().fails_saying(30, &["interrupted"]);
    assert!(clones(&shop.db, shop.db.name()).is_empty());
    assert_eq!(last_receipt(&shop.site)["outcome"], "incomplete");
}

/// A role that may not copy the database, and a missing source.
#[test]
fn who_may_not() {
    let shop = Shop::new("rights");
    let rehearsal = shop.rehearsal(&shop.release());
    let missing = Rehearsal {
        arguments: vec!["--from".to_owned(), "nobody_made_it".to_owned()],
        ..rehearsal
    };
    missing
        .run()
        .fails_saying(22, &["there is no database \"nobody_made_it\""]);
    assert!(
        receipts(&shop.site).is_empty(),
        "nothing was rehearsed, so nothing is said of it"
    );
    assert_eq!(
        std::fs::read_dir(shop.site.path("receipts"))
            .unwrap()
            .count(),
        0
    );
    let nothing = Rehearsal {
        arguments: Vec::new(),
        ..missing
    };
    nothing
        .run()
        .fails_saying(2, &["--from <DATABASE>", "--from-dump <FILE>"]);
}

/// A release with a non-transactional tier.
#[test]
fn statements_that_stand_alone() {
    let shop = Shop::new("alone");
    let release = shop
        .release()
        .alone(
            "index",
            "create index concurrently approvals_up on public.approvals (upper(who));\n",
        )
        .rollback("index", "drop index if exists public.approvals_up;\n");
    shop.rehearsal(&release).run().done();
    let system = shop
        .release()
        .named("system", "1.0.0", 1)
        .alone("system", "alter system set work_mem = '5MB';\n");
    let bundle = shop.site.path("system.pgseal");
    if shop.site.try_pack(&system, &bundle).code == 0 {
        let rehearsal = Rehearsal::of(&shop.site, &bundle, Cluster::shared()).from(shop.db.name());
        rehearsal
            .run()
            .fails_saying(22, &["what all databases of this server share"]);
    }
}

/// An advanced sequence is reported, and no fault of the rollback.
#[test]
fn a_sequence_goes_on() {
    let shop = Shop::new("sequence");
    shop.db
        .client()
        .batch_execute("create sequence public.numbers")
        .unwrap();
    let release = shop
        .release()
        .tier("number", "select nextval('public.numbers');\n");
    let document = shop.rehearsal(&release).json();
    let remarks = document["remarks"].to_string();
    assert!(
        remarks.contains("a sequence went on") && remarks.contains("public.numbers"),
        "{remarks}"
    );
}

/// pg_dump's own formats.
#[test]
fn dumps_of_every_format() {
    let shop = Shop::new("formats");
    let bundle = shop.site.pack(&shop.release());
    for format in ["custom", "tar", "directory", "plain"] {
        let path = shop.site.path(&format!("dump.{format}"));
        let mut command = Command::new(programs().dir().join("pg_dump"));
        command
            .args(["--format", format, "--file"])
            .arg(&path)
            .arg("--dbname")
            .arg(shop.db.connection());
        assert!(command.status().unwrap().success());
        let rehearsal = Rehearsal::of(&shop.site, &bundle, Cluster::shared());
        let document = rehearsal
            .with(["--from-dump", path.to_str().unwrap()])
            .json();
        assert_eq!(
            document["rehearsal"]["source"]["method"], "dump",
            "{format}"
        );
    }
    let broken = shop.site.path("broken");
    std::fs::write(&broken, b"PGDMP and nothing else").unwrap();
    let rehearsal = Rehearsal::of(&shop.site, &bundle, Cluster::shared());
    rehearsal
        .with(["--from-dump", broken.to_str().unwrap()])
        .run()
        .fails_saying(22, &["pg_restore"]);
    assert!(
        psql(&shop.db, &["-c", "select 1"], Path::new("/"))
            .status
            .success()
    );
}
