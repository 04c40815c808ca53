//! Cancels a session's statement from another thread, over another connection (PostgreSQL manual,
//! "Canceling Requests in Progress").

use std::io;
use std::sync::Arc;
use std::time::Duration;

use postgres_protocol::message::frontend;

use super::clock::Clock;
use super::connector::Route;
use super::dial::dial;
use super::settings::Settings;
use crate::database::{Cancel, DatabaseError};

/// Time limit for the whole cancellation, from connecting to the server's close.
const LIMIT: Duration = Duration::from_secs(5);

/// The server's cancellation key for a session, and the route to the server.
#[derive(Clone)]
pub(super) struct Canceller {
    pub settings: Arc<Settings>,
    pub route: Route,
    pub process: i32,
    pub key: i32,
}

impl Canceller {
    fn ask(&self, clock: &mut Clock) -> Result<(), String> {
        let host = &self.settings.hosts[self.route.host];
        let dialed = dial(
            &self.settings,
            host,
            &self.route.address,
            self.route.secure,
            clock,
        );
        let mut wire = dialed
            .map_err(|error| error.at(host, &self.route.address).error.to_string())?
            .wire;
        let request = |out: &mut _| {
            frontend::cancel_request(self.process, self.key, out);
            Ok(())
        };
        wire.put(request)
            .and_then(|()| wire.write_all(clock))
            .map_err(|e| e.to_string())?;
        // The server closes once it has passed the request on; the way it closes doesn't matter.
        match wire.message(clock) {
            Err(e) if e.kind() == io::ErrorKind::TimedOut => Err(e.to_string()),
            _ => Ok(()),
        }
    }
}

impl Cancel for Canceller {
    fn cancel(&self) -> Result<(), DatabaseError> {
        let mut clock = Clock::start(None, Some(LIMIT));
        self.ask(&mut clock).map_err(|text| {
            let text = if clock.is_over() {
                format!("no answer within {} s", LIMIT.as_secs())
            } else {
                text
            };
            DatabaseError::lost(format!("the statement could not be cancelled: {text}"))
        })
    }
}
