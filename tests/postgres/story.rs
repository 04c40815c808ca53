//! The whole story of a release over weeks, on a production that is written to all day: staging first, a server
//! that restarts while pgseal waits, an owner who changes his mind twice, a drift that somebody made, a rollback
//! that leads back exactly, and an archive in which all of it is found whole.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::waiting::Waiting;
use pgseal::database::Session as _;
use pgseal_testkit::cluster::GATE_USER;
use pgseal_testkit::release::{Answer, BEFORE, Operator, Release, Site, wait_until};
use pgseal_testkit::server::{Server, ask, session};

const ITEMS: &str =
    "create table public.items (id bigint generated always as identity, name text, tag text);
    insert into public.items (name) values ('first'), ('second');";

const PROBE: &str = "select (select count(*) from public.items where tag = 'new') > 0 as tagged,
    (select count(*) from public.items) as items;\n";

const SIGNED: [&str; 3] = ["--receipt-key", "receipt.key", "--fingerprint"];

/// An application that writes, and connects again after each lost connection.
struct Application {
    is_over: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Application {
    fn start(url: String) -> Self {
        let (is_over, written) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let (over, count) = (Arc::clone(&is_over), Arc::clone(&written));
        let thread = thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                let connected = postgres::Client::connect(&url, postgres::NoTls);
                let Ok(mut client) = connected else {
                    thread::sleep(Duration::from_millis(50));
                    continue;
                };
                let insert = "insert into public.items (name) values ('daily')";
                while !over.load(Ordering::SeqCst) && client.batch_execute(insert).is_ok() {
                    count.fetch_add(1, Ordering::SeqCst);
                    thread::sleep(Duration::from_millis(5));
                }
            }
        });
        Self {
            is_over,
            written,
            thread,
        }
    }

    fn goes_on(&self) {
        let before = self.written.load(Ordering::SeqCst);
        wait_until("the application writes", || {
            self.written.load(Ordering::SeqCst) > before
        });
    }

    fn stop(self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.thread.join().unwrap();
    }
}

fn release() -> Release {
    Release::on("shop")
        .databases(&["shop", "shop_staging"])
        .without_tiers()
        .baseline(PROBE, "{ tagged = false }")
        .finalized(PROBE, "{ tagged = true, items = \"+2\" }")
        .rolled_back("{ tagged = false, items = \"-2\" }")
        .tier(
            "items",
            "insert into public.items (name, tag) values ('a', 'new'), ('b', 'new');\n",
        )
        .rollback("items", "delete from public.items where tag = 'new';\n")
}

/// Keys and rules: Ann approves, staging comes first, an archive is kept.
fn rules(site: &Site) {
    let next = |args: &[&str]| {
        let root = ["--root-key", "root.key"];
        site.pgseal(args.iter().chain(&root)).done();
    };
    for (name, role) in [("ann", "l2"), ("log", "log")] {
        site.pgseal(["keygen", name, "--no-passphrase"]).done();
        let key = format!("{name}.pub");
        next(&[
            "trust",
            "add-key",
            "trust.json",
            "--key",
            &key,
            "--role",
            role,
        ]);
    }
    let policy = ["trust", "set-policy", "trust.json", "--require", "l2=1"];
    next(&[&policy[..], &["--require-run-on", "shop_staging"]].concat());
}

fn approve(site: &Site, bundle: &Path, more: &[&str]) {
    pgseal_testkit::next_second();
    let mut command = site.command();
    command.arg("approve").arg(bundle).args(more);
    let ann = [
        "--trust",
        "trust.json",
        "--key",
        "ann.key",
        "--role",
        "l2",
        "--yes",
        "small",
    ];
    Answer::of(command.args(ann).output().unwrap()).done();
}

/// Makes everything in the ledger of a database a week older.
fn a_week_passes(url: &str) {
    session(url)
        .batch(
            "alter table pgseal.ledger disable trigger only_added; alter table pgseal.steps disable trigger only_added;
             update pgseal.ledger set at = at - interval '7 days'; update pgseal.steps set at = at - interval '7 days';
             alter table pgseal.ledger enable trigger only_added; alter table pgseal.steps enable trigger only_added",
        )
        .unwrap();
}

/// Signs the answer of a command that only reads.
fn answered(operator: &Operator<'_>, command: &str) -> Answer {
    let receipts = operator.receipts().to_str().unwrap();
    operator.ask_with(
        command,
        &["--receipt-key", "receipt.key", "--receipts", receipts],
    )
}

