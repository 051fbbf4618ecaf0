"""A broker on Proton: `broker.py --addr HOST:PORT [--credit N] [--qsize N]`; the flags are those of our own.

Queues are in memory and made when they are first named; each message is resolved once. A sender may leave its target
out and name a queue in each message instead; a receiver may ask for a queue of its own, and for a part of a queue.
Runs until it is ended from outside.
"""

import argparse
import itertools
import sys

from proton import Condition, Delivery, Endpoint, Link
from proton.handlers import MessagingHandler
from proton.reactor import Container

from queues import Queue, Selector, Stored

BACKLOG = 128


class Consumer:
    """Who takes messages from a queue: a link, what it wants, and what it has not yet resolved."""

    def __init__(self, link, queue, selector):
        self.link, self.queue, self.selector = link, queue, selector
        self.unresolved = {}

    def ready(self):
        """Whether it can be given a message now."""
        return self.link.credit > 0 and self.link.state & Endpoint.LOCAL_ACTIVE

    def give(self, stored):
        """Sends it a message."""
        delivery = stored.message.send(self.link)
        if self.link.snd_settle_mode != Link.SND_SETTLED:
            self.unresolved[delivery.tag] = stored


class Broker(MessagingHandler):
    """Serves any number of connections."""

    def __init__(self, options):
        super().__init__(prefetch=0, auto_accept=False)
        self.options = options
        self.queues = {}
        self.consumers = {}
        self.producers = set()
        self.numbers = itertools.count()

    def on_start(self, event):
        acceptor = event.container.listen(self.options.addr)
        listening = acceptor._selectable._delegate
        listening.listen(BACKLOG)  # Proton's own choice is too small for many clients that come at once
        host, port = listening.getsockname()
        print(f"Listening on {host}:{port}", flush=True)

    def on_link_opening(self, event):
        link = event.link
        link.source.copy(link.remote_source)
        link.target.copy(link.remote_target)
        link.snd_settle_mode, link.rcv_settle_mode = link.remote_snd_settle_mode, link.remote_rcv_settle_mode
        if link.is_sender:
            self.add_consumer(link)
        else:
            self.producers.add(link)
            if link.remote_target.dynamic:
                link.target.address = f"dynamic-{next(self.numbers)}"
            link.flow(self.options.credit)

    def on_sendable(self, event):
        self.serve(self.consumers.get(event.link))

    def on_message(self, event):
        address = event.link.target.address or event.message.address
        self.queue(address).offer(Stored(next(self.numbers), event.message, event.delivery))
        self.dispatch(self.queue(address))

    def on_aborted(self, event):
        event.link.flow(1)

    def on_delivery(self, event):
        delivery = event.delivery
        consumer = self.consumers.get(delivery.link)
        states = [Delivery.ACCEPTED, Delivery.REJECTED, Delivery.RELEASED, Delivery.MODIFIED]
        if not consumer or not (delivery.settled or delivery.remote_state in states):
            return
        stored = consumer.unresolved.pop(delivery.tag, None)
        state, failed = delivery.remote_state, delivery.remote.failed
        delivery.settle()
        if stored and state not in states[:2]:
            stored.message.delivery_count += 1 if failed else 0
            consumer.queue.give_back([stored])
            self.dispatch(consumer.queue)

    def on_link_closing(self, event):
        self.forget([event.link])

    def on_link_remote_detach(self, event):
        self.forget([event.link])
        event.link.detach()

    def on_session_closing(self, event):
        self.forget([link for link in self.links() if link.session == event.session])

    def on_connection_closing(self, event):
        self.forget([link for link in self.links() if link.connection == event.connection])

    def on_transport_closed(self, event):
        self.on_connection_closing(event)

    def on_unhandled(self, method, *arguments):
        """Most events need no answer here."""

    def add_consumer(self, link):
        """A link wants messages, of a queue that is named or that is to be made for it."""
        dynamic = link.remote_source.dynamic
        if dynamic:
            link.source.address = f"dynamic-{next(self.numbers)}"
        try:
            selector = Selector.of(link.remote_source.filter)
        except ValueError as error:
            link.condition = Condition("amqp:not-implemented", str(error))
            link.open()
            link.close()
            return
        consumer = Consumer(link, self.queue(link.source.address, dynamic), selector)
        consumer.queue.consumers.append(consumer)
        self.consumers[link] = consumer

    def links(self):
        """All links that are open."""
        return [*self.consumers, *self.producers]

    def queue(self, address, dynamic=False):
        """The queue of that name."""
        return self.queues.setdefault(address, Queue(address, self.options.qsize, dynamic))

    def dispatch(self, queue):
        """Hands out what can be handed out, each consumer in its turn, and lets in what has been waiting."""
        given = True
        while given:
            given = False
            for consumer in list(queue.consumers):
                stored = queue.take(consumer.selector) if consumer.ready() else None
                if stored:
                    consumer.give(stored)
                    given = True
            for stored in queue.admit():
                given = True
                self.admitted(stored.delivery)

    def serve(self, consumer):
        """A consumer has got credit."""
        if consumer:
            self.dispatch(consumer.queue)
            if consumer.link.drain_mode:
                consumer.link.drained()

    def admitted(self, delivery):
        """A message is in its queue: now it is ours."""
        self.accept(delivery)
        delivery.link.flow(1)

    def forget(self, links):
        """Links are over: what they have not resolved goes back, what they had waiting was never ours."""
        for link in links:
            self.producers.discard(link)
            for queue in self.queues.values():
                queue.withdraw(link)
            consumer = self.consumers.pop(link, None)
            if consumer:
                consumer.queue.consumers.remove(consumer)
                consumer.queue.give_back(consumer.unresolved.values())
                if consumer.queue.dynamic:
                    self.queues.pop(consumer.queue.address)
                else:
                    self.dispatch(consumer.queue)


def main():
    """Reads the command line and serves."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--addr", default="127.0.0.1:5672")
    parser.add_argument("--credit", type=int, default=100)
    parser.add_argument("--qsize", type=int, default=1000)
    parser.add_argument("--debug", action="store_true")
    Container(Broker(parser.parse_args())).run()


if __name__ == "__main__":
    sys.exit(main())
