//! A connection on which nothing happens.

use std::time::Duration;

use amqp_core::{Connection, ConnectionOptions, Event};

use crate::program::{Problem, Problems, Program};
use crate::settings::Settings;

/// Says nothing for `quiet` milliseconds, although both sides give up after `idle` milliseconds of silence.
pub(crate) struct Idle {
    idle: Duration,
    quiet: Duration,
    listens: bool,
}

impl Idle {
    /// Takes both times from the settings.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Problem> {
        let time = |name| settings.number(name).map(Duration::from_millis);
        Ok(Self { idle: time("idle")?, quiet: time("quiet")?, listens: settings.listens })
    }
}

impl Program for Idle {
    fn options(&self, options: ConnectionOptions) -> ConnectionOptions {
        options.idle_time_out(self.idle)
    }

    fn on_event(
        &mut self,
        _connection: &mut Connection,
        _event: Event,
        _: &mut Problems,
    ) -> Result<(), Problem> {
        Ok(())
    }

    fn time(&self) -> Option<Duration> {
        (!self.listens).then_some(self.quiet)
    }

    fn on_time(&mut self, connection: &mut Connection) {
        connection.close(None);
    }
}
