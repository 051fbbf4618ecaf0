"""What clients of a broker do: ask and answer, hold back what they have received, send more than a queue takes."""

from proton import Delivery, Message

from exchange import Exchange, Receiving
from faults import die
from links import AT_MOST_ONCE
from modes import HelloReceive, hello

BARRIERS = 20


class Request(Exchange):
    """Sends `count` requests to the address `to`, one after the other; the answers come to an address of its own."""

    def __init__(self, options):
        super().__init__(options)
        self.answered = 0

    def open_link(self, container, connection):
        self.sender = container.create_sender(connection, self.options.text("to"))
        container.create_receiver(connection, None, dynamic=True)

    def on_link_opened(self, event):
        if event.link.is_receiver:
            self.address = event.link.remote_source.address
            if not self.address:
                self.problem("no address for the answers")
                event.connection.close()
            self.ask()

    def ask(self):
        """The next request."""
        self.sender.send(Message(
            id=f"request {self.answered}", body=f"hello {self.answered}", reply_to=self.address))

    def on_message(self, event):
        self.accept(event.delivery)
        expected = f"request {self.answered}", f"HELLO {self.answered}"
        actual = event.message.correlation_id, event.message.body
        if actual != expected:
            self.problem(f"answer {actual}, expected {expected}")
        self.answered += 1
        if self.answered == self.options.number("count"):
            event.connection.close()
        else:
            self.ask()

    def finish(self):
        if self.answered != self.options.number("count"):
            self.problem(f"{self.answered} answers")


class Reply(Exchange):
    """Answers `count` requests that arrive at the address `from`, each at the address that it names."""

    def __init__(self, options):
        super().__init__(options)
        self.senders = {}
        self.answered = 0

    def open_link(self, container, connection):
        container.create_receiver(connection, self.options.text("from"))

    def on_message(self, event):
        request = event.message
        if request.reply_to not in self.senders:
            self.senders[request.reply_to] = event.container.create_sender(event.connection, request.reply_to)
        self.senders[request.reply_to].send(Message(correlation_id=request.id, body=request.body.upper()))
        self.accept(event.delivery)

    def on_accepted(self, event):
        self.answered += 1
        if self.answered == self.options.number("count"):
            event.connection.close()

    def finish(self):
        if self.answered != self.options.number("count"):
            self.problem(f"{self.answered} answers accepted")


class HoldReceive(Receiving):
    """Receives `count` greetings from the address `from`, resolves none of them, and ends as `then` says.

    It prints `attached` and then, when it has all of them, `holding`.
    """

    def __init__(self, options):
        super().__init__(options, options.number("count"), prefetch=0)
        self.held = []

    def open_link(self, container, connection):
        container.create_receiver(connection, self.options.text("from"))

    def on_link_opened(self, event):
        event.link.flow(self.expected)
        print("attached", flush=True)

    def take(self, event):
        if event.message.body != hello(self.options, self.received - 1):
            self.problem(f"received {event.message.body[:20]!r} as number {self.received}")
        self.held.append(event.delivery)
        if self.received == self.expected:
            print("holding", flush=True)
            getattr(self, self.options.text("then"))(event)
        return False

    def wait(self, _):
        """Stays until it is ended from outside."""

    def die(self, _):
        """Vanishes."""
        die()

    def close(self, event):
        """Closes the connection."""
        event.connection.close()

    def close_link(self, event):
        """Closes its link and, after that, the connection."""
        event.link.close()

    def detach(self, event):
        """Detaches its link and, after that, closes the connection."""
        event.link.detach()

    def release(self, event):
        """Says that they are released, in the order in which nobody would."""
        for delivery in reversed(self.held):
            self.settle(delivery, Delivery.RELEASED)
        event.link.close()

    def modify(self, event):
        """Says that they could not be delivered."""
        for delivery in self.held:
            delivery.local.failed = True
            self.settle(delivery, Delivery.MODIFIED)
        event.link.close()

    def on_link_closed(self, event):
        event.connection.close()

    def on_link_remote_detach(self, event):
        event.connection.close()


class DrainFetch(Receiving):
    """Asks for more than the `count` greetings that are at the address `from`, and to be told when those are all."""

    def __init__(self, options):
        super().__init__(options, options.number("count"), prefetch=0)

    def open_link(self, container, connection):
        container.create_receiver(connection, self.options.text("from"))

    def on_link_opened(self, event):
        event.link.drain(2 * self.expected + 1)

    def on_link_flow(self, event):
        if not event.link.credit and not event.link.queued:
            event.connection.close()


class SettledFetch(HelloReceive):
    """Receives greetings as the other mode does, all settled from the start."""

    def open_link(self, container, connection):
        container.create_receiver(connection, self.options.text("from"), options=AT_MOST_ONCE)

    def take(self, event):
        if not event.delivery.settled:
            self.problem(f"{event.message.body}: not settled")
        return super().take(event)


class Pressure(Exchange):
    """Sends `count` greetings to a queue that holds `qsize`, granted `credit` at a time, and starts to receive them
    only after the broker has stopped accepting."""

    def __init__(self, options):
        super().__init__(options)
        self.total, self.bound = options.number("count"), options.number("qsize")
        self.sent = self.accepted = self.received = self.barriers = 0

    def open_link(self, container, connection):
        self.sender = container.create_sender(connection, "bounded")

    def on_sendable(self, event):
        while event.link == self.sender and event.link.credit and self.sent < self.total:
            event.link.send(Message(body=hello(self.options, self.sent)))
            self.sent += 1

    def on_accepted(self, event):
        self.accepted += 1
        if self.accepted == self.bound:
            self.pass_barrier(event)

    def on_link_opened(self, event):
        if event.link.name.startswith("barrier"):
            self.pass_barrier(event)

    def pass_barrier(self, event):
        """Has the broker do something else, several times, so that it could accept more, then sees that it has not."""
        self.barriers += 1
        if self.barriers <= BARRIERS:
            event.container.create_sender(event.connection, "elsewhere", name=f"barrier {self.barriers}")
            return
        if self.accepted != self.bound:
            self.problem(f"{self.accepted} accepted by a queue for {self.bound}")
        granted = self.bound + self.options.number("credit") + 1
        if self.sent > granted:
            self.problem(f"{self.sent} sent, of which no more than {granted} were to be asked for")
        event.container.create_receiver(event.connection, "bounded")

    def on_message(self, event):
        if event.message.body != hello(self.options, self.received):
            self.problem(f"received {event.message.body!r} as number {self.received}")
        self.received += 1
        self.accept(event.delivery)
        self.end_if_done(event)

    def on_settled(self, event):
        self.end_if_done(event)

    def end_if_done(self, event):
        """Closes the connection once all are accepted by the broker and received from it."""
        if self.accepted == self.received == self.total:
            event.connection.close()

    def finish(self):
        if not self.accepted == self.received == self.total:
            self.problem(f"{self.accepted} accepted and {self.received} received of {self.total}")
