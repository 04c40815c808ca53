//! The recipes of `contrib/`: their shell lines are taken out and executed, on real servers.

mod ansible;
mod git;
mod kubernetes;
mod pipelines;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use pgseal_testkit::cluster::programs;
use pgseal_testkit::moto;

/// A file of `contrib/`.
fn recipe(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("contrib")
        .join(name)
}

/// The content of a YAML file.
fn yaml(path: &Path) -> Value {
    let script = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let text = moto::script(script, &[path.to_str().unwrap()]);
    serde_json::from_str(&text).unwrap()
}

/// A program of the tests' Python.
fn python_program(name: &str) -> Command {
    Command::new(moto::python().with_file_name(name))
}

/// A command that finds pgseal and the server's programs in PATH, and no settings of the tester.
fn clean(mut command: Command, dir: &Path) -> Command {
    let program = pgseal_testkit::pgseal();
    let own = [program.parent().unwrap(), programs().dir()].map(Path::to_path_buf);
    let path = std::env::var_os("PATH").unwrap();
    let all = own.into_iter().chain(std::env::split_paths(&path));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ["PG", "GITHUB_", "GITLAB_", "CI_", "GIT_", "ANSIBLE_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
        {
            command.env_remove(&*name);
        }
    }
    command
        .env("PATH", std::env::join_paths(all).unwrap())
        .env("HOME", dir)
        .current_dir(dir);
    command
}

/// Runs a script of a CI service's shell.
fn shell(script: &str, dir: &Path, variables: &[(String, String)]) -> Output {
    let mut command = clean(Command::new("bash"), dir);
    command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]);
    command.envs(variables.iter().cloned()).output().unwrap()
}

/// Fails unless the command ended with 0.
fn done(output: &Output, what: &str) -> String {
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{what}: {stdout}\n{stderr}");
    stdout.into_owned()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
