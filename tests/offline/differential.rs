//! `contrib/verify.py`, written from `bundle/FORMAT.md`, and this program on the same files: both accept a file, or both refuse it
//! with the same exit code. `tests/differential/fuzz.py` makes the files and has the verdicts of verify.py.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64ct::{Base64, Encoding};
use pgseal::record::{journal, receipt};
use pgseal::trust::TrustRoot;
use pgseal_testkit::{moto, vectors};
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::{
    Attestations, AuthenticateError, Candidate, ClaimedSignature, DraftRoot, InMemory, JudgedAt,
    KeyId, MalformedError, Parts, ReceiptError, UntrustedBundle,
};
use serde::Deserialize;
use serde_json::Value;

/// Number of mutated files of a usual run; `just differential N` has another one.
const USUALLY: u32 = 2_000;

/// One file with all that belongs to it, and the exit code of verify.py.
#[derive(Deserialize)]
struct Case {
    number: u32,
    kind: String,
    what: String,
    at: String,
    past: bool,
    trust: String,
    signatures: Vec<Signature>,
    file: Value,
    exit: u8,
    why: String,
}

/// Key id, whether it is one of the version before, and the bytes.
#[derive(Deserialize, Clone)]
struct Signature(String, #[allow(dead_code)] bool, String);

/// An exit code with its reason.
type Verdict = Result<(), (u8, String)>;

fn python(script: &str, args: &[&str]) -> Command {
    let mut command = Command::new(moto::python());
    command
        .arg(root().join("tests/differential").join(script))
        .args(args);
    command
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn bytes(text: &str) -> Vec<u8> {
    Base64::decode_vec(text).expect("base64 of fuzz.py")
}

fn refused(error: impl std::fmt::Display, exit: u8) -> (u8, String) {
    (exit, error.to_string())
}

fn claimed(
    signatures: &[Signature],
    also_before: bool,
) -> Result<Vec<ClaimedSignature>, (u8, String)> {
    let own = signatures
        .iter()
        .filter(|signature| also_before || !signature.1);
    let claim = |Signature(id, _, signature): &Signature| {
        let id = KeyId::claimed(id.parse().expect("a key id"));
        let signature = <[u8; 64]>::try_from(bytes(signature));
        signature
            .map(|signature| (id, signature))
            .map_err(|_| (11, "a signature is cut off".to_owned()))
    };
    own.map(claim).collect()
}

/// What `trust::store` does with the files of a trust root.
fn trust(document: &str, signatures: &[Signature]) -> Result<TrustRoot, (u8, String)> {
    let draft = DraftRoot::parse(bytes(document)).map_err(|error| refused(error, 11))?;
    claimed(signatures, true)?;
    draft
        .signed(&claimed(signatures, false)?)
        .map_err(|error| refused(error, 11))
}

impl Case {
    fn verdict(&self) -> Verdict {
        let root = trust(&self.trust, &self.signatures)?;
        let at: Timestamp = self.at.parse().expect("a time");
        let when = if self.past {
            JudgedAt::AsOf(at)
        } else {
            JudgedAt::At(at)
        };
        match self.kind.as_str() {
            "bundle" => self.bundle(&root, when),
            "approval" => self.approval(&root),
            "chain" => self.chain(&root, at),
            _ => self.receipt(&root, JudgedAt::AsOf(at)),
        }
    }

    fn source(&self) -> Box<InMemory> {
        Box::new(InMemory(bytes(self.file.as_str().expect("base64")).into()))
    }

    fn bundle(&self, root: &TrustRoot, when: JudgedAt) -> Verdict {
        let bundle = UntrustedBundle::parse(self.source()).map_err(malformed)?;
        let authentic = bundle
            .authenticate(root, when)
            .map_err(|error| match error {
                AuthenticateError::Statement(_) | AuthenticateError::NewerProgram { .. } => {
                    refused(error, 10)
                }
                _ => refused(error, 11),
            })?;
        authentic
            .check_policy()
            .map_err(|error| refused(error, 11))?;
        authentic
            .check_contents()
            .map_err(|error| refused(error, 11))
    }

    fn approval(&self, root: &TrustRoot) -> Verdict {
        let added = Attestations::parse(self.source()).map_err(malformed)?;
        let mut all = added.statements.iter();
        all.try_for_each(|claimed| {
            root.added_to_any(claimed)
                .map(drop)
                .map_err(|error| refused(error, 11))
        })
    }

    fn chain(&self, root: &TrustRoot, now: Timestamp) -> Verdict {
        let brought: Vec<(String, Vec<Signature>)> =
            serde_json::from_value(self.file.clone()).expect("a chain");
        let candidate = |(document, signatures): &(String, Vec<Signature>)| {
            let draft = DraftRoot::parse(bytes(document)).map_err(|error| refused(error, 11))?;
            let signatures = claimed(signatures, true)?;
            Ok(Candidate { draft, signatures })
        };
        let brought: Result<Vec<Candidate>, _> = brought.iter().map(candidate).collect();
        let steps = pgseal_verify::walk(root, brought?).map_err(|error| refused(error, 11))?;
        let latest = Timestamp::from_seconds(now.seconds() + 300).expect("a time");
        match steps.iter().find(|step| {
            step.root()
                .document()
                .issued
                .is_some_and(|issued| issued > latest)
        }) {
            Some(_) => Err((11, "issued in the future".to_owned())),
            None => Ok(()),
        }
    }

    fn receipt(&self, root: &TrustRoot, when: JudgedAt) -> Verdict {
        let part = |name: &str| self.file[name].as_str().map(bytes);
        let document = part("data").expect("a document");
        let parts = Parts {
            document,
            signature: part("signature"),
            token: part("token"),
        };
        let refused_as = |error: ReceiptError| {
            let exit = if matches!(error, ReceiptError::Document(_)) {
                10
            } else {
                11
            };
            refused(error, exit)
        };
        let signed = match self.kind.as_str() {
            "receipt" => {
                let read = receipt::check(parts, root, when).map_err(refused_as)?;
                if let Some(beside) = part("journal")
                    && let receipt::JournalCheck::Differs(why) =
                        receipt::compare(journal::chain(beside).as_ref(), &read.statement)
                {
                    return Err((11, why));
                }
                read.signed.is_some()
            }
            "rehearsal" => pgseal_verify::check_rehearsal(parts, root, when)
                .map_err(refused_as)?
                .signed
                .is_some(),
            _ => pgseal_verify::check_answer(parts, root, when)
                .map(|_| true)
                .map_err(refused_as)?,
        };
        if signed {
            Ok(())
        } else {
            Err((11, "it is not signed".to_owned()))
        }
    }
}

fn malformed(error: MalformedError) -> (u8, String) {
    refused(error, 10)
}

/// Runs fuzz.py, and describes each file on which the two disagree. The files are kept.
// `just differential` shows the counts.
#[allow(clippy::print_stdout)]
fn disagreements(count: u32, seed: &str) -> Vec<String> {
    let mut child = python("fuzz.py", &[&count.to_string(), seed])
        .stdout(Stdio::piped())
        .spawn()
        .expect("python starts");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("differential");
    let (mut wrong, mut seen, mut accepted) = (Vec::new(), 0, 0);
    for line in lines {
        let line = line.expect("a line of fuzz.py");
        let case: Case = serde_json::from_str(&line).expect("a case");
        let (exit, why) = case.verdict().err().unwrap_or_default();
        (seen, accepted) = (seen + 1, accepted + u32::from(exit == 0));
        if exit != case.exit {
            std::fs::create_dir_all(&kept).expect("the target directory is writable");
            let file = kept.join(format!("{seed}-{}.json", case.number));
            std::fs::write(&file, &line).expect("the target directory is writable");
            wrong.push(format!(
                "{}: {} ({}): pgseal {exit} {why:?}, verify.py {} {:?}",
                file.display(),
                case.kind,
                case.what,
                case.exit,
                case.why
            ));
        }
    }
    assert!(
        child.wait().expect("python ends").success(),
        "fuzz.py failed"
    );
    assert_eq!(seen, count);
    println!(
        "{seen} files, {accepted} accepted by pgseal, {} disagreements",
        wrong.len()
    );
    assert!(
        accepted > count / 20,
        "only {accepted} of {count} are accepted"
    );
    wrong
}

#[test]
fn verify_py_and_pgseal_agree_on_mutated_files() {
    let number = std::env::var("PGSEAL_MUTATIONS").ok();
    let number = number.map_or(USUALLY, |number| {
        number.parse().expect("PGSEAL_MUTATIONS is a number")
    });
    let seed = std::env::var("PGSEAL_MUTATIONS_SEED").unwrap_or("pgseal".to_owned());
    let wrong = disagreements(number, &seed);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn verify_py_gives_the_exit_code_of_every_vector() {
    let folder = vectors::committed();
    let output = python("vectors.py", &[folder.to_str().expect("a plain path")])
        .output()
        .expect("python starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut names = 0;
    for line in String::from_utf8(output.stdout).expect("text").lines() {
        let said: Value = serde_json::from_str(line).expect("a verdict");
        let name = said["name"].as_str().expect("a name");
        let expect = std::fs::read_to_string(folder.join(name).join("expect"))
            .unwrap_or_else(|_| panic!("{said}"));
        assert_eq!(
            expect.lines().next(),
            Some(format!("exit: {}", said["exit"]).as_str()),
            "{said}"
        );
        names += 1;
    }
    assert!(names > 150, "{names} vectors");
}
