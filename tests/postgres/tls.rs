//! TLS to a real server, with certificates from the `openssl` program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use pgseal::database::Session;

use pgseal_testkit::server::{Certificates, Server, ask, refusal, session};

const HBA: &str = "local all all trust
host all postgres 127.0.0.1/32 trust
hostssl all tls_only 127.0.0.1/32 trust
hostnossl all plain_only 127.0.0.1/32 trust
hostssl all scram 127.0.0.1/32 scram-sha-256
hostnossl all scram 127.0.0.1/32 scram-sha-256
hostssl all tls_scram 127.0.0.1/32 scram-sha-256
hostssl all lena 127.0.0.1/32 cert
";

struct Site {
    server: Server,
    certificates: Certificates,
}

/// A server with a certificate for `localhost`, signed by `ca`; and further certificates.
fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| {
        let made = Certificates::new();
        made.authority("ca");
        made.authority("other");
        made.signed("ca", "server", "db", "subjectAltName=DNS:localhost", "30");
        made.signed("ca", "lena", "lena", "", "30");
        let server = with(&made, "server", "ca");
        server.sql(
            "create role tls_only login; create role plain_only login; create role lena login;
             create role scram login password 'a good password'",
        );
        Site {
            server,
            certificates: made,
        }
    })
}

fn with(made: &Certificates, name: &str, authority: &str) -> Server {
    let mut server = Server::start(HBA, "");
    serve(&mut server, made, name, authority);
    server
}

fn serve(server: &mut Server, made: &Certificates, name: &str, authority: &str) {
    server.write("server.crt", &made.read(&format!("{name}.crt")));
    server.write("server.key", &made.read(&format!("{name}.key")));
    server.write("ca.crt", &made.read(&format!("{authority}.crt")));
    let dir = server.path("");
    let dir = dir.display();
    let conf = fs::read_to_string(server.path("data/conf")).unwrap();
    let tls = format!(
        "ssl = on\nssl_cert_file = '{dir}/server.crt'\nssl_key_file = '{dir}/server.key'\nssl_ca_file = '{dir}/ca.crt'\n"
    );
    server.write("data/conf", &format!("{conf}{tls}"));
    server.restart();
}

impl Site {
    fn at(&self, host: &str, user: &str, more: &str) -> String {
        format!(
            "host={host} port={} user={user} dbname=postgres {more}",
            self.server.port
        )
    }

    fn root(&self, name: &str) -> String {
        format!(
            "sslrootcert={}",
            self.certificates.path(&format!("{name}.crt"))
        )
    }
}

fn is_secure(session: &mut dyn Session) -> bool {
    ask(
        session,
        "select ssl from pg_stat_ssl where pid = pg_backend_pid()",
    ) == "t"
}

#[test]
fn modes_mean_what_libpq_means() {
    let site = site();
    for (user, mode, secure) in [
        ("postgres", "", Some(true)),
        ("postgres", "sslmode=disable", Some(false)),
        ("postgres", "sslmode=allow", Some(false)),
        ("postgres", "sslmode=prefer", Some(true)),
        ("postgres", "sslmode=require", Some(true)),
        ("tls_only", "sslmode=allow", Some(true)),
        ("tls_only", "sslmode=disable", None),
        ("plain_only", "sslmode=prefer", Some(false)),
        ("plain_only", "sslmode=require", None),
    ] {
        let connection = site.at("localhost", user, mode);
        match secure {
            Some(secure) => assert_eq!(
                is_secure(&mut session(&connection)),
                secure,
                "{user} {mode}"
            ),
            None => assert!(
                refusal(&connection).contains("no pg_hba.conf entry"),
                "{user} {mode}"
            ),
        }
    }
    // A unix socket has no TLS, whatever the mode requires.
    let socket = site.server.local("postgres");
    assert!(!is_secure(&mut session(&format!(
        "{socket} sslmode=verify-full"
    ))));
}

