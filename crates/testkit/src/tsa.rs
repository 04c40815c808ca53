//! A time stamping authority by the `openssl` program.

use std::path::PathBuf;
use std::process::Command;

use pgseal::trust::timestamp::{TimestampAuthority, TimestampError, canonical};

/// The stamped data.
pub const DATA: &[u8] = b"a statement that someone signed\n";

/// An authority in a separate directory.
pub struct Tsa {
    dir: tempfile::TempDir,
}

pub const RSA: &[&str] = &["-newkey", "rsa:2048"];
pub const P256: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
pub const P384: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
pub const PURPOSE: &[&str] = &["-addext", "extendedKeyUsage=critical,timeStamping"];

impl Tsa {
    pub fn new(key: &[&str]) -> Self {
        Self::with(key, PURPOSE, "signer_digest = sha256\n")
    }

    /// Creates an authority with other arguments to `openssl req -x509`, and with additional lines
    /// in its configuration.
    pub fn with(key: &[&str], arguments: &[&str], lines: &str) -> Self {
        let tsa = Self {
            dir: tempfile::tempdir().expect("temp dir"),
        };
        let config = "[tsa]\nserial = serial\ndefault_policy = 1.2.3.4.1\ndigests = sha1, sha256, sha384, sha512\n";
        tsa.write("ts.cnf", format!("{config}{lines}").as_bytes());
        tsa.write(
            "req.cnf",
            b"[req]\nprompt = no\ndistinguished_name = name\n[name]\nO = Example\nCN = Stamps\n",
        );
        tsa.write("data", DATA);
        let request = [
            "req", "-x509", "-nodes", "-config", "req.cnf", "-days", "30", "-keyout", "key",
            "-out", "cert",
        ];
        tsa.openssl(&[&request, key, arguments].concat());
        tsa
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("written");
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect("read")
    }

    pub fn try_openssl(&self, arguments: &[&str]) -> Result<(), String> {
        let output = Command::new("openssl")
            .current_dir(self.dir.path())
            .args(arguments)
            .output()
            .expect("openssl");
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    pub fn openssl(&self, arguments: &[&str]) {
        self.try_openssl(arguments)
            .unwrap_or_else(|error| panic!("openssl {}: {error}", arguments.join(" ")));
    }

    /// The response to a query over [`DATA`].
    pub fn response(&self, query: &[&str]) -> Vec<u8> {
        self.openssl(&[&["ts", "-query", "-data", "data", "-out", "query"], query].concat());
        let reply = [
            "ts",
            "-reply",
            "-config",
            "ts.cnf",
            "-section",
            "tsa",
            "-queryfile",
            "query",
            "-out",
            "response",
        ];
        self.openssl(&[&reply[..], &["-signer", "cert", "-inkey", "key"]].concat());
        self.read("response")
    }

    /// A canonical token over [`DATA`].
    pub fn token(&self) -> Vec<u8> {
        canonical(&self.response(&["-sha256", "-no_nonce"])).expect("a token")
    }

    pub fn try_authority(&self) -> Result<TimestampAuthority, TimestampError> {
        TimestampAuthority::from_pem(&String::from_utf8(self.read("cert")).expect("PEM"))
    }

    pub fn authority(&self) -> TimestampAuthority {
        self.try_authority().expect("a time stamping certificate")
    }
}

/// Issues a certificate of an agency for an authority's key.
pub fn issue(agency: &Tsa, tsa: &Tsa) {
    tsa.write("agency", &agency.read("cert"));
    tsa.write("agency.key", &agency.read("key"));
    tsa.write("ext", b"extendedKeyUsage = critical,timeStamping\n");
    tsa.openssl(&[
        "req", "-new", "-config", "req.cnf", "-subj", "/CN=Leaf", "-key", "key", "-out", "csr",
    ]);
    let issue = [
        "x509",
        "-req",
        "-in",
        "csr",
        "-CA",
        "agency",
        "-CAkey",
        "agency.key",
        "-CAcreateserial",
    ];
    tsa.openssl(
        &[
            &issue[..],
            &["-extfile", "ext", "-days", "9", "-out", "cert"],
        ]
        .concat(),
    );
}

/// Issues a new self-signed certificate for an authority's key, with a validity that `openssl req`
/// can't express.
pub fn self_sign(tsa: &Tsa, first: &str, last: &str) {
    let config = "[ca]\ndefault_ca = a\n[a]\ndatabase = index\nnew_certs_dir = .\nrand_serial = yes\nx509_extensions = e\n\
                  default_md = sha256\npolicy = p\nunique_subject = no\n[p]\norganizationName = supplied\n\
                  commonName = supplied\n[e]\nextendedKeyUsage = critical,timeStamping\n";
    tsa.write("ca.cnf", config.as_bytes());
    tsa.write("index", b"");
    tsa.openssl(&[
        "req", "-new", "-config", "req.cnf", "-key", "key", "-out", "csr",
    ]);
    let sign = [
        "ca",
        "-batch",
        "-notext",
        "-config",
        "ca.cnf",
        "-selfsign",
        "-keyfile",
        "key",
        "-in",
        "csr",
    ];
    tsa.openssl(
        &[
            &sign[..],
            &["-startdate", first, "-enddate", last, "-out", "cert"],
        ]
        .concat(),
    );
}
