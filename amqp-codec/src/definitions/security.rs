//! Part 5: the SASL frames.

use crate::choices::SaslCode;
use crate::composite::{composites, unions};
use crate::multiple::Multiple;
use crate::text::{Str, Symbol};
use bytes::Bytes;

composites! {
    table SECURITY;

    /// The server names its mechanisms (§5.3.3.1).
    SaslMechanisms = 0x40 "amqp:sasl-mechanisms:list" {
        /// At least one, best first.
        sasl_server_mechanisms: Multiple<Symbol> where Multiple::is_filled,
    }

    /// The client chooses a mechanism (§5.3.3.2).
    SaslInit = 0x41 "amqp:sasl-init:list" {
        /// One of the server's.
        mechanism: Symbol,
        /// What the mechanism says first.
        initial_response: Option<Bytes>,
        /// The host that the client wants to reach.
        hostname: Option<Str>,
    }

    /// The server asks (§5.3.3.3).
    SaslChallenge = 0x42 "amqp:sasl-challenge:list" {
        /// What the mechanism says.
        challenge: Bytes,
    }

    /// The client answers (§5.3.3.4).
    SaslResponse = 0x43 "amqp:sasl-response:list" {
        /// What the mechanism says.
        response: Bytes,
    }

    /// The server decides (§5.3.3.5).
    SaslOutcome = 0x44 "amqp:sasl-outcome:list" {
        /// How it came out.
        code: SaslCode,
        /// What the mechanism says last, on success.
        additional_data: Option<Bytes>,
    }
}

unions! {
    /// What a SASL frame says (§5.3.3).
    enum SaslFrame {
        /// The server names its mechanisms.
        Mechanisms(SaslMechanisms),
        /// The client chooses a mechanism.
        Init(SaslInit),
        /// The server asks.
        Challenge(SaslChallenge),
        /// The client answers.
        Response(SaslResponse),
        /// The server decides.
        Outcome(SaslOutcome),
    }
}
