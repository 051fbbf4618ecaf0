//! What every mode is: a reaction to events, on a connection that is opened the same way for all of them.

use std::error::Error;
use std::time::Duration;

use amqp_codec::Symbol;
use amqp_core::{
    Cause, CloseReason, Connection, ConnectionOptions, Credentials, Event, ReceiverId, ReceiverOptions,
    SaslServer, SenderId, SenderOptions, SessionId, SessionOptions,
};

use crate::settings::Settings;

/// Whatever went wrong.
pub(crate) type Problem = Box<dyn Error>;

/// All that was not as it should be, for the suite to show.
pub(crate) type Problems = Vec<String>;

/// The address that both sides of the suite use.
pub(crate) const NODE: &str = "interop";

/// A mode of this program.
pub(crate) trait Program {
    /// Changes the options with which the connection opens.
    fn options(&self, options: ConnectionOptions) -> ConnectionOptions {
        options
    }

    /// Opens links, on the side that connects.
    ///
    /// # Errors
    /// Whatever the engine does not take.
    fn open(&mut self, _connection: &mut Connection, _session: SessionId) -> Result<(), Problem> {
        Ok(())
    }

    /// Something happened.
    ///
    /// # Errors
    /// Whatever the engine does not take, and whatever else keeps the program from going on.
    fn on_event(
        &mut self,
        connection: &mut Connection,
        event: Event,
        problems: &mut Problems,
    ) -> Result<(), Problem>;

    /// Everything that there was to write has been written.
    ///
    /// # Errors
    /// As `on_event`.
    fn on_written(&mut self, _connection: &mut Connection) -> Result<(), Problem> {
        Ok(())
    }

    /// When `on_time` is to be called, as time since the connection began.
    fn time(&self) -> Option<Duration> {
        None
    }

    /// The time has come.
    fn on_time(&mut self, _connection: &mut Connection) {}

    /// The connection is over for this reason: how that is not as it should be.
    fn check_end(&self, reason: &CloseReason) -> Option<String> {
        check_clean(reason)
    }

    /// All is over: what is missing.
    fn check_all(&self) -> Option<String> {
        None
    }
}

/// The options that the settings ask for: ANONYMOUS unless they say otherwise, everything accepted.
pub(crate) fn connection_options(settings: &Settings) -> ConnectionOptions {
    let mut options = ConnectionOptions::new("interop-peer")
        .accept_connection(true)
        .accept_sessions(session_options(settings));
    if let Ok(size) = settings.number::<u32>("frame-size") {
        options = options.max_frame_size(size);
    }
    if settings.text("sasl") == Some("none") {
        return options;
    }
    let (user, password) =
        (settings.text("user").unwrap_or_default(), settings.text("password").unwrap_or_default());
    match (settings.listens, settings.text("mechanism") == Some("PLAIN")) {
        (true, true) => options.sasl(SaslServer::new([Symbol::from_static("PLAIN")]).allow_insecure()),
        (true, false) => options.sasl(SaslServer::new([Symbol::from_static("ANONYMOUS")])),
        (false, true) => options.credentials(Credentials::plain_insecure(user, password)),
        (false, false) => options.credentials(Credentials::Anonymous),
    }
}

/// The options of a session: a small window where the setting `capacity` says how many octets are to wait at most.
pub(crate) fn session_options(settings: &Settings) -> SessionOptions {
    match (settings.number::<u32>("capacity"), settings.number::<u32>("frame-size")) {
        (Ok(capacity), Ok(frame_size)) => SessionOptions::default().incoming_window(capacity / frame_size),
        _ => SessionOptions::default(),
    }
}

/// Attaches a sender to the node.
pub(crate) fn attach_sender(
    connection: &mut Connection,
    session: SessionId,
    change: impl FnOnce(SenderOptions) -> SenderOptions,
) -> Result<SenderId, Problem> {
    Ok(connection.session(session)?.attach_sender(change(SenderOptions::new(NODE)))?)
}

/// Attaches a receiver to the node.
pub(crate) fn attach_receiver(
    connection: &mut Connection,
    session: SessionId,
    change: impl FnOnce(ReceiverOptions) -> ReceiverOptions,
) -> Result<ReceiverId, Problem> {
    Ok(connection.session(session)?.attach_receiver(change(ReceiverOptions::new(NODE)))?)
}

/// The end of a connection that one side did not simply close.
pub(crate) fn check_clean(reason: &CloseReason) -> Option<String> {
    (!reason.is_clean()).then(|| format!("the connection ended: {reason}"))
}

/// The end of a connection that was not lost, for the modes that expect to lose it.
pub(crate) fn check_lost(reason: &CloseReason) -> Option<String> {
    (*reason.cause() != Cause::TransportLost)
        .then(|| format!("the connection was not lost but ended: {reason}"))
}
