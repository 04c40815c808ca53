//! The pipelines of GitHub Actions and GitLab CI.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{done, pair, recipe, shell, yaml};
use pgseal_testkit::cluster::Cluster;
use pgseal_testkit::site::Site;

const COMMIT: &str = "5c2c9f4a0b1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f";

/// Signs as a KMS does: the file, and a file for the signature.
const KMS: &str = r#"openssl pkeyutl -sign -rawin -inkey "$KEY" -in "$TBS" -out "$SIG""#;

/// A repository with a release, and a server as the service container.
struct Project {
    site: Site,
    cluster: Cluster,
}

impl Project {
    fn new() -> Self {
        let site = Site::empty();
        for key in ["root", "release"] {
            site.run(["keygen", key, "--no-passphrase"]).done();
        }
        let ssh = ["-q", "-t", "ed25519", "-N", "", "-f", "ssh"];
        let made = std::process::Command::new("ssh-keygen")
            .args(ssh)
            .current_dir(site.dir())
            .status();
        assert!(made.unwrap().success());
        let this = Self {
            site,
            cluster: Cluster::own(),
        };
        this.checkout("one");
        this
    }

    /// A new working copy.
    fn checkout(&self, name: &str) -> PathBuf {
        let dir = self.site.path(name);
        fs::create_dir(&dir).unwrap();
        fs::create_dir(dir.join("ci")).unwrap();
        let at = |file: &str| format!("{name}/{file}");
        self.site.run(["init", &at("greetings")]).done();
        let role = "release:1=release.pub,ssh.pub";
        let trust = at("ci/trust.json");
        let init = [
            "trust",
            "init",
            &trust,
            "--root-key",
            "root.key",
            "--role",
            role,
        ];
        self.site.run(init).done();
        for key in ["release.pub", "ssh.pub"] {
            fs::copy(self.site.path(key), dir.join("ci").join(key)).unwrap();
        }
        let baseline = "comment on database example is 'approved CI-1';\n";
        fs::write(dir.join("ci/baseline.sql"), baseline).unwrap();
        dir
    }

    /// The variables of a pipeline, as the recipe and then the service set them.
    fn variables(&self, of_recipe: &Value, of_service: &[(&str, &str)]) -> Vec<(String, String)> {
        let of_recipe = of_recipe.as_object().unwrap().iter();
        let of_recipe = of_recipe.map(|(name, value)| pair(name, value.as_str().unwrap()));
        let host = self.cluster.server().dir().to_str().unwrap();
        let of_server = [("PGHOST", host), ("PGPORT", "5432"), ("PGUSER", "postgres")];
        let rest = of_service.iter().chain(&of_server);
        of_recipe
            .chain(rest.map(|(name, value)| pair(name, value)))
            .collect()
    }

    fn key(&self, name: &str) -> String {
        self.site.path(name).to_str().unwrap().to_owned()
    }

    /// Fails unless a working copy has a bundle that hosts accept, with its source.
    fn is_released(&self, dir: &Path, repository: &str) {
        let bundle = dir.join("release.pgseal");
        let trust = dir.join("ci/trust.json");
        let (bundle, trust) = (bundle.to_str().unwrap(), trust.to_str().unwrap());
        let text = self
            .site
            .run(["verify", bundle, "--trust", trust])
            .done()
            .text();
        let source = format!("source {repository}, commit {COMMIT}, built by {repository}/");
        assert!(text.contains(&source), "{text}");
        fs::remove_file(dir.join("release.pgseal")).unwrap();
    }
}

/// What a request shows: findings for the service, and a comment whose foreign text is no Markdown.
fn is_shown(dir: &Path) {
    let sarif = fs::read(dir.join("lint.sarif")).unwrap();
    let sarif: Value = serde_json::from_slice(&sarif).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let comment = fs::read_to_string(dir.join("comment.md")).unwrap();
    let is_ours =
        |line: &str| line.is_empty() || line.starts_with("    ") || line.starts_with("### pgseal ");
    assert!(comment.lines().all(is_ours), "{comment}");
    for words in ["### pgseal lint greetings", "### pgseal plan", "READY"] {
        assert!(comment.contains(words), "{words}: {comment}");
    }
}

/// Changes a working copy as a manipulated runner would.
fn tamper(dir: &Path) {
    let tier = dir.join("greetings/tiers/01_greetings.sql");
    let sql = fs::read_to_string(&tier).unwrap();
    fs::write(&tier, sql + "select 1;\n").unwrap();
}

