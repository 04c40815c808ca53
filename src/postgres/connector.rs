//! Chooses the server of a command. The first session chooses one of the hosts. All later ones
//! connect to the same address, so that gates run on the server that the release changes.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use super::connect_error::{ConnectError, NextAttempt};
use super::dial::{Address, addresses};
use super::host::{Host, Place};
use super::session::PostgresSession;
use super::settings::{Settings, Wanted};
use crate::database::{Connect, ConnectionKind, DatabaseError, Purpose, Session};

/// Opens sessions with one set of connection settings.
pub struct Connector {
    settings: Arc<Settings>,
    /// Settings for the gate role, if the operator named one; same server and database.
    gate: Option<Arc<Settings>>,
    chosen: Mutex<Option<Route>>,
}

/// The chosen server and the way to connect to it.
#[derive(Clone, Debug)]
pub(super) struct Route {
    /// Index in [`Settings::hosts`].
    pub host: usize,
    pub address: Address,
    /// Whether the connection uses TLS. If it does, later sessions use TLS too, even if TLS is only
    /// preferred.
    pub secure: bool,
}

impl Connector {
    /// Takes complete settings; `cli/connection` collects them.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings: Arc::new(settings),
            gate: None,
            chosen: Mutex::new(None),
        }
    }

    /// Logs in with `gate` for [`Purpose::Ask`]. Only the user and its password may differ.
    pub fn asking_as(self, gate: Settings) -> Self {
        Self {
            gate: Some(Arc::new(gate)),
            ..self
        }
    }

    /// The role of other sessions, if sessions for [`Purpose::Ask`] use another role.
    pub fn runs_as(&self) -> Option<&str> {
        self.gate.as_ref().map(|_| self.settings.user.as_str())
    }

    /// A connector for another database on the same server; at the same address, once one is
    /// chosen.
    pub fn for_database(&self, database: &str) -> Self {
        let of = |settings: &Arc<Settings>| {
            Arc::new(Settings {
                database: database.to_owned(),
                ..Settings::clone(settings)
            })
        };
        Self {
            settings: of(&self.settings),
            gate: self.gate.as_ref().map(of),
            chosen: Mutex::new(self.route()),
        }
    }

    /// The route to the server, once it is chosen.
    pub(super) fn route(&self) -> Option<Route> {
        self.chosen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    fn settings_for(&self, purpose: Purpose) -> &Arc<Settings> {
        match (&self.gate, purpose) {
            (Some(gate), Purpose::Ask) => gate,
            _ => &self.settings,
        }
    }

    pub fn open(&self, purpose: Purpose) -> Result<PostgresSession, DatabaseError> {
        if purpose == Purpose::Resolve {
            return self.resolve(self.route());
        }
        // Held while the first session chooses a server, so that a second one can't choose another.
        let mut chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = chosen.clone() {
            drop(chosen);
            return self.again(&route, purpose).map_err(|error| error.error);
        }
        let (session, route) = self.choose(purpose)?;
        *chosen = Some(route);
        Ok(session)
    }

    /// Opens the first session: tries hosts in order, and every address of each, until one
    /// satisfies `target_session_attrs`.
    fn choose(&self, purpose: Purpose) -> Result<(PostgresSession, Route), DatabaseError> {
        let rounds: &[Wanted] = match self.settings.wanted {
            Wanted::PreferStandby => &[Wanted::Standby, Wanted::Any],
            _ => &[self.settings.wanted],
        };
        let mut refusals = Vec::new();
        for wanted in rounds {
            refusals.clear();
            for host in 0..self.settings.hosts.len() {
                for address in self.addresses(host, &mut refusals) {
                    match self.first(host, &address, *wanted, purpose) {
                        Ok(found) => return Ok(found),
                        Err(error) if error.then == NextAttempt::Stop => {
                            return Err(error.error);
                        }
                        Err(error) => refusals.push(error.error),
                    }
                }
            }
        }
        Err(together(refusals))
    }

    fn first(
        &self,
        host: usize,
        address: &Address,
        wanted: Wanted,
        purpose: Purpose,
    ) -> Result<(PostgresSession, Route), ConnectError> {
        // A session for reading is read-only by its own setting. A session for writing shows the
        // server's own state.
        let asks =
            matches!(wanted, Wanted::ReadWrite | Wanted::ReadOnly) && purpose != Purpose::Write;
        let settings = self.settings_for(purpose);
        let (session, route) = self.connect(
            settings,
            host,
            address,
            if asks { Purpose::Write } else { purpose },
        )?;
        if let Some(is) = unwanted(wanted, &session) {
            let text = format!("this server {is}, which target_session_attrs does not want");
            return Err(ConnectError::new(NextAttempt::NextAddress, text)
                .at(&self.settings.hosts[host], address));
        }
        if asks {
            drop(session);
            return Ok((self.again(&route, purpose)?, route));
        }
        Ok((session, route))
    }

    /// Finds the primary. Tries this command's server first, then every named host, at the
    /// addresses that the names resolve to by now.
    fn resolve(&self, pinned: Option<Route>) -> Result<PostgresSession, DatabaseError> {
        let mut refusals = Vec::new();
        let mut seen: Vec<(usize, Address)> = Vec::new();
        let mut pinned = pinned.map(|route| (route.host, vec![route.address]));
        let mut hosts = 0..self.settings.hosts.len();
        // Names are resolved only once the addresses before them have failed.
        while let Some((host, addresses)) = pinned.take().or_else(|| {
            let host = hosts.next()?;
            Some((host, self.addresses(host, &mut refusals)))
        }) {
            for address in addresses {
                if seen.contains(&(host, address.clone())) {
                    continue;
                }
                match self.first(host, &address, Wanted::Primary, Purpose::Resolve) {
                    Ok((session, _)) => return Ok(session),
                    Err(error) => refusals.push(error.error),
                }
                seen.push((host, address));
            }
        }
        Err(together(refusals))
    }

    fn again(&self, route: &Route, purpose: Purpose) -> Result<PostgresSession, ConnectError> {
        begin(self.settings_for(purpose), route, purpose)
    }

    /// Connects with and without TLS, as far as `sslmode` allows.
    fn connect(
        &self,
        settings: &Arc<Settings>,
        host: usize,
        address: &Address,
        purpose: Purpose,
    ) -> Result<(PostgresSession, Route), ConnectError> {
        let ways = match address {
            Address::Socket(_) => &[false],
            Address::Tcp(_) => self.settings.tls.ways(),
        };
        let mut refused: Option<ConnectError> = None;
        for secure in ways {
            let route = Route {
                host,
                address: address.clone(),
                secure: *secure,
            };
            let error = match begin(settings, &route, purpose) {
                Ok(session) => {
                    let route = session.route().clone();
                    return Ok((session, route));
                }
                Err(error) => error,
            };
            let is_last = error.then != NextAttempt::OtherWay;
            // The first way is the operator's preference, so its error is reported, unless the
            // second got further.
            refused = Some(match refused {
                Some(first) if !error.came_further() => first,
                _ => error,
            });
            if is_last {
                break;
            }
        }
        let mut error = refused
            .unwrap_or_else(|| ConnectError::new(NextAttempt::Stop, "there is no way".to_owned()));
        if error.then == NextAttempt::OtherWay {
            error.then = NextAttempt::Stop;
        }
        Err(error)
    }

    fn addresses(&self, host: usize, refusals: &mut Vec<DatabaseError>) -> Vec<Address> {
        let host = &self.settings.hosts[host];
        look_up(&self.settings, host).unwrap_or_else(|error| {
            refusals.push(error);
            Vec::new()
        })
    }
}

