//! Help, topics and manual pages, as they reach a reader without a network.

use pgseal_testkit::site::Site;

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
    site.refused(2, "no topic or command", ["help", "gats"]);
}
