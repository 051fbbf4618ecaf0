"""Proton in the place of our example programs: `stand_ins.py PROGRAM [FLAGS]`, with the flags and output of ours.

With these the suite shows that a scenario itself is sound.
"""

import argparse
import sys

from proton import Message, Url
from proton.handlers import MessagingHandler
from proton.reactor import Container, Selector


class Send(MessagingHandler):
    """Sends `count` messages to each URL and waits until all are accepted."""

    def __init__(self, options):
        super().__init__()
        self.options = options
        self.unsent = {}
        self.accepted, self.total = 0, options.count * len(options.urls)

    def on_start(self, event):
        for url in map(Url, self.options.urls):
            sender = event.container.create_sender(event.container.connect(url, reconnect=False), url.path)
            self.unsent[sender] = [f"{url.path}{number}" for number in range(self.options.count)]

    def on_sendable(self, event):
        while event.sender.credit and self.unsent[event.sender]:
            event.sender.send(Message(body=self.unsent[event.sender].pop(0)))

    def on_accepted(self, event):
        self.accepted += 1
        if self.accepted == self.total:
            print(f"Received all {self.total} acknowledgements")
            for sender in self.unsent:
                sender.connection.close()


class Receive(MessagingHandler):
    """Receives `count` messages in all from the URLs."""

    def __init__(self, options):
        super().__init__(prefetch=0, auto_accept=False)
        self.options = options
        self.receivers = []
        self.received = 0

    def on_start(self, event):
        for url in map(Url, self.options.urls):
            connection = event.container.connect(url, reconnect=False)
            self.receivers.append(event.container.create_receiver(connection, url.path))
            self.receivers[-1].flow(self.options.prefetch or 1)
        print(f"Listening on {len(self.receivers)} connections", flush=True)

    def on_message(self, event):
        if self.received == self.options.count:
            return
        self.received += 1
        self.accept(event.delivery)
        event.link.flow(1)
        if self.options.debug:
            print(event.message.body, file=sys.stderr)
        if self.received == self.options.count:
            print(f"Received {self.received} messages")
            for receiver in self.receivers:
                receiver.connection.close()


class SelectedReceive(MessagingHandler):
    """Sends numbers, of which the odd ones are green, and receives the green ones."""

    def __init__(self, options):
        super().__init__()
        self.options = options
        self.sent = self.accepted = self.received = 0

    def on_start(self, event):
        url = Url(self.options.url)
        self.connection = event.container.connect(url, reconnect=False)
        self.path = url.path
        event.container.create_sender(self.connection, url.path)

    def on_sendable(self, event):
        while event.sender.credit and self.sent < self.options.count:
            colour = "green" if self.sent % 2 else "red"
            event.sender.send(Message(body=self.sent, properties={"colour": colour}))
            self.sent += 1

    def on_accepted(self, event):
        self.accepted += 1
        if self.accepted == self.options.count:
            event.container.create_receiver(self.connection, self.path, options=Selector("colour = 'green'"))

    def on_message(self, event):
        self.received += 1
        print(event.message.body)
        if self.received == self.options.count // 2:
            event.connection.close()


class ClientServer(MessagingHandler):
    """A client and a server over a socket."""

    def __init__(self, _):
        super().__init__()
        self.sent = self.accepted = 0

    def on_start(self, event):
        self.acceptor = event.container.listen("127.0.0.1:0")
        host, port = self.acceptor._selectable._delegate.getsockname()
        event.container.create_sender(f"{host}:{port}")

    def on_sendable(self, event):
        while event.sender.credit and self.sent < 3:
            event.sender.send(Message(body=f"hello {self.sent}"))
            self.sent += 1

    def on_accepted(self, event):
        self.accepted += 1
        if self.accepted == 3:
            event.connection.close()

    def on_message(self, event):
        print(f'server received: "{event.message.body}"')

    def on_connection_closing(self, event):
        self.acceptor.close()
        print("server receiver closed: EOF")


PROGRAMS = {"send": Send, "receive": Receive, "selected_recv": SelectedReceive, "client_server": ClientServer}


def main():
    """Reads the command line and runs the program that it names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("urls", nargs="*")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--prefetch", type=int, default=0)
    parser.add_argument("--url")
    parser.add_argument("--debug", action="store_true")
    options = parser.parse_intermixed_args()
    Container(PROGRAMS[options.program](options)).run()


if __name__ == "__main__":
    sys.exit(main())
