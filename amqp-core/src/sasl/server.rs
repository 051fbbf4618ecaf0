//! The SASL server: announces mechanisms, asks the application about every message of the client.

use amqp_codec::{SaslChallenge, SaslCode, SaslFrame, SaslInit, SaslMechanisms, SaslOutcome, Symbol};
use bytes::Bytes;

use crate::error::{Cause, StateError};
use crate::options::{SaslServer, TransportFacts};
use crate::sasl::{SaslAnswer, SaslRequest, Step};

pub(crate) struct Server {
    mechanisms: alloc::vec::Vec<Symbol>,
    pub(crate) asked: bool,
    pub(crate) request: Option<SaslRequest>,
}

impl Server {
    /// §5.3.2: the server speaks first.
    pub(crate) fn new(options: &SaslServer, transport: &TransportFacts) -> (Self, Step) {
        let secure = transport.encrypted || options.allow_insecure;
        let mechanisms: alloc::vec::Vec<_> = options
            .mechanisms
            .iter()
            .filter(|mechanism| secure || **mechanism != *"PLAIN")
            .cloned()
            .collect();
        let step = if mechanisms.is_empty() {
            Step::Fail(None, Cause::NoMechanism)
        } else {
            let sasl_server_mechanisms = mechanisms.iter().cloned().collect();
            Step::Send(SaslFrame::Mechanisms(SaslMechanisms { sasl_server_mechanisms }))
        };
        (Self { mechanisms, asked: false, request: None }, step)
    }

    pub(crate) fn on_frame(&mut self, frame: SaslFrame, rounds: u32) -> Step {
        match frame {
            SaslFrame::Init(init) if self.request.is_none() => self.on_init(init),
            SaslFrame::Response(response) => self.on_response(response.response, rounds),
            // §5.3.2: everything else is the server's to send, or out of turn.
            _ => Step::Fail(None, Cause::Sasl(None)),
        }
    }

    fn on_init(&mut self, init: SaslInit) -> Step {
        if !self.mechanisms.contains(&init.mechanism) {
            return refused(SaslCode::Auth);
        }
        let anonymous = init.mechanism == *"ANONYMOUS";
        self.request = Some(SaslRequest {
            mechanism: init.mechanism,
            message: init.initial_response,
            hostname: init.hostname,
            round: 1,
        });
        if anonymous {
            return accepted(None);
        }
        self.asked = true;
        Step::Ask
    }

    fn on_response(&mut self, response: Bytes, rounds: u32) -> Step {
        // A response without a challenge before it never gets here: input waits while the application is asked.
        let Some(request) = &mut self.request else { return Step::Fail(None, Cause::Sasl(None)) };
        request.round = request.round.saturating_add(1);
        request.message = Some(response);
        if request.round > rounds {
            return refused(SaslCode::Auth);
        }
        self.asked = true;
        Step::Ask
    }

    pub(crate) fn on_answer(&mut self, answer: SaslAnswer) -> Result<Step, StateError> {
        let step = match answer {
            SaslAnswer::Accept(data) => {
                // It may be a password, and nobody needs it any more.
                self.request.iter_mut().for_each(|request| request.message = None);
                accepted(data)
            }
            // A refusal that says ok would be none.
            SaslAnswer::Reject(SaslCode::Ok) => return Err(StateError::WrongAnswer),
            SaslAnswer::Reject(code) => refused(code),
            SaslAnswer::Message(challenge) => Step::Send(SaslFrame::Challenge(SaslChallenge { challenge })),
        };
        self.asked = false;
        Ok(step)
    }
}

fn accepted(additional_data: Option<Bytes>) -> Step {
    Step::Done(Some(SaslFrame::Outcome(SaslOutcome { code: SaslCode::Ok, additional_data })))
}

fn refused(code: SaslCode) -> Step {
    Step::Fail(Some(SaslFrame::Outcome(SaslOutcome { code, additional_data: None })), Cause::Sasl(Some(code)))
}
