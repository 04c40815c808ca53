//! Keys outside of pgseal: a real ssh-agent, attacks by a false agent, and a token (signers/token.rs).

mod token;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use pgseal::trust::agent::AgentError;
use pgseal::trust::pae::pre_authentication_encoding;
use pgseal::trust::signer::SignerError;
use pgseal::trust::{AgentKey, PublicKey, Signer};
use pgseal_testkit::agent::{Agent, Impostor};
use pgseal_testkit::bundles::{pack, small};
use pgseal_testkit::keys::key_file;
use pgseal_testkit::site::{Site, outcome};

const KIND: &str = "application/vnd.example+json";

/// Asserts by openssl, which shares no code with pgseal, that the signature is valid.
fn openssl_verifies(key: &PublicKey, body: &[u8], signature: &[u8; 64]) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let write =
        |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).expect("writable");
    write("key.pem", key.to_pem().as_bytes());
    write("message", &pre_authentication_encoding(KIND, body));
    write("signature", signature);
    let mut command = Command::new("openssl");
    command.current_dir(dir.path()).args([
        "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin",
    ]);
    outcome(command.args(["-in", "message", "-sigfile", "signature"])).done();
}

#[test]
fn an_agent_signs_what_openssl_verifies() {
    let agent = Agent::start();
    let public = agent.with_key();
    let key = AgentKey::find(&agent.socket(), public.clone()).expect("the agent has it");
    assert_eq!(key.public_key(), public);
    for body in [&b"{}"[..], b"", &[0xff; 100_000]] {
        let signature = key.sign(KIND, body).expect("the agent signs");
        openssl_verifies(&public, body, &signature);
    }
}

#[test]
fn both_spellings_of_a_public_key_name_the_agents_key() {
    let agent = Agent::start();
    let public = agent.with_key();
    for text in [public.to_pem(), public.to_openssh("a comment")] {
        let again = PublicKey::from_text(&text).expect("a spelling of a key");
        AgentKey::find(&agent.socket(), again).expect("the agent has it");
    }
    // ssh-keygen reads pgseal's format.
    let file = agent.socket().with_file_name("written.pub");
    std::fs::write(&file, public.to_openssh("a comment")).expect("writable");
    let told = outcome(Command::new("ssh-keygen").arg("-lf").arg(&file))
        .done()
        .text();
    assert!(told.contains("a comment (ED25519)"), "{told}");
}

#[test]
fn an_agent_without_the_key_says_what_it_has() {
    let agent = Agent::start();
    let (_, missing) = agent.new_key("missing", &["ed25519"]);
    let missing = PublicKey::from_text(&missing).expect("a key");
    let count = |missing: &PublicKey| match AgentKey::find(&agent.socket(), missing.clone()) {
        Err(AgentError::NoKey {
            ed25519, others, ..
        }) => (ed25519, others),
        other => panic!("{other:?}"),
    };
    assert_eq!(count(&missing), (0, 0));
    agent.with_key();
    let (rsa, line) = agent.new_key("rsa", &["rsa", "-b", "2048"]);
    agent.add(&rsa);
    let (curve, _) = agent.new_key("ecdsa", &["ecdsa"]);
    agent.add(&curve);
    assert_eq!(count(&missing), (1, 2));
    let error = PublicKey::from_text(&line)
        .expect_err("RSA is not taken")
        .to_string();
    assert!(error.contains("of the type ssh-rsa"), "{error}");
}

#[test]
fn a_key_taken_away_and_an_agent_that_ended_are_told() {
    let mut agent = Agent::start();
    let public = agent.with_key();
    let key = AgentKey::find(&agent.socket(), public.clone()).expect("the agent has it");
    // The key is removed between the two requests.
    outcome(agent.ssh_add().args(["-q", "-D"])).done();
    refused(&key, "refused");
    agent.stop();
    refused(&key, "no ssh-agent at");
    let error = AgentKey::find(&agent.socket(), public.clone()).expect_err("it is gone");
    assert!(matches!(error, AgentError::Unreachable { .. }), "{error}");
    let error = AgentKey::find(Path::new("/nonexistent/agent"), public).expect_err("it never was");
    assert!(matches!(error, AgentError::Unreachable { .. }), "{error}");
}

