//! Several hosts: which one is chosen, whether a command stays with it, and which one resolves the outcome after a
//! failover. Also a server that stops answering.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pgseal::database::{Connect as _, DatabaseError, Purpose, Session};
use pgseal::postgres::{Connector, PostgresSession};

use pgseal_testkit::cluster::GATE_USER;
use pgseal_testkit::release::{Release, Site};
use pgseal_testkit::server::{Server, ask, free_port, refusal, session};

const TRUST: &str = "local all all trust\nhost all all all trust\n";

fn port_of(session: &mut dyn Session) -> u16 {
    ask(session, "select current_setting('port')")
        .parse()
        .unwrap()
}

/// A primary, its standby, and a closed port, through a failover.
#[test]
fn the_first_wanted_host_is_chosen_and_kept() {
    let mut primary = Server::start(TRUST, "");
    let standby = primary.standby();
    let (p, s, dead) = (primary.port, standby.port, free_port());
    let at = |ports: &[u16], attrs: &str| {
        let hosts = vec!["127.0.0.1"; ports.len()].join(",");
        let ports: Vec<_> = ports.iter().map(ToString::to_string).collect();
        format!(
            "host={hosts} port={} user=postgres dbname=postgres target_session_attrs={attrs}",
            ports.join(",")
        )
    };
    for (ports, attrs, chosen) in [
        (&[dead, s, p][..], "any", s),
        (&[p, s], "any", p),
        (&[dead, s, p], "read-write", p),
        (&[s, p], "primary", p),
        (&[p, s], "standby", s),
        (&[p, s], "read-only", s),
        (&[dead, p, s], "prefer-standby", s),
        (&[p, dead], "prefer-standby", p),
    ] {
        let connector = Connector::new(at(ports, attrs).parse().unwrap());
        for purpose in [Purpose::Read, Purpose::Write, Purpose::Read] {
            let mut session = connector.connect(purpose).unwrap();
            assert_eq!(
                port_of(session.as_mut()),
                chosen,
                "{ports:?} {attrs} {purpose:?}"
            );
        }
    }
    for (ports, attrs, why) in [
        (&[s, dead][..], "read-write", "is read-only"),
        (&[s], "primary", "is a standby"),
        (&[p], "standby", "is a primary"),
        (&[p], "read-only", "is writable"),
        (&[dead, s], "primary", "Connection refused"),
    ] {
        let error = refusal(&at(ports, attrs));
        assert!(
            error.contains(why) && error.contains(&ports[0].to_string()),
            "{ports:?} {attrs}: {error}"
        );
    }
    // A primary with read-only sessions does not count as read-write.
    primary.sql("alter system set default_transaction_read_only = on");
    primary.restart();
    let settings = at(&[p], "read-write").parse().unwrap();
    assert!(
        PostgresSession::open(&settings, Purpose::Read).is_err(),
        "also not for reading"
    );
    assert_eq!(port_of(&mut session(&at(&[p, s], "read-only"))), p);
    // A refusal by the first host does not lead to the second one.
    let wrong = at(&[p, s], "any").replace("dbname=postgres", "dbname=nowhere");
    assert!(refusal(&wrong).contains(&format!(
        "127.0.0.1:{p}: database \"nowhere\" does not exist"
    )));

    let connector = Connector::new(at(&[p, s], "any").parse().unwrap());
    drop(connector.connect(Purpose::Write).unwrap());
    let before_failover = connector
        .connect(Purpose::Resolve)
        .map(|mut session| port_of(session.as_mut()));
    assert_eq!(before_failover.unwrap(), p);
    primary.stop();
    session(&standby.local("postgres"))
        .execute("select pg_promote()")
        .unwrap();
    let error = connector.connect(Purpose::Read).err().unwrap();
    assert!(
        matches!(&error, DatabaseError::Connection(found) if found.message.contains(&p.to_string())),
        "{error:?}"
    );
    assert!(
        connector.connect(Purpose::Write).is_err(),
        "another server never runs what this one was asked for"
    );
    let mut resolving = connector.connect(Purpose::Resolve).unwrap();
    assert_eq!(port_of(resolving.as_mut()), s);
    assert_eq!(ask(resolving.as_mut(), "show transaction_read_only"), "on");
}

