//! The HTML page as a browser shows it.

use std::path::PathBuf;

use serde_json::json;

use super::site::archive;
use pgseal_testkit::browser::{self, Browser};

#[test]
fn everything_foreign_is_text() {
    let site = archive();
    let hostile = "<script>alert(1)</script>\u{202e}\u{1b}[2J'\".pgseal";
    site.write("archive/x.pgseal", "no bundle");
    std::fs::rename(
        site.path("archive/x.pgseal"),
        site.path("archive").join(hostile.replace('/', "\u{2215}")),
    )
    .unwrap();
    assert_eq!(
        site.run([
            "audit",
            "archive",
            "--as-of",
            "2030-01-01",
            "--html",
            "a.html"
        ])
        .code,
        50
    );
    let page = String::from_utf8(site.read("a.html")).unwrap();
    assert!(
        !page.contains("<script")
            && !page.contains("<b>")
            && !page.contains(['\u{202e}', '\u{1b}'])
    );
    assert!(page.contains("&lt;script&gt;alert(1)"));
    for word in [
        "<h1 id=\"word\">4 faults</h1>",
        "file-changed",
        "malformed",
        "small 1.0.0",
        "Judged as of 1 January 2030",
    ] {
        assert!(page.contains(word), "{word}");
    }
}

#[test]
fn in_a_real_browser() {
    let Some(program) = browser::program() else {
        let text = "no Chromium: ./test installs it on Debian; PGSEAL_BROWSER names one";
        assert!(std::env::var_os("CI").is_none(), "{text}");
        eprintln!(
            "skipped: no Chromium is here (PGSEAL_BROWSER names one), so the page was not looked at"
        );
        return;
    };
    let site = archive();
    assert_eq!(
        site.run([
            "audit",
            "archive",
            "--as-of",
            "2030-01-01",
            "--html",
            "faults.html"
        ])
        .code,
        50
    );
    site.run(["audit", "archive/small.pgseal", "--html", "none.html"])
        .done();
    let mut browser = Browser::start(&program);
    let pictures = std::env::var_os("PGSEAL_SCREENSHOTS").map(PathBuf::from);
    let axe = std::env::var_os("PGSEAL_AXE").map(|path| std::fs::read_to_string(path).unwrap());
    for (name, word) in [("faults", "3 faults"), ("none", "No fault")] {
        let page = site.path(&format!("{name}.html"));
        for (size, dark) in [
            ((390, 844), false),
            ((390, 844), true),
            ((1280, 900), false),
            ((1280, 900), true),
        ] {
            let what = format!("{name} {size:?} {dark}");
            browser.open(&page, size, dark);
            assert_eq!(
                browser.evaluate("document.querySelector('h1').innerText"),
                json!(word),
                "{what}"
            );
            let wide = "document.documentElement.scrollWidth <= innerWidth && \
                [...document.querySelectorAll('body *')].every(e => e.getBoundingClientRect().right <= innerWidth + 1)";
            assert_eq!(
                browser.evaluate(wide),
                json!(true),
                "{what}: nothing is wider than the window"
            );
            let styled = "getComputedStyle(document.querySelector('.word')).display";
            assert_eq!(
                browser.evaluate(styled),
                json!("grid"),
                "{what}: the style holds"
            );
            assert_eq!(
                browser.requests(&page),
                Vec::<String>::new(),
                "{what}: nothing is asked of anybody"
            );
            if let Some(dir) = &pictures {
                browser.picture(&dir.join(format!("audit-{name}-{}-{dark}.png", size.0)));
            }
            if let Some(axe) = &axe {
                browser.evaluate(&format!("{axe}; 1"));
                let run = "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })\
                    .then(found => found.violations.map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 120)).join(' ; ')))";
                assert_eq!(browser.evaluate(run), json!([]), "{what}");
            }
        }
        assert!(browser.print().len() > 10_000, "{name} prints");
    }
}