#[test]
fn github() {
    let workflow = yaml(&recipe("github/pgseal.yml"));
    let project = Project::new();
    let outputs = project.site.path("outputs");
    let service = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_REPOSITORY", "acme/shop"),
        ("GITHUB_SHA", COMMIT),
        (
            "GITHUB_WORKFLOW_REF",
            "acme/shop/.github/workflows/pgseal.yml@refs/tags/v1",
        ),
        ("GITHUB_OUTPUT", outputs.to_str().unwrap()),
    ];
    let variables = project.variables(&workflow["env"], &service);
    // The steps of a job in their order, without those that need the service.
    let job = |name: &str, dir: &Path, only: &[&str], more: &[(String, String)]| {
        let steps = workflow["jobs"][name]["steps"].as_array().unwrap();
        let mut ran = Vec::new();
        for step in steps {
            let (Some(name), Some(script)) = (step["name"].as_str(), step["run"].as_str()) else {
                continue;
            };
            assert!(
                !script.contains("${{"),
                "an expression in a shell line: {script}"
            );
            if !only.contains(&name) {
                continue;
            }
            let output = shell(script, dir, &[&variables[..], more].concat());
            if !output.status.success() {
                let text = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(format!("{name}: {text}"));
            }
            ran.push(name.to_owned());
        }
        assert_eq!(ran, only, "steps of {name}");
        Ok(())
    };
    let one = project.site.path("one");
    let steps = ["lint", "pack", "rehearse", "write the comment"];
    job("request", &one, &steps, &[]).unwrap();
    is_shown(&one);
    let id = fs::read_to_string(&outputs).unwrap();
    let id = id.trim().strip_prefix("release_id=").unwrap();
    let id = [pair("RELEASE_ID", id)];
    job("again", &project.checkout("two"), &["pack again"], &id).unwrap();
    let three = project.checkout("three");
    tamper(&three);
    job("again", &three, &["pack again"], &id).unwrap_err();

    let kms = [pair("SIGN", KMS), pair("KEY", &project.key("release.key"))];
    job("sign", &one, &["pack", "sign by a command", "verify"], &kms).unwrap();
    project.is_released(&one, "https://github.com/acme/shop");
    let secret = fs::read_to_string(project.site.path("ssh")).unwrap();
    let ssh = [
        pair("SSH_KEY", secret.trim_end()),
        pair("PUBLIC_KEY", "ci/ssh.pub"),
    ];
    job(
        "sign",
        &one,
        &["pack", "sign by an ssh key", "verify"],
        &ssh,
    )
    .unwrap();
    project.is_released(&one, "https://github.com/acme/shop");
    // A release that does not lint, and one without a signature that counts, end the job.
    let wrong = job("sign", &one, &["pack", "verify"], &[]).unwrap_err();
    assert!(wrong.starts_with("verify: "), "{wrong}");
    fs::write(three.join("greetings/tiers/01_greetings.sql"), "commit;\n").unwrap();
    let wrong = job("request", &three, &steps, &[]).unwrap_err();
    assert!(wrong.starts_with("lint: "), "{wrong}");
}

#[test]
fn gitlab() {
    let pipeline = yaml(&recipe("gitlab/pgseal.gitlab-ci.yml"));
    let project = Project::new();
    let service = [
        ("GITLAB_CI", "true"),
        ("CI_PROJECT_URL", "https://gitlab.example/acme/shop"),
        ("CI_COMMIT_SHA", COMMIT),
        ("CI_CONFIG_PATH", ".gitlab-ci.yml"),
        ("CI_COMMIT_TAG", "v1"),
    ];
    let variables = project.variables(&pipeline["variables"], &service);
    let job = |name: &str, dir: &Path, more: &[(String, String)]| {
        let lines = pipeline[name]["script"].as_array().unwrap().iter();
        let lines: Vec<&str> = lines.map(|line| line.as_str().unwrap()).collect();
        shell(&lines.join("\n"), dir, &[&variables[..], more].concat())
    };
    let one = project.site.path("one");
    done(&job("request", &one, &[]), "request");
    is_shown(&one);
    let id = fs::read_to_string(one.join("pack.env")).unwrap();
    let id = id.trim().strip_prefix("RELEASE_ID=").unwrap();
    let id = [pair("RELEASE_ID", id)];
    done(&job("again", &project.checkout("two"), &id), "again");
    let three = project.checkout("three");
    tamper(&three);
    assert!(!job("again", &three, &id).status.success());

    let kms = [
        pair("PGSEAL_SIGN", KMS),
        pair("KEY", &project.key("release.key")),
    ];
    done(&job("sign", &one, &kms), "sign by a KMS");
    project.is_released(&one, "https://gitlab.example/acme/shop");
    let ssh = [
        pair("PGSEAL_SSH_KEY", &project.key("ssh")),
        pair("PUBLIC_KEY", "ci/ssh.pub"),
    ];
    done(&job("sign", &one, &ssh), "sign by an ssh key");
    project.is_released(&one, "https://gitlab.example/acme/shop");
    let other = [
        pair("PGSEAL_SIGN", KMS),
        pair("KEY", &project.key("root.key")),
    ];
    assert!(!job("sign", &one, &other).status.success());
}