impl Connect for Connector {
    fn connect(&self, purpose: Purpose) -> Result<Box<dyn Session>, DatabaseError> {
        Ok(Box::new(self.open(purpose)?))
    }
}

/// Begins a session. If the server asks for a password that may be typed, the operator has all the
/// time: the next session begins with it.
fn begin(
    settings: &Arc<Settings>,
    route: &Route,
    purpose: Purpose,
) -> Result<PostgresSession, ConnectError> {
    let begun = PostgresSession::begin(settings, route, purpose);
    match (&begun, &settings.asked) {
        (Err(error), Some(asked)) if error.needs_password() && asked.ask(&settings.user) => {
            PostgresSession::begin(settings, route, purpose)
        }
        _ => begun,
    }
}

/// Resolves a host name on its own thread, so that an unresponsive name server can't block past the
/// time limit.
fn look_up(settings: &Settings, host: &Host) -> Result<Vec<Address>, DatabaseError> {
    let (Some(limit), Place::Name(_)) = (settings.connect_timeout, &host.place) else {
        return addresses(host);
    };
    let (found, answer) = mpsc::channel();
    let of = host.clone();
    // The receiver is gone after the time limit.
    thread::spawn(move || drop(found.send(addresses(&of))));
    answer.recv_timeout(limit).unwrap_or_else(|_| {
        Err(DatabaseError::unreachable(format!(
            "{host}: the name is not found within {} s",
            limit.as_secs()
        )))
    })
}

/// The server's property that conflicts with `target_session_attrs`.
fn unwanted(wanted: Wanted, session: &PostgresSession) -> Option<&'static str> {
    let facts = session.facts();
    let writes = !facts.identity.is_standby && !facts.read_only;
    match wanted {
        Wanted::Primary if facts.identity.is_standby => Some("is a standby"),
        Wanted::Standby if !facts.identity.is_standby => Some("is a primary"),
        Wanted::ReadWrite if !writes => Some("is read-only"),
        Wanted::ReadOnly if writes => Some("is writable"),
        _ => None,
    }
}

/// Combines the errors of all attempts.
fn together(mut refusals: Vec<DatabaseError>) -> DatabaseError {
    if refusals.len() == 1 {
        return refusals.remove(0);
    }
    let texts: Vec<_> = refusals.iter().map(ToString::to_string).collect();
    let asks = |error: &DatabaseError| matches!(error, DatabaseError::Connection(e) if e.kind == ConnectionKind::Password);
    let kind = match refusals.iter().any(asks) {
        true => ConnectionKind::Password,
        false => ConnectionKind::Unreachable,
    };
    DatabaseError::connection(kind, texts.join("; "))
}
