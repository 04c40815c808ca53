//! Stops what a session is doing, from another thread and by another connection (PostgreSQL manual, "Canceling Requests
//! in Progress").

use std::sync::Arc;
use std::time::Duration;

use ::tokio_postgres::Client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::connector::Route;
use super::dial::dial;
use super::settings::Settings;
use super::wire::{Arranged, Wire};
use crate::database::{Cancel, DatabaseError};

/// All of it, from connecting to the server's goodbye.
const LIMIT: Duration = Duration::from_secs(5);

/// "CancelRequest": length, code, process and key, four bytes each.
const LENGTH: usize = 16;

/// What the server gave for cancelling this session.
#[derive(Clone)]
pub(super) struct Canceller {
    settings: Arc<Settings>,
    route: Route,
    request: [u8; LENGTH],
}

impl Canceller {
    /// The driver keeps process and key for itself; but it writes the request, and that can be kept.
    pub(super) async fn new(client: &Client, settings: Arc<Settings>, route: Route) -> Result<Self, DatabaseError> {
        let failed = |e: &dyn std::error::Error| DatabaseError::unsound(format!("the session has no key: {e}"));
        let (near, mut far) = duplex(LENGTH);
        let wire = Wire::new(Box::new(near), None);
        client.cancel_token().cancel_query_raw(wire, Arranged).await.map_err(|e| failed(&e))?;
        let mut request = [0; LENGTH];
        far.read_exact(&mut request).await.map_err(|e| failed(&e))?;
        Ok(Self { settings, route, request })
    }

    /// The process that the server named when the session began.
    pub(super) fn process(&self) -> Option<u32> {
        self.request[8..12].try_into().ok().map(u32::from_be_bytes)
    }
}

impl Cancel for Canceller {
    fn cancel(&self) -> Result<(), DatabaseError> {
        let failed = |text: String| DatabaseError::lost(format!("the statement could not be cancelled: {text}"));
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|e| failed(e.to_string()))?;
        let Self { settings, route, request } = self;
        let ask = async {
            let host = &settings.hosts[route.host];
            let dialed = dial(settings, host, &route.address, route.secure).await;
            let mut wire = dialed.map_err(|trouble| failed(trouble.at(host, &route.address).error.to_string()))?.wire;
            wire.write_all(request).await.map_err(|e| failed(e.to_string()))?;
            wire.flush().await.map_err(|e| failed(e.to_string()))?;
            // The server closes when it has passed the request on; how it closes doesn't matter.
            let _ = wire.read_u8().await;
            Ok(())
        };
        let asked = runtime.block_on(async { timeout(LIMIT, ask).await });
        runtime.shutdown_background();
        asked.unwrap_or_else(|_| Err(failed(format!("no answer within {} s", LIMIT.as_secs()))))
    }
}
