//! A real server of the S3 protocol: moto's, in a separate process, on a separate port.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The access key id. A server without users accepts any.
pub const KEY_ID: &str = "AKIATESTERSKEYID";
/// The secret, which must never appear in output.
pub const SECRET: &str = "a-secret-that-nobody-prints";

/// The Python that `./test` installs.
pub fn python() -> PathBuf {
    let named = std::env::var_os("PGSEAL_PYTHON").filter(|path| !path.is_empty());
    named.map(PathBuf::from).expect(
        "this test needs the packages of .ci/python: ./test installs them, or PGSEAL_PYTHON=$(.ci/python target/python)",
    )
}

/// Runs a script and returns its output.
pub fn script(text: &str, args: &[&str]) -> String {
    let output = Command::new(python())
        .args(["-c", text])
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A running server.
pub struct Moto {
    child: Child,
    /// `http://127.0.0.1:PORT`
    pub address: String,
}

impl Moto {
    pub fn start() -> Self {
        Self::with(&[], &[])
    }

    /// Starts a server with more arguments and environment variables.
    pub fn with(args: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(python());
        command
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"])
            .args(args);
        command
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("moto starts").unwrap();
            if let Some((_, address)) = line.split_once("Running on ") {
                break address.trim().to_owned();
            }
        };
        // The server logs every request, and would block without a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    /// Creates a bucket with every file below a directory.
    pub fn upload(&self, dir: &Path, bucket: &str, prefix: &str) {
        self.ask(
            "from pathlib import Path\n\
             s3.create_bucket(Bucket=args[0])\n\
             for path in sorted(Path(args[1]).rglob('*')):\n    \
                 if path.is_file():\n        \
                     s3.put_object(Bucket=args[0], Key=args[2] + str(path.relative_to(args[1])), Body=path.read_bytes())\n",
            &[bucket, dir.to_str().unwrap(), prefix],
        );
    }

    /// Runs a script with `s3`, Amazon's own client of this server, and `args`.
    pub fn ask(&self, text: &str, args: &[&str]) -> String {
        let start = "import sys, boto3\n\
                     endpoint, args = sys.argv[1], sys.argv[2:]\n\
                     s3 = boto3.client('s3', endpoint_url=endpoint, aws_access_key_id='a', aws_secret_access_key='b', \
                     region_name='us-east-1')\n";
        let args: Vec<&str> = [self.address.as_str()]
            .into_iter()
            .chain(args.iter().copied())
            .collect();
        script(&format!("{start}{text}"), &args)
    }

    /// Sets the environment for this server, and removes that of the tester's own clouds.
    pub fn told<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        at(&self.address, command)
    }
}

/// Like [`Moto::told`], for any address.
pub fn at<'a>(address: &str, command: &'a mut Command) -> &'a mut Command {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let upper = name.to_ascii_uppercase();
        if upper.starts_with("AWS_") || upper.ends_with("_PROXY") {
            command.env_remove(name);
        }
    }
    command
        .env("AWS_ENDPOINT_URL", address)
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_REGION", "us-east-1");
    command
        .env("AWS_ACCESS_KEY_ID", KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
