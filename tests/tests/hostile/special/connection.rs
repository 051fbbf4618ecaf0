//! Cases of headers, SASL, opens and closes.

use amqp_core::codec::{ErrorCondition, Performative, ProtocolHeader, SaslFrame};
use amqp_core::{Cause, Credentials, Event, Exhausted, SessionOptions};
use amqp_tests::frames::Unit;
use amqp_tests::oracle::Side;
use amqp_tests::pair::Door;

use super::Check;
use crate::answer::Expected;
use crate::run::Answer;
use crate::stage::{Setup, Stage};

pub(crate) const CHECKS: &[(&str, Check)] = &[
    ("A42", is_opened),
    ("A28", is_opened),
    ("B06", offers_amqp),
    ("B09", offers_sasl),
    ("B11", tells_the_header),
    ("C08", is_refused_where_less_is_allowed),
    ("D04", opens_and_closes),
    ("D05", closes_once),
    ("D20", is_opened),
    ("D21", leaves_one_channel),
    ("I07", is_answered_where_it_is_allowed),
    ("I15", is_taken_where_more_is_allowed),
    ("L12", tells_the_text),
];

fn is_opened(stage: &mut Stage, _: &[u8], answer: &Answer) {
    assert_eq!(answer.events, [Event::Opened]);
    assert!(stage.script.engine.remote().is_some());
}

fn offers_amqp(_: &mut Stage, _: &[u8], answer: &Answer) {
    assert_eq!(answer.headers(), [ProtocolHeader::AMQP]);
}

fn offers_sasl(_: &mut Stage, _: &[u8], answer: &Answer) {
    assert_eq!(answer.headers(), [ProtocolHeader::SASL]);
}

/// The client's own header and open went out before; it stops there.
fn tells_the_header(stage: &mut Stage, _: &[u8], answer: &Answer) {
    assert!(Expected::Eof.is(answer), "{answer:?}");
    let reason = answer.reason.as_ref().unwrap();
    assert_eq!(reason.cause(), &Cause::Header(Some(ProtocolHeader::SASL)));
    stage.script.expect_eof();
}

fn is_refused_where_less_is_allowed(stage: &mut Stage, octets: &[u8], answer: &Answer) {
    is_opened(stage, octets, answer);
    let setup = Setup::new(Side::Server).limits(|limits| limits.pre_open_frame(512_u32));
    let answer = Stage::new("PH", setup).give(&[octets], Door::Slice);
    assert!(Expected::Close(vec!["framing-error".into()]).is(&answer), "{answer:?}");
}

fn opens_and_closes(stage: &mut Stage, _: &[u8], answer: &Answer) {
    let said: Vec<_> = answer.performatives().collect();
    assert!(
        matches!(said[..], [Performative::Open(_), Performative::Close(close)] if close.error.is_none()),
        "{said:?}"
    );
    assert_eq!(answer.events, [Event::Closed]);
    stage.script.expect_eof();
}

fn closes_once(stage: &mut Stage, _: &[u8], answer: &Answer) {
    let said: Vec<_> = answer.performatives().collect();
    assert!(matches!(said[..], [Performative::Close(close)] if close.error.is_none()), "{said:?}");
    assert_eq!(answer.events, [Event::Closed]);
    stage.script.expect_eof();
}

fn leaves_one_channel(stage: &mut Stage, octets: &[u8], answer: &Answer) {
    is_opened(stage, octets, answer);
    let engine = &mut stage.script.engine;
    assert!(engine.begin(SessionOptions::default()).is_ok());
    assert_eq!(engine.begin(SessionOptions::default()), Err(Exhausted::Channels));
    assert_eq!(stage.script.rest().len(), 1);
    assert!(stage.script.engine.close_reason().is_none());
}

/// No password over an open wire, unless somebody says so.
fn is_answered_where_it_is_allowed(stage: &mut Stage, octets: &[u8], answer: &Answer) {
    assert!(Expected::Eof.is(answer), "{answer:?}");
    assert_eq!(answer.reason.as_ref().unwrap().cause(), &Cause::NoMechanism);
    stage.script.expect_eof();
    let mut setup = Setup::new(Side::Client);
    setup.connection.credentials = Some(Credentials::plain_insecure("user", "secret"));
    let answer = Stage::new("QC", setup).give(&[octets], Door::Slice);
    assert!(matches!(answer.units[..], [Unit::Sasl(SaslFrame::Init(_))]), "{answer:?}");
}

fn is_taken_where_more_is_allowed(stage: &mut Stage, octets: &[u8], answer: &Answer) {
    assert!(Expected::Eof.is(answer), "{answer:?}");
    stage.script.expect_eof();
    let setup = Setup::new(Side::Server).limits(|limits| limits.sasl_frame(8192_u32));
    let mut stage = Stage::new("QM", setup);
    let answer = stage.give(&[octets], Door::Slice);
    assert_eq!(answer.events, [Event::Authenticate]);
    let message = stage.script.engine.sasl().and_then(|request| request.message.clone());
    assert_eq!(message.map(|message| message.len()), Some(5000));
}

fn tells_the_text(stage: &mut Stage, octets: &[u8], answer: &Answer) {
    closes_once(stage, octets, answer);
    let Cause::Remote(Some(error)) = answer.reason.as_ref().unwrap().cause() else {
        unreachable!("{answer:?}")
    };
    assert_ne!(error.condition, ErrorCondition::INTERNAL_ERROR);
    let text = error.description.as_deref().unwrap();
    assert!(text.starts_with("\u{1b}[3"), "{text:?}");
}
