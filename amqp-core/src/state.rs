//! The three state machines of part 2, each as one table: what is not in a table cannot happen.
//!
//! The names are the spec's own (§2.4.6, §2.5.5); links have no table in the spec, theirs follows §2.6.3 to §2.6.6.

/// Declares a state enum, its steps and the table of transitions between them.
macro_rules! transitions {
    (
        $(#[$doc:meta])* $states:ident { $($(#[$state_doc:meta])* $state:ident)+ }
        $(#[$step_doc:meta])* $steps:ident { $($step:ident)+ }
        { $($from:ident: $($on:ident => $to:ident),+;)+ }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $states { $($(#[$state_doc])* $state),+ }

        $(#[$step_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $steps { $($step),+ }

        impl $states {
            /// The state after `step`, or `None` where the table has no such transition.
            pub(crate) const fn after(self, step: $steps) -> Option<Self> {
                match (self, step) {
                    $($((Self::$from, $steps::$on) => Some(Self::$to),)+)+
                    _ => None,
                }
            }

            /// Takes `step` where the table has it, and stays otherwise.
            pub(crate) fn step(&mut self, step: $steps) {
                if let Some(next) = self.after(step) {
                    *self = next;
                }
            }

            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$state),+];
        }

        #[cfg(test)]
        impl $steps {
            const ALL: &[Self] = &[$(Self::$step),+];
        }
    };
}

transitions! {
    /// §2.4.6: the states of a connection, seen from one end.
    ConnectionState {
        /// Nothing has been sent or received.
        Start
        /// The peer's header has arrived, ours is not sent.
        HdrRcvd
        /// Our header is sent, the peer's has not arrived.
        HdrSent
        /// Headers are exchanged.
        HdrExch
        /// Our header and open are sent, nothing has arrived.
        OpenPipe
        /// Our header, open and close are sent, nothing has arrived.
        OcPipe
        /// The peer's open has arrived, ours is not sent.
        OpenRcvd
        /// Our open is sent, the peer's has not arrived.
        OpenSent
        /// Our open and close are sent, the peer's open has not arrived.
        ClosePipe
        /// Opens are exchanged.
        Opened
        /// The peer's close has arrived, ours is not sent.
        CloseRcvd
        /// Our close is sent, the peer's has not arrived.
        CloseSent
        /// Our close with an error is sent: whatever arrives is dropped until the peer's close.
        Discarding
        /// Over in both directions.
        End
    }
    /// What moves a connection.
    ConnectionStep { SendHeader ReceiveHeader SendOpen ReceiveOpen SendClose SendErrorClose ReceiveClose Fail }
    {
        Start: SendHeader => HdrSent, ReceiveHeader => HdrRcvd, Fail => End;
        HdrRcvd: SendHeader => HdrExch, Fail => End;
        HdrSent: ReceiveHeader => HdrExch, SendOpen => OpenPipe, Fail => End;
        HdrExch: SendOpen => OpenSent, ReceiveOpen => OpenRcvd, Fail => End;
        OpenPipe: ReceiveHeader => OpenSent, SendClose => OcPipe, SendErrorClose => OcPipe, Fail => End;
        OcPipe: ReceiveHeader => ClosePipe, Fail => End;
        OpenRcvd: SendOpen => Opened, Fail => End;
        OpenSent: ReceiveOpen => Opened, SendClose => ClosePipe, SendErrorClose => Discarding,
            ReceiveClose => CloseRcvd, Fail => End;
        ClosePipe: ReceiveOpen => CloseSent, SendErrorClose => Discarding, Fail => End;
        Opened: SendClose => CloseSent, SendErrorClose => Discarding, ReceiveClose => CloseRcvd, Fail => End;
        CloseRcvd: SendClose => End, SendErrorClose => End, Fail => End;
        CloseSent: ReceiveClose => End, Fail => End;
        Discarding: ReceiveClose => End, Fail => End;
    }
}

transitions! {
    /// §2.5.5: the states of a session, seen from one end.
    SessionState {
        /// No channel in either direction.
        Unmapped
        /// Our begin is sent (or waits to be), the peer's has not arrived.
        BeginSent
        /// The peer's begin has arrived, ours is not sent.
        BeginRcvd
        /// Begins are exchanged.
        Mapped
        /// Our end is sent, the peer's has not arrived.
        EndSent
        /// The peer's end has arrived, ours is not sent.
        EndRcvd
        /// Our end with an error is sent: whatever arrives is dropped until the peer's end.
        Discarding
    }
    /// What moves a session.
    SessionStep { SendBegin ReceiveBegin SendEnd SendErrorEnd ReceiveEnd Lose }
    {
        Unmapped: SendBegin => BeginSent, ReceiveBegin => BeginRcvd;
        BeginSent: ReceiveBegin => Mapped, SendEnd => EndSent, SendErrorEnd => Discarding, Lose => Unmapped;
        BeginRcvd: SendBegin => Mapped, ReceiveEnd => EndRcvd, Lose => Unmapped;
        Mapped: SendEnd => EndSent, SendErrorEnd => Discarding, ReceiveEnd => EndRcvd, Lose => Unmapped;
        EndSent: ReceiveEnd => Unmapped, Lose => Unmapped;
        EndRcvd: SendEnd => Unmapped, SendErrorEnd => Unmapped, Lose => Unmapped;
        Discarding: ReceiveEnd => Unmapped, Lose => Unmapped;
    }
}

transitions! {
    /// §2.6.3 to §2.6.6: the states of a link, seen from one end.
    LinkState {
        /// No handle in either direction.
        Detached
        /// Our attach is sent (or waits to be), the peer's has not arrived.
        AttachSent
        /// The peer's attach has arrived, ours is not sent.
        AttachRcvd
        /// Attaches are exchanged.
        Attached
        /// Our detach is sent, the peer's has not arrived.
        DetachSent
        /// The peer's detach has arrived, ours is not sent.
        DetachRcvd
        /// Our detach with an error is sent: whatever arrives is dropped until the peer's detach.
        ErrDetachSent
    }
    /// What moves a link.
    LinkStep { SendAttach ReceiveAttach SendDetach SendErrorDetach ReceiveDetach Lose }
    {
        Detached: SendAttach => AttachSent, ReceiveAttach => AttachRcvd;
        AttachSent: ReceiveAttach => Attached, SendDetach => DetachSent, SendErrorDetach => ErrDetachSent,
            Lose => Detached;
        AttachRcvd: SendAttach => Attached, ReceiveDetach => DetachRcvd, Lose => Detached;
        Attached: SendDetach => DetachSent, SendErrorDetach => ErrDetachSent, ReceiveDetach => DetachRcvd,
            Lose => Detached;
        DetachSent: ReceiveDetach => Detached, Lose => Detached;
        DetachRcvd: SendDetach => Detached, SendErrorDetach => Detached, Lose => Detached;
        ErrDetachSent: ReceiveDetach => Detached, Lose => Detached;
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
