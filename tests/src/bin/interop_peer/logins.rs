//! SASL PLAIN with the right and with a wrong password.

use amqp_codec::SaslCode;
use amqp_core::{Cause, CloseReason, Connection, Event, SaslAnswer};

use crate::program::{Problem, Problems, Program};
use crate::settings::Settings;

/// The one user whom the server lets in.
struct Account {
    user: String,
    password: String,
}

impl Account {
    fn new(settings: &Settings) -> Self {
        let text = |name| settings.text(name).unwrap_or_default().to_owned();
        Self { user: text("user"), password: text("password") }
    }

    /// Server: says whether the client is that user.
    fn authenticate(&self, connection: &mut Connection) -> Result<(), Problem> {
        let client = connection.sasl().and_then(|request| request.plain());
        let known = client.is_some_and(|client| client.user == self.user && client.password == self.password);
        let answer = if known { SaslAnswer::Accept(None) } else { SaslAnswer::Reject(SaslCode::Auth) };
        Ok(connection.authenticate(answer)?)
    }
}

/// Expects the connection to open after authentication; the client then closes it.
pub(crate) struct Login {
    account: Account,
    listens: bool,
    authenticated: bool,
    opened: bool,
}

impl Login {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            account: Account::new(settings),
            listens: settings.listens,
            authenticated: false,
            opened: false,
        }
    }
}

impl Program for Login {
    fn on_event(
        &mut self,
        connection: &mut Connection,
        event: Event,
        _problems: &mut Problems,
    ) -> Result<(), Problem> {
        match event {
            Event::Authenticate => self.account.authenticate(connection)?,
            Event::Authenticated => self.authenticated = true,
            Event::Opened => {
                self.opened = true;
                if !self.listens {
                    connection.close(None);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn check_all(&self) -> Option<String> {
        let Self { authenticated, opened, .. } = self;
        (!authenticated || !opened).then(|| format!("authenticated: {authenticated}, opened: {opened}"))
    }
}

/// Expects that authentication fails and that no connection opens.
pub(crate) struct Refused {
    account: Account,
}

impl Refused {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { account: Account::new(settings) }
    }
}

impl Program for Refused {
    fn on_event(
        &mut self,
        connection: &mut Connection,
        event: Event,
        problems: &mut Problems,
    ) -> Result<(), Problem> {
        match event {
            Event::Authenticate => self.account.authenticate(connection)?,
            Event::Authenticated | Event::Opened => problems.push(format!("{event:?}")),
            _ => {}
        }
        Ok(())
    }

    fn check_end(&self, reason: &CloseReason) -> Option<String> {
        (*reason.cause() != Cause::Sasl(Some(SaslCode::Auth)))
            .then(|| format!("the connection ended: {reason}"))
    }
}
