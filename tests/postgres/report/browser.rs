//! The page in a real browser: no requests, no sideways scrolling, and all that readers and screen readers need.
//! `PGSEAL_SCREENSHOTS=DIR` keeps screenshots.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::one_roof::Directus;
use super::one_roof_pages;
use pgseal_testkit::browser::{self, Browser};
use pgseal_testkit::release::Site;

const PHONE: (u32, u32) = (390, 844);
const DESKTOP: (u32, u32) = (1280, 900);

#[test]
fn in_a_real_browser() {
    let Some(program) = browser::program() else {
        assert!(
            std::env::var_os("CI").is_none(),
            "no Chromium: ./test installs it on Debian; PGSEAL_BROWSER names one"
        );
        eprintln!(
            "skipped: no Chromium is here (PGSEAL_BROWSER names one), so the report was not looked at"
        );
        return;
    };
    let (directus, site) = (Directus::at_baseline(), Site::new());
    let pages = one_roof_pages(&site, &directus);
    let mut browser = Browser::start(&program);
    let pictures = std::env::var_os("PGSEAL_SCREENSHOTS").map(PathBuf::from);
    let axe = std::env::var_os("PGSEAL_AXE").map(|path| std::fs::read_to_string(path).unwrap());
    for (word, page) in &pages {
        for (place, size) in [("phone", PHONE), ("desktop", DESKTOP)] {
            for (scheme, dark) in [("light", false), ("dark", true)] {
                let what = format!("{word} {place} {scheme}");
                browser.open(page, size, dark);
                reads(&mut browser, word, page, &what);
                if let Some(dir) = &pictures {
                    browser
                        .picture(&dir.join(format!("{word}-{place}-{scheme}.png").to_lowercase()));
                }
                if let Some(axe) = &axe {
                    nothing_found(&mut browser, axe, &what);
                }
            }
        }
        browser.media("print", false);
        printable(&mut browser, word);
        let printed = browser.print();
        assert!(printed.len() > 10_000, "{word} prints");
        if let Some(dir) = &pictures {
            std::fs::write(dir.join(format!("{word}.pdf").to_lowercase()), printed).unwrap();
        }
    }
}

fn reads(browser: &mut Browser, word: &str, page: &Path, what: &str) {
    let is =
        |value: Value, expected: Value, which: &str| assert_eq!(value, expected, "{what}: {which}");
    is(
        browser.evaluate("document.querySelectorAll('h1').length"),
        json!(1),
        "one h1",
    );
    is(
        browser.evaluate("document.querySelector('h1').innerText"),
        json!(word),
        "the word",
    );
    // On the first screen, and large.
    let word_seen = "(() => { const r = document.querySelector('h1').getBoundingClientRect(); \
        return r.top >= 0 && r.bottom <= innerHeight && r.height >= 36 && r.right <= innerWidth; })()";
    is(
        browser.evaluate(word_seen),
        json!(true),
        "the word is on the first screen",
    );
    let wide = "document.documentElement.scrollWidth <= innerWidth && \
        [...document.querySelectorAll('body *')].every(e => e.getBoundingClientRect().right <= innerWidth + 1)";
    is(
        browser.evaluate(wide),
        json!(true),
        "nothing is wider than the window",
    );
    let in_order = "(() => { let last = 0; return [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].every(h => { \
        const level = +h.tagName[1], fits = level <= last + 1; last = level; return fits; }); })()";
    is(
        browser.evaluate(in_order),
        json!(true),
        "headings are in order",
    );
    let landmarks = "['header','main','footer'].every(tag => document.querySelectorAll('body > ' + tag).length == 1)";
    is(browser.evaluate(landmarks), json!(true), "landmarks");
    let scopes =
        "[...document.querySelectorAll('th')].every(th => ['row', 'col'].includes(th.scope))";
    is(
        browser.evaluate(scopes),
        json!(true),
        "every heading of a table says what it heads",
    );
    let links = "[...document.querySelectorAll('a')].every(a => document.querySelector(a.getAttribute('href')))";
    is(
        browser.evaluate(links),
        json!(true),
        "every link leads somewhere on the page",
    );
    let linked = "[...document.querySelectorAll('table.matrix tbody tr')].filter(tr => !tr.querySelector('.unknown') \
        && !tr.querySelector('a')).length";
    is(
        browser.evaluate(linked),
        json!(0),
        "every answer has evidence",
    );
    // The style is allowed by its digest; scripts and other content are not.
    is(
        browser.evaluate("getComputedStyle(document.querySelector('.word')).display"),
        json!("grid"),
        "the style holds",
    );
    let refused = "(() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1'; \
        document.body.append(s); s.remove(); return window.ran === undefined; })()";
    is(
        browser.evaluate(refused),
        json!(true),
        "a script does not run",
    );
    assert_eq!(
        browser.requests(page),
        Vec::<String>::new(),
        "{what}: nothing is asked of anybody"
    );
}

/// Asserts that axe-core has no findings: contrast, names, roles, structure.
fn nothing_found(browser: &mut Browser, axe: &str, what: &str) {
    browser.evaluate(&format!("{axe}; 1"));
    let run = "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })\
        .then(found => found.violations.map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 120)).join(' ; ')))";
    assert_eq!(browser.evaluate(run), json!([]), "{what}");
}

/// On paper nothing is unfolded, numbers of lists are inside of the page, and rows and items may
/// break, so that no page stays half empty.
fn printable(browser: &mut Browser, word: &str) {
    let unfolded = "[...document.querySelectorAll('details')].filter(d => d.getBoundingClientRect().height > 0).length";
    assert_eq!(browser.evaluate(unfolded), json!(0), "{word}: folded");
    let folded = "[...document.querySelectorAll('section:has(> details)')].every(s => s.getBoundingClientRect().height == 0)";
    assert_eq!(browser.evaluate(folded), json!(true), "{word}: headings");
    let narrow = "[...document.querySelectorAll('ol, ul')].filter(l => getComputedStyle(l).listStyleType != 'none' && \
        l.getBoundingClientRect().height > 0 && parseFloat(getComputedStyle(l).paddingLeft) < 2 * parseFloat(getComputedStyle(l).fontSize)).length";
    assert_eq!(browser.evaluate(narrow), json!(0), "{word}: numbers");
    let whole = "[...document.querySelectorAll('tr, li, dl div')].filter(e => getComputedStyle(e).breakInside != 'auto').length";
    assert_eq!(browser.evaluate(whole), json!(0), "{word}: breaks");
}
