//! Archives in an object store.

use std::process::Command;

use serde_json::Value;

use super::site::{ODD, archive};
use pgseal_testkit::moto::{self, Moto, SECRET};
use pgseal_testkit::site::{Outcome, Site, outcome};

const AS_OF: [&str; 2] = ["--as-of", "2030-01-01"];

fn audit(site: &Site, store: &Moto, args: &[&str]) -> Outcome {
    let outcome = outcome(store.told(&mut site.command(["audit"].iter().chain(args))));
    assert!(!outcome.stderr.contains(SECRET) && !outcome.text().contains(SECRET));
    outcome
}

/// Returns the findings without the parts that depend on the place: its address, and the time of the copy.
fn findings(outcome: &Outcome, place: &str) -> Vec<Value> {
    let lines = outcome.text();
    let mut findings: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for finding in &mut findings {
        let path = finding["path"]
            .as_str()
            .unwrap()
            .strip_prefix(place)
            .expect("told below its place")
            .to_owned();
        finding["path"] = path.into();
        finding.as_object_mut().unwrap().remove("modified");
    }
    findings
}

#[test]
fn a_store_is_audited_as_the_directory_that_was_copied_there() {
    let (site, store) = (archive(), Moto::start());
    store.upload(&site.path("archive"), "bucket", "a/b c/");
    // The list has several pages; its end has invalid names.
    store.ask(
        "from concurrent.futures import ThreadPoolExecutor as Pool\n\
         put = lambda n: s3.put_object(Bucket='bucket', Key=f'a/b c/logs/{n}.log', Body=b'')\n\
         with Pool(8) as pool: list(pool.map(put, range(1100)))\n\
         for key in ['logs//x.pgseal', 'logs/10//', 'logs/../y.txt']: s3.put_object(Bucket='bucket', Key='a/b c/' + key, Body=b'')\n\
         s3.copy_object(Bucket='bucket', Key='a/b c/z.pgseal', CopySource={'Bucket': 'bucket', 'Key': 'a/b c/changed.pgseal'})\n",
        &[],
    );
    std::fs::copy(
        site.path("archive/changed.pgseal"),
        site.path("archive/z.pgseal"),
    )
    .unwrap();
    let with = |path: &str| audit(&site, &store, &[path, "--jsonl", AS_OF[0], AS_OF[1]]);
    let (local, remote) = (with("archive"), with("s3://bucket/a/b c"));
    assert_eq!((local.code, remote.code), (50, 50), "{}", remote.stderr);
    let (local, mut remote) = (
        findings(&local, "archive/"),
        findings(&remote, "s3://bucket/a/b c/"),
    );
    // Names that a file system cannot have: each is reported, and the objects after them are audited.
    let odd = remote.extract_if(.., |finding| {
        finding["path"].as_str().unwrap().starts_with("logs/")
    });
    let odd: Vec<String> = odd
        .map(|finding| format!("{} {}", finding["path"], finding["faults"][0]["kind"]))
        .collect();
    assert_eq!(
        odd,
        ["logs/../y.txt", "logs//x.pgseal", "logs/10//"]
            .map(|name| format!("\"{name}\" \"unreadable\""))
    );
    assert_eq!(remote, local);
    let faults = |path: &str| {
        let finding = remote
            .iter()
            .find(|finding| finding["path"] == path)
            .unwrap_or_else(|| panic!("{path}"));
        finding["faults"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| fault["kind"].as_str().unwrap())
            .collect::<Vec<_>>()
    };
    for well in [
        "small.pgseal",
        "2025/large.pgseal",
        "2024.tar/2025/large.pgseal",
        &format!("2025/{ODD}"),
        "trust.json",
    ] {
        assert_eq!(faults(well), [""; 0], "{well}");
    }
    assert_eq!(
        (faults("changed.pgseal"), faults("z.pgseal")),
        (vec!["file-changed"], vec!["file-changed"])
    );
    assert_eq!(
        (faults("empty.pgseal"), faults("2025/deep/cut.pgseal")),
        (vec!["malformed"], vec!["malformed"])
    );
    assert_eq!(remote.len(), 13);
    // A receipt with its signature as a sibling, and one without.
    let run = |path: &str| {
        remote
            .iter()
            .find(|finding| finding["path"] == path)
            .expect("it is told")
            .clone()
    };
    assert_eq!(
        run("runs/1.receipt.json")["facts"]["signers"][0]["owner"],
        "receipt key"
    );
    assert_eq!(
        run("runs/2.receipt.json")["facts"]["signers"],
        serde_json::json!([])
    );
    // A local path as an address, and one object by its own name.
    let url = format!("file://{}", site.path("archive").display());
    let place = format!("{}/", site.path("archive").display());
    assert_eq!(findings(&with(&url), &place), local);
    let one = with("s3://bucket/a/b c/2025/large.pgseal");
    assert_eq!((one.code, one.text().lines().count()), (0, 1));
}

