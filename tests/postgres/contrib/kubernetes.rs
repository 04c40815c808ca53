//! The Job of Kubernetes: its schema, and its container's command, run as often as pods are started.

use std::fs;

use super::{clean, done, python_program, recipe, yaml};
use crate::small_without_gate_user;
use pgseal_testkit::cluster::Cluster;

#[test]
fn the_job_fits_the_schema() {
    let file = recipe("kubernetes/job.yaml");
    let validate = |file: &std::path::Path| {
        let mut command = python_program("kubernetes-validate");
        command.arg("--strict").arg(file).output().unwrap()
    };
    done(&validate(&file), "job.yaml");
    let dir = tempfile::tempdir().unwrap();
    let wrong = dir.path().join("job.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&wrong, text.replace("backoffLimit: 3", "backofLimit: 3")).unwrap();
    assert!(!validate(&wrong).status.success());
}

#[test]
fn a_pod_that_is_started_again_finds_the_release_in_effect() {
    let (db, release, site) = small_without_gate_user("kubernetes");
    let bundle = site.pack(&release.variable("ticket"));
    let job = yaml(&recipe("kubernetes/job.yaml"));
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    let args = container["args"].as_array().unwrap().iter();
    let (mount, receipts) = (site.path("release"), site.path("receipts"));
    fs::create_dir(&mount).unwrap();
    fs::copy(&bundle, mount.join("greetings.pgseal")).unwrap();
    fs::copy(site.path("trust.json"), mount.join("trust.json")).unwrap();
    let sigs = mount.join("trust.json.sigs");
    fs::create_dir(&sigs).unwrap();
    for entry in fs::read_dir(site.path("trust.json.sigs")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), sigs.join(entry.file_name())).unwrap();
    }
    let args: Vec<String> = args
        .map(|arg| {
            let arg = arg.as_str().unwrap();
            arg.replace("/release/", &format!("{}/", mount.to_str().unwrap()))
                .replace("=/receipts", &format!("={}", receipts.to_str().unwrap()))
                .replace("dbname=example", &format!("dbname={}", db.name()))
        })
        .collect();
    let pod = || {
        let program = container["command"][0].as_str().unwrap();
        let mut command = clean(std::process::Command::new(program), &mount);
        let host = Cluster::shared().server().dir();
        command.env("PGHOST", host).env("PGUSER", "postgres");
        command.args(&args).output().unwrap()
    };
    done(&pod(), "the first pod");
    let again = done(&pod(), "the second pod");
    assert!(again.contains("in effect"), "{again}");
    assert_eq!(db.ask("select count(*) from pgseal.ledger"), "1");
}
