//! The SASL dialogue as one side knows it (§5.3).

use amqp_codec::{SaslCode, SaslFrame, Symbol};

use super::fault::{Side, Verdicts};

/// A SASL frame may be so large, and no larger (§5.3.1).
const FRAME_SIZE: u32 = 512;

/// Whose turn it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Turn {
    /// The server's, to announce its mechanisms.
    #[default]
    Mechanisms,
    /// The client's, to choose one.
    Init,
    /// The server's, to challenge or to decide.
    Server,
    /// The client's, to answer the challenge.
    Response,
    /// Nobody's: it is decided.
    Over(bool),
}

/// What one side knows of the dialogue: what it sent and what was delivered to it.
#[derive(Debug, Default)]
pub(super) struct Dialogue {
    turn: Turn,
    mechanisms: Vec<Symbol>,
}

impl Dialogue {
    /// Authentication failed, so that nothing more may be written (§5.1).
    pub(super) fn failed(&self) -> bool {
        self.turn == Turn::Over(false)
    }

    /// `side` may go on to the next layer. A client may do so before it knows the outcome, like every pipelining
    /// peer; a server may not, since it is the outcome that ends the layer.
    pub(super) fn lets_go_on(&self, side: Side) -> bool {
        match self.turn {
            Turn::Over(succeeded) => succeeded,
            Turn::Server => side == Side::Client,
            Turn::Mechanisms | Turn::Init | Turn::Response => false,
        }
    }

    /// `side` sends `frame`.
    pub(super) fn sends(
        &mut self,
        side: Side,
        size: u32,
        frame: Option<&SaslFrame>,
        verdicts: &mut Verdicts,
    ) {
        verdicts.require(size <= FRAME_SIZE, "SEC-5-3", || format!("a SASL frame of {size} octets"));
        let Some(frame) = frame else {
            return verdicts.fault("SEC-5-4", "an empty SASL frame");
        };
        if matches!(self.turn, Turn::Over(_)) {
            return verdicts.fault("SEC-5-14", "a SASL frame after the outcome");
        }
        let (sender, in_turn, rule) = match frame {
            SaslFrame::Mechanisms(_) => (Side::Server, self.turn == Turn::Mechanisms, "SEC-5-5"),
            SaslFrame::Init(_) => (Side::Client, self.turn == Turn::Init, "SEC-5-6"),
            SaslFrame::Challenge(_) => (Side::Server, self.turn == Turn::Server, "SEC-5-10"),
            SaslFrame::Response(_) => (Side::Client, self.turn == Turn::Response, "SEC-5-10"),
            SaslFrame::Outcome(_) => (Side::Server, self.turn == Turn::Server, "SEC-5-11"),
        };
        if verdicts.require(side == sender, "SEC-5-2", || format!("the {side} sends what is the {sender}'s"))
        {
            let turn = self.turn;
            verdicts.require(in_turn, rule, || format!("out of turn: {turn:?} is next"));
        }
        match frame {
            // §5.3.3.2: the client picks one of the mechanisms that were announced.
            SaslFrame::Init(init) if in_turn => {
                verdicts.require(self.mechanisms.contains(&init.mechanism), "SEC-5-6", || {
                    format!("{} was not announced", init.mechanism)
                });
            }
            SaslFrame::Outcome(outcome) => {
                verdicts.require(
                    outcome.code == SaslCode::Ok || outcome.additional_data.is_none(),
                    "SEC-5-11",
                    || "additional-data without success".to_owned(),
                );
            }
            _ => {}
        }
        self.apply(frame);
    }

    /// `frame` was sent by this side or reached it.
    pub(super) fn apply(&mut self, frame: &SaslFrame) {
        self.turn = match frame {
            SaslFrame::Mechanisms(mechanisms) => {
                self.mechanisms = mechanisms.sasl_server_mechanisms.iter().cloned().collect();
                Turn::Init
            }
            SaslFrame::Init(_) | SaslFrame::Response(_) => Turn::Server,
            SaslFrame::Challenge(_) => Turn::Response,
            SaslFrame::Outcome(outcome) => Turn::Over(outcome.code == SaslCode::Ok),
        };
    }
}
