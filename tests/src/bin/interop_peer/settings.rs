//! The command line.

use std::collections::BTreeMap;
use std::env;

use crate::program::Problem;

/// Who connects, where, what it does there, and the settings of that.
pub(crate) struct Settings {
    /// Waits for the peer to connect.
    pub(crate) listens: bool,
    /// `HOST:PORT`.
    pub(crate) address: String,
    /// What to do.
    pub(crate) mode: String,
    values: BTreeMap<String, String>,
}

impl Settings {
    /// Reads the command line.
    pub(crate) fn from_command_line() -> Result<Self, Problem> {
        let mut words = env::args().skip(1);
        let mut next = |what: &str| words.next().ok_or_else(|| format!("no {what} on the command line"));
        let (role, address, mode) = (next("role")?, next("address")?, next("mode")?);
        let values = words
            .map(|word| word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())))
            .collect::<Option<_>>()
            .ok_or("a setting without a value")?;
        Ok(Self { listens: role == "listen", address, mode, values })
    }

    /// A setting that is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A setting that is a number and has to be there.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, Problem> {
        let text = self.text(name).ok_or_else(|| format!("no setting {name}"))?;
        text.parse().map_err(|_| format!("{name} is not a number").into())
    }
}
