//! The page of `pgseal verifier` in a real browser, and its module in Node: verdicts as on the command line, no requests,
//! foreign names as text.

// A test that is left out says so.
#![allow(clippy::print_stderr)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use pgseal_testkit::browser::{self, Browser};
use pgseal_testkit::bundles::{small, write_dir};
use pgseal_testkit::site::Site;
use pgseal_testkit::vectors;
use pgseal_verify::format::version::PGSEAL;

const PHONE: (u32, u32) = (390, 844);
const DESKTOP: (u32, u32) = (1280, 900);

/// Vectors whose time stamps are checked by the program, and not by the page.
const STAMPED: [&str; 5] = [
    "approved_pass",
    "timestamp_by_a_stranger_fail",
    "timestamp_changed_fail",
    "timestamp_of_another_signature_fail",
    "trust_key_compromised_before_fail",
];

/// Waits until the page has judged everything.
const IDLE: &str = "new Promise(done => { const again = () => document.querySelector('main').getAttribute('aria-busy') == \
     'false' ? done(1) : setTimeout(again, 2); again(); })";

/// The first word of a verdict, and what is at fault.
const SAID: &str = "(() => { const text = selector => (document.querySelector(selector) || { innerText: '' }).innerText; \
     return [text('#rows .verdict') || text('#root .verdict'), text('#detail ul li') , text('#root > .verdict + p')]; })()";

/// Writes the page, unless the compiler lacked its target; then the program says so.
fn written(site: &Site) -> Option<PathBuf> {
    let args = ["verifier", "-o", "verify.html"];
    if pgseal_page::html().is_none() {
        site.refused(2, "built without the page", args);
        eprintln!("skipped: `rustup target add wasm32-unknown-unknown` makes the page");
        return None;
    }
    site.run(args).done();
    Some(site.path("verify.html"))
}

/// A browser, unless none is here; on CI one has to be.
fn started() -> Option<Browser> {
    let program = browser::program();
    assert!(
        program.is_some() || std::env::var_os("CI").is_none(),
        "no Chromium: ./test installs it on Debian; PGSEAL_BROWSER names one"
    );
    if program.is_none() {
        eprintln!(
            "skipped: no Chromium is here (PGSEAL_BROWSER names one), so the page was not looked at"
        );
    }
    program.map(|program| Browser::start(&program))
}

fn show(browser: &mut Browser, files: &[PathBuf]) {
    browser.evaluate(
        "document.querySelector('#clear').hidden || document.querySelector('#clear').click()",
    );
    browser.evaluate(IDLE);
    browser.choose("#pick", files);
    browser.evaluate(IDLE);
}

/// The files of a vector, as people choose them: without their directories.
fn files_of(folder: &Path) -> Vec<PathBuf> {
    // A browser reads no path with `..` in it.
    let folder = folder.canonicalize().expect("a folder");
    let all = folder.parent().expect("tests/vectors");
    let chosen = |own: &str, shared: &str| {
        let own = folder.join(own);
        if own.exists() { own } else { all.join(shared) }
    };
    let root = chosen("trust.json", "trust.json");
    let signed = fs::read_dir(root.with_extension("json.sigs")).expect("signatures");
    let mut files: Vec<PathBuf> = signed
        .map(|entry| entry.expect("readable").path())
        .collect();
    files.extend([chosen("bundle.pgseal", "good_pass/bundle.pgseal"), root]);
    files
}

/// The folders that `pgseal verify` judges, with the error line that each expects; empty if it is accepted.
fn expected() -> Vec<(String, PathBuf, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(vectors::committed()).expect("tests/vectors") {
        let folder = entry.expect("readable").path();
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !folder.join("expect").exists() || name.starts_with("rotation_") {
            continue;
        }
        let expect = fs::read_to_string(folder.join("expect")).expect("expect");
        let error = expect
            .split_once("pgseal: error: ")
            .map_or("", |(_, line)| line.trim_end());
        all.push((name, folder, without_directory(error)));
    }
    assert!(all.len() > 150);
    all
}

/// The line as it is for files without their directories.
fn without_directory(error: &str) -> String {
    let line = error.strip_prefix("../").unwrap_or(error);
    line.strip_prefix("good_pass/").unwrap_or(line).to_owned()
}

/// Whether the page says what the program says, up to its clock and version.
fn agrees(name: &str, error: &str, (verdict, said): (&str, &str)) -> bool {
    let said = said.replace(PGSEAL, "[VERSION]");
    let (before, after) = error.split_once("[NOW]").unwrap_or((error, ""));
    match verdict {
        "unchecked" => STAMPED.contains(&name),
        "authentic" => error.is_empty(),
        "FAULT" => !error.is_empty() && said.starts_with(before) && said.ends_with(after),
        _ => false,
    }
}

