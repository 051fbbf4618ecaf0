"""Deliveries that are out of the ordinary: read in pieces, given up half-way, continued after a detach."""

from proton import Message

from exchange import NODE, Receiving, Sending
from links import greetings
from modes import big_body

MADE = "made-here"


class WindowReceive(Receiving):
    """Receives a large message through a session window that is a small part of it."""

    def __init__(self, options):
        super().__init__(options, 1)
        self.octets = b""

    def on_delivery(self, event):
        delivery, link = event.delivery, event.link
        if not delivery.readable:
            return
        self.octets += link.recv(delivery.pending)
        if not delivery.partial:
            link.advance()
            message = Message()
            message.decode(self.octets)
            self.received += 1
            if message.body != big_body(self.options.number("size")):
                self.problem(f"{len(message.body)} octets that are not the ones sent")
            self.accept(delivery)


class AbortSend(Sending):
    """Sends half of a message, aborts it, and sends another."""

    def __init__(self, options):
        super().__init__(options, greetings(1))
        self.octets = Message(body=big_body(options.number("size"))).encode()
        self.half = None

    def on_sendable(self, event):
        if self.half is None:
            self.link, self.transport = event.link, event.transport
            self.half = self.link.delivery("half")
            self.link.stream(self.octets[:len(self.octets) // 2])
            event.container.schedule(0, self)

    def on_timer_task(self, event):
        if self.link.session.outgoing_bytes or self.transport.pending():
            event.container.schedule(0.01, self)
            return
        self.half.abort()
        self.send_waiting(self.link)


class AbortReceive(Receiving):
    """Expects one delivery that is aborted and one that is not."""

    def __init__(self, options):
        super().__init__(options, 1)
        self.aborted = 0

    def on_aborted(self, event):
        self.aborted += 1

    def finish(self):
        super().finish()
        if self.aborted != 1:
            self.problem(f"{self.aborted} deliveries aborted, expected 1")


class ReattachSend(Sending):
    """Sends one half of its messages, detaches the link, attaches it again, and sends the other half."""

    def __init__(self, options):
        super().__init__(options, greetings(options.number("count")))
        self.later = self.waiting[len(self.waiting) // 2:]
        del self.waiting[len(self.waiting) // 2:]

    def open_link(self, container, connection):
        container.create_sender(connection, NODE, name="again")

    def done(self, event):
        if self.later:
            event.link.detach()
        else:
            super().done(event)

    def on_link_remote_detach(self, event):
        self.waiting, self.later = self.later, []
        self.open_link(event.container, event.connection)


class ReattachReceive(Receiving):
    """Receives all messages, although their link is detached once."""

    def __init__(self, options):
        super().__init__(options, options.number("count"))
        self.detached = 0

    def on_link_remote_detach(self, event):
        self.detached += 1
        event.link.detach()

    def finish(self):
        super().finish()
        if self.detached != 1:
            self.problem(f"detached {self.detached} times, expected once")


class DynamicSend(Sending):
    """Makes an address for a receiver that asks for one."""

    def __init__(self, options):
        super().__init__(options, greetings(1))

    def on_link_opening(self, event):
        super().on_link_opening(event)
        if not event.link.remote_source.dynamic:
            self.problem("no dynamic source")
        event.link.source.address = MADE


class DynamicReceive(Receiving):
    """Asks for an address."""

    def __init__(self, options):
        super().__init__(options, 1)

    def open_link(self, container, connection):
        container.create_receiver(connection, None, dynamic=True)

    def on_link_opened(self, event):
        if event.link.remote_source.address != MADE:
            self.problem(f"the address is {event.link.remote_source.address}")
