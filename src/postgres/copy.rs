//! COPY from the client. Data goes to the server by the simple protocol, as psql does it: in the extended protocol nobody
//! can tell whether the server has seen the Sync behind a COPY that it refused.

use std::io::Read;

use postgres_protocol::message::frontend;

use super::answer::{Answer, Copy};
use super::driver::Driver;
use crate::database::DatabaseError;

/// Data in one message, in bytes; not more than one is held.
const CHUNK: usize = 64 * 1024;

/// Sends `COPY ... FROM STDIN`, and the data as long as the server takes it.
pub(super) fn copy_in(driver: &mut Driver, sql: &str, data: &mut dyn Read) -> Result<u64, DatabaseError> {
    driver.begin(Answer::of_copy(Copy::In(false)), |out| frontend::query(sql, out))?;
    let (mut chunk, mut unread, mut is_over) = (Vec::with_capacity(CHUNK), None, false);
    while !is_over && driver.current().is_some_and(|answer| !answer.is_done && answer.error.is_none()) {
        chunk.clear();
        unread = Read::take(&mut *data, CHUNK as u64).read_to_end(&mut chunk).err();
        is_over = unread.is_some() || chunk.is_empty();
        driver.write(|out| match &unread {
            Some(_) => frontend::copy_fail("the data could not be read", out),
            None if !is_over => frontend::CopyData::new(chunk.as_slice()).map(|data| data.write(out)),
            None => {
                frontend::copy_done(out);
                Ok(())
            }
        })?;
    }
    let answer = driver.receive()?;
    if let Some(e) = unread {
        return Err(DatabaseError::unsound(format!("the data of the COPY could not be read: {e}")));
    }
    let answer = answer.accepted(0)?;
    if !answer.asks() {
        return Err(DatabaseError::unsound("the statement did not ask for data"));
    }
    Ok(answer.affected())
}