#[test]
fn every_vector_in_a_real_browser() {
    let Some(mut browser) = started() else { return };
    let site = Site::new();
    let Some(page) = written(&site) else { return };
    browser.open(&page, DESKTOP, false);
    browser.evaluate(IDLE);
    let mut wrong = Vec::new();
    for (name, folder, error) in expected() {
        show(&mut browser, &files_of(&folder));
        let said = browser.evaluate(SAID);
        let text = |at: usize| said[at].as_str().unwrap_or_default();
        let of_root = text(2);
        let fault = if of_root.is_empty() { text(1) } else { of_root };
        if !agrees(&name, &error, (text(0), fault)) {
            wrong.push(format!("{name}: expected {error:?}, is {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let asked: Vec<String> = browser.requests(&page);
    assert!(
        asked.iter().all(|address| address.starts_with("blob:")),
        "{asked:?}"
    );
}

#[test]
fn a_person_with_files_in_a_real_browser() {
    let Some(mut browser) = started() else { return };
    let site = Site::new();
    let Some(page) = written(&site) else { return };
    write_dir(&site.path("small"), &small());
    site.run([
        "pack",
        "small",
        "-o",
        "small.pgseal",
        "--key",
        "release.key",
    ])
    .done();
    // A name of markup, blanks and a change of direction, and a bundle that was changed.
    let hostile = "<img src=x onerror=document.title=1> \u{202e}.pgseal";
    let mut bytes = site.read("small.pgseal");
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    site.write(hostile, bytes);
    let axe = std::env::var_os("PGSEAL_AXE").map(|path| fs::read_to_string(path).expect("axe"));
    for (size, dark) in [(DESKTOP, false), (PHONE, true)] {
        browser.open(&page, size, dark);
        browser.evaluate(IDLE);
        let signatures = fs::read_dir(site.path("trust.json.sigs")).expect("signatures");
        let mut files: Vec<PathBuf> = signatures
            .map(|entry| entry.expect("readable").path())
            .collect();
        files.extend(["trust.json", "small.pgseal", hostile].map(|name| site.path(name)));
        show(&mut browser, &files);
        let is = |browser: &mut Browser, expression: &str, expected: Value| {
            assert_eq!(browser.evaluate(expression), expected, "{expression}");
        };
        let status =
            "2 files: 1 FAULT, 1 authentic. By a trust root that you have not compared yet.";
        is(
            &mut browser,
            "document.querySelector('#status').innerText",
            json!(status),
        );
        // The foreign name is text, on one line, and made nothing.
        let name = "document.querySelector('#rows button').innerText";
        is(
            &mut browser,
            name,
            json!(hostile.replace('\u{202e}', "\\u{202e}")),
        );
        is(
            &mut browser,
            "[document.title, document.images.length]",
            json!(["Verify releases", 0]),
        );
        let asked = browser.requests(&page);
        let is_own = |address: &String| address.starts_with("blob:");
        assert!(asked.iter().all(is_own), "{asked:?}");
        refuses_the_outside(&mut browser);
        // The digest of the trust root, as the program has it.
        let shown = site
            .run(["trust", "show", "trust.json", "--json"])
            .done()
            .json();
        is(
            &mut browser,
            "document.querySelector('#root .digest').innerText",
            shown["sha256"].clone(),
        );
        // By keyboard: sort by file, open one, read a script.
        browser.evaluate("[...document.querySelectorAll('#heads button')][2].click()");
        let sorted = "[...document.querySelectorAll('#heads th')].map(th => th.ariaSort)";
        is(
            &mut browser,
            sorted,
            json!(["none", "none", "ascending", "none", "none"]),
        );
        browser.evaluate("[...document.querySelectorAll('#rows button')].find(b => b.innerText == 'small.pgseal').click()");
        is(&mut browser, "document.activeElement.id", json!("detail"));
        let heading = "document.querySelector('#detail h3').innerText";
        assert!(
            browser
                .evaluate(heading)
                .as_str()
                .is_some_and(|text| text.starts_with("small "))
        );
        browser.evaluate(
            "[...document.querySelectorAll('#detail ul:last-child button')].at(-1).click()",
        );
        let text = "new Promise(done => { const again = () => { const t = document.querySelector('#detail pre:not([hidden])'); \
            return t ? done(t.textContent.length > 0) : setTimeout(again, 2); }; again(); })";
        is(&mut browser, text, json!(true));
        // Filters.
        browser.evaluate("(() => { const f = document.querySelector('#only'); f.value = 'fault'; f.onchange(); })()");
        is(
            &mut browser,
            "document.querySelectorAll('#rows tr').length",
            json!(1),
        );
        browser.evaluate("document.querySelector('#compared').click()");
        is(
            &mut browser,
            "document.querySelector('#status').innerText",
            json!("2 files: 1 FAULT, 1 authentic."),
        );
        let wide = "document.documentElement.scrollWidth <= innerWidth";
        is(&mut browser, wide, json!(true));
        if let Some(axe) = &axe {
            browser.evaluate(&format!("{axe}; 1"));
            let run = "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })\
                .then(found => found.violations.map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 120)).join(' ; ')))";
            is(&mut browser, run, json!([]));
        }
        if let Some(dir) = std::env::var_os("PGSEAL_SCREENSHOTS").map(PathBuf::from) {
            browser.picture(&dir.join(format!("verifier-{}.png", size.0)));
        }
    }
    assert!(browser.print().len() > 10_000);
}

/// Asserts that the page's policy lets nothing in or out, also by the page's own hands.
fn refuses_the_outside(browser: &mut Browser) {
    let script = "(() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1'; \
        document.body.append(s); s.remove(); return window.ran === undefined; })()";
    assert_eq!(browser.evaluate(script), json!(true));
    for (attempt, directive) in [
        ("new Image().src = 'https://example.invalid/x'", "img-src"),
        (
            "fetch('https://example.invalid/').catch(() => 0)",
            "connect-src",
        ),
        (
            "document.body.append(Object.assign(document.createElement('iframe'), { src: 'https://example.invalid/' }))",
            "frame-src",
        ),
    ] {
        let refused = format!(
            "new Promise(done => {{ document.addEventListener('securitypolicyviolation', \
             event => done(event.effectiveDirective), {{ once: true }}); {attempt}; }})"
        );
        assert_eq!(browser.evaluate(&refused), json!(directive), "{attempt}");
    }
    browser.evaluate("document.querySelector('iframe').remove()");
}

/// Drives `page/worker.js` itself over the vectors, with files of the disk in place of a browser's.
const NODE: &str = r#"
const fs = require('fs');
const [page, list] = process.argv.slice(2);
const html = fs.readFileSync(page, 'utf8');
const constant = name => Buffer.from(html.match(new RegExp(`const ${name} = '([^']*)'`))[1], 'base64');
const answers = [];
globalThis.self = { postMessage: message => answers.push(message) };
globalThis.FileReaderSync = class { readAsArrayBuffer(bytes) { return Uint8Array.from(bytes).buffer; } };
(0, eval)(constant('WORKER').toString());
(async () => {
  await self.onmessage({ data: { module: constant('MODULE') } });
  const said = {};
  for (const [name, paths] of JSON.parse(fs.readFileSync(list, 'utf8'))) {
    const files = paths.map(path => fs.readFileSync(path));
    const listed = paths.map((path, at) => ({ path: path.split('/').at(-1), size: files[at].length }));
    const place = end => listed.findIndex(file => file.path.endsWith(end));
    const judge = { file: place('bundle.pgseal'), root: place('trust.json') };
    answers.length = 0;
    await self.onmessage({ data: { files, question: { ask: { judge }, now: Math.floor(Date.now() / 1000), files: listed } } });
    said[name] = answers[0].answer;
  }
  console.log(JSON.stringify(said));
})();
"#;

#[test]
fn every_vector_in_node() {
    if Command::new("node").arg("--version").output().is_err() {
        eprintln!("skipped: no node is here; a browser runs the same");
        return;
    }
    let site = Site::new();
    let Some(page) = written(&site) else { return };
    let all = expected();
    let list: Vec<Value> = all
        .iter()
        .map(|(name, folder, _)| json!([name, files_of(folder)]))
        .collect();
    let (script, list) = (
        site.write("node.cjs", NODE),
        site.write("list.json", json!(list).to_string()),
    );
    let ran = Command::new("node")
        .args([&script, &page, &list])
        .output()
        .expect("node");
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let said: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    let mut wrong = Vec::new();
    for (name, _, error) in &all {
        let answer = &said[name];
        let (verdict, fault) = match (&answer["error"], &answer["verdict"]) {
            (Value::String(error), _) => ("FAULT", error.as_str()),
            (_, verdict) if verdict == "fault" => {
                ("FAULT", answer["faults"][0].as_str().unwrap_or_default())
            }
            (_, verdict) => (verdict.as_str().unwrap_or_default(), ""),
        };
        if !agrees(name, error, (verdict, fault)) {
            wrong.push(format!("{name}: expected {error:?}, is {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_admits_one_script_and_one_style() {
    let site = Site::new();
    let Some(page) = written(&site) else { return };
    let page = fs::read_to_string(page).expect("written");
    assert_eq!(
        (
            page.matches("<script>").count(),
            page.matches("<style>").count()
        ),
        (1, 1)
    );
    let policy = page
        .split("Content-Security-Policy\" content=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let policy = policy.expect("a policy");
    for rule in [
        "default-src 'none'; script-src 'sha256-",
        "' 'wasm-unsafe-eval'; style-src 'sha256-",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    for word in [
        "unsafe-inline",
        "connect-src",
        "https:",
        "unsafe-eval' 'unsafe",
    ] {
        assert!(!policy.contains(word), "{policy}");
    }
    for word in [
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval(",
        "fetch(",
        "XMLHttp",
        "import(",
    ] {
        assert!(!page.contains(word), "{word}");
    }
    site.refused(2, "exists already", ["verifier", "-o", "verify.html"]);
}
