//! Selecting messages by a property: `colour = 'green'`, the simplest of what JMS knows.

use amqp_endpoint::codec::{Described, Error as Condition, ErrorCondition, Fields};
use amqp_endpoint::{LazyMessage, Symbol, Value};

/// The filter's descriptor, as a symbol and as a number.
const NAME: &str = "apache.org:selector-filter:string";
const CODE: u64 = 0x0000_468C_0000_0004;

/// Lets messages pass that have a property with a value.
#[derive(Clone)]
pub(crate) struct Selector {
    property: String,
    value: String,
}

impl Selector {
    /// The selector of a source, where it has any filter. One that is not known is an error: without it, the consumer
    /// would get messages that it does not expect.
    pub(crate) fn of(filters: Option<&Fields>) -> Result<Option<Self>, Condition> {
        let mut selector = None;
        for (_, filter) in filters.into_iter().flatten() {
            let parsed = match filter {
                Value::Null => continue,
                Value::Described(filter) => Self::parse(filter),
                _ => None,
            };
            let unknown = || Condition::new(ErrorCondition::NOT_IMPLEMENTED, "only selectors like a = 'b'");
            if selector.replace(parsed.ok_or_else(unknown)?).is_some() {
                return Err(unknown());
            }
        }
        Ok(selector)
    }

    /// Whether a message passes.
    pub(crate) fn matches(&self, message: &LazyMessage) -> bool {
        let value = message.application_property(&self.property);
        value.is_ok_and(|value| value.is_some_and(|value| value.as_str() == Some(&self.value)))
    }

    fn parse(filter: &Described) -> Option<Self> {
        let is_selector = match &filter.descriptor {
            Value::Symbol(name) => *name == Symbol::from_static(NAME),
            code => code.as_u64() == Some(CODE),
        };
        let (property, value) = filter.value.as_str().filter(|_| is_selector)?.split_once('=')?;
        let value = value.trim().strip_prefix('\'')?.strip_suffix('\'')?;
        // Two quotes in a literal are one of the value; one alone is its end, and more than can be read here follows.
        let plain = value.replace("''", "");
        let property = property.trim();
        let is_name = property.chars().all(|c| c.is_alphanumeric() || "_$-.".contains(c));
        (is_name && !property.is_empty() && !plain.contains('\''))
            .then(|| Self { property: property.to_owned(), value: value.replace("''", "'") })
    }
}
