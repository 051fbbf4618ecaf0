"""A queue for each address, in memory: what arrives for an address is handed to whoever asks for it."""

from collections import defaultdict, deque

from exchange import Exchange


class Broker(Exchange):
    """Serves any number of connections until it is ended from outside."""

    def __init__(self, options):
        super().__init__(options)
        self.queues = defaultdict(deque)
        self.consumers = defaultdict(list)

    def stop_listening(self):
        """It goes on listening."""

    def on_link_opening(self, event):
        super().on_link_opening(event)
        if event.link.is_sender:
            self.consumers[event.link.remote_source.address].append(event.link)

    def on_connection_closing(self, event):
        self.forget(event.connection)

    def on_transport_closed(self, event):
        self.forget(event.connection)

    def on_sendable(self, event):
        self.dispatch(event.link.source.address)

    def on_message(self, event):
        address = event.link.target.address
        self.queues[address].append(event.message)
        self.accept(event.delivery)
        self.dispatch(address)

    def forget(self, connection):
        """A connection is over, and so are its consumers."""
        for links in self.consumers.values():
            links[:] = [link for link in links if link.connection != connection]

    def dispatch(self, address):
        """Hands out what can be handed out for an address."""
        for link in self.consumers[address]:
            while link.credit and self.queues[address]:
                self.queues[address].popleft().send(link)
