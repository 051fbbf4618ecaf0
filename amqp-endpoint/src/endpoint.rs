//! What connections, sessions and links have in common: they open, they end, and one can wait for either.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use amqp_core::codec::Error as Condition;

use crate::connection::Connection;
use crate::error::Error;
use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::session::Session;
use crate::state::{Place, State};
use crate::status::EndpointState;
use crate::waiters::Ticket;

/// A connection, session or link. Electron's `Endpoint`.
pub trait Endpoint: Clone + Into<AnyEndpoint> {
    /// The connection that it is, or lies on.
    fn connection(&self) -> &Connection;

    /// Where it stands now.
    fn state(&self) -> EndpointState {
        look(self.clone(), |state, place| state.status(place).map_or(EndpointState::Closed, |it| it.state()))
    }

    /// Why it is over; `None` while it is not. One that was closed without an error has one too, which
    /// [`Error::is_clean`].
    fn error(&self) -> Option<Error> {
        look(self.clone(), |state, place| state.status(place).and_then(|it| it.error().cloned()))
    }

    /// Waits until the peer has opened it: attached a link with a terminus that is not null.
    ///
    /// # Errors
    /// The operation yields why it is over, where that comes first: a refused link is an error.
    fn sync(&self) -> Syncing {
        Syncing(Watch::new(self.clone()))
    }

    /// Waits until it is over, and yields why.
    fn done(&self) -> Done {
        Done(Watch::new(self.clone()))
    }

    /// Closes it now, without an error: nothing new is accepted, what was accepted for sending is sent first. What is
    /// returned waits until it is over, and may be dropped. A connection is over after `Limits::close` at the latest.
    fn close(&self) -> Close {
        Close::new(self.clone(), None)
    }

    /// As [`Endpoint::close`], with an error for the peer and for every operation that waits.
    fn close_with(&self, error: impl Into<Condition>) -> Close
    where
        Self: Sized,
    {
        Close::new(self.clone(), Some(error.into()))
    }
}

/// Any endpoint.
#[derive(Clone, Debug)]
pub enum AnyEndpoint {
    /// A connection.
    Connection(Connection),
    /// A session.
    Session(Session),
    /// A sender.
    Sender(Sender),
    /// A receiver.
    Receiver(Receiver),
}

impl AnyEndpoint {
    fn place(&self) -> Place {
        match self {
            Self::Connection(_) => Place::Connection,
            Self::Session(session) => session.place(),
            Self::Sender(sender) => sender.place(),
            Self::Receiver(receiver) => receiver.place(),
        }
    }
}

macro_rules! any_endpoint {
    ($($kind:ident)+) => {
        $(
            impl From<$kind> for AnyEndpoint {
                fn from(endpoint: $kind) -> Self {
                    Self::$kind(endpoint)
                }
            }
        )+

        impl Endpoint for AnyEndpoint {
            fn connection(&self) -> &Connection {
                match self { $(Self::$kind(endpoint) => endpoint.connection()),+ }
            }
        }
    };
}
any_endpoint! { Connection Session Sender Receiver }

fn look<R>(endpoint: impl Endpoint, look: impl FnOnce(&mut State, Place) -> R) -> R {
    let endpoint: AnyEndpoint = endpoint.into();
    let place = endpoint.place();
    endpoint.connection().shared().look(|state| look(state, place))
}

/// Somebody who waits for an endpoint to change.
struct Watch {
    endpoint: AnyEndpoint,
    ticket: Option<Ticket>,
}

impl Watch {
    fn new(endpoint: impl Into<AnyEndpoint>) -> Self {
        Self { endpoint: endpoint.into(), ticket: None }
    }

    fn poll<R>(
        &mut self,
        cx: &Context<'_>,
        is_over: impl Fn(EndpointState, Option<&Error>) -> Option<R>,
    ) -> Poll<R> {
        let Self { endpoint, ticket } = self;
        let place = endpoint.place();
        endpoint.connection().shared().poll(cx, |state, waker| {
            let mut after = std::mem::take(&mut state.after);
            let answer = match state.status(place) {
                None => Poll::Pending,
                Some(status) => match is_over(status.state(), status.error()) {
                    Some(answer) => {
                        status.watchers.leave(ticket, &mut after);
                        Poll::Ready(answer)
                    }
                    None => {
                        status.watchers.wait(ticket, waker, &mut after);
                        Poll::Pending
                    }
                },
            };
            state.after = after;
            answer
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let Self { endpoint, ticket } = self;
        if ticket.is_some() {
            let place = endpoint.place();
            endpoint.connection().shared().with(|state| {
                let mut after = std::mem::take(&mut state.after);
                if let Some(status) = state.status(place) {
                    status.watchers.leave(ticket, &mut after);
                }
                state.after = after;
            });
        }
    }
}

/// Waits until an endpoint is open, see [`Endpoint::sync`].
#[must_use = "nothing is waited for unless it is awaited"]
pub struct Syncing(Watch);

impl Future for Syncing {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx, |state, error| match (state, error) {
            (_, Some(error)) => Some(Err(error.clone())),
            (EndpointState::Open | EndpointState::Detached, None) => Some(Ok(())),
            _ => None,
        })
    }
}

/// Waits until an endpoint is over, see [`Endpoint::done`].
#[must_use = "nothing is waited for unless it is awaited"]
pub struct Done(Watch);

impl Future for Done {
    type Output = Error;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx, |_, error| error.cloned())
    }
}

/// Waits until an endpoint that was closed is over, see [`Endpoint::close`]. May be dropped.
pub struct Close {
    watch: Watch,
    /// What it was closed with.
    error: Option<Condition>,
}

impl Close {
    fn new(endpoint: impl Into<AnyEndpoint>, error: Option<Condition>) -> Self {
        let endpoint = endpoint.into();
        let place = endpoint.place();
        endpoint.connection().shared().with(|state| state.close(place, error.clone()));
        Self { watch: Watch::new(endpoint), error }
    }
}

impl Future for Close {
    /// An error where it ended otherwise than by this close, or before by an error.
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { watch, error: ours } = &mut *self;
        watch.poll(cx, |_, error| {
            error.map(|error| {
                let expected =
                    error.is_clean() || (ours.is_some() && error.error().as_deref() == ours.as_ref());
                if expected { Ok(()) } else { Err(error.clone()) }
            })
        })
    }
}
