//! The SASL client: takes the mechanism that its credentials are for, if the server offers it.

use alloc::vec::Vec;

use amqp_codec::{SaslCode, SaslFrame, SaslInit, SaslMechanisms, SaslOutcome, SaslResponse, Str, Symbol};
use bytes::Bytes;

use crate::error::{Cause, StateError};
use crate::options::{ConnectionOptions, Credentials};
use crate::sasl::{SaslAnswer, SaslRequest, Step};

pub(crate) struct Client {
    credentials: Credentials,
    encrypted: bool,
    hostname: Option<Str>,
    /// The init is sent.
    began: bool,
    pub(crate) asked: bool,
    pub(crate) request: Option<SaslRequest>,
}

impl Client {
    pub(crate) fn new(credentials: Credentials, options: &ConnectionOptions) -> Self {
        let encrypted = options.transport.encrypted;
        Self {
            credentials,
            encrypted,
            hostname: options.hostname.clone(),
            began: false,
            asked: false,
            request: None,
        }
    }

    pub(crate) fn on_frame(&mut self, frame: SaslFrame, rounds: u32) -> Step {
        match frame {
            SaslFrame::Mechanisms(offer) if !self.began => self.choose(&offer),
            SaslFrame::Challenge(challenge) if self.began => self.on_challenge(challenge.challenge, rounds),
            SaslFrame::Outcome(SaslOutcome { code: SaslCode::Ok, additional_data }) if self.began => {
                if let (Some(request), Some(data)) = (&mut self.request, additional_data) {
                    request.message = Some(data);
                }
                Step::Done(None)
            }
            SaslFrame::Outcome(outcome) if self.began => Step::Fail(None, Cause::Sasl(Some(outcome.code))),
            // §5.3.2: everything else is the client's to send, or out of turn.
            _ => Step::Fail(None, Cause::Sasl(None)),
        }
    }

    /// §5.3.2: one of the announced mechanisms, once.
    fn choose(&mut self, offer: &SaslMechanisms) -> Step {
        let Some((mechanism, initial_response)) = self.init() else {
            return Step::Fail(None, Cause::NoMechanism);
        };
        if !offer.sasl_server_mechanisms.contains(&mechanism) {
            return Step::Fail(None, Cause::NoMechanism);
        }
        self.began = true;
        self.request = Some(SaslRequest {
            mechanism: mechanism.clone(),
            message: None,
            hostname: self.hostname.clone(),
            round: 0,
        });
        Step::Send(SaslFrame::Init(SaslInit { mechanism, initial_response, hostname: self.hostname.clone() }))
    }

    /// The mechanism and its first message; `None` where a password would go over an open wire.
    fn init(&self) -> Option<(Symbol, Option<Bytes>)> {
        match &self.credentials {
            Credentials::Anonymous => Some((Symbol::from_static("ANONYMOUS"), Some(Bytes::new()))),
            Credentials::Plain { authorization, user, password, allow_insecure } => {
                let parts = [authorization, user, password];
                if (!self.encrypted && !allow_insecure) || parts.iter().any(|part| part.contains('\0')) {
                    return None;
                }
                let message: Vec<u8> = parts.map(|part| part.as_bytes()).join(&0);
                Some((Symbol::from_static("PLAIN"), Some(message.into())))
            }
            Credentials::External { authorization } => Some((
                Symbol::from_static("EXTERNAL"),
                Some(Bytes::copy_from_slice(authorization.as_bytes())),
            )),
            Credentials::Mechanism { name, initial_response } => {
                Some((name.clone(), initial_response.clone()))
            }
        }
    }

    fn on_challenge(&mut self, challenge: Bytes, rounds: u32) -> Step {
        let Some(request) = &mut self.request else { return Step::Fail(None, Cause::Sasl(None)) };
        request.round = request.round.saturating_add(1);
        let own = matches!(self.credentials, Credentials::Mechanism { .. });
        // The mechanisms that are made here have no challenge.
        if !own || request.round > rounds {
            return Step::Fail(None, Cause::Sasl(None));
        }
        request.message = Some(challenge);
        self.asked = true;
        Step::Ask
    }

    pub(crate) fn on_answer(&mut self, answer: SaslAnswer) -> Result<Step, StateError> {
        let step = match answer {
            SaslAnswer::Message(response) => Step::Send(SaslFrame::Response(SaslResponse { response })),
            SaslAnswer::Reject(code) => Step::Fail(None, Cause::Sasl(Some(code))),
            SaslAnswer::Accept(_) => return Err(StateError::WrongAnswer),
        };
        self.asked = false;
        Ok(step)
    }
}
