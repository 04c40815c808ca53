//! Start of a session, up to `ReadyForQuery` (PostgreSQL manual, "Start-up").

use std::collections::HashMap;
use std::io;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{self, ScramSha256};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;

use super::clock::Clock;
use super::connect_error::{ConnectError, NextAttempt};
use super::dial::Dialed;
use super::error;
use super::host::{Host, Password};
use super::settings::{ChannelBinding, Settings};
use crate::database::Notice;

/// Data that the server sent before it was ready.
#[derive(Default)]
pub(super) struct Login {
    /// Process id of the session, and the key for cancelling its statements.
    pub process: i32,
    pub key: i32,
    pub parameters: HashMap<String, String>,
    pub notices: Vec<Notice>,
}

/// A session during login.
struct Beginning<'a> {
    settings: &'a Settings,
    host: &'a Host,
    dialed: &'a mut Dialed,
    clock: &'a mut Clock,
}

/// Begins a session with the start values `options`.
pub(super) fn login(
    settings: &Settings,
    host: &Host,
    dialed: &mut Dialed,
    options: &str,
    clock: &mut Clock,
) -> Result<Login, ConnectError> {
    let mut beginning = Beginning {
        settings,
        host,
        dialed,
        clock,
    };
    let Settings {
        user,
        database,
        application_name,
        ..
    } = settings;
    let parameters = [
        ("client_encoding", "UTF8"),
        ("user", user),
        ("database", database),
        ("options", options),
        ("application_name", application_name),
    ];
    beginning.put(|out| frontend::startup_message(parameters, out))?;
    beginning.authenticate()?;
    beginning.read()
}

impl Beginning<'_> {
    /// Authenticates in strict message order, so that a server can't omit its own proof.
    fn authenticate(&mut self) -> Result<(), ConnectError> {
        match self.next()? {
            Message::AuthenticationOk => return self.unbound(),
            Message::AuthenticationCleartextPassword => {
                self.unbound()?;
                let password = self.password()?;
                self.put(|out| frontend::password_message(password.bytes(), out))?;
            }
            Message::AuthenticationMd5Password(body) => {
                self.unbound()?;
                let password = self.password()?;
                let hash = md5_hash(self.settings.user.as_bytes(), password.bytes(), body.salt());
                self.put(|out| frontend::password_message(hash.as_bytes(), out))?;
            }
            Message::AuthenticationSasl(body) => self.scram(&body)?,
            Message::AuthenticationKerberosV5
            | Message::AuthenticationScmCredential
            | Message::AuthenticationGss
            | Message::AuthenticationSspi => {
                return Err(stop("this way of authentication is not supported"));
            }
            _ => return Err(unexpected()),
        }
        match self.next()? {
            Message::AuthenticationOk => Ok(()),
            _ => Err(unexpected()),
        }
    }

    fn scram(&mut self, body: &AuthenticationSaslBody) -> Result<(), ConnectError> {
        let password = self.password()?;
        let offered: Vec<&str> = body
            .mechanisms()
            .collect()
            .map_err(|e| stop(&e.to_string()))?;
        let end_point = self.dialed.end_point.clone();
        let end_point =
            end_point.filter(|_| self.settings.channel_binding != ChannelBinding::Disable);
        let (binding, mechanism) = match end_point {
            Some(hash) if offered.contains(&sasl::SCRAM_SHA_256_PLUS) => (
                sasl::ChannelBinding::tls_server_end_point(hash),
                sasl::SCRAM_SHA_256_PLUS,
            ),
            _ if !offered
                .iter()
                .any(|name| [sasl::SCRAM_SHA_256, sasl::SCRAM_SHA_256_PLUS].contains(name)) =>
            {
                return Err(stop("the server knows no way of SCRAM that is supported"));
            }
            Some(_) => (sasl::ChannelBinding::unrequested(), sasl::SCRAM_SHA_256),
            None => (sasl::ChannelBinding::unsupported(), sasl::SCRAM_SHA_256),
        };
        if mechanism != sasl::SCRAM_SHA_256_PLUS {
            self.unbound()?;
        }
        let failed = |e: io::Error| stop(&format!("authentication failed: {e}"));
        let mut scram = ScramSha256::new(password.bytes(), binding);
        self.put(|out| frontend::sasl_initial_response(mechanism, scram.message(), out))?;
        let Message::AuthenticationSaslContinue(body) = self.next()? else {
            return Err(unexpected());
        };
        scram.update(body.data()).map_err(failed)?;
        self.put(|out| frontend::sasl_response(scram.message(), out))?;
        let Message::AuthenticationSaslFinal(body) = self.next()? else {
            return Err(unexpected());
        };
        scram.finish(body.data()).map_err(failed)
    }

    /// Reads until the server is ready.
    fn read(&mut self) -> Result<Login, ConnectError> {
        let mut login = Login::default();
        loop {
            match self.next()? {
                Message::BackendKeyData(body) => {
                    (login.process, login.key) = (body.process_id(), body.secret_key())
                }
                Message::ParameterStatus(body) => {
                    let (name, value) = (body.name().map_err(lost)?, body.value().map_err(lost)?);
                    login.parameters.insert(name.to_owned(), value.to_owned());
                }
                Message::NoticeResponse(body) => {
                    let notice = error::notice(body.fields(), 0).map_err(lost)?;
                    login.notices.push(notice);
                }
                Message::ReadyForQuery(_) => return Ok(login),
                _ => return Err(unexpected()),
            }
        }
    }

    /// Returns the next message, or the error that the server sent.
    fn next(&mut self) -> Result<Message, ConnectError> {
        let message = self.dialed.wire.message(self.clock).map_err(lost)?;
        let Message::ErrorResponse(body) = &message else {
            return Ok(message);
        };
        Err(error::error(body.fields()).map_or_else(lost, ConnectError::refused))
    }

    fn put(
        &mut self,
        fill: impl FnOnce(&mut BytesMut) -> io::Result<()>,
    ) -> Result<(), ConnectError> {
        self.dialed.wire.put(fill).map_err(|e| stop(&e.to_string()))
    }

    /// The password that is known, or was typed before.
    fn password(&self) -> Result<Password, ConnectError> {
        let asked = self.settings.asked.as_ref();
        let typed = || asked.and_then(|asked| asked.typed());
        let known = self.host.password.clone().or_else(typed);
        known.ok_or_else(|| ConnectError::password(&self.settings.user))
    }

    /// Fails if `channel_binding=require` and the login is not bound to TLS.
    fn unbound(&self) -> Result<(), ConnectError> {
        if self.settings.channel_binding == ChannelBinding::Require {
            return Err(ConnectError::tls(
                NextAttempt::Stop,
                "the login is not bound to TLS, which channel_binding=require asks for",
            ));
        }
        Ok(())
    }
}

fn lost(error: io::Error) -> ConnectError {
    ConnectError::lost(&error)
}

fn stop(text: &str) -> ConnectError {
    ConnectError::new(NextAttempt::Stop, text.to_owned())
}

fn unexpected() -> ConnectError {
    stop(&error::unexpected().to_string())
}
