//! Framing of protocol messages (PostgreSQL manual, "Message Formats").

use super::point::Side;

/// A complete message.
pub struct Message {
    /// The message type; `^` for the startup message.
    pub tag: char,
    /// The complete bytes, with type and length.
    pub bytes: Vec<u8>,
    side: Side,
}

/// Splits the byte stream of one side into messages.
pub struct Messages {
    side: Side,
    buffer: Vec<u8>,
    begun: bool,
}

impl Messages {
    pub fn from(side: Side) -> Self {
        Self {
            side,
            buffer: Vec::new(),
            begun: side == Side::Back,
        }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next complete message.
    pub fn take(&mut self) -> Option<Message> {
        let letter = usize::from(self.begun);
        let length = self.buffer.get(letter..letter + 4)?;
        let end = letter + u32::from_be_bytes(length.try_into().ok()?) as usize;
        if self.buffer.len() < end {
            return None;
        }
        let rest = self.buffer.split_off(end);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        let tag = if self.begun {
            char::from(bytes[0])
        } else {
            '^'
        };
        self.begun = true;
        Some(Message {
            tag,
            bytes,
            side: self.side,
        })
    }
}

impl Message {
    /// The process id in BackendKeyData.
    pub fn backend(&self) -> Option<u32> {
        let pid = self
            .bytes
            .get(5..9)
            .filter(|_| self.side == Side::Back && self.tag == 'K')?;
        Some(u32::from_be_bytes(pid.try_into().ok()?))
    }

    /// The beginning of the statement in Parse or Query, or the tag in CommandComplete.
    pub fn text(&self) -> String {
        let skip = match (self.side, self.tag) {
            // Skips the name of the prepared statement.
            (Side::Front, 'P') => {
                5 + self.bytes[5..]
                    .iter()
                    .position(|byte| *byte == 0)
                    .unwrap_or(0)
                    + 1
            }
            (Side::Front, 'Q') | (Side::Back, 'C') => 5,
            _ => return String::new(),
        };
        let text = self.bytes[skip..]
            .split(|byte| *byte == 0)
            .next()
            .unwrap_or_default();
        String::from_utf8_lossy(text)
            .chars()
            .take(60)
            .collect::<String>()
            .replace('\n', " ")
    }
}
