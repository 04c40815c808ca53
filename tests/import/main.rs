//! `pgseal import`: directories of other tools at their real shape, read, packed, and proved on a real server.
#![allow(clippy::unwrap_used)]

mod attacks;
mod next;
mod proved;
mod python;
mod refused;
mod shop;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A source and the release that is made of it.
struct Import(TempDir);

impl Import {
    fn of(write: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("source"));
        Self(dir)
    }

    fn release(&self) -> PathBuf {
        self.0.path().join("shop")
    }

    fn run(&self, tool: &str, more: &[&str]) -> Output {
        let source = match tool {
            "psql" => "source/upgrade.sql",
            _ => "source",
        };
        pgseal(
            self.0.path(),
            &[&["import", tool, source, "-o", "shop", "--json"], more].concat(),
        )
    }

    /// Imports, and returns the answer.
    fn done(&self, tool: &str, more: &[&str]) -> Value {
        let output = self.run(tool, more);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn text(&self, file: &str) -> String {
        let path = self.release().join(file);
        fs::read_to_string(&path).unwrap_or_else(|_| panic!("{}", path.display()))
    }

    /// The errors of lint: `rule file:line`.
    fn errors(&self) -> Vec<String> {
        let output = pgseal(&self.release(), &["lint", ".", "--json"]);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let problems = document["problems"].as_array().unwrap().iter();
        let errors = problems.filter(|problem| problem["severity"] == "error");
        let errors = errors.map(|problem| {
            let text = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
            format!("{} {}:{}", text("rule"), text("file"), problem["line"])
        });
        errors.collect()
    }

    /// Removes every mark, as a person who agrees with each.
    fn decide(&self) {
        for entry in walkdir::WalkDir::new(self.release()) {
            let entry = entry.unwrap();
            if entry.file_type().is_file() && entry.file_name() != "IMPORT.md" {
                let text = fs::read_to_string(entry.path()).unwrap();
                let lines = text.split_inclusive('\n');
                let left: String = lines
                    .filter(|line| !line.contains("pgseal: decide:"))
                    .collect();
                fs::write(entry.path(), left).unwrap();
            }
        }
    }
}

fn pgseal(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgseal"));
    command.args(arguments).current_dir(dir);
    command.output().unwrap()
}
