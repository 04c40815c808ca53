//! Help, topics and manual pages, as they reach a reader without a network.

use std::process::Command;

use pgseal_testkit::site::Site;
use pgseal_testkit::terminal::Terminal;

#[test]
fn commands_stand_below_their_role() {
    let site = Site::empty();
    let help = site.run(["--help"]).done().text();
    let of = |role: &str| {
        let group = help.split(&format!("\n{role}:\n")).nth(1).expect(role);
        group.split("\n\n").next().expect("a group").to_owned()
    };
    for (role, command) in [
        ("Author", "pack"),
        ("Approver", "approve"),
        ("Operator", "run"),
        ("Auditor", "audit"),
        ("Everybody", "verify"),
    ] {
        let line = format!("  {command} ");
        assert!(of(role).contains(&line), "{role}: {help}");
        assert_eq!(help.matches(&line).count(), 1, "{command}");
    }
}

#[test]
fn a_manual_page_has_the_sections_of_help() {
    let site = Site::empty();
    let help = site.run(["gate", "--help"]).done().text();
    let page = site.run(["man", "gate"]).done().text();
    for section in [
        "EXAMPLES",
        "EXIT STATUS",
        "ENVIRONMENT",
        "FILES",
        "SEE ALSO",
    ] {
        assert!(page.contains(section), "{section}: {page}");
    }
    for text in ["BLOCKED by a gate", "Wait until nothing is missing"] {
        assert!(help.contains(text) && page.contains(text), "{text}");
    }
    assert!(
        page.contains("PGSEAL_GATE_USER") && !page.contains("EXTRA"),
        "{page}"
    );
    let nested = site.run(["man", "trust", "add-key"]).done().text();
    assert!(nested.contains("Give a key a role"), "{nested}");
    let whole = site.run(["man"]).done().text();
    assert!(whole.contains("unknown whether COMMIT happened"), "{whole}");
}

#[test]
fn topics_are_the_documents() {
    let site = Site::empty();
    let list = site.run(["help"]).done().text();
    assert!(
        list.contains("\n  exit-codes ") && list.contains("\n  pack "),
        "{list}"
    );
    let exits = site.run(["help", "exit-codes"]).done().text();
    assert!(
        exits.starts_with("Exit codes\n") && exits.contains("\n50    the audit"),
        "{exits}"
    );
    assert!(
        !exits.contains("\u{1b}") && !exits.contains("|---"),
        "{exits}"
    );
    let command = site.run(["help", "trust", "add-key"]).done().text();
    assert!(command.contains("Usage: pgseal trust add-key"), "{command}");
    let schema = site.run(["help", "release.toml", "--schema"]).done().text();
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
    assert_eq!(schema["type"], "object");
    site.refused(2, "topic release.toml", ["help", "gates", "--schema"]);
    site.refused(2, "no topic or command", ["help", "gats"]);
}

/// A site with files of several kinds, and an interactive bash there that completes pgseal.
fn bash(site: &Site) -> Command {
    for file in [
        "greetings.pgseal",
        "two words.pgseal",
        "ann.key",
        "ann.pub",
        "notes.txt",
        "trust.json",
    ] {
        site.write(file, "");
    }
    let script = site.run(["completions", "bash"]).done().text();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_pgseal"));
    let dir = program.parent().expect("a directory").display();
    let path = std::env::var("PATH").unwrap_or_default();
    site.write("rc", format!("PS1='> '\nPATH={dir}:{path}\n{script}"));
    let mut bash = Command::new("bash");
    bash.args(["--noprofile", "--rcfile", "rc"]);
    bash.current_dir(site.dir()).env("TERM", "dumb");
    bash
}

#[test]
fn bash_completes_values() {
    let site = Site::empty();
    bash(&site);
    let asked = |line: &[&str]| {
        let list = "source ./rc; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _pgseal 2>/dev/null; printf '%s\n' \"${COMPREPLY[@]}\"";
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", list, "bash", "pgseal"])
            .args(line);
        let output = bash.current_dir(site.dir()).output().expect("bash");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let bundles = ["greetings.pgseal", r"two\ words.pgseal"];
    assert_eq!(asked(&["run", ""]), bundles);
    assert_eq!(asked(&["verify", "gr"]), bundles[..1]);
    assert_eq!(asked(&["run", "--receipt-key", ""]), ["ann.key", "ann.pub"]);
    assert_eq!(asked(&["verify", "--trust", ""]), ["trust.json"]);
    assert_eq!(
        asked(&["lint", "--explain", "missing-r"]),
        ["missing-rollback"]
    );
    assert_eq!(asked(&["runbook", "x", "o"]), ["owner", "operator"]);
    assert_eq!(asked(&["help", "gat"]), ["gate", "gates"]);
    assert_eq!(asked(&["run", "--receipt-k"]), ["--receipt-key"]);
    assert_eq!(asked(&["rollb"]), ["rollback"]);
}

#[test]
fn a_tab_completes_in_an_interactive_bash() {
    let site = Site::empty();
    let mut terminal = Terminal::start(&bash(&site), 80);
    terminal.wait_for("the prompt", |screen| screen.contains("> "));
    terminal.type_in("pgseal verify gr\t");
    terminal.wait_for("the file", |screen| screen.contains("greetings.pgseal "));
    // Ctrl-U empties the line.
    terminal.type_in("\x15exit\n");
    terminal.end();
}
