//! The language in which cases say what they expect, and whether an engine did it.

use amqp_core::Event;
use amqp_core::codec::{Error, ErrorCondition, Performative, ProtocolHeader, SaslCode, SaslFrame};
use amqp_tests::frames::{Frame, Unit};

use crate::run::Answer;

/// One right answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The connection stands, and nothing on it ended because of an error.
    Accept,
    /// Nothing was said or told.
    Ignore,
    /// Our protocol header, and the end.
    Header,
    /// The end, without a word.
    Eof,
    /// A SASL outcome that refuses, and the end.
    Outcome,
    /// A close with one of these conditions.
    Close(Vec<String>),
    /// An end with one of these conditions.
    End(Vec<String>),
    /// A closing detach with one of these conditions.
    Detach(Vec<String>),
}

/// Every condition that a case may name, without its domain.
const CONDITIONS: [ErrorCondition; 13] = [
    ErrorCondition::DECODE_ERROR,
    ErrorCondition::RESOURCE_LIMIT_EXCEEDED,
    ErrorCondition::NOT_ALLOWED,
    ErrorCondition::INVALID_FIELD,
    ErrorCondition::NOT_IMPLEMENTED,
    ErrorCondition::ILLEGAL_STATE,
    ErrorCondition::FRAMING_ERROR,
    ErrorCondition::WINDOW_VIOLATION,
    ErrorCondition::ERRANT_LINK,
    ErrorCondition::HANDLE_IN_USE,
    ErrorCondition::UNATTACHED_HANDLE,
    ErrorCondition::MESSAGE_SIZE_EXCEEDED,
    ErrorCondition::STOLEN,
];

/// All answers that `text` finds right.
pub(crate) fn expected(text: &str) -> Vec<Expected> {
    let mut all = Vec::new();
    let said = text.split(';').next().unwrap_or_default();
    for word in said.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| !word.is_empty()) {
        let conditions = match all.last_mut() {
            Some(Expected::Close(those) | Expected::End(those) | Expected::Detach(those)) => Some(those),
            _ => None,
        };
        match (word, conditions) {
            ("accept", _) => all.push(Expected::Accept),
            ("ignore" | "ignored", _) => all.push(Expected::Ignore),
            ("HDR", _) => return vec![Expected::Header],
            ("outcome", _) => return vec![Expected::Outcome],
            ("EOF", _) => all.push(Expected::Eof),
            ("C", _) => all.push(Expected::Close(Vec::new())),
            ("E", _) => all.push(Expected::End(Vec::new())),
            ("D", _) => all.push(Expected::Detach(Vec::new())),
            (_, Some(conditions)) if CONDITIONS.iter().any(|known| names(known, word)) => {
                conditions.push(word.to_owned());
            }
            _ => {}
        }
    }
    all
}

/// Whether `word` is the condition without its domain.
pub(crate) fn names(condition: &ErrorCondition, word: &str) -> bool {
    condition.as_str().rsplit(':').next() == Some(word)
}

impl Expected {
    /// Whether this is what the engine did.
    pub(crate) fn is(&self, answer: &Answer) -> bool {
        let over = answer.events.contains(&Event::Closed);
        match self {
            Self::Accept => !over && answer.errors().is_empty(),
            Self::Ignore => answer.units.is_empty() && answer.events.is_empty(),
            Self::Header => over && matches!(answer.units[..], [Unit::Header(_)]),
            Self::Eof => over && answer.units.is_empty(),
            Self::Outcome => {
                over && matches!(&answer.units[..], [Unit::Sasl(SaslFrame::Outcome(it))] if it.code == SaslCode::Auth)
            }
            Self::Close(conditions) => over && answer.only_error('C', conditions),
            Self::End(conditions) => !over && answer.only_error('E', conditions),
            Self::Detach(conditions) => !over && answer.only_error('D', conditions),
        }
    }
}

impl Answer {
    /// The errors that the engine told its peer, each with what it ended.
    pub(crate) fn errors(&self) -> Vec<(char, &Error)> {
        self.performatives()
            .filter_map(|performative| match performative {
                Performative::Close(close) => close.error.as_ref().map(|error| ('C', error)),
                Performative::End(end) => end.error.as_ref().map(|error| ('E', error)),
                Performative::Detach(detach) => detach.error.as_ref().map(|error| ('D', error)),
                _ => None,
            })
            .collect()
    }

    /// Its performatives.
    pub(crate) fn performatives(&self) -> impl Iterator<Item = &Performative> {
        self.units.iter().filter_map(|unit| match unit {
            Unit::Frame(Frame { performative, .. }) => performative.as_ref(),
            _ => None,
        })
    }

    /// Its headers.
    pub(crate) fn headers(&self) -> Vec<ProtocolHeader> {
        let header = |unit: &Unit| if let Unit::Header(header) = unit { Some(*header) } else { None };
        self.units.iter().filter_map(header).collect()
    }

    /// All that was said ends `what` with one of these conditions, after the open or attach that has to stand before.
    fn only_error(&self, what: char, conditions: &[String]) -> bool {
        let errors = self.errors();
        let [(ended, error)] = errors[..] else { return false };
        let said: Vec<_> = self.performatives().collect();
        let right = match (what, &said[..]) {
            ('C', [Performative::Close(_)] | [Performative::Open(_), Performative::Close(_)]) => true,
            ('D', [Performative::Detach(it)] | [Performative::Attach(_), Performative::Detach(it)]) => {
                it.closed
            }
            ('E', [Performative::End(_)]) => true,
            _ => false,
        };
        let named = conditions.iter().any(|word| names(&error.condition, word));
        right && ended == what && named && error.description.is_some()
    }
}