fn drift(site: &Site, operator: &Operator<'_>, url: &str) -> Answer {
    let mut command = site.command();
    command.args([
        "drift",
        "--trust",
        "trust.json",
        "--db",
        url,
        "--receipt-key",
        "receipt.key",
    ]);
    Answer::of(
        command
            .arg("--receipts")
            .arg(operator.receipts())
            .output()
            .unwrap(),
    )
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// Puts files into a new archive, and audits it.
fn archived(site: &Site, files: &[&Path]) -> Answer {
    let pgseal = |args: &[&str], files: &[&Path]| {
        let mut command = site.command();
        command
            .env("PGSEAL_TRUST", "trust.json")
            .args(args)
            .args(files);
        Answer::of(command.output().unwrap())
    };
    let log = ["--key", "log.key", "archive"];
    let origin = ["--origin", "example.com/shop"];
    pgseal(&[&["archive", "init"], &log[..], &origin[..]].concat(), &[]).done();
    pgseal(
        &[&["archive", "add"], &log[..], &["trust.json"]].concat(),
        files,
    )
    .done();
    pgseal(&["audit", "archive"], &[])
}

#[test]
fn a_release_lives_for_weeks() {
    let mut server = Server::start("local all all trust\n", "");
    server.sql(&format!("create role {GATE_USER} login"));
    server.sql(&format!("grant pg_read_all_data to {GATE_USER}"));
    for name in ["shop", "shop_staging"] {
        server.sql(&format!("create database {name}"));
        session(&server.local(name))
            .batch(&format!("{BEFORE} {ITEMS}"))
            .unwrap();
    }
    let (url, staging) = (server.local("shop"), server.local("shop_staging"));
    session(&url).batch("delete from public.approvals").unwrap();
    let site = Site::new();
    rules(&site);
    let bundle = site.pack(&release());
    let application = Application::start(url.clone());

    // Staging.
    approve(&site, &bundle, &["--target", "shop_staging"]);
    let at_staging = site.operator(&bundle, &staging).receipts_in("staging");
    at_staging.ask_with("run", &SIGNED).done();

    // Production waits for people and for the receipt, across a restart of its server.
    let operator = site.operator(&bundle, &url);
    let mut waiting = Waiting::run(&operator, &site, "first", &SIGNED);
    waiting
        .says("waiting for staging-missing: ")
        .says("waiting for gate-blocked: ");
    copy_all(at_staging.receipts(), operator.receipts());
    waiting.says("waiting for approvals-missing: ");
    server.stop();
    waiting.says("waiting for no-connection: ");
    server.restart();
    waiting.says("no longer waiting for no-connection");
    session(&url)
        .batch("insert into public.approvals values ('owner')")
        .unwrap();
    approve(&site, &bundle, &[]);
    waiting.end().done();
    application.goes_on();
    a_week_passes(&url);
    answered(&operator, "check").done();
    drift(&site, &operator, &url).done();

    // Somebody adds an index; the owner takes his yes back.
    session(&url)
        .batch("create index hurry on public.items (name)")
        .unwrap();
    let differs = drift(&site, &operator, &url);
    assert_eq!(differs.code, 50, "{differs}");
    session(&url).batch("delete from public.approvals").unwrap();
    let exact = [&SIGNED[..], &["--require-exact"]].concat();
    let hurry = ["index public.hurry is new"];
    operator
        .ask_with("rollback", &exact)
        .fails_saying(30, &hurry);
    application.goes_on();
    session(&url).batch("drop index public.hurry").unwrap();
    operator
        .ask_with("rollback", &exact)
        .done()
        .says(&["as before the run"]);
    a_week_passes(&url);

    // He changes his mind again: his old yes is used.
    session(&url)
        .batch("insert into public.approvals values ('owner')")
        .unwrap();
    let held = answered(&operator, "gate");
    assert_eq!(held.code, 11, "{held}");
    held.says(&["approvals-used"]);
    operator.run().fails_saying(11, &["approved one run"]);
    approve(&site, &bundle, &[]);
    answered(&operator, "gate").done();
    operator.ask_with("run", &SIGNED).done();
    answered(&operator, "report").done();
    application.goes_on();
    application.stop();
    let tagged = "select count(*) from public.items where tag = 'new'";
    assert_eq!(ask(&mut session(&url), tagged), "2");
    let runs = "select string_agg(action, ' ' order by id) from pgseal.ledger";
    assert_eq!(ask(&mut session(&url), runs), "run rollback run");

    let audit = archived(&site, &[&bundle, operator.receipts()]);
    audit
        .done()
        .says(&["5 receipts, 6 signed answers", "0 faults"]);
}
