//! Text of a release, a gate, a check or a key's owner: displayed, but without effect on the page.

use std::fs;

use super::super::small;
use super::report;
use pgseal_testkit::release::Release;

const HOSTILE: &str =
    "<script>alert(1)</script><img src=x onerror=alert(2)>\"'`|&amp;</style>\u{202e}txt";

#[test]
fn foreign_text_is_shown_and_does_nothing() {
    let (db, _, site) = small("report_hostile");
    let literal = HOSTILE.replace('\'', "''");
    let gate = format!(
        "select false as ready, '{literal}' || chr(27) || '[2J' || chr(10) as reason, '{literal}' as \"<i>\";\n"
    );
    let check = format!("select '<b>name</b>' as name, false as ok, '{literal}' as detail;");
    let release = Release::on(db.name()).gate("approved", &gate).verify(
        "checked",
        "any",
        "read-only",
        &check,
    );
    let dir = site.path("hostile");
    release.write(&dir);
    let toml = fs::read_to_string(dir.join("release.toml")).unwrap();
    let quoted = HOSTILE.replace('"', "\\\"");
    let toml = toml.replace("A release for a test.", &quoted);
    let about = format!("file = \"tiers/widgets.sql\"\nabout = \"{quoted}\"");
    fs::write(
        dir.join("release.toml"),
        toml.replace("file = \"tiers/widgets.sql\"", &about),
    )
    .unwrap();
    let bundle = site.path("hostile.pgseal");
    site.pack_dir(&dir, &bundle).done();
    let operator = site.operator(&bundle, &db.url());

    let html = report(&operator, &["--format", "html"]).stdout;
    assert!(
        html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
        "it is shown"
    );
    for doing in [
        "<script",
        "<img",
        "<b>",
        "<i>",
        "</style>\u{202e}",
        "\u{202e}",
        "\u{1b}",
        "\"'`",
    ] {
        assert!(!html.contains(doing), "{doing:?}");
    }
    assert_eq!(html.matches("</style>").count(), 1);
    let markdown = report(&operator, &["--format", "md"]).stdout;
    assert!(markdown.contains("\\<script\\>alert(1)"), "{markdown}");
    for doing in ["\u{202e}", "\u{1b}"] {
        assert!(!markdown.contains(doing), "{doing:?}");
    }
    let bare = markdown
        .match_indices('<')
        .find(|(at, _)| !markdown[..*at].ends_with('\\'));
    assert_eq!(bare, None, "every < is text");
    // A row of the matrix remains one row of four cells.
    let rows = markdown
        .lines()
        .filter(|line| line.starts_with("| Gate |") || line.starts_with("| Checks |"));
    for row in rows {
        assert_eq!(row.replace("\\|", "").matches('|').count(), 5, "{row}");
    }
}
