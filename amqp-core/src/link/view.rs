//! The part of a link's view that senders and receivers share.

/// Implements it for `$view`, whose id becomes a link's by `$link`.
macro_rules! link_view {
    ($view:ident, $options:ident, $link:path, $noun:literal) => {
        impl $view<'_> {
            #[doc = concat!("The session of this ", $noun, ".")]
            pub fn session(&self) -> Option<crate::SessionId> {
                self.link().map(|link| link.session)
            }

            /// The link's name, unique for its direction between the two containers.
            pub fn name(&self) -> &str {
                self.link().map_or("", |link| &link.local.name)
            }

            /// Where the link stands between attach and detach.
            pub fn state(&self) -> crate::LinkState {
                self.link().map_or(crate::LinkState::Detached, |link| link.state)
            }

            /// What this side said in its attach, or will say. Its handle is not meaningful.
            pub fn local(&self) -> Option<&amqp_codec::Attach> {
                self.link().map(|link| &*link.local)
            }

            /// What the peer said in its last attach: its terminus is the one in force (§2.6.3), its address the one
            /// that a dynamic node got. Its handle is not meaningful.
            pub fn remote(&self) -> Option<&amqp_codec::Attach> {
                self.link()?.remote.as_deref()
            }

            /// Why the link is over.
            pub fn close_reason(&self) -> Option<&crate::CloseReason> {
                self.link()?.reason.as_ref()
            }

            /// Attaches a link again that was detached without being closed. Its deliveries stayed live; credit begins
            /// at zero.
            ///
            /// # Errors
            /// [`StateError::NotAsked`] unless it is detached, [`StateError::Closed`] where it or its session is over.
            pub fn attach(&mut self) -> Result<(), StateError> {
                self.endpoints.reattach($link(self.id))
            }

            /// Detaches the link and keeps it (§2.6.4): what was accepted for sending is sent first, deliveries stay
            /// live.
            ///
            /// # Errors
            /// [`StateError::Closed`] where it is closing, closed or not attached.
            pub fn detach(&mut self) -> Result<(), StateError> {
                self.endpoints.detach($link(self.id), false, None)
            }

            /// Closes the link (§2.6.6): what was accepted for sending is sent first.
            ///
            /// # Errors
            /// [`StateError::Closed`] where it is closing or closed.
            pub fn close(&mut self, error: Option<Error>) -> Result<(), StateError> {
                self.endpoints.detach($link(self.id), true, error)
            }

            fn link(&self) -> Option<&crate::link::LinkEndpoint> {
                self.endpoints.link($link(self.id))
            }
        }
    };
}
pub(crate) use link_view;
