//! Consequences of shipping a stage alone, shown by pack, approve, plan and run.

use super::{Output, escape};
use crate::bundle::stage::{self, InTheWay};
use pgseal_verify::format::manifest::Manifest;

/// Prints one line per consequence; nothing for a release that is no stage.
pub fn show(manifest: &Manifest, out: Output) {
    for line in sentences(manifest) {
        out.line(line);
    }
}

/// Prints the same lines as warnings.
pub fn warn(manifest: &Manifest, out: Output) {
    for line in sentences(manifest) {
        out.warning(line);
    }
}

/// JSON object for `--json`.
pub fn document(manifest: &Manifest) -> serde_json::Value {
    let Some(of) = &manifest.stage_of else {
        return serde_json::Value::Null;
    };
    let in_the_way = stage::in_the_way(manifest);
    let in_the_way = in_the_way.iter().map(
        |one| serde_json::json!({ "column": one.column, "left": one.left, "wanted": one.wanted }),
    );
    serde_json::json!({ "release": of.release, "stage": of.stage, "in_the_way": in_the_way.collect::<Vec<_>>() })
}

fn sentences(manifest: &Manifest) -> Vec<String> {
    let Some(of) = &manifest.stage_of else {
        return Vec::new();
    };
    let first = format!(
        "this is stage {} of {}, which will not start while the stage is in effect: its preflight stops (exit 22) until the \
         stage is rolled back",
        of.stage, of.release
    );
    let left = |InTheWay {
                    column,
                    left,
                    wanted,
                }: InTheWay<'_>| {
        let column = escape(column);
        let [left, wanted] = [left, wanted].map(|value| escape(&value.to_string()));
        format!("    the stage leaves {column} = {left}; its baseline has {wanted}")
    };
    std::iter::once(first)
        .chain(stage::in_the_way(manifest).into_iter().map(left))
        .collect()
}
