//! A PostgreSQL server with custom settings (TCP, TLS, passwords, a standby), and programs placed
//! in front of one.
//!
//! It runs as the shared cluster's user, because PostgreSQL doesn't run as root, and ends with this
//! process.

use std::{
    fs,
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use pgseal::database::{Purpose, Session};
use pgseal::postgres::PostgresSession;
use tempfile::TempDir;

use crate::cluster::{Cluster, programs};

/// Runs a program, and ends it by a signal when this process closes its standard input.
const KEEPER: &str = r#"signal=$1; shift; "$@" </dev/null & child=$!; read -r _; kill -"$signal" $child; wait $child"#;

/// A background program, run as the servers' user.
pub struct Kept(Child);

impl Kept {
    /// Starts a program; `signal` ends it at once.
    pub fn start(program: &Path, arguments: &[&str], signal: &str, log: &Path) -> Self {
        let (uid, gid) = account();
        let out = fs::File::create(log).unwrap();
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", KEEPER, "keeper", signal])
            .arg(program)
            .args(arguments)
            .uid(uid)
            .gid(gid);
        command
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(out.try_clone().unwrap())
            .stderr(out);
        Self(command.spawn().unwrap())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// A server for one test.
pub struct Server {
    running: Option<Kept>,
    dir: TempDir,
    pub port: u16,
}

impl Server {
    /// Creates and starts a server; `hba` and `conf` are the contents of its files.
    pub fn start(hba: &str, conf: &str) -> Self {
        let server = Self::unborn();
        let data = server.data();
        run(
            "initdb",
            &[
                "-D",
                &data,
                "-U",
                "postgres",
                "--auth=trust",
                "--no-sync",
                "--locale=C",
                "--encoding=UTF8",
            ],
        );
        server.begin(hba, conf)
    }

    /// Creates a standby of this server, which is stopped during the copy.
    pub fn standby(&mut self) -> Self {
        self.stop();
        let standby = Self::unborn();
        run_program(Path::new("/bin/cp"), &["-a", &self.data(), &standby.data()]);
        let from = format!(
            "primary_conninfo = 'host={} port={} user=postgres'\n",
            self.dir.path().display(),
            self.port
        );
        self.restart();
        standby.write("data/standby.signal", "");
        standby.begin("local all all trust\nhost all all all trust\n", &from)
    }

    fn unborn() -> Self {
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        own(dir.path());
        Self {
            running: None,
            port: free_port(),
            dir,
        }
    }

    fn begin(mut self, hba: &str, conf: &str) -> Self {
        let own = format!(
            "port = {}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nfsync = off\nssl = off\n\
             dynamic_shared_memory_type = mmap\nlog_connections = on\nlog_statement = 'all'\nmax_connections = 100\n",
            self.port,
            self.dir.path().display()
        );
        let hba = if hba.contains("replication") {
            hba.to_owned()
        } else {
            format!("{hba}local replication all trust\n")
        };
        self.write("data/pg_hba.conf", &hba);
        self.write("data/conf", &format!("{own}{conf}"));
        let main = fs::read_to_string(self.path("data/postgresql.conf")).unwrap();
        if !main.contains("include 'conf'") {
            self.write("data/postgresql.conf", &format!("{main}\ninclude 'conf'\n"));
        }
        self.restart();
        self
    }

    /// Restarts the server, which rereads its files.
    pub fn restart(&mut self) {
        self.stop();
        let program = programs().dir().join("postgres");
        self.running = Some(Kept::start(
            &program,
            &["-D", &self.data()],
            "QUIT",
            &self.path("log"),
        ));
        let since = Instant::now();
        while !fs::read_to_string(self.path("data/postmaster.pid"))
            .unwrap_or_default()
            .contains("ready")
        {
            let log = || fs::read_to_string(self.path("log")).unwrap();
            assert!(since.elapsed() < Duration::from_secs(60), "{}", log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn stop(&mut self) {
        self.running = None;
        let _ = fs::remove_file(self.path("data/postmaster.pid"));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() {
            self.dir.path().to_owned()
        } else {
            self.dir.path().join(name)
        }
    }

    fn data(&self) -> String {
        self.path("data").to_str().unwrap().to_owned()
    }

    /// Writes a file owned by the server's user.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
        own(&self.path(name));
    }

    /// The server's log since its start.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// Connection string for the superuser, by the unix socket.
    pub fn local(&self, database: &str) -> String {
        format!(
            "host={} port={} user=postgres dbname={database}",
            self.dir.path().display(),
            self.port
        )
    }

    /// Runs SQL statements.
    pub fn sql(&self, sql: &str) {
        session(&self.local("postgres")).batch(sql).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running = None;
    }
}

/// Opens a session for writing.
pub fn session(connection: &str) -> PostgresSession {
    PostgresSession::open(&connection.parse().unwrap(), Purpose::Write).unwrap()
}

/// The error of a connection that must fail.
pub fn refusal(connection: &str) -> String {
    match connection.parse() {
        Ok(settings) => match PostgresSession::open(&settings, Purpose::Write) {
            Ok(_) => panic!("connected: {connection}"),
            Err(error) => error.to_string(),
        },
        Err(error) => error.to_string(),
    }
}

/// The single value of a query.
pub fn ask(session: &mut dyn Session, sql: &str) -> String {
    session
        .rows(sql, 1)
        .unwrap()
        .single()
        .unwrap_or("NULL")
        .to_owned()
}

/// A port without a listener.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Gives a file or directory to the servers' user.
pub fn own(path: &Path) {
    let (uid, gid) = account();
    chown(path, Some(uid), Some(gid)).unwrap();
}

fn account() -> (u32, u32) {
    let about = fs::metadata(Cluster::shared().server().dir()).unwrap();
    (about.uid(), about.gid())
}

fn run(program: &str, arguments: &[&str]) {
    run_program(&programs().dir().join(program), arguments);
}

fn run_program(program: &Path, arguments: &[&str]) {
    let (uid, gid) = account();
    let output = Command::new(program)
        .args(arguments)
        .uid(uid)
        .gid(gid)
        .current_dir("/")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}: {}",
        program.display(),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Certificates by the `openssl` program, in a separate directory.
pub struct Certificates(TempDir);

impl Certificates {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Creates a self-signed `NAME.crt` and `NAME.key`.
    pub fn authority(&self, name: &str) {
        let (key, crt, subject) = (
            format!("{name}.key"),
            format!("{name}.crt"),
            format!("/CN={name}"),
        );
        self.openssl(
            &[
                &[
                    "req", "-x509", "-days", "30", "-out", &crt, "-subj", &subject,
                ],
                &new_key(&key)[..],
            ]
            .concat(),
        );
    }

    /// Creates `NAME.crt` and `NAME.key`, signed by an authority. Empty `extensions` make a
    /// certificate of version 1.
    pub fn signed(
        &self,
        authority: &str,
        name: &str,
        common_name: &str,
        extensions: &str,
        days: &str,
    ) {
        let (key, csr, crt, ext) = (
            format!("{name}.key"),
            format!("{name}.csr"),
            format!("{name}.crt"),
            format!("{name}.ext"),
        );
        let (ca, ca_key, subject) = (
            format!("{authority}.crt"),
            format!("{authority}.key"),
            format!("/CN={common_name}"),
        );
        self.openssl(
            &[
                &["req", "-new", "-out", &csr, "-subj", &subject],
                &new_key(&key)[..],
            ]
            .concat(),
        );
        fs::write(self.path(&ext), extensions).unwrap();
        let mut sign = vec![
            "x509",
            "-req",
            "-in",
            &csr,
            "-CA",
            &ca,
            "-CAkey",
            &ca_key,
            "-CAcreateserial",
            "-out",
            &crt,
        ];
        sign.extend(["-days", days]);
        if !extensions.is_empty() {
            sign.extend(["-extfile", &ext]);
        }
        self.openssl(&sign);
    }

    pub fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl")
            .current_dir(self.0.path())
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

fn new_key(path: &str) -> [&str; 7] {
    [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        path,
    ]
}