#[test]
fn the_servers_certificate_is_verified() {
    let site = site();
    let (ca, other) = (site.root("ca"), site.root("other"));
    for good in [
        site.at(
            "localhost",
            "postgres",
            &format!("sslmode=verify-full {ca}"),
        ),
        site.at("127.0.0.1", "postgres", &format!("sslmode=verify-ca {ca}")),
        site.at(
            "elsewhere",
            "postgres",
            &format!("hostaddr=127.0.0.1 sslmode=verify-ca {ca}"),
        ),
        // A certificate may be its own root.
        site.at(
            "localhost",
            "postgres",
            &format!("sslmode=verify-full {}", site.root("server")),
        ),
    ] {
        assert!(is_secure(&mut session(&good)), "{good}");
    }
    for (bad, why) in [
        (
            site.at(
                "127.0.0.1",
                "postgres",
                &format!("sslmode=verify-full {ca}"),
            ),
            "it is for localhost",
        ),
        (
            site.at(
                "elsewhere",
                "postgres",
                &format!("hostaddr=127.0.0.1 sslmode=verify-full {ca}"),
            ),
            "it is for localhost",
        ),
        (
            site.at(
                "localhost",
                "postgres",
                &format!("sslmode=verify-full {other}"),
            ),
            "has signed it",
        ),
        (
            site.at(
                "localhost",
                "postgres",
                &format!("sslmode=verify-ca {other}"),
            ),
            "has signed it",
        ),
        // libpq's rule: a named root counts even for `require`. pgseal's rule: a named root is never ignored.
        (
            site.at("localhost", "postgres", &format!("sslmode=require {other}")),
            "has signed it",
        ),
        (
            site.at("localhost", "postgres", &format!("sslmode=prefer {other}")),
            "has signed it",
        ),
        (
            site.at(
                "127.0.0.1",
                "postgres",
                &format!("sslmode=verify-full {}", site.root("server")),
            ),
            "localhost",
        ),
        (
            site.at(
                "localhost",
                "postgres",
                "sslmode=verify-full sslrootcert=system",
            ),
            "system",
        ),
        (
            site.at(
                "localhost",
                "postgres",
                "sslmode=require sslrootcert=system",
            ),
            "needs sslmode=verify-full",
        ),
        (
            site.at("localhost", "postgres", "sslmode=verify-full"),
            "need what signs",
        ),
        (
            site.at(
                "localhost",
                "postgres",
                "sslmode=verify-full sslrootcert=/nowhere",
            ),
            "/nowhere",
        ),
        (
            site.at("localhost", "postgres", "sslnegotiation=direct"),
            "sslnegotiation=direct needs",
        ),
    ] {
        let error = refusal(&bad);
        assert!(error.contains(why), "{bad}: {error}");
    }
    let error = refusal(&site.at(
        "localhost",
        "postgres",
        &format!("sslmode=verify-full {other}"),
    ));
    assert!(
        error.contains(&format!("localhost:{}", site.server.port)),
        "host and port are named: {error}"
    );
}

#[test]
fn versions_of_tls() {
    let site = site();
    let version = |more| {
        let mut session = session(&site.at("localhost", "postgres", more));
        ask(
            &mut session,
            "select version from pg_stat_ssl where pid = pg_backend_pid()",
        )
    };
    assert_eq!(version("sslmode=require"), "TLSv1.3");
    assert_eq!(
        version("sslmode=require ssl_max_protocol_version=TLSv1.2"),
        "TLSv1.2"
    );
    assert_eq!(
        version("sslmode=require ssl_min_protocol_version=TLSv1.3"),
        "TLSv1.3"
    );
    for more in [
        "ssl_min_protocol_version=SSLv3",
        "ssl_max_protocol_version=TLSv1.1",
    ] {
        assert!(
            refusal(&site.at("localhost", "postgres", more)).contains("write TLSv1"),
            "{more}"
        );
    }
    // A server limited to TLS 1.2 fails a client that requires more.
    let mut old = Server::start(HBA, "ssl_max_protocol_version = 'TLSv1.2'\n");
    serve(&mut old, &site.certificates, "server", "ca");
    let at = |more: &str| {
        format!(
            "host=localhost port={} user=postgres dbname=postgres {more}",
            old.port
        )
    };
    assert!(is_secure(&mut session(&at("sslmode=require"))));
    assert!(refusal(&at("sslmode=require ssl_min_protocol_version=TLSv1.3")).contains("no TLS"));
}

/// Only servers from 17 on support it; older ones fail, and pgseal doesn't fall back to plain text.
#[test]
fn tls_from_the_first_byte() {
    let site = site();
    let connection = site.at(
        "localhost",
        "postgres",
        "sslmode=require sslnegotiation=direct",
    );
    let version = session(&site.server.local("postgres")).server_version_num();
    if version >= 170_000 {
        assert!(is_secure(&mut session(&connection)));
    } else {
        let error = refusal(&connection);
        assert!(error.contains("no TLS"), "{error}");
    }
}

