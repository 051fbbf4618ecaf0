//! The octets themselves are varied.

use amqp_core::codec::Close;
use amqp_tests::pair::Door;
use amqp_tests::script::frame;

use super::{each_case, end, is_empty, play};

/// In which pieces octets come makes no difference, through either door.
#[test]
fn every_split() {
    each_case("a split", |case| {
        let run = |pieces: &[&[u8]], door| {
            let (mut stage, _trying) = case.stage(&format_args!("{:?}, {door:?}", pieces.first()));
            play(&mut stage, pieces, door)
        };
        let whole = run(&[case.octets], Door::Slice);
        for at in case.places() {
            let (head, tail) = case.octets.split_at(at);
            assert_eq!(run(&[head, tail], Door::Slice), whole, "{} at {at}", case.row.id);
            assert_eq!(run(&[head, tail], Door::Buffer), whole, "{} at {at}", case.row.id);
        }
        let single: Vec<&[u8]> = case.octets.chunks(1).collect();
        assert_eq!(run(&single, Door::Slice), whole, "{}", case.row.id);
        assert_eq!(run(&single, Door::Buffer), whole, "{}", case.row.id);
    });
}

/// However much has arrived when the transport goes, everything is told and freed once.
#[test]
pub(crate) fn every_prefix_and_the_end() {
    each_case("a prefix", |case| {
        for at in case.places().chain([0, case.octets.len()]) {
            let (mut stage, _trying) = case.stage(&at);
            play(&mut stage, &[&case.octets[..at]], Door::Slice);
            end(&mut stage);
        }
    });
}

#[test]
fn every_octet_replaced() {
    each_case("another octet", |case| {
        for at in case.places().chain([0]) {
            for other in [0x00, 0x7F, 0x80, 0xFF] {
                let (mut stage, _trying) = case.stage(&format_args!("{other:02x} at {at}"));
                let mut octets = case.octets.to_vec();
                octets[at] = other;
                play(&mut stage, &[&octets], Door::Slice);
                end(&mut stage);
            }
        }
    });
}

#[test]
fn twice() {
    each_case("twice", |case| {
        let (mut stage, _trying) = case.stage(&"in one read");
        play(&mut stage, &[&case.octets.repeat(2)], Door::Slice);
        end(&mut stage);
        let (mut stage, _trying) = case.stage(&"one after the other");
        play(&mut stage, &[case.octets], Door::Slice);
        play(&mut stage, &[case.octets], Door::Slice);
        end(&mut stage);
    });
}

/// A close is the end of everything, or the deadline of our own is.
#[test]
fn followed_by_a_close() {
    let close = frame(0, &Close::default(), &[]);
    each_case("then a close", |case| {
        let (mut stage, _trying) = case.stage(&"");
        play(&mut stage, &[case.octets, &close], Door::Slice);
        let limits = stage.setup.connection.limits.clone();
        stage.script.advance(limits.close + limits.handshake);
        let events = stage.script.take_events();
        stage.live(&events);
        is_empty(&mut stage);
    });
}
