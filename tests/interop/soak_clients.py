"""Many connections of Proton in one process, which keep a record: `soak_clients.py PART ADDRESS RECORD NUMBER SECONDS`.

A `crowd` has NUMBER connections; over each it sends to a queue and receives from a queue for so many SECONDS, then
leaves politely. A `sweeper` receives from all queues until each has given it a mark, and `marks` sends those marks.
NUMBER is the number of queues for the latter two.

The record has a line for each thing that happened to a message, written before anything else is done about it so
that it is there even if the process is killed: the time, what happened, who it was and the body. `sent`, `accepted`
by the broker, `received`, `confirmed`: the broker has the consumer's `accepted`, because it has settled after it or
because it has answered the end of the link.
"""

import os
import random
import sys
import time

from proton import Delivery, Link, Message
from proton.handlers import MessagingHandler
from proton.reactor import Container

from exchange import describe
from links import EXACTLY_ONCE, Modes

QUEUES = 8
WINDOW, CREDIT, HELD = 20, 20, 10
TICK_SECONDS = 0.1
MARK = "mark"
AT_LEAST_ONCE = Modes(Link.SND_UNSETTLED, Link.RCV_FIRST)


class Record:
    """The file, and the name of this process in it."""

    def __init__(self, path):
        self.name = os.path.basename(path)
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, what, who, body):
        """A line, which is in the file when this returns."""
        os.write(self.file, f"{time.monotonic_ns()} {what} {self.name}/{who} {body}\n".encode())


class Consumer:
    """A link from a queue; `habit` says what becomes of a message."""

    def __init__(self, crowd, connection, queue, habit):
        self.record, self.habit = crowd.record, habit
        self.who = f"{next(crowd.numbers)}-{habit}"
        self.received = 0
        self.held, self.accepted = [], []
        self.link = crowd.container.create_receiver(
            connection, queue, name=self.who, options=EXACTLY_ONCE if habit == "second" else AT_LEAST_ONCE)
        self.link.consumer = self
        self.link.flow(CREDIT)

    def take(self, delivery, body):
        """A message is here."""
        self.record.write("received", self.who, body)
        self.received += 1
        self.link.flow(1)
        if self.habit == "second":
            delivery.body = body
            delivery.update(Delivery.ACCEPTED)
        elif self.habit == "picky" and self.received % 7 == 0:
            self.resolve(delivery, Delivery.RELEASED)
        elif self.habit == "lazy":
            self.held.append((delivery, body))
            if len(self.held) == HELD:
                self.accept_held()
        else:
            self.accept(delivery, body)

    def accept_held(self):
        """Accepts, last first, what it has been holding."""
        while self.held:
            self.accept(*self.held.pop())

    def accept(self, delivery, body):
        """Accepts a message, without knowing when the broker will hear of it."""
        self.resolve(delivery, Delivery.ACCEPTED)
        self.accepted.append(body)

    def resolve(self, delivery, state):
        """Gives a message its outcome."""
        delivery.update(state)
        delivery.settle()

    def settled(self, delivery):
        """The broker has settled after `accepted`."""
        self.record.write("confirmed", self.who, delivery.body)
        delivery.settle()

    def ended(self):
        """The broker has answered the end of the link, so it has heard all that was said before."""
        for body in self.accepted:
            self.record.write("confirmed", self.who, body)


