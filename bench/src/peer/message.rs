//! The message that is exchanged.

use std::time::{SystemTime, UNIX_EPOCH};

use amqp_bench::Outcome;
use amqp_core::codec::{MessageId, Properties};
use amqp_endpoint::{LazyMessage, Message, Value};

const SEND_TIME: &str = "SendTime";

/// A message that is sent again and again, with another message-id and `SendTime` each time.
pub(crate) struct Template(Message);

impl Template {
    pub(crate) fn new(body_bytes: usize) -> Self {
        Self(Message::data(vec![b'x'; body_bytes]).property(SEND_TIME, 0_i64))
    }

    pub(crate) fn stamp(&mut self, id: u64) -> Outcome<&Message> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let properties = self.0.properties.get_or_insert_with(Properties::default);
        properties.message_id = Some(MessageId::Ulong(id));
        if let Some(time) = self.0.application_properties.as_mut().and_then(|it| it.get_mut(SEND_TIME)) {
            *time = Value::Long(i64::try_from(now.as_millis())?);
        }
        Ok(&self.0)
    }
}

/// Reads what the sender set: how long the body is.
pub(crate) fn read(message: &LazyMessage) -> Outcome<usize> {
    let complete = matches!(message.message_id(), Ok(Some(MessageId::Ulong(_))))
        && matches!(message.application_property(SEND_TIME), Ok(Some(Value::Long(time))) if time > 0);
    if complete { Ok(message.body_len()) } else { Err("a message without message-id or SendTime".into()) }
}
