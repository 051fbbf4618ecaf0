"""What a link can be asked for: settle modes and draining."""

from proton import Link, Message
from proton.reactor import LinkOption

from exchange import NODE, Receiving, Sending

DRAINED, LATER = 3, 1
DRAIN_CREDIT = 10


class Modes(LinkOption):
    """The settle modes with which a link is to be attached."""

    def __init__(self, sender, receiver):
        self.sender, self.receiver = sender, receiver

    def apply(self, link):
        link.snd_settle_mode, link.rcv_settle_mode = self.sender, self.receiver


AT_MOST_ONCE = Modes(Link.SND_SETTLED, Link.RCV_FIRST)
EXACTLY_ONCE = Modes(Link.SND_UNSETTLED, Link.RCV_SECOND)


def greetings(count):
    """So many messages, each with its name."""
    return [(f"hello {number}", Message(body=f"hello {number}").encode()) for number in range(count)]


class SettledSend(Sending):
    """Sends `count` messages that are settled from the start."""

    def __init__(self, options):
        super().__init__(options, greetings(options.number("count")))

    def open_link(self, container, connection):
        container.create_sender(connection, NODE, options=AT_MOST_ONCE)

    def on_sendable(self, event):
        super().on_sendable(event)
        if not self.waiting:
            event.connection.close()

    def sent(self, name, delivery):
        delivery.settle()
        self.settled += 1


class SettledReceive(Receiving):
    """Expects `count` messages that are settled from the start."""

    def __init__(self, options):
        super().__init__(options, options.number("count"))

    def open_link(self, container, connection):
        container.create_receiver(connection, NODE, options=AT_MOST_ONCE)

    def take(self, event):
        if not event.delivery.settled:
            self.problem(f"{event.message.body}: not settled")
        event.delivery.settle()
        return False


class SecondSend(Sending):
    """Settles a delivery when the receiver has told its outcome, and not before."""

    def __init__(self, options):
        super().__init__(options, greetings(options.number("count")))

    def open_link(self, container, connection):
        container.create_sender(connection, NODE, options=EXACTLY_ONCE)

    def on_accepted(self, event):
        if event.delivery.settled:
            self.problem("the receiver settled first")
        event.delivery.settle()
        self.on_settled(event)


class SecondReceive(Receiving):
    """Tells the outcome of a delivery, and settles it when the sender has settled."""

    def __init__(self, options):
        super().__init__(options, options.number("count"))
        self.settled = 0

    def open_link(self, container, connection):
        container.create_receiver(connection, NODE, options=EXACTLY_ONCE)

    def take(self, event):
        event.delivery.update(event.delivery.ACCEPTED)
        return False

    def on_settled(self, event):
        self.settled += 1
        event.delivery.settle()

    def finish(self):
        super().finish()
        if self.settled != self.expected:
            self.problem(f"{self.settled} deliveries settled by the sender, expected {self.expected}")


class DrainSend(Sending):
    """Has less than the credit when it is asked to drain, and something more later."""

    def __init__(self, options):
        super().__init__(options, greetings(DRAINED + LATER))
        self.drained = False

    def on_sendable(self, event):
        if event.link.drain_mode and not self.drained:
            later = [self.waiting.pop() for _ in range(LATER)]
            super().on_sendable(event)
            self.waiting = later
            self.drained = True
            event.link.drained()
        elif self.drained:
            super().on_sendable(event)

    def finish(self):
        super().finish()
        if not self.drained:
            self.problem("never asked to drain")


class DrainReceive(Receiving):
    """Grants credit, asks the sender to drain it, then grants as much again as is still to come."""

    def __init__(self, options):
        super().__init__(options, DRAINED + LATER, prefetch=0)
        self.drained = False

    def on_link_opened(self, event):
        event.link.drain(DRAIN_CREDIT)

    def on_link_flow(self, event):
        if event.link.is_receiver and not event.link.credit and not self.drained:
            self.drained = True
            if self.received != DRAINED:
                self.problem(f"drained after {self.received} messages, expected {DRAINED}")
            event.link.drain_mode = False
            event.link.flow(LATER)

    def finish(self):
        super().finish()
        if not self.drained:
            self.problem("never drained")
