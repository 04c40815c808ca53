//! COPY from the client, by the simple protocol, as in psql. In the extended protocol, after the
//! server rejects a COPY, the client can't tell whether the server saw the Sync that follows.

use std::io::Read;

use postgres_protocol::message::frontend;

use super::answer::{Answer, Copy};
use super::driver::Driver;
use crate::database::DatabaseError;

/// Bytes of data in one message. At most one message is in memory.
const CHUNK: usize = 64 * 1024;

/// Sends `COPY ... FROM STDIN`, then data for as long as the server accepts it.
pub(super) fn copy_in(
    driver: &mut Driver,
    sql: &str,
    data: &mut dyn Read,
) -> Result<u64, DatabaseError> {
    driver.begin(Answer::of_copy(Copy::In(false)), |out| {
        frontend::query(sql, out)
    })?;
    let (mut chunk, mut unread, mut is_over) = (Vec::with_capacity(CHUNK), None, false);
    while !is_over
        && driver
            .current()
            .is_some_and(|answer| !answer.is_done && answer.error.is_none())
    {
        chunk.clear();
        unread = Read::take(&mut *data, CHUNK as u64)
            .read_to_end(&mut chunk)
            .err();
        is_over = unread.is_some() || chunk.is_empty();
        driver.write(|out| match &unread {
            Some(_) => frontend::copy_fail("the data could not be read", out),
            None if !is_over => {
                frontend::CopyData::new(chunk.as_slice()).map(|data| data.write(out))
            }
            None => {
                frontend::copy_done(out);
                Ok(())
            }
        })?;
    }
    let answer = driver.receive()?;
    if let Some(e) = unread {
        return Err(DatabaseError::unsound(format!(
            "the data of the COPY could not be read: {e}"
        )));
    }
    let answer = answer.accepted(0)?;
    if !answer.asks() {
        return Err(DatabaseError::unsound("the statement did not ask for data"));
    }
    Ok(answer.affected())
}