#[test]
fn what_no_agent_would_sign_is_not_sent() {
    let agent = Agent::start();
    let key = AgentKey::find(&agent.socket(), agent.with_key()).expect("the agent has it");
    refused(&key, "more than an ssh-agent takes");
    fn refused(key: &AgentKey, why: &str) {
        let error = key
            .sign(KIND, &vec![b' '; 300_000])
            .expect_err("too long")
            .to_string();
        assert!(error.contains(why), "{error}");
    }
}

fn refused(key: &AgentKey, why: &str) {
    match key.sign(KIND, b"{}") {
        Err(SignerError::Refused { holder, reason }) => {
            assert!(
                holder == "ssh-agent" && reason.contains(why),
                "{holder}: {reason}"
            );
        }
        other => panic!("{why}: {other:?}"),
    }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

fn message(parts: &[&[u8]]) -> Vec<u8> {
    string(&parts.concat())
}

/// Returns an agent's answer that lists one key.
fn list(public: &PublicKey) -> Vec<u8> {
    let blob = [string(b"ssh-ed25519"), string(public.as_bytes())].concat();
    message(&[&[12, 0, 0, 0, 1], &string(&blob), &string(b"a comment")])
}

fn some_key() -> PublicKey {
    pgseal_testkit::keys::key("agent").public_key()
}

#[test]
fn garbage_instead_of_a_list_is_no_list() {
    let public = some_key();
    let whole = list(&public);
    let mut cases = vec![
        (vec![], "hung up"),
        (vec![0, 0], "hung up"),
        (vec![0, 0, 0, 0], "empty, or longer"),
        (vec![0, 4, 0, 1], "empty, or longer"),
        (vec![0xff; 4096], "empty, or longer"),
        (message(&[&[14]]), "another kind"),
        (message(&[&[5]]), "refused"),
        (message(&[&[28]]), "refused"),
        (message(&[&[12]]), "cut off"),
        (message(&[&[12, 0xff, 0xff, 0xff, 0xff]]), "cut off"),
        (message(&[&[12, 0, 0, 0, 1], &string(b"blob")]), "cut off"),
        (
            message(&[&[12, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]]),
            "cut off",
        ),
        (message(&[&whole[4..], b"x"]), "bytes follow"),
        (message(&[&[12, 0, 0, 0, 0]]), "0 other Ed25519 keys and 0"),
        (
            message(&[&[12, 0, 0, 0, 1], &string(b""), &string(b"")]),
            "0 other Ed25519 keys and 1",
        ),
    ];
    // The length is announced in full, and the message is truncated.
    cases.extend((4..whole.len()).map(|end| (whole[..end].to_vec(), "hung up")));
    for (answer, why) in cases {
        let shown = format!("{answer:?}");
        let agent = Impostor::new(move |_| Some(answer.clone()));
        let error = AgentKey::find(&agent.socket(), public.clone())
            .expect_err(&shown)
            .to_string();
        assert!(error.contains(why), "{shown}: {error}");
    }
}

#[test]
fn a_signature_that_does_not_hold_is_not_taken() {
    let public = some_key();
    let signed = |blob: &[u8]| message(&[&[14], &string(blob)]);
    let blob = |name: &[u8], signature: &[u8]| [string(name), string(signature)].concat();
    // Well-formed and by this very key, but over another message.
    let other = pgseal_testkit::keys::key("agent").sign("another kind", b"{}");
    let invalid = [
        signed(&blob(b"ssh-ed25519", &[0; 64])),
        signed(&blob(b"ssh-ed25519", &other)),
    ];
    let odd = [
        signed(&blob(b"ssh-rsa", &other)),
        signed(&blob(b"ssh-ed25519", &other[..63])),
        signed(&blob(b"ssh-ed25519", &[&other[..], b"x"].concat())),
        signed(&[&blob(b"ssh-ed25519", &other)[..], b"x"].concat()),
        signed(b""),
        message(&[&[14]]),
        message(&[&[14], &string(&blob(b"ssh-ed25519", &other)), b"x"]),
        list(&public),
    ];
    for (answer, holds_the_form) in invalid
        .map(|answer| (answer, true))
        .into_iter()
        .chain(odd.map(|a| (a, false)))
    {
        let (listed, shown) = (list(&public), format!("{answer:?}"));
        let agent = Impostor::new(move |question| {
            Some(if question[0] == 11 {
                listed.clone()
            } else {
                answer.clone()
            })
        });
        let key = AgentKey::find(&agent.socket(), public.clone()).expect("it lists the key");
        match key.sign(KIND, b"{}").expect_err(&shown) {
            SignerError::Invalid { .. } => assert!(holds_the_form, "{shown}"),
            SignerError::Refused { reason, .. } => {
                assert!(!holds_the_form && reason.contains("no answer"), "{shown}")
            }
        }
    }
}

#[test]
fn an_agent_that_hangs_has_five_seconds() {
    let agent = Impostor::new(|_| None);
    let started = Instant::now();
    let error = AgentKey::find(&agent.socket(), some_key()).expect_err("no answer");
    assert!(
        matches!(error, AgentError::Silent { seconds: 5 }),
        "{error}"
    );
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn an_agent_that_gives_a_byte_now_and_then_has_no_longer() {
    use std::io::Write;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let socket = dir.path().join("agent");
    let listener = std::os::unix::net::UnixListener::bind(&socket).expect("a fresh socket");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody asks");
        // 100 bytes are announced; at this rate they would take 20 seconds.
        let _ = stream.write_all(&[0, 0, 0, 100]);
        while stream.write_all(&[12]).is_ok() {
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let started = Instant::now();
    let error = AgentKey::find(&socket, some_key()).expect_err("too slow");
    assert!(matches!(error, AgentError::Silent { .. }), "{error}");
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn debug_shows_no_more_than_the_public_half() {
    let agent = Agent::start();
    let public = agent.with_key();
    let key = AgentKey::find(&agent.socket(), public.clone()).expect("the agent has it");
    assert!(format!("{key:?}").contains(&public.id().to_string()));
}

/// Standard input and descriptors: CI systems have keys in variables, not in files.
#[test]
fn a_key_from_a_pipe() {
    let site = Site::empty();
    key_file(site.dir(), "release");
    key_file(site.dir(), "shown");
    let path = site.dir().join("shown.key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("ours");
    site.write("unsigned.pgseal", pack(&small(), &[]));
    let sign = |line: &str| {
        let program = env!("CARGO_BIN_EXE_pgseal");
        let mut command = Command::new("bash");
        command
            .current_dir(site.dir())
            .args(["-c", &line.replace("pgseal", program)]);
        let mut again = Command::new("cp");
        outcome(
            again
                .current_dir(site.dir())
                .args(["unsigned.pgseal", "a.bundle"]),
        )
        .done();
        outcome(&mut command)
    };
    for line in [
        "cat release.key | pgseal sign a.bundle --key -",
        "pgseal sign a.bundle --key - < release.key",
        "pgseal sign a.bundle --key <(cat release.key)",
        "pgseal sign a.bundle --key /dev/fd/7 7< release.key",
    ] {
        let said = sign(line).done();
        let signed = site.read("a.bundle");
        assert_ne!(
            signed,
            site.read("unsigned.pgseal"),
            "{line}: {}",
            said.stderr
        );
    }
    // A file's mode counts, however it is opened.
    sign("pgseal sign a.bundle --key - < shown.key")
        .is_error(2, "can be read by others (mode 0644");
    sign("pgseal sign a.bundle --key - < /dev/null").is_error(2, "expected a file or a pipe");
    sign("true | pgseal sign a.bundle --key -").is_error(2, "not an Ed25519 secret key");
}
