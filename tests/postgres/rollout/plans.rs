//! Plans: queries, secrets, and what is refused before any database begins.

use std::fs;

use super::fleet::Fleet;

#[test]
fn refused() {
    let fleet = Fleet::of(2, "refused");
    let refuse = |plan: String, code: i32, words: &[&str]| {
        fs::write(fleet.site.path("plan.toml"), plan).unwrap();
        fleet.rollout(&[]).fails_saying(code, words);
        assert!(!fleet.site.path("receipts").exists());
    };
    let one = fleet.databases[0].connection();
    refuse(
        "databases = []\n".to_owned(),
        2,
        &["plan.toml: ", "it has no database"],
    );
    refuse(format!("databases = [{one:?}, {one:?}]\n"), 2, &["twice"]);
    refuse(
        format!("databases = [{one:?}]\nwaves = [1]\n"),
        2,
        &["must end with \"rest\""],
    );
    refuse(
        "databases = [\"postgresql://u:secret@h/d\"]\n".to_owned(),
        2,
        &["has a password"],
    );
    for nameless in ["", "host=db1 port=5433"] {
        refuse(
            format!("databases = [{nameless:?}]\n"),
            2,
            &["plan.toml: ", "names no database"],
        );
    }
    let torn = "databases = [\"postgresql://u:secret@h/d\n";
    fs::write(fleet.site.path("plan.toml"), torn).unwrap();
    let said = fleet.rollout(&[]).fails(2);
    assert!(!said.contains("secret"), "{said}");
    refuse(
        format!("databases = [{one:?}]\nsoak = \"checks/no.sql\"\n"),
        2,
        &["no file checks/no.sql"],
    );
    fleet.plan("");
    fleet
        .rollout(&["--resume"])
        .fails_saying(22, &["no rollout of this release is in receipts"]);
    fleet.rollout(&[]).done();
    // Another plan is another rollout.
    fleet.plan("parallel = 2\n");
    fleet
        .rollout(&["--resume"])
        .fails_saying(2, &["has another plan"]);
    fleet.rollout(&[]).done();
    (0..2).for_each(|at| fleet.is_after(at));
}

/// The names of a query are databases of its own server, whatever they look like.
#[test]
fn query() {
    let fleet = Fleet::of(3, "query");
    let server = pgseal_testkit::cluster::Cluster::shared();
    let evil = server.database_named("fleet_query host=elsewhere.invalid");
    evil.client()
        .batch_execute(pgseal_testkit::release::BEFORE)
        .unwrap();
    let db = fleet.databases[0].connection();
    let names = "select datname from pg_catalog.pg_database where datname like 'fleet\\_query%' order by datname desc -- end";
    let plan = |sql: &str| {
        let plan = format!("query = {{ db = {db:?}, sql = '''{sql}''' }}\nparallel = 2\n");
        fs::write(fleet.site.path("plan.toml"), plan).unwrap();
    };
    plan("select pg_catalog.pg_terminate_backend(1)::text");
    fleet
        .rollout(&[])
        .fails_saying(21, &["pg_terminate_backend"]);
    plan("with gone as (delete from public.approvals returning who) select who from gone");
    fleet.rollout(&[]).fails(21);
    plan("select null::text");
    fleet.rollout(&[]).fails_saying(21, &["it returned NULL"]);
    plan("select ''::text");
    fleet.rollout(&[]).fails_saying(2, &["an empty name"]);
    plan("select datname from pg_catalog.pg_database where false");
    fleet.rollout(&[]).fails_saying(2, &["it has no database"]);
    plan(names);
    let answer = fleet.rollout(&["--json"]);
    answer.done();
    assert_eq!(answer.json()["databases"].as_array().unwrap().len(), 4);
    (0..3).for_each(|at| fleet.is_after(at));
    assert_eq!(evil.ask("select count(*) from pgseal.ledger"), "1");
    // The connecting role may do more than read.
    let mut command = fleet.command();
    command.env_remove("PGSEAL_GATE_USER");
    let arguments = fleet.arguments(&[], &["--plan", "plan.toml"]);
    let answer = pgseal_testkit::release::Answer::of(command.args(arguments).output().unwrap());
    answer.fails_saying(21, &["can do more than read"]);
}

/// The passphrase of the receipt key is asked once, and is in no argument of any process.
#[test]
fn an_encrypted_key_and_variables() {
    let fleet = Fleet::with(3, "sealed", |release| release.variable("ticket"));
    fleet.plan("parallel = 2\n");
    let shell = |script: &str| {
        let mut command = std::process::Command::new("sh");
        command
            .current_dir(fleet.site.path(""))
            .arg("-c")
            .arg(script);
        command
            .arg("sh")
            .arg(pgseal_testkit::pgseal())
            .arg(&fleet.bundle);
        for (name, value) in fleet.command().get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        pgseal_testkit::release::Answer::of(command.output().unwrap())
    };
    fs::write(fleet.site.path("phrase"), "open sesame\n").unwrap();
    shell("exec \"$1\" keygen sealed --passphrase-fd 3 3< phrase").done();
    let add = [
        "trust",
        "add-key",
        "trust.json",
        "--key",
        "sealed.pub",
        "--role",
        "receipt",
        "--root-key",
        "root.key",
    ];
    fleet.site.pgseal(add).done();
    let rollout = "exec \"$1\" rollout \"$2\" --plan plan.toml --trust trust.json --receipts receipts \
                   --receipt-key sealed.key --passphrase-fd 3 -v ticket=OPS-1 --lock-timeout 1s 3< phrase";
    shell(rollout).done();
    (0..3).for_each(|at| fleet.is_after(at));
    assert_eq!(
        fleet.databases[0].ask("select variables->>'ticket' from pgseal.ledger"),
        "OPS-1"
    );
    let receipt = fleet.newest(".rollout.json");
    let verify = [
        "receipt",
        "verify",
        receipt.to_str().unwrap(),
        "--trust",
        "trust.json",
    ];
    fleet.pgseal(&verify).done();
}