/// The standby's replay is paused, and the blocking row was committed since.
#[test]
fn no_gate_is_asked_on_a_standby() {
    let mut primary = Server::start(TRUST, "");
    primary.sql(&format!(
        "create table public.blockers (); create role {GATE_USER} login"
    ));
    primary.sql(&format!("grant select on public.blockers to {GATE_USER}"));
    let standby = primary.standby();
    session(&standby.local("postgres"))
        .execute("select pg_wal_replay_pause()")
        .unwrap();
    primary.sql("insert into public.blockers default values");
    let gate = "select count(*) = 0 as ready, 'blockers' as reason from public.blockers;\n";
    let site = Site::new();
    let bundle = site.pack(&Release::on("postgres").gate("approved", gate));
    let both = format!(
        "postgresql://postgres@127.0.0.1:{},127.0.0.1:{}/postgres?target_session_attrs=prefer-standby",
        standby.port, primary.port
    );
    for command in ["gate", "plan", "run"] {
        let asked = |url: &str| site.operator(&bundle, url).ask(command);
        let on_the_standby = asked(&both);
        assert!(
            on_the_standby.to_string().contains("is a standby"),
            "{command}: {on_the_standby}"
        );
        assert_eq!(on_the_standby.code, 22, "{command}: {on_the_standby}");
        let on_the_primary = asked(&both.replace("prefer-standby", "primary"));
        assert_eq!(on_the_primary.code, 20, "{command}: {on_the_primary}");
    }
}

/// Forwards bytes to a server until it is set to drop them.
struct Relay {
    port: u16,
    swallows: Arc<AtomicBool>,
}

impl Relay {
    fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Self {
            port: listener.local_addr().unwrap().port(),
            swallows: Arc::default(),
        };
        let swallows = Arc::clone(&relay.swallows);
        // Ends with the test process.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
                let ways = [
                    (client.try_clone().unwrap(), server.try_clone().unwrap()),
                    (server, client),
                ];
                for (from, to) in ways {
                    let swallows = Arc::clone(&swallows);
                    thread::spawn(move || carry(from, to, &swallows));
                }
            }
        });
        relay
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, swallows: &AtomicBool) {
    let mut buffer = vec![0; 1 << 14];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if !swallows.load(Ordering::SeqCst) && to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn a_server_that_falls_silent() {
    let server = Server::start(TRUST, "");
    let relay = Relay::before(server.port);
    let mut session = session(&format!(
        "host=127.0.0.1 port={} user=postgres dbname=postgres",
        relay.port
    ));
    session.set_patience(Duration::from_millis(1500));
    // Longer than the patience in total, but never silent for that long.
    let talks = "do $$ begin for i in 1..5 loop raise notice 'still here'; perform pg_sleep(0.6); end loop; end $$";
    session.execute(talks).unwrap();
    assert_eq!(session.notices().len(), 5);
    let started = Instant::now();
    let error = session.execute("select pg_sleep(20)").unwrap_err();
    assert!(
        matches!(&error, DatabaseError::Connection(found) if found.message.contains("silent")),
        "{error:?}"
    );
    assert!(
        (1..15).contains(&started.elapsed().as_secs()),
        "{:?}",
        started.elapsed()
    );
    // A lost session stays lost: the next statement does not wait.
    session.set_patience(Duration::from_secs(120));
    let started = Instant::now();
    assert_eq!(session.execute("select 1").unwrap_err(), error);
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_network_that_swallows() {
    let server = Server::start(TRUST, "");
    let relay = Relay::before(server.port);
    let connection = format!(
        "host=127.0.0.1 port={} user=postgres dbname=postgres",
        relay.port
    );
    let mut session = session(&connection);
    session.set_patience(Duration::from_secs(1));
    session.execute("BEGIN").unwrap();
    relay.swallows.store(true, Ordering::SeqCst);
    // Much more than all buffers on the way can hold: either the write blocks, or the answer never comes.
    session.send_batch("select 1").unwrap();
    let error = session.receive_batch().unwrap_err();
    assert!(
        matches!(&error, DatabaseError::Connection(found) if found.message.contains("silent")),
        "{error:?}"
    );
    // Connecting has a limit too.
    let started = Instant::now();
    let error = refusal(&format!("{connection} connect_timeout=2"));
    assert!(
        error.contains("no answer within 2 s") && error.contains(&relay.port.to_string()),
        "{error}"
    );
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "{:?}",
        started.elapsed()
    );
    // Cancelling has its own limit.
    let started = Instant::now();
    let cancelled = session.canceller().cancel().unwrap_err().to_string();
    assert!(cancelled.contains("could not be cancelled"), "{cancelled}");
    assert!(started.elapsed() < Duration::from_secs(60));
}
