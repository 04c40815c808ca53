//! COPY.

use std::future::poll_fn;
use std::io::Read;
use std::pin::{Pin, pin};

use ::tokio_postgres::{Client, CopyInSink, Error};
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt as _, Stream as _};

use super::pump::Pump;
use crate::database::DatabaseError;

const CHUNK: usize = 64 * 1024;

pub(super) fn copy_in(client: &Client, pump: &mut Pump, sql: &str, data: &mut dyn Read) -> Result<u64, DatabaseError> {
    let sink = pump.run(0, client.copy_in::<_, Bytes>(sql))?;
    let mut sink: Pin<Box<CopyInSink<Bytes>>> = Box::pin(sink);
    loop {
        let mut chunk = BytesMut::zeroed(CHUNK);
        match data.read(&mut chunk) {
            Ok(0) => return pump.run(0, sink.as_mut().finish()),
            Ok(size) => {
                chunk.truncate(size);
                pump.run(0, sink.as_mut().send(chunk.freeze()))?;
            }
            Err(e) => {
                drop(sink);
                // The COPY has failed when the server has answered to the next question.
                pump.run(0, client.check_connection())?;
                return Err(DatabaseError::Unsound(format!("the data of the COPY could not be read: {e}")));
            }
        }
    }
}

/// Runs `COPY ... TO STDOUT` and counts bytes.
pub(super) async fn copy_out(client: &Client, sql: &str) -> Result<u64, Error> {
    let mut stream = pin!(client.copy_out(sql).await?);
    let mut size = 0;
    while let Some(data) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        size += data?.len() as u64;
    }
    // Triggers of a COPY of what an INSERT returns run behind its last byte. The driver has no word for the answer, but
    // it has one for an error.
    match poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        Some(Err(e)) if e.as_db_error().is_some() || e.is_closed() => Err(e),
        _ => Ok(size),
    }
}
