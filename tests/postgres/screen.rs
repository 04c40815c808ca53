//! Answers on a terminal of 80 columns: no line is broken by the terminal, and verdicts have colours.

use super::small;
use std::process::Command;

use pgseal_testkit::terminal::Terminal;

/// Lines of a screen without escape sequences.
fn lines(screen: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut rest = screen.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => {
                // `K` clears the moving line.
                if rest.find(char::is_ascii_alphabetic) == Some('K') {
                    plain.push('\n');
                }
            }
            '\r' => plain.push('\n'),
            c => plain.push(c),
        }
    }
    plain
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// Runs a command on a terminal, and returns its exit code and screen; no line may be wider.
#[track_caller]
fn on_80_columns(command: &Command) -> (Option<i32>, String) {
    let (code, screen) = Terminal::start(command, 80).end();
    for line in lines(&screen) {
        assert!(line.chars().count() <= 80, "{line}\n{screen}");
    }
    (code, screen)
}

#[test]
fn nothing_is_broken_at_80_columns() {
    let (db, mut release, site) = small("screen");
    for number in 2..=12 {
        let name = format!("t{number:02}-{}", "x".repeat(28));
        release = release.tier(&name, "select 1;\n");
    }
    let release = release.alone(
        "an-index-that-is-built-alone",
        "create index concurrently widgets_name_of_a_certain_length on public.widgets (name);\n",
    );
    let bundle = site.pack(&release);
    let dir = site.path("dir");
    std::fs::create_dir(&dir).unwrap();
    release.write(&dir);
    let mut lint = site.command();
    lint.args(["lint", "dir"]).current_dir(site.path(""));
    let (_, screen) = on_80_columns(&lint);
    assert!(
        lines(&screen)
            .iter()
            .any(|line| line.starts_with("an-index")),
        "{screen}"
    );
    // A row that is too wide is a block.
    assert!(screen.contains("\n    statement: create index"), "{screen}");
    let operator = site.operator(&bundle, &db.url());
    let (code, screen) = on_80_columns(&operator.command("plan"));
    assert_eq!(code, Some(0), "{screen}");
    let (code, screen) = on_80_columns(&operator.command("run"));
    assert_eq!(code, Some(0), "{screen}");
    let lines = lines(&screen);
    let tier = |at: &str| {
        let line = lines.iter().find(|line| line.starts_with(at));
        line.unwrap_or_else(|| panic!("{screen}")).find(" ms")
    };
    assert!(
        tier(" 2/13 ").is_some() && tier(" 2/13 ") == tier("12/13 "),
        "{screen}"
    );
    let (code, screen) = on_80_columns(site.command().args(["status", "--db", &db.url()]));
    assert_eq!(code, Some(0), "{screen}");
    assert!(
        screen.contains("\u{1b}[32;1min effect\u{1b}[0m"),
        "{screen}"
    );
    // In a pipe a row is a line, and nothing is coloured.
    let piped = operator.ask("plan");
    assert!(
        piped.stdout.lines().any(|line| line.chars().count() > 80),
        "{piped}"
    );
    let status = operator.status_text();
    assert!(!status.contains('\u{1b}'), "{status}");
    let (code, screen) = on_80_columns(&operator.command("run"));
    assert_eq!(code, Some(22), "{screen}");
    assert!(
        screen.contains("pgseal: \u{1b}[31;1merror:\u{1b}[0m"),
        "{screen}"
    );
    assert!(
        screen.contains("pgseal: \u{1b}[2mhint:\u{1b}[0m"),
        "{screen}"
    );
    let mut audit = site.command();
    audit.args(["audit", ".", "--trust", "trust.json"]);
    let (code, screen) = on_80_columns(audit.current_dir(site.path("")));
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("\u{1b}[32;1mok\u{1b}[0m ./"), "{screen}");
    let (_, screen) = on_80_columns(operator.command("run").arg("--color=never"));
    assert!(!screen.contains("\u{1b}[31"), "{screen}");
}

/// In a pipe too, the columns stay in place with ten scripts and with the names of files.
#[test]
fn columns_stay_in_place() {
    let (db, mut release, site) = small("columns");
    for number in 2..=10 {
        let name = format!("t{number:02}-pref-backfill");
        release = release
            .tier(&name, "select 1;\n")
            .rollback(&name, "select 1;\n");
    }
    let operator = site.operator(&site.pack(&release), &db.url());
    for answer in [operator.run(), operator.rollback()] {
        let lines = answer.stderr.lines().filter(|line| line.contains("/10 "));
        let places: Vec<_> = lines.map(|line| line.find(" statement")).collect();
        assert_eq!(places.len(), 10, "{answer}");
        assert!(places.iter().all(|place| *place == places[0]), "{answer}");
    }
}

/// A tier is named before its first notice, although its numbers come at its end.
#[test]
fn notices_come_after_the_name_of_their_tier() {
    let (db, release, site) = small("notices");
    let notice = "do $$ begin raise notice 'told'; end $$;\nselect 1;\n";
    let bundle = site.pack(&release.tier("telling", notice));
    let answer = site.operator(&bundle, &db.url()).run();
    answer.done();
    let at = |text: &str| {
        answer
            .stderr
            .find(text)
            .unwrap_or_else(|| panic!("{answer}"))
    };
    assert!(at("2/2 telling:\n") < at("    NOTICE: told"), "{answer}");
    assert!(at("    NOTICE: told") < at("2/2 telling   "), "{answer}");
    assert!(!answer.stderr.contains("widgets:\n"), "{answer}");
}

/// Terminals get a dozen lines and pipes the whole report.
#[test]
fn a_report_is_short() {
    let (db, release, site) = small("screen_report");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let (code, screen) = Terminal::start(&operator.command("report"), 200).end();
    assert_eq!(code, Some(20), "{screen}");
    for words in [
        "It could run, and that it can be undone is not proved: no rehearsal of it",
        "small 1.0.0",
        "- An operator rehearses it on a copy of the database.",
        "Rehearsal: pgseal rehearse ",
        "the whole report: -o report.html, or --format md",
    ] {
        assert!(screen.contains(words), "{words}: {screen}");
    }
    assert!(
        lines(&screen).len() <= 16 && !screen.contains("| "),
        "{screen}"
    );
    let piped = operator.ask("report");
    assert!(
        piped.stdout.starts_with("# BLOCKED: small 1.0.0"),
        "{piped}"
    );
    let text = operator.ask_with("report", &["--format", "text"]);
    assert!(text.stdout.starts_with("BLOCKED It could run"), "{text}");
}