class Crowd(MessagingHandler):
    """The connections, each with a sender and a consumer."""

    HABITS = ["prompt", "second", "picky", "lazy"]

    def __init__(self, address, record, number, seconds):
        super().__init__(prefetch=0, auto_accept=False)
        self.address, self.record, self.number = address, record, number
        self.deadline = time.monotonic() + seconds
        self.random = random.Random(record.name)
        self.numbers = iter(range(1 << 60))
        self.senders, self.consumers = [], []

    def on_start(self, event):
        self.container = event.container
        for _ in range(self.number):
            connection = event.container.connect(self.address, reconnect=False)
            sender = event.container.create_sender(connection, self.queue(), name=f"{next(self.numbers)}-sends")
            sender.waiting = 0
            self.senders.append(sender)
            self.consume(connection)
        event.container.schedule(TICK_SECONDS, self)

    def queue(self):
        """One of the queues."""
        return f"soak{self.random.randrange(QUEUES)}"

    def consume(self, connection):
        """Starts to receive from a queue."""
        self.consumers.append(Consumer(self, connection, self.queue(), self.random.choice(self.HABITS)))

    def on_timer_task(self, event):
        for consumer in self.consumers:
            consumer.accept_held()
        if time.monotonic() < self.deadline:
            self.random.choice(self.consumers).link.close()  # and another is made when that is answered
        else:
            for sender in [sender for sender in self.senders if not sender.waiting]:
                self.senders.remove(sender)
                sender.close()
                for consumer in [one for one in self.consumers if one.link.connection == sender.connection]:
                    consumer.link.close()
        if self.senders:
            event.container.schedule(TICK_SECONDS, self)

    def on_sendable(self, event):
        self.send(event.link)

    def send(self, link):
        """Sends as much as credit and its own window allow, until the time is over."""
        while link.credit and link.waiting < WINDOW and time.monotonic() < self.deadline:
            body = f"{self.record.name}/{next(self.numbers)}"
            self.record.write("sent", link.name, body)
            link.waiting += 1
            link.send(Message(body=body)).body = body

    def on_accepted(self, event):
        self.record.write("accepted", event.link.name, event.delivery.body)
        event.link.waiting -= 1
        self.send(event.link)

    def on_rejected(self, event):
        fail("the broker rejects a message")

    def on_released(self, event):
        fail("the broker releases a message")

    def on_message(self, event):
        event.link.consumer.take(event.delivery, event.message.body)

    def on_settled(self, event):
        if event.link.is_receiver:
            event.link.consumer.settled(event.delivery)

    def on_link_closed(self, event):
        if not event.link.is_receiver:
            return
        event.link.consumer.ended()
        self.consumers.remove(event.link.consumer)
        if any(sender.connection == event.connection for sender in self.senders):
            self.consume(event.connection)
        else:
            event.connection.close()

    def on_disconnected(self, event):
        fail(f"connection lost: {describe(event.transport.condition)}")


class Sweeper(MessagingHandler):
    """Receives from every queue until it has a mark from each."""

    def __init__(self, address, record, number, _):
        super().__init__(prefetch=0, auto_accept=False)
        self.address, self.record, self.number = address, record, number
        self.numbers = iter(range(1 << 60))
        self.open = number

    def on_start(self, event):
        self.container = event.container
        connection = event.container.connect(self.address, reconnect=False)
        for number in range(self.number):
            Consumer(self, connection, f"soak{number}", "prompt")

    def on_message(self, event):
        event.link.consumer.take(event.delivery, event.message.body)
        if event.message.body == MARK:
            event.link.close()

    def on_link_closed(self, event):
        event.link.consumer.ended()
        self.open -= 1
        if self.open == 0:
            event.connection.close()


class Marks(MessagingHandler):
    """Sends a mark to every queue."""

    def __init__(self, address, _, number, __):
        super().__init__()
        self.address, self.number = address, number
        self.accepted = 0

    def on_start(self, event):
        connection = event.container.connect(self.address, reconnect=False)
        for number in range(self.number):
            event.container.create_sender(connection, f"soak{number}").send(Message(body=MARK))

    def on_accepted(self, event):
        self.accepted += 1
        if self.accepted == self.number:
            event.connection.close()


def fail(reason):
    """Ends this process at once; an exception would leave the reactor in the middle of its work."""
    print(reason, file=sys.stderr, flush=True)
    os._exit(1)


PARTS = {"crowd": Crowd, "sweeper": Sweeper, "marks": Marks}


def main(part, address, record, number, seconds):
    """Runs one part to its end."""
    Container(PARTS[part](address, Record(record), int(number), float(seconds))).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
