//! A parameter in the server's text form, whatever its type.

use std::error::Error;

use ::tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};
use bytes::BytesMut;

/// Text that the server itself reads as a value of the parameter's type, as it reads a quoted literal.
#[derive(Debug)]
pub(super) struct TextForm<'a>(pub &'a str);

impl ToSql for TextForm<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}
