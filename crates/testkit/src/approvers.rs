//! Rules of a site's trust root, and approvals under them.

use std::path::Path;

use crate::release::{Answer, Site};

const TRUST: [&str; 2] = ["--trust", "trust.json"];

impl Site {
    /// Makes the next version of the trust root, with these rules.
    pub fn policy(&self, rules: &[&str]) {
        self.next_trust_root(&[&["set-policy", "trust.json"], rules].concat());
    }

    /// Makes the key `NAME.key`, which has this role in the next version of the trust root.
    pub fn add_key(&self, name: &str, role: &str) {
        self.pgseal(["keygen", name, "--no-passphrase"]).done();
        let key = format!("{name}.pub");
        self.next_trust_root(&["add-key", "trust.json", "--key", &key, "--role", role]);
    }

    fn next_trust_root(&self, change: &[&str]) {
        let root = ["--root-key", "root.key"];
        self.pgseal([&["trust"], change, &root].concat()).done();
    }

    /// Approves a release with the key of `who`.
    pub fn approve(
        &self,
        bundle: &Path,
        release: &str,
        (who, role): (&str, &str),
        more: &[&str],
    ) -> Answer {
        let (file, key) = (bundle.to_str().unwrap(), format!("{who}.key"));
        let approve = ["approve", file, "--key", &key, "--role", role];
        self.pgseal([&approve[..], &["--yes", release], &TRUST, more].concat())
    }
}
