"""Where something goes wrong on purpose: a peer that dies in the middle of a message, credentials that are wrong."""

import os
import signal

from proton import Message

from exchange import Exchange, Receiving, Sending, describe
from modes import big_body


class CutSend(Sending):
    """Writes half of a message, then dies."""

    def __init__(self, options):
        super().__init__(options, [("half", Message(body=big_body(options.number("size"))).encode())])

    def on_sendable(self, event):
        if not self.waiting:
            return
        _, octets = self.waiting.pop()
        event.sender.delivery("half")
        event.sender.stream(octets[:len(octets) // 2])
        self.transport, self.session = event.transport, event.session
        event.container.schedule(0, self)

    def on_timer_task(self, event):
        if self.session.outgoing_bytes == 0 and self.transport.pending() == 0:
            die()
        event.container.schedule(0.01, self)


class CutReceive(Receiving):
    """Dies when a part of a message is here."""

    def __init__(self, options):
        super().__init__(options, 0)

    def on_delivery(self, event):
        if event.delivery.partial:
            die()


class LostSend(Sending):
    """Expects the connection to be lost before its message has an outcome."""

    def __init__(self, options):
        super().__init__(options, [("lost", Message(body=big_body(options.number("size"))).encode())])
        self.lost = False

    def on_transport_error(self, event):
        self.lost = True

    def on_disconnected(self, event):
        self.lost = True

    def finish(self):
        if not self.lost or self.closed_by_peer or self.settled:
            self.problem(f"connection lost: {self.lost}, outcomes: {self.settled}")


class LostReceive(Receiving):
    """Expects the connection to be lost in the middle of a message, which is then not to be shown."""

    def __init__(self, options):
        super().__init__(options, 0)
        self.lost = False

    def on_transport_error(self, event):
        self.lost = True

    def on_disconnected(self, event):
        self.lost = True

    def finish(self):
        super().finish()
        if not self.lost or self.closed_by_peer:
            self.problem("the connection was not lost")


class Login(Exchange):
    """Expects the connection to open after authentication; the client then closes it."""

    def __init__(self, options):
        super().__init__(options)
        self.opened = False

    def on_connection_opened(self, event):
        self.opened = True
        sasl = event.transport.sasl()
        if sasl.mech != self.options.text("mechanism"):
            self.problem(f"authenticated by {sasl.mech}, expected {self.options.text('mechanism')}")
        if self.options.listens and event.transport.user != self.options.text("user"):
            self.problem(f"authenticated as {event.transport.user}, expected {self.options.text('user')}")
        if not self.options.listens:
            event.connection.close()

    def finish(self):
        if not self.opened:
            self.problem("the connection never opened")


class Refused(Exchange):
    """Expects that authentication fails and no connection opens."""

    def __init__(self, options):
        super().__init__(options)
        self.refused = False

    def on_connection_opened(self, event):
        self.problem("the connection opened")
        event.connection.close()

    def on_transport_error(self, event):
        self.see(event.transport)

    def on_transport_closed(self, event):
        self.see(event.transport)

    def see(self, transport):
        """Looks at how authentication ended."""
        if transport.sasl().outcome == transport.sasl().AUTH:
            self.refused = True
        else:
            self.problem(f"SASL outcome {transport.sasl().outcome}, {describe(transport.condition)}")

    def finish(self):
        if not self.refused:
            self.problem("authentication did not fail")


def die():
    """Ends this process as a crash would: nothing is flushed, nothing is closed politely."""
    os.kill(os.getpid(), signal.SIGKILL)
