//! Limits on the memory and time of small scripts.

use super::{files, steps};

#[test]
fn small_scripts_stay_small() {
    let doubling: String = (1..60)
        .map(|i| format!("\\set v{i} :v{}:v{}\n", i - 1, i - 1))
        .collect();
    let naming: String = (1..60)
        .map(|i| format!("\\set v{i} ':v{0} + :v{0}'\n", i - 1))
        .collect();
    let deep = "\\if 1\n".repeat(300);
    for text in [
        format!("\\set v0 x\n{doubling}"),
        format!("\\set v0 x\n{naming}select :v59;"),
        deep,
    ] {
        assert!(steps(&files(&[("a.sql", &text)]), &[]).is_err());
    }
}
