//! The page: one HTML file out of its parts, whose policy admits one script and one style by digest.

use base64ct::{Base64, Encoding};

use pgseal_verify::Digest;
use pgseal_verify::format::version::PGSEAL;

/// The module; empty where it could not be compiled.
const MODULE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/page.wasm"));
const PAGE: &str = include_str!("../page/page.html");
const STYLE: &str = include_str!("../page/page.css");
const SCRIPT: &str = include_str!("../page/page.js");
const WORKER: &str = include_str!("../page/worker.js");

/// The page; `None` if the program was compiled without the target of WebAssembly.
pub fn html() -> Option<String> {
    if MODULE.is_empty() {
        return None;
    }
    let constants = [
        ("MODULE", Base64::encode_string(MODULE)),
        ("WORKER", Base64::encode_string(WORKER.as_bytes())),
    ];
    let mut script = "'use strict';\n".to_owned();
    for (name, text) in constants {
        script.push_str(&format!("const {name} = '{text}';\n"));
    }
    script.push_str(SCRIPT);
    let policy = format!(
        "default-src 'none'; script-src '{}' 'wasm-unsafe-eval'; style-src '{}'; worker-src blob:; base-uri 'none'; \
         form-action 'none'",
        source(&script),
        source(STYLE)
    );
    let parts = [
        ("{{policy}}", policy.as_str()),
        ("{{version}}", PGSEAL),
        ("{{module}}", &Digest::of(MODULE).to_string()),
        ("{{style}}", STYLE),
        // Last, so that nothing is looked for in it.
        ("{{script}}", &script),
    ];
    let filled = |page: String, (name, text): (&str, &str)| page.replacen(name, text, 1);
    Some(parts.into_iter().fold(PAGE.to_owned(), filled))
}

/// A text by its digest, as a policy names it.
fn source(text: &str) -> String {
    format!(
        "sha256-{}",
        Base64::encode_string(Digest::of(text.as_bytes()).as_bytes())
    )
}
