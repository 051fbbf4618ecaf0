//! One session as one of its ends knows it (§2.5).

use amqp_codec::{Begin, Disposition, End, ErrorCondition, Flow, Performative, Role, Transfer};

use super::delivery::Deliveries;
use super::fault::Verdicts;
use super::links::Links;
use super::window::Window;

/// One session.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// This end sent its begin first.
    pub(super) own: bool,
    pub(super) local_channel: Option<u16>,
    pub(super) remote_channel: Option<u16>,
    pub(super) local_ended: bool,
    pub(super) remote_ended: bool,
    /// The peer's handle-max; unknown before its begin.
    pub(super) handle_max: Option<u32>,
    pub(super) window: Window,
    pub(super) links: Links,
    /// What this end sends.
    pub(super) outgoing: Deliveries,
    /// What this end receives.
    pub(super) incoming: Deliveries,
    /// The peer asked for the state of the session.
    pub(super) owes_echo: bool,
}

impl Session {
    /// This end sends its begin on `channel`.
    pub(super) fn begin_sent(&mut self, channel: u16, begin: &Begin) {
        self.local_channel = Some(channel);
        self.window.begin_sent(begin);
    }

    /// The peer's begin on `channel` was delivered.
    pub(super) fn begin_received(&mut self, channel: u16, begin: &Begin) {
        self.remote_channel = Some(channel);
        self.handle_max = Some(begin.handle_max);
        self.window.begin_received(begin);
    }

    /// This end sends a frame of the session, other than begin.
    pub(super) fn sends(&mut self, performative: &Performative, payload: usize, verdicts: &mut Verdicts) {
        match performative {
            Performative::Attach(attach) => self.links.attach_sent(attach, self.handle_max, verdicts),
            Performative::Flow(flow) => self.flow_sent(flow, verdicts),
            Performative::Transfer(transfer) => self.transfer_sent(transfer, payload, verdicts),
            Performative::Disposition(disposition) => self.disposition_sent(disposition, verdicts),
            Performative::Detach(detach) => {
                self.links.detach_sent(detach, &mut self.outgoing, &mut self.incoming, verdicts);
            }
            Performative::End(end) => self.end_sent(end, verdicts),
            Performative::Open(_) | Performative::Begin(_) | Performative::Close(_) => {}
        }
    }

    /// A frame of the session, other than begin, was delivered.
    pub(super) fn receives(&mut self, performative: &Performative, payload: usize) {
        match performative {
            Performative::Attach(attach) => self.links.attach_received(attach, &mut self.outgoing),
            Performative::Flow(flow) => self.flow_received(flow),
            Performative::Transfer(transfer) => {
                self.window.transfer_received();
                if let Some(link) = self.links.by_input(transfer.handle)
                    && link.role == Role::Receiver
                {
                    self.incoming.transfer_received(link, transfer, payload);
                }
            }
            Performative::Disposition(disposition) => match disposition.role {
                Role::Receiver => self.outgoing.ledger.disposition_received(disposition),
                Role::Sender => self.incoming.ledger.disposition_received(disposition),
            },
            Performative::Detach(detach) => {
                self.links.detach_received(detach, &mut self.outgoing, &mut self.incoming);
            }
            Performative::End(_) => self.remote_ended = true,
            Performative::Open(_) | Performative::Begin(_) | Performative::Close(_) => {}
        }
    }

    fn flow_sent(&mut self, flow: &Flow, verdicts: &mut Verdicts) {
        self.window.flow_sent(flow, verdicts);
        self.owes_echo = false;
        if let Some(handle) = flow.handle {
            return match self.links.by_output(handle) {
                Some(link) => link.flow_sent(flow, verdicts),
                None => verdicts.fault("TRANSPORT-2.6.4-9", format!("handle {handle} is not attached")),
            };
        }
        // §2.7.4: without a handle there is nothing that these could be about.
        let stray = [
            (flow.delivery_count.is_some(), "delivery-count"),
            (flow.link_credit.is_some(), "link-credit"),
            (flow.available.is_some(), "available"),
            (flow.drain, "drain"),
            (flow.properties.is_some(), "properties"),
        ];
        for (_, field) in stray.iter().filter(|(stray, _)| *stray) {
            verdicts.fault("TRANSPORT-2.6.7-13", format!("{field} without a handle"));
        }
    }

    fn flow_received(&mut self, flow: &Flow) {
        self.window.flow_received(flow);
        match flow.handle {
            None => self.owes_echo |= flow.echo,
            Some(handle) => {
                if let Some(link) = self.links.by_input(handle) {
                    link.flow_received(flow);
                }
            }
        }
    }

    fn transfer_sent(&mut self, transfer: &Transfer, payload: usize, verdicts: &mut Verdicts) {
        self.window.transfer_sent(verdicts);
        match self.links.by_output(transfer.handle) {
            Some(link) if link.role == Role::Sender => {
                self.outgoing.transfer_sent(link, transfer, payload, verdicts);
            }
            Some(link) => {
                verdicts.fault(
                    "TRANSPORT-2.6.12-22",
                    format!("a transfer on {}, which this side receives", link.name),
                );
            }
            None => {
                verdicts.fault("TRANSPORT-2.6.4-8", format!("handle {} is not attached", transfer.handle))
            }
        }
    }

    fn disposition_sent(&mut self, disposition: &Disposition, verdicts: &mut Verdicts) {
        // §2.7.6: the role is the side that speaks, about what it sends or about what it receives.
        match disposition.role {
            Role::Sender => self.outgoing.ledger.disposition_sent(disposition, verdicts),
            Role::Receiver => self.incoming.ledger.disposition_sent(disposition, verdicts),
        }
    }

    fn end_sent(&mut self, end: &End, verdicts: &mut Verdicts) {
        self.local_ended = true;
        let complains =
            end.error.as_ref().is_some_and(|error| error.condition == ErrorCondition::WINDOW_VIOLATION);
        // §2.5.6: what was announced once may be used.
        verdicts.require(!complains || self.window.wronged(), "TRANSPORT-2.5.6-13", || {
            "a window-violation that the peer did not commit".to_owned()
        });
    }
}
