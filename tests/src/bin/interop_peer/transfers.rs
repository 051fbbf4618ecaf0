//! Plain messages and large ones, under all settle modes, drained and cut short.

use amqp_codec::{DeliveryState, Message, ReceiverSettleMode, SenderSettleMode, Value};
use amqp_core::{ReceiverOptions, Resolution, SenderOptions};

use crate::program::Problem;
use crate::receiving::Receiving;
use crate::sending::Sending;
use crate::settings::Settings;

/// How many messages a drained link gives, how many come later, and the credit that is drained.
const DRAINED: usize = 3;
const LATER: usize = 1;
const DRAIN_CREDIT: u32 = 10;

/// Octets whose period divides no frame size, so that lost, doubled and exchanged pieces show.
fn big_body(size: usize) -> Vec<u8> {
    (0..=250).cycle().take(size).collect()
}

/// One message with a data section of `size` octets, with its name.
pub(crate) fn big(settings: &Settings) -> Result<[(String, Message); 1], Problem> {
    Ok([("big".to_owned(), Message::data(big_body(settings.number("size")?)))])
}

/// Sends that message.
pub(crate) fn big_send(settings: &Settings) -> Result<Sending, Problem> {
    Ok(Sending::new(big(settings)?))
}

/// Compares that message octet by octet.
pub(crate) fn big_receive(settings: &Settings) -> Result<Receiving, Problem> {
    let expected = big_body(settings.number("size")?);
    Ok(Receiving::new(1, move |_, message| {
        let body = message.body.as_data().ok_or("not data")?.to_payload().into_bytes();
        if body == expected {
            Ok(DeliveryState::Accepted)
        } else {
            Err(format!("{} other octets", body.len()))
        }
    }))
}

/// So many messages, each with its name.
pub(crate) fn greetings(count: usize) -> impl Iterator<Item = (String, Message)> {
    (0..count).map(|number| format!("hello {number}")).map(|text| (text.clone(), Message::value(text)))
}

/// Expects greetings in order.
pub(crate) fn expect_greetings(count: usize, settled: bool) -> Receiving {
    let mut number = 0;
    Receiving::new(count, move |delivery, message| {
        let expected = Value::from(format!("hello {number}"));
        number += 1;
        if message.body.as_value() != Some(&expected) {
            return Err(format!("received {:?}, expected {expected:?}", message.body));
        }
        if delivery.settled == settled {
            Ok(DeliveryState::Accepted)
        } else {
            Err(format!("settled: {}", !settled))
        }
    })
}

/// Sends `count` greetings.
pub(crate) fn hello_send(settings: &Settings) -> Result<Sending, Problem> {
    Ok(Sending::new(greetings(settings.number("count")?)))
}

/// Receives `count` greetings, then closes the connection.
pub(crate) fn hello_receive(settings: &Settings) -> Result<Receiving, Problem> {
    Ok(expect_greetings(settings.number("count")?, false).closes())
}

/// Sends `count` messages that are settled from the start.
pub(crate) fn settled_send(settings: &Settings) -> Result<Sending, Problem> {
    let judge = |_: &str, resolution: &Resolution| match resolution {
        Resolution::Settled(None) => Ok(()),
        other => Err(format!("{other:?}")),
    };
    let change = |options: SenderOptions| options.snd_settle_mode(SenderSettleMode::Settled);
    Ok(hello_send(settings)?.change(change).judge(judge))
}

/// Expects `count` messages that are settled from the start.
pub(crate) fn settled_receive(settings: &Settings) -> Result<Receiving, Problem> {
    let change = |options: ReceiverOptions| options.snd_settle_mode(SenderSettleMode::Settled);
    Ok(expect_greetings(settings.number("count")?, true).change(change))
}

/// Settles each of `count` deliveries once its outcome is known, before the receiver does.
pub(crate) fn second_send(settings: &Settings) -> Result<Sending, Problem> {
    let change = |options: SenderOptions| {
        options
            .snd_settle_mode(SenderSettleMode::Unsettled)
            .rcv_settle_mode(ReceiverSettleMode::Second)
            .auto_settle(false)
    };
    Ok(hello_send(settings)?.change(change).settles())
}

/// Tells the outcome of each of `count` deliveries and settles it once the sender has.
pub(crate) fn second_receive(settings: &Settings) -> Result<Receiving, Problem> {
    let change = |options: ReceiverOptions| {
        options.snd_settle_mode(SenderSettleMode::Unsettled).rcv_settle_mode(ReceiverSettleMode::Second)
    };
    Ok(expect_greetings(settings.number("count")?, false).change(change).second())
}

/// Has less than the credit when it is asked to drain, and something more later.
pub(crate) fn drain_send() -> Sending {
    Sending::new(greetings(DRAINED + LATER)).hold_back(LATER)
}

/// Grants credit, asks the sender to drain it, then grants as much again as is still to come.
pub(crate) fn drain_receive() -> Receiving {
    expect_greetings(DRAINED + LATER, false).drain(DRAIN_CREDIT, DRAINED)
}

/// Sends to a receiver that dies before it has all of the message.
pub(crate) fn lost_send(settings: &Settings) -> Result<Sending, Problem> {
    let judge = |_: &str, resolution: &Resolution| match resolution {
        Resolution::Unacknowledged(_) => Ok(()),
        other => Err(format!("{other:?}")),
    };
    Ok(Sending::new(big(settings)?).judge(judge).expect_loss())
}

/// Receives from a sender that dies before it has sent all of the message: nothing is to be seen of it.
pub(crate) fn lost_receive() -> Receiving {
    Receiving::new(0, |_, _| Err("half a message".to_owned())).expect_loss()
}
