//! The hook of git, in a real repository.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::{clean, done, recipe};
use pgseal_testkit::site::Site;

fn git(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = clean(Command::new("git"), dir);
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null");
    let who = ["-c", "user.name=lena", "-c", "user.email=lena@shop.example"];
    command.args(who).args(arguments).output().unwrap()
}

#[test]
fn what_is_staged_is_linted() {
    let site = Site::empty();
    let dir = site.dir();
    done(&git(dir, &["init", "-q"]), "init");
    fs::copy(recipe("git/pre-commit"), dir.join(".git/hooks/pre-commit")).unwrap();
    site.run(["init", "releases/greetings"]).done();
    let tier = dir.join("releases/greetings/tiers/01_greetings.sql");
    let good = fs::read_to_string(&tier).unwrap();
    let commit = |message: &str| git(dir, &["commit", "-q", "-m", message]);
    done(&git(dir, &["add", "."]), "add");
    done(&commit("a release"), "a release");

    // The working tree is mended, the index is not.
    fs::write(&tier, "commit;\n").unwrap();
    done(&git(dir, &["add", "."]), "add");
    fs::write(&tier, &good).unwrap();
    let refused = commit("a broken release");
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success(), "{text}");
    assert!(text.contains("tiers/01_greetings.sql:1:1"), "{text}");
    // And the other way round.
    done(&git(dir, &["add", "."]), "add");
    fs::write(&tier, "commit;\n").unwrap();
    fs::write(dir.join("README"), "text\n").unwrap();
    done(&git(dir, &["add", "README"]), "add");
    done(&commit("another file"), "another file");

    // A script that is gone is missed, and options are taken.
    fs::write(&tier, &good).unwrap();
    done(
        &git(
            dir,
            &["rm", "-q", "releases/greetings/verify/finalized_probe.sql"],
        ),
        "rm",
    );
    let refused = commit("no probe");
    assert!(!refused.status.success());
    done(&git(dir, &["reset", "-q", "--hard"]), "reset");
    let warns = format!("{good}create index orders_at on public.orders (at);\n");
    fs::write(&tier, warns).unwrap();
    done(&git(dir, &["add", "."]), "add");
    done(&git(dir, &["config", "pgseal.lint", "--strict"]), "config");
    let refused = commit("a warning");
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success(), "{text}");
}
