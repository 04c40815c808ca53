//! Failed connection attempts, and the attempts that may follow.

use std::io;

use super::dial::Address;
use super::error;
use super::host::Host;
use super::start;
use crate::database::{ConnectionKind, DatabaseError};

#[derive(Debug)]
pub(super) struct ConnectError {
    pub error: DatabaseError,
    pub then: NextAttempt,
}

/// The attempt that may follow a failed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextAttempt {
    /// The same address with TLS added or dropped, if `sslmode` allows both.
    OtherWay,
    /// Another address or another host.
    NextAddress,
    /// None: this refusal must not lead to another server.
    Stop,
}

impl ConnectError {
    pub(super) fn new(then: NextAttempt, text: String) -> Self {
        Self {
            error: DatabaseError::unreachable(text),
            then,
        }
    }

    /// The server has no TLS, or its certificate is rejected.
    pub(super) fn tls(then: NextAttempt, message: impl Into<String>) -> Self {
        Self::of(ConnectionKind::Tls, then, message.into())
    }

    /// The server asks for a password, and none is known.
    pub(super) fn password(user: &str) -> Self {
        let message = format!("the server asks for the password of {user:?}, and none is known");
        Self::of(ConnectionKind::Password, NextAttempt::Stop, message)
    }

    /// Whether the server asks for a password, and none is known.
    pub(super) fn needs_password(&self) -> bool {
        matches!(&self.error, DatabaseError::Connection(error) if error.kind == ConnectionKind::Password)
    }

    fn of(kind: ConnectionKind, then: NextAttempt, message: String) -> Self {
        Self {
            error: DatabaseError::connection(kind, message),
            then,
        }
    }

    /// The connection failed before the session was ready.
    pub(super) fn lost(error: &io::Error) -> Self {
        Self {
            error: error::lost(error),
            then: NextAttempt::NextAddress,
        }
    }

    /// The server refused to begin a session.
    pub(super) fn refused(error: DatabaseError) -> Self {
        let then = match error.code() {
            // Class 57P0x: the server is starting or shutting down.
            None => NextAttempt::NextAddress,
            // No matching entry in pg_hba.conf; one may exist for the other kind of connection,
            // with or without TLS. A wrong password is not tried twice.
            Some("28000") => NextAttempt::OtherWay,
            Some(_) => NextAttempt::Stop,
        };
        Self {
            error: start::pooled(error),
            then,
        }
    }

    /// Whether the server checked more than the connection's origin.
    pub(super) fn came_further(&self) -> bool {
        self.error.code().is_some_and(|code| code != "28000")
    }

    /// Adds the host and address to the message.
    pub(super) fn at(mut self, host: &Host, address: &Address) -> Self {
        let mut at = host.to_string();
        if let Address::Tcp(socket) = address
            && host.name.parse() != Ok(socket.ip())
        {
            at = format!("{at} ({address})");
        }
        match &mut self.error {
            DatabaseError::Connection(error) => error.message = format!("{at}: {}", error.message),
            DatabaseError::Unsound(error) => error.message = format!("{at}: {}", error.message),
            DatabaseError::Server(server) | DatabaseError::LedgerDenied(server) => {
                server.message = format!("{at}: {}", server.message);
            }
        }
        self
    }
}