#[test]
fn an_object_that_can_not_be_read_is_a_fault_of_its_own() {
    let (site, store) = (archive(), Moto::start());
    store.upload(&site.path("archive"), "bucket", "");
    // Objects in cold storage must be restored hours before they can be read.
    store.ask(
        "body = s3.get_object(Bucket='bucket', Key='small.pgseal')['Body'].read()\n\
         s3.put_object(Bucket='bucket', Key='cold.pgseal', Body=body, StorageClass='GLACIER')\n",
        &[],
    );
    let done = audit(&site, &store, &["s3://bucket"]);
    assert_eq!(done.code, 50, "{}", done.stderr);
    let text = done.text();
    let cold = text
        .lines()
        .find(|line| line.starts_with("FAULT s3://bucket/cold.pgseal: "))
        .expect("it is told");
    assert!(
        cold.contains("can't be read") && cold.contains("(InvalidObjectState)"),
        "{cold}"
    );
    assert!(text.contains("ok s3://bucket/small.pgseal: "), "{text}");
    let missing = audit(&site, &store, &["s3://bucket/nobody"]);
    assert!(
        missing
            .text()
            .contains("FAULT s3://bucket/nobody: can't be read: there is no such object")
    );
    assert_eq!(missing.code, 50);
}

#[test]
fn a_store_that_can_not_be_asked_is_one_error() {
    let (site, store) = (Site::new(), Moto::start());
    let hints = |outcome: Outcome, why: &str| {
        outcome.is_error(1, why);
        assert!(
            outcome.stderr.contains("hint: AWS_ACCESS_KEY_ID, "),
            "{}",
            outcome.stderr
        );
    };
    hints(
        audit(&site, &store, &["trust.json", "s3://nobody"]),
        "s3://nobody can't be listed: 404 Not Found (NoSuchBucket)",
    );
    // A port without a listener.
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let ask = |address: &str| {
        outcome(moto::at(
            address,
            &mut site.command(["audit", "s3://bucket"]),
        ))
    };
    hints(ask(&format!("http://{closed}")), "Connection refused");
    let mut plain = site.command(["audit", "s3://bucket"]);
    hints(
        outcome(store.told(&mut plain).env_remove("AWS_ALLOW_HTTP")),
        "only where AWS_ALLOW_HTTP is true",
    );
    // A server that knows its users; these credentials are not among them.
    let strict = Moto::with(&[], &[("INITIAL_NO_AUTH_ACTION_COUNT", "0")]);
    let refused = audit(&site, &strict, &["s3://bucket"]);
    hints(refused, "InvalidAccessKeyId");
}

/// TLS uses the certificates of the host, and refuses a server that they don't vouch for.
#[test]
fn over_tls() {
    let site = archive();
    let openssl = |args: &str| {
        outcome(
            Command::new("openssl")
                .current_dir(site.dir())
                .args(args.split(' ')),
        )
        .done();
    };
    openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.pem -out ca.crt -subj /CN=ca");
    openssl("req -newkey rsa:2048 -nodes -keyout server.pem -out server.csr -subj /CN=server");
    site.write("more", "subjectAltName=IP:127.0.0.1\n");
    openssl(
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.pem -CAcreateserial -days 2 -extfile more -out server.crt",
    );
    let (certificate, key) = (site.path("server.crt"), site.path("server.pem"));
    let store = Moto::with(
        &[
            "-c",
            certificate.to_str().unwrap(),
            "-k",
            key.to_str().unwrap(),
        ],
        &[],
    );
    assert!(store.address.starts_with("https://"), "{}", store.address);
    let ask = |path: &str, authority: &str| {
        let mut command = site.command(["audit", path]);
        command.env("SSL_CERT_FILE", site.path(authority));
        outcome(store.told(&mut command).env_remove("AWS_ALLOW_HTTP"))
    };
    // The certificate is valid, so the error is about the bucket, which does not exist yet.
    ask("s3://bucket", "ca.crt").is_error(1, "NoSuchBucket");
    let unknown = ask("s3://bucket", "server.crt");
    unknown.is_error(1, "certificate");
}
