//! What the oracle finds: which side broke which rule, with which frame.

use std::fmt;

/// One end of the connection, named by its part in opening the TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The side that connected.
    Client,
    /// The side that was connected to.
    Server,
}

impl Side {
    /// The side at the other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// This side's place in a pair that is ordered client, server.
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Client => 0,
            Self::Server => 1,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Who broke it.
    pub who: Side,
    /// The row of the conformance page, for example `TRANSPORT-2.6.7-5`.
    pub rule: &'static str,
    /// What was wrong, with the numbers that show it.
    pub detail: String,
    /// The frame in which it was seen, in trace form; empty where no single frame is to blame.
    pub frame: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} broke {}: {}", self.who, self.rule, self.detail)?;
        if self.frame.is_empty() { Ok(()) } else { write!(f, " in {}", self.frame) }
    }
}

/// The rules that one frame broke, collected while it is judged.
#[derive(Debug, Default)]
pub(super) struct Verdicts(Vec<(&'static str, String)>);

impl Verdicts {
    /// The frame broke `rule`.
    pub(super) fn fault(&mut self, rule: &'static str, detail: impl Into<String>) {
        self.0.push((rule, detail.into()));
    }

    /// The frame broke `rule` unless `kept`. Returns `kept`.
    pub(super) fn require(
        &mut self,
        kept: bool,
        rule: &'static str,
        detail: impl FnOnce() -> String,
    ) -> bool {
        if !kept {
            self.fault(rule, detail());
        }
        kept
    }

    pub(super) fn into_faults(self, who: Side, frame: &str) -> impl Iterator<Item = Fault> + use<'_> {
        self.0.into_iter().map(move |(rule, detail)| Fault { who, rule, detail, frame: frame.to_owned() })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