#[test]
fn certificates_that_are_odd_or_over() {
    let made = Certificates::new();
    made.authority("ca");
    made.signed(
        "ca",
        "expired",
        "localhost",
        "subjectAltName=DNS:localhost",
        "0",
    );
    made.signed("ca", "one", "localhost", "", "30");
    made.signed(
        "ca",
        "named",
        "localhost",
        "keyUsage=digitalSignature",
        "30",
    );
    made.signed(
        "ca",
        "revoked",
        "localhost",
        "subjectAltName=DNS:localhost",
        "30",
    );
    thread::sleep(Duration::from_secs(1));
    let mut server = with(&made, "expired", "ca");
    let at = |port: u16, more: &str| {
        format!(
            "host=localhost port={port} user=postgres dbname=postgres {}",
            more.replace("ROOT", &made.path("ca.crt"))
        )
    };
    let verified = at(server.port, "sslmode=verify-full sslrootcert=ROOT");
    let error = refusal(&verified);
    assert!(error.contains("has expired"), "{error}");
    assert!(
        is_secure(&mut session(&at(server.port, "sslmode=require"))),
        "unverified it is good enough"
    );
    // Version 1, as older programs create it by the recipe in the manual.
    serve(&mut server, &made, "one", "ca");
    assert!(is_secure(&mut session(&at(server.port, "sslmode=require"))));
    assert!(refusal(&verified).contains("certificate is refused"));
    serve(&mut server, &made, "named", "ca");
    let error = refusal(&verified);
    assert!(error.contains("subjectAltName"), "{error}");
    // Its own authority.
    serve(&mut server, &made, "ca", "ca");
    assert!(is_secure(&mut session(&at(
        server.port,
        "sslmode=verify-ca sslrootcert=ROOT"
    ))));
    assert!(
        refusal(&verified).contains("certificate is refused"),
        "it does not name localhost"
    );
    serve(&mut server, &made, "revoked", "ca");
    assert!(is_secure(&mut session(&verified)));
    fs::write(made.path("index"), "").unwrap();
    fs::write(made.path("number"), "01\n").unwrap();
    let conf = "[ca]\ndefault_ca=c\n[c]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=7\n";
    fs::write(made.path("ca.cnf"), conf).unwrap();
    let ca = [
        "ca", "-config", "ca.cnf", "-keyfile", "ca.key", "-cert", "ca.crt",
    ];
    let list = || made.openssl(&[&ca[..], &["-gencrl", "-out", "list.crl"]].concat());
    list();
    let with_list = format!("{verified} sslcrl={}", made.path("list.crl"));
    assert!(
        is_secure(&mut session(&with_list)),
        "the list does not name it"
    );
    made.openssl(&[&ca[..], &["-revoke", "revoked.crt"]].concat());
    list();
    let error = refusal(&with_list);
    assert!(error.contains("it is revoked"), "{error}");
}

#[test]
fn a_server_without_tls() {
    let server = Server::start(HBA, "");
    let at = |more: &str| {
        format!(
            "host=localhost port={} user=postgres dbname=postgres {more}",
            server.port
        )
    };
    for mode in ["", "sslmode=prefer", "sslmode=allow", "sslmode=disable"] {
        assert!(!is_secure(&mut session(&at(mode))), "{mode}");
    }
    let error = refusal(&at("sslmode=require"));
    assert!(
        error.contains("has no TLS") && error.contains(&server.port.to_string()),
        "{error}"
    );
}

#[test]
fn logins_bound_to_tls() {
    let site = site();
    let login = |more: &str| {
        site.at(
            "localhost",
            "scram",
            &format!("password='a good password' {more}"),
        )
    };
    for more in [
        "channel_binding=require sslmode=require",
        "channel_binding=disable",
        "sslmode=disable",
        "",
    ] {
        assert_eq!(
            ask(&mut session(&login(more)), "select current_user"),
            "scram",
            "{more}"
        );
    }
    let error = refusal(&login("channel_binding=require sslmode=disable"));
    assert!(error.contains("not bound to TLS"), "{error}");
    // Without a password request there is no authentication to bind.
    let error = refusal(&site.at(
        "localhost",
        "postgres",
        "channel_binding=require sslmode=require",
    ));
    assert!(error.contains("not bound to TLS"), "{error}");
    let error = refusal(&site.at("localhost", "scram", "password=wrong"));
    assert!(
        error.contains("password authentication failed for user \"scram\""),
        "{error}"
    );
    // The second attempt got further than the first one, so its error is reported.
    site.server.sql("create role tls_scram login password 'x'");
    let error = refusal(&site.at("localhost", "tls_scram", "sslmode=allow password=wrong"));
    assert!(error.contains("password authentication failed"), "{error}");
    let error = refusal(&site.at("localhost", "scram", ""));
    assert!(
        error.contains("asks for the password of \"scram\""),
        "{error}"
    );
}

