//! The part of a link's handle that senders and receivers share.

use amqp_core::codec::{Attach, AttachSource, AttachTarget, Str};

/// Implements it for `$handle`, which has `id()`, `place()` and `session()`; `$view` finds its engine view.
macro_rules! link_handle {
    ($handle:ident, $id:ident, $view:ident, $kept:literal) => {
        impl $handle {
            /// The link's name.
            pub fn name(&self) -> String {
                self.look(|state, id| state.engine.$view(id).map_or_else(|_| String::new(), |it| it.name().to_owned()))
            }

            /// What the peer said in its attach, once it did: its terminus is the one in force.
            pub fn remote(&self) -> Option<amqp_core::codec::Attach> {
                self.look(|state, id| state.engine.$view(id).ok()?.remote().cloned())
            }

            /// What this side said in its attach.
            pub fn local(&self) -> Option<amqp_core::codec::Attach> {
                self.look(|state, id| state.engine.$view(id).ok()?.local().cloned())
            }

            #[doc = concat!("Detaches the link and keeps it (§2.6.4): ", $kept, ", and the peer keeps its end.")]
            ///
            /// # Errors
            /// Where it is closing, closed or not attached.
            pub fn detach(&self) -> Result<(), Error> {
                self.change(|state, id| Ok(state.engine.$view(id)?.detach()?))
            }

            /// Attaches it again.
            ///
            /// # Errors
            /// Where it is not detached, or over.
            pub fn attach(&self) -> Result<(), Error> {
                let place = self.place();
                self.change(|state, id| {
                    state.engine.$view(id)?.attach()?;
                    state.change(place, EndpointState::Opening);
                    Ok(())
                })
            }

            fn look<R>(&self, look: impl FnOnce(&mut State, $id) -> R) -> R {
                self.connection().shared().look(|state| look(state, self.id()))
            }

            fn change<R>(&self, change: impl FnOnce(&mut State, $id) -> Result<R, Error>) -> Result<R, Error> {
                let (place, id) = (self.place(), self.id());
                let shared = self.connection().shared();
                shared.with(|state| change(state, id).map_err(|error| state.reason(place, error)))
            }
        }

        impl Endpoint for $handle {
            fn connection(&self) -> &Connection {
                self.session().connection()
            }
        }

        impl fmt::Debug for $handle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($handle)).field("id", &self.id()).finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use link_handle;

/// The address of an attach's source.
pub(crate) fn source_address(attach: &Attach) -> Option<Str> {
    match attach.source.as_deref()? {
        AttachSource::Source(source) => source.address.clone(),
        AttachSource::Unknown(_) => None,
    }
}

/// The address of an attach's target.
pub(crate) fn target_address(attach: &Attach) -> Option<Str> {
    match attach.target.as_deref()? {
        AttachTarget::Target(target) => target.address.clone(),
        _ => None,
    }
}
