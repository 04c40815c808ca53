//! Messages in the systemd journal: a real journald, in a mount namespace of its own.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use pgseal_testkit::site::{Site, outcome};
use serde_json::Value;

/// Starts journald on an empty /run, runs the command line with the journal as stderr, and prints what the journal has.
const SCRIPT: &str = r#"
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/log/journal
/usr/lib/systemd/systemd-journald &
journald=$!
for _ in $(seq 100); do [ -S /run/systemd/journal/stdout ] && break; sleep 0.1; done
systemd-cat sh -c 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$@"' sh "$@"
for _ in $(seq 100); do
    journalctl --sync >/dev/null 2>&1 || kill -RTMIN+1 $journald
    journalctl -D /run/log/journal -t pgseal -o json --no-pager > found
    [ -s found ] && break
    sleep 0.1
done
kill $journald
cat found
"#;

fn journal(site: &Site, arguments: &[&str]) -> Vec<Value> {
    let mut command = Command::new("unshare");
    // Only root may mount without a namespace of users.
    if fs::metadata("/proc/self").expect("this process").uid() != 0 {
        command.arg("--map-root-user");
    }
    command
        .args(["--mount", "bash", "-c", SCRIPT, "bash"])
        .arg(env!("CARGO_BIN_EXE_pgseal"))
        .args(arguments)
        .current_dir(site.dir());
    let text = outcome(&mut command).text();
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[test]
fn messages_have_fields() {
    let site = Site::empty();
    let found = journal(&site, &["trust", "show", "none.json"]);
    let [error] = found.as_slice() else {
        panic!("one message: {found:?}");
    };
    for (field, value) in [
        ("PRIORITY", "3"),
        ("SYSLOG_IDENTIFIER", "pgseal"),
        ("PGSEAL_KIND", "no-trust-root"),
        ("PGSEAL_EXIT", "2"),
    ] {
        assert_eq!(error[field], value, "{field}: {error}");
    }
    let text = |field: &str| error[field].as_str().expect("a text").to_owned();
    assert!(
        text("MESSAGE").starts_with("no trust root: none.json"),
        "{error}"
    );
    assert!(text("PGSEAL_HINT").contains("PGSEAL_TRUST"), "{error}");
}
