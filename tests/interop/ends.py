"""Endpoints that are refused or ended with an error, and a connection that outlives silence."""

from proton import Condition

from exchange import NODE, Exchange

NOT_FOUND = Condition("amqp:not-found", "no such node")
ENDED = Condition("interop:ended", "as asked")


class TurnAway(Exchange):
    """Refuses every link."""

    def __init__(self, options):
        super().__init__(options)
        self.refused = 0

    def on_link_remote_open(self, event):
        self.refused += 1
        event.link.condition = NOT_FOUND
        event.link.open()
        event.link.close()

    def finish(self):
        if self.refused != 2:
            self.problem(f"{self.refused} links came, expected 2")


class TurnedAway(Exchange):
    """Opens a sender and a receiver and expects both to be refused with a reason."""

    def __init__(self, options):
        super().__init__(options)
        self.refused = 0

    def open_link(self, container, connection):
        container.create_sender(connection, NODE)
        container.create_receiver(connection, NODE)

    def on_link_error(self, event):
        self.refused += 1
        if event.link.remote_condition != NOT_FOUND:
            self.problem(f"refused with {event.link.remote_condition}")
        if self.refused == 2:
            event.connection.close()

    def finish(self):
        if self.refused != 2:
            self.problem(f"{self.refused} links refused, expected 2")


class End(Exchange):
    """Ends what the setting `scope` says, link, session or connection, once a link is there."""

    def on_link_remote_open(self, event):
        self.on_link_opening(event)
        event.link.open()
        endpoint = getattr(event, self.options.text("scope"))
        endpoint.condition = ENDED
        endpoint.close()


class Ended(Exchange):
    """Opens a sender and expects that what the setting `scope` says is ended, with its reason."""

    def __init__(self, options):
        super().__init__(options)
        self.endings = []

    def open_link(self, container, connection):
        container.create_sender(connection, NODE)

    def on_link_error(self, event):
        self.note("link", event.link)
        event.connection.close()

    def on_session_error(self, event):
        self.note("session", event.session)
        event.connection.close()

    def on_connection_error(self, event):
        self.note("connection", event.connection)

    def note(self, scope, endpoint):
        """An endpoint was ended."""
        self.endings.append((scope, endpoint.remote_condition))

    def finish(self):
        expected = [(self.options.text("scope"), ENDED)]
        if self.endings != expected:
            self.problem(f"ended: {self.endings}, expected {expected}")


class Idle(Exchange):
    """Says nothing for `quiet` milliseconds, although both sides give up after `idle` milliseconds of silence."""

    def on_connection_bound(self, event):
        super().on_connection_bound(event)
        event.transport.idle_timeout = self.options.number("idle") / 1000

    def on_connection_opened(self, event):
        if not self.options.listens:
            self.connection = event.connection
            event.container.schedule(self.options.number("quiet") / 1000, self)

    def on_timer_task(self, event):
        self.connection.close()