/// The binding's hash follows the certificate's signature algorithm.
#[test]
fn bindings_by_the_signature_of_the_certificate() {
    let made = Certificates::new();
    let mut server = Server::start(HBA, "");
    server.sql("create role scram login password 'a good password'");
    let rsa = ["-newkey", "rsa:2048"];
    let p384 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
    let pss = [
        "-newkey",
        "rsa:2048",
        "-sigopt",
        "rsa_padding_mode:pss",
        "-sigopt",
        "rsa_pss_saltlen:digest",
    ];
    for (key, hash) in [
        (&rsa[..], "-sha256"),
        (&rsa, "-sha512"),
        (&p384, "-sha384"),
        (&pss, "-sha384"),
    ] {
        let request = [
            "req", "-x509", "-nodes", "-days", "9", "-subj", "/CN=a", "-keyout", "k.key", "-out",
            "k.crt", hash,
        ];
        made.openssl(&[&request[..], key].concat());
        serve(&mut server, &made, "k", "k");
        let connection = format!(
            "host=localhost port={} user=scram dbname=postgres password='a good password' sslmode=require \
             channel_binding=require",
            server.port
        );
        assert!(is_secure(&mut session(&connection)), "{key:?} {hash}");
    }
}

#[test]
fn clients_with_certificates() {
    let site = site();
    let made = &site.certificates;
    let (cert, key) = (made.path("lena.crt"), made.path("lena.key"));
    let with = |cert: &str, key: &str| {
        site.at(
            "localhost",
            "lena",
            &format!("sslmode=require sslcert={cert} sslkey={key}"),
        )
    };
    assert_eq!(
        ask(&mut session(&with(&cert, &key)), "select current_user"),
        "lena"
    );
    let error = refusal(&site.at("localhost", "lena", "sslmode=require"));
    assert!(error.contains("valid client certificate"), "{error}");
    assert!(
        refusal(&with(&cert, &made.path("ca.key"))).contains("is not the key of the certificate")
    );
    assert!(refusal(&with("/nowhere.crt", &key)).contains("sslcert /nowhere.crt"));
    let open = made.path("open.key");
    fs::copy(&key, &open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refusal(&with(&cert, &open)).contains("chmod 0600"));
    made.openssl(&[
        "pkcs8",
        "-topk8",
        "-in",
        "lena.key",
        "-out",
        "locked.key",
        "-passout",
        "pass:x",
    ]);
    let error = refusal(&with(&cert, &made.path("locked.key")));
    assert!(error.contains("encrypted"), "{error}");
}

#[test]
fn copies_and_batches_inside_tls() {
    let site = site();
    let mut session = session(&site.at("localhost", "postgres", "sslmode=require"));
    session.execute("BEGIN").unwrap();
    session
        .execute("create table public.copied (n integer, label text)")
        .unwrap();
    let many = "insert into public.copied values (0, repeat('x', 1000));".repeat(2_000);
    session.send_batch(&many).unwrap();
    session
        .send_batch("insert into public.copied values (1, 'y'); delete from public.copied")
        .unwrap();
    assert_eq!(session.receive_batch().unwrap().rows.len(), 2_000);
    assert_eq!(session.receive_batch().unwrap().rows, [1, 2_001]);
    let data: String = (0..300_000).map(|n| format!("{n}\trow {n}\n")).collect();
    let rows = session
        .copy_in("copy public.copied from stdin", &mut data.as_bytes())
        .unwrap();
    assert_eq!(rows, 300_000);
    assert_eq!(
        session.copy_out("copy public.copied to stdout").unwrap(),
        data.len() as u64
    );
    session.execute("ROLLBACK").unwrap();
    assert!(is_secure(&mut session));
}

#[test]
fn a_statement_is_cancelled_inside_tls() {
    let site = site();
    for connection in [
        site.at("localhost", "postgres", "sslmode=require"),
        site.server.local("postgres"),
    ] {
        let mut session = session(&connection);
        let canceller = session.canceller();
        let started = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(200));
                canceller.cancel().unwrap();
            });
            let error = session.execute("select pg_sleep(60)").unwrap_err();
            assert_eq!(error.code(), Some("57014"), "{error}");
        });
        assert!(started.elapsed() < Duration::from_secs(10));
        assert_eq!(ask(&mut session, "select 1"), "1");
    }
}
