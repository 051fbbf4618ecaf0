"""What every Proton-side program of the suite is made of: one connection, opened or accepted, and one link.

A program is a `MessagingHandler` that collects in `problems` whatever is not as it should be. It runs until its
connection is over and never waits by itself: the suite bounds it in time.
"""

from dataclasses import dataclass, field

from proton import Endpoint
from proton.handlers import MessagingHandler

from plain_server import PlainServer

NODE = "interop"


@dataclass
class Options:
    """The command line: who connects, where, and the settings of the mode."""

    listens: bool
    address: str
    settings: dict = field(default_factory=dict)

    def number(self, name, default=0):
        """A setting that is a number."""
        return int(self.settings.get(name, default))

    def text(self, name, default=None):
        """A setting that is text."""
        return self.settings.get(name, default)


class Exchange(MessagingHandler):
    """One connection; subclasses say what link it has and what passes over it."""

    def __init__(self, options, **arguments):
        super().__init__(auto_accept=False, **arguments)
        self.options = options
        self.problems = []
        self.acceptor = None
        self.plain_server = None
        self.closed_by_peer = False

    def on_start(self, event):
        if self.options.listens:
            self.acceptor = event.container.listen(self.options.address)
            host, port = self.acceptor._selectable._delegate.getsockname()
            print(f"listening on {host}:{port}", flush=True)
        else:
            connection = event.container.connect(
                self.options.address, reconnect=False, sasl_enabled=self.options.text("sasl") != "none",
                user=self.options.text("user"), password=self.options.text("password"),
                allowed_mechs=self.options.text("mechanism", "ANONYMOUS"), max_frame_size=self.frame_size())
            self.open_link(event.container, connection)

    def on_connection_bound(self, event):
        if self.options.listens:
            self.stop_listening()
            sasl = event.transport.sasl()
            sasl.allowed_mechs(self.options.text("mechanism", "ANONYMOUS"))
            if self.options.text("mechanism") == "PLAIN":
                sasl.allow_insecure_mechs = True
                event.transport.require_auth(True)
                user, password = self.options.text("user"), self.options.text("password")
                self.plain_server = PlainServer(event.transport, user, password)
            if self.frame_size():
                event.transport.max_frame_size = self.frame_size()

    def on_session_init(self, event):
        if self.options.number("capacity"):
            event.session.incoming_capacity = self.options.number("capacity")

    def on_link_opening(self, event):
        link = event.link
        link.source.copy(link.remote_source)
        link.target.copy(link.remote_target)
        link.snd_settle_mode, link.rcv_settle_mode = link.remote_snd_settle_mode, link.remote_rcv_settle_mode

    def on_connection_remote_close(self, event):
        self.closed_by_peer = True

    def on_connection_error(self, event):
        self.problem(f"connection closed with {describe(event.connection.remote_condition)}")

    def on_session_error(self, event):
        self.problem(f"session ended with {describe(event.session.remote_condition)}")

    def on_link_error(self, event):
        self.problem(f"link closed with {describe(event.link.remote_condition)}")

    def on_transport_error(self, event):
        self.problem(f"transport: {describe(event.transport.condition)}")

    def on_disconnected(self, event):
        if event.connection and event.connection.state & Endpoint.REMOTE_ACTIVE:
            self.problem("connection lost")

    def on_unhandled(self, method, *arguments):
        """Most events need no answer here."""

    def stop_listening(self):
        """One connection is all that a program serves."""
        if self.acceptor:
            self.acceptor.close()
            self.acceptor = None

    def frame_size(self):
        """The largest frame to accept, or None for Proton's own choice."""
        return self.options.number("frame-size") or None

    def problem(self, text):
        """Remembers that something went wrong."""
        self.problems.append(text)

    def open_link(self, container, connection):
        """Opens this program's link; called on the side that connects."""

    def finish(self):
        """Called once all is over: last checks."""


class Sending(Exchange):
    """Sends messages, as credit allows, closes the connection once each has its outcome."""

    def __init__(self, options, messages, **arguments):
        super().__init__(options, **arguments)
        self.waiting = list(messages)
        self.unsettled = {}
        self.settled = 0

    def open_link(self, container, connection):
        container.create_sender(connection, NODE)

    def on_sendable(self, event):
        self.send_waiting(event.sender)

    def send_waiting(self, sender):
        """Sends what credit allows."""
        while sender.credit and self.waiting:
            name, octets = self.waiting.pop(0)
            delivery = sender.delivery(sender.delivery_tag())
            sender.stream(octets)
            sender.advance()
            self.sent(name, delivery)

    def sent(self, name, delivery):
        """A message has been handed to Proton."""
        self.unsettled[delivery.tag] = name

    def on_settled(self, event):
        self.settled += 1
        name = self.unsettled.pop(event.delivery.tag, None)
        if name is None:
            self.problem(f"outcome of an unknown delivery {event.delivery.tag!r}")
        else:
            self.check_outcome(name, event.delivery)
        if not self.waiting and not self.unsettled:
            self.done(event)

    def done(self, event):
        """Every message has its outcome."""
        event.connection.close()

    def check_outcome(self, name, delivery):
        """Every message is to be accepted, unless a mode knows better."""
        if delivery.remote_state != delivery.ACCEPTED:
            self.problem(f"{name}: not accepted but {delivery.remote_state}")

    def finish(self):
        unresolved = len(self.waiting) + len(self.unsettled)
        if unresolved:
            self.problem(f"{unresolved} messages without an outcome")
        print(f"sent {self.settled}")


class Receiving(Exchange):
    """Receives messages until the peer closes the connection, and expects a number of them."""

    def __init__(self, options, expected, **arguments):
        super().__init__(options, **arguments)
        self.expected = expected
        self.received = 0

    def open_link(self, container, connection):
        container.create_receiver(connection, NODE)

    def on_message(self, event):
        if event.connection.state & Endpoint.LOCAL_CLOSED:
            return  # it has crossed our close
        self.received += 1
        if self.take(event):
            self.accept(event.delivery)

    def take(self, event):
        """Looks at a message; true if it is to be accepted, false if it has been answered otherwise."""
        return True

    def finish(self):
        if self.received != self.expected:
            self.problem(f"received {self.received} messages, expected {self.expected}")
        print(f"received {self.received}")


def describe(condition):
    """An error condition for a reader."""
    return f"{condition.name}: {condition.description}" if condition else "no condition"
