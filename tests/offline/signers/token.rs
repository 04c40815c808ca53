//! The recipe of docs/tokens.md, with a token of SoftHSM.

use std::path::Path;
use std::process::Command;

use pgseal_testkit::site::Site;

use super::outcome;

const PIN: &str = "81726354";

/// Returns the shell lines of the page.
fn recipe() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/tokens.md")).expect("the page");
    let blocks = page.split("```sh\n").skip(1);
    blocks
        .filter_map(|rest| Some(rest.split_once("```\n")?.0))
        .collect()
}

/// A directory with a SoftHSM configuration and an empty token.
fn site_with_token() -> Site {
    let site = Site::empty();
    let tokens = site.path("tokens");
    std::fs::create_dir(&tokens).expect("a fresh directory");
    let configuration = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        tokens.display()
    );
    site.write("softhsm2.conf", configuration);
    let mut init = Command::new("softhsm2-util");
    init.args(["--init-token", "--free", "--label", "release"])
        .args(["--so-pin", "12345678", "--pin", PIN])
        .env("SOFTHSM2_CONF", site.path("softhsm2.conf"));
    outcome(&mut init).done();
    site
}

#[test]
fn a_token_signs_through_tbs() {
    let site = site_with_token();
    let program = pgseal_testkit::pgseal();
    let programs = program.parent().expect("a directory").display();
    let path = std::env::var("PATH").expect("a search path");
    site.write("pin", format!("{PIN}\n"));
    let mut shell = Command::new("bash");
    shell
        .args(["-euo", "pipefail", "-c", &recipe()])
        .current_dir(site.dir())
        .env("PATH", format!("{programs}:{path}"))
        .env("SOFTHSM2_CONF", site.path("softhsm2.conf"))
        .env_remove("PGSEAL_TRUST")
        .stdin(std::fs::File::open(site.path("pin")).expect("just written"));
    let shell = outcome(&mut shell).done();
    for line in ["authentic: example 1.0.0", "signed by manager ("] {
        assert!(shell.text().contains(line), "{line}: {}", shell.text());
    }

    // The same signature over another release is refused.
    let release = std::fs::read_to_string(site.path("example/release.toml")).expect("a release");
    site.write(
        "example/release.toml",
        release.replace("version = \"1.0.0\"", "version = \"1.0.1\""),
    );
    site.run(["pack", "example", "-o", "other.pgseal"]).done();
    site.refused(
        11,
        "does not hold",
        [
            "attach",
            "other.pgseal",
            "example.sig",
            "--key",
            "manager.pub",
        ],
    );
}
