//! Why an attempt to connect failed, and what may be tried instead.

use std::error::Error as _;
use std::io;

use ::tokio_postgres::Error;

use super::dial::Address;
use super::error;
use super::host::Host;
use super::start;
use crate::database::{ConnectionError, ConnectionKind, DatabaseError};

/// A failed attempt.
#[derive(Debug)]
pub(super) struct Trouble {
    pub error: DatabaseError,
    pub then: Then,
}

/// What may follow a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The same address with TLS, or without it, where `sslmode` leaves that open.
    OtherWay,
    /// Another address, another host.
    NextAddress,
    /// Nothing: another server would be asked for what this one refused.
    Stop,
}

impl Trouble {
    pub(super) fn new(then: Then, text: String) -> Self {
        Self { error: DatabaseError::unreachable(text), then }
    }

    /// About TLS: there is none, or the server's certificate is refused.
    pub(super) fn tls(then: Then, message: impl Into<String>) -> Self {
        Self {
            error: DatabaseError::Connection(ConnectionError { kind: ConnectionKind::Tls, message: message.into() }),
            then,
        }
    }

    /// From what the driver says while a session begins.
    pub(super) fn beginning(error: &Error, user: &str) -> Self {
        let then = match error.as_db_error() {
            // Not in pg_hba.conf: there it may stand with TLS only, or without. A wrong password is not tried twice.
            Some(server) if server.code().code() == "28000" => Then::OtherWay,
            Some(server) if server.code().code().starts_with("57P0") => Then::NextAddress,
            Some(_) => Then::Stop,
            None if error.is_closed() => Then::NextAddress,
            None if error.source().is_some_and(|source| source.is::<io::Error>()) => Then::NextAddress,
            None => Then::Stop,
        };
        // The driver has only its text for these two.
        match error.source().map(ToString::to_string).as_deref() {
            Some("password missing") => {
                let message = format!("the server asks for the password of {user:?}, and none is known");
                Self {
                    error: DatabaseError::Connection(ConnectionError { kind: ConnectionKind::Password, message }),
                    then,
                }
            }
            Some("server did not use channel binding") => {
                Self::tls(then, "the login is not bound to TLS, which channel_binding=require asks for")
            }
            _ => Self { error: start::pooled(error::convert(error, 0)), then },
        }
    }

    /// The server has looked at more than where the connection comes from.
    pub(super) fn came_further(&self) -> bool {
        self.error.code().is_some_and(|code| code != "28000")
    }

    /// Says where it happened.
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
                server.message = format!("{at}: {}", server.message)
            }
        }
        self
    }
}
