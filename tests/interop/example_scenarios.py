"""The scenarios of our example programs: our brokers and clients of Proton, our clients and brokers of both.

The programs are those of electron, with its flags and its output.
"""

import os
import re
import signal
from dataclasses import dataclass

KILLED = -9
CONNECTIONS = 3
ENDINGS = ["die", "close", "close_link", "detach", "release", "modify"]
HELLO = [f'server received: "hello {number}"' for number in range(3)] + ["server receiver closed: EOF"]
BIG = ["count=200", "padding=100000"]


@dataclass
class Examples:
    """How to start everything: our programs of each adapter by name, the broker on Proton, and Proton's clients."""

    adapters: dict
    proton_broker: list
    proton: list

    def brokers(self):
        """Each broker's name and command."""
        ours = {f"{name} broker": program("broker") for name, program in self.adapters.items()}
        return {**ours, "Proton broker": self.proton_broker}


def example_scenarios(examples):
    """Every scenario as its name and a function that runs it on a stage."""
    for name, program in examples.adapters.items():
        yield f"client_server: {name}", client_server(program)
    for name, program in examples.adapters.items():
        for one, run in [*queue_scenarios(), *consumer_scenarios()]:
            yield f"{name} broker: {one}", served(examples.proton, program("broker"), run)
    for broker, command in examples.brokers().items():
        for sender, send in examples.adapters.items():
            receiver, receive = next_after(examples.adapters, sender)
            names = f"{sender} send, {receiver} receive"
            yield f"{broker}: {names}", served(examples.proton, command, electron(send, receive, False))
            yield f"{broker}: {receiver} receive, {sender} send", served(
                examples.proton, command, electron(send, receive, True))
            yield f"{broker}: {sender} selected_recv", served(examples.proton, command, selected(send))


def queue_scenarios():
    """What queues are to do for clients of Proton."""
    yield "sends, then receives", exchange
    yield "leaves for the next what one did not take", leftovers
    yield "drains the queue", drained
    yield "is content with what is settled", settled
    yield "request and reply through a dynamic address", request_reply
    for number in (1, 100):
        yield f"a bounded queue holds up its sender, credit {number}", bounded(number)


def consumer_scenarios():
    """What consumers that do not do as they should must not spoil."""
    for ending in ENDINGS:
        yield f"unresolved messages are first again: {ending}", redelivery(ending)
    yield "a consumer that resolves nothing holds up no other", holding
    yield "a consumer that reads nothing holds up no other", stopped


class Table:
    """A broker that runs on a stage, and starting Proton's clients of it."""

    def __init__(self, stage, proton, command, flags):
        self.stage, self.proton = stage, proton
        self.broker, self.address = stage.listen("broker", [*command, "--addr", "127.0.0.1:0", *flags])

    def start(self, mode, *settings):
        """Starts a client."""
        return self.stage.start(mode, [*self.proton, "connect", self.address, mode, *settings])

    def run(self, mode, *settings, status=0):
        """Runs a client to its end."""
        self.stage.expect(self.start(mode, *settings), status)

    def url(self, queue):
        """A queue as our programs name it."""
        return f"amqp://{self.address}/{queue}"


def served(proton, command, run):
    """Runs a scenario of a broker; a broker that has ended by itself is a problem."""
    def staged(stage):
        table = Table(stage, proton, command, getattr(run, "flags", []))
        if table.address is None:
            return
        run(table)
        if table.broker.process.poll() is not None:
            stage.problems.append("the broker has ended")
    return staged


def exchange(table):
    """Several queues, either side first."""
    table.run("hello-send", "count=500", "to=one")
    waiting = table.start("hello-receive", "count=500", "from=two")
    table.run("hello-send", "count=500", "to=two")
    table.run("hello-receive", "count=500", "from=one")
    table.stage.expect(waiting)


def leftovers(table):
    """A consumer that has asked for more than it took leaves the rest in order."""
    table.run("hello-send", "count=20", "to=queue")
    for first in (0, 5, 10, 15):
        table.run("hello-receive", "count=5", f"first={first}", "from=queue")


def drained(table):
    """A consumer wants to know when it has all, also where there is nothing."""
    table.run("hello-send", "count=30", "to=queue")
    for count in (30, 0):
        table.run("drain-fetch", f"count={count}", "from=queue")


def settled(table):
    """Nothing comes back from a consumer that need not resolve anything."""
    table.run("hello-send", "count=100", "to=queue")
    table.run("settled-fetch", "count=100", "from=queue")
    table.run("drain-fetch", "count=0", "from=queue")


def request_reply(table):
    """Two clients of one server at a time."""
    server = table.start("reply", "from=service", "count=100")
    clients = [table.start("request", "to=service", "count=50") for _ in range(2)]
    for program in [*clients, server]:
        table.stage.expect(program)


def bounded(credit):
    """A queue for 10 messages and a sender of 500."""
    def run(table):
        table.run("pressure", "count=500", "qsize=10", f"credit={credit}")
    run.flags = ["--qsize", "10", "--credit", str(credit)]
    return run


def redelivery(ending):
    """A consumer has some, resolves none, and ends."""
    def run(table):
        table.run("hello-send", "count=10", "to=queue")
        status = KILLED if ending == "die" else 0
        table.run("hold-receive", "count=4", "from=queue", f"then={ending}", status=status)
        table.run("hello-receive", "count=10", "from=queue")
    return run


def holding(table):
    """The rest of the queue goes to another; what was held is there when its holder is gone."""
    holder = table.start("hold-receive", "count=10", "from=queue", "then=wait")
    table.stage.expect_line(holder, "attached")
    table.run("hello-send", "count=100", "to=queue")
    table.stage.expect_line(holder, "holding")
    table.run("hello-receive", "first=10", "count=90", "from=queue")
    holder.end()
    table.run("hello-receive", "count=10", "from=queue")


def stopped(table):
    """20 MB are on their way to a process that stands still, until it dies."""
    holder = table.start("hold-receive", "count=1000", "from=slow", "then=wait")
    table.stage.expect_line(holder, "attached")
    os.kill(holder.process.pid, signal.SIGSTOP)
    table.run("hello-send", "to=slow", *BIG)
    table.run("hello-send", "to=swift", *BIG)
    table.run("hello-receive", "from=swift", *BIG)
    holder.end()
    table.run("hello-receive", "from=slow", *BIG)


def electron(send, receive, receive_first):
    """What electron's own test of its examples does, for two adapters: 3 connections with 3 messages each."""
    def run(table):
        urls = [table.url(f"queue{number}") for number in range(CONNECTIONS)]
        total = CONNECTIONS * CONNECTIONS
        heard = [f"Listening on {CONNECTIONS} connections", f"Received {total} messages"]
        receiving = [*receive("receive"), "--count", str(total), "--prefetch", "10", *urls]
        sending = [*send("send"), "--count", str(CONNECTIONS), *urls]
        if receive_first:
            receiver = table.stage.start("receive", receiving)
            table.stage.expect_line(receiver, heard[0])
        sender = table.stage.start("send", sending)
        table.stage.expect_exactly(sender, [f"Received all {total} acknowledgements"])
        if not receive_first:
            receiver = table.stage.start("receive", receiving)
        table.stage.expect_exactly(receiver, heard)
        without_prefetch(table, send, receive)
    return run


def without_prefetch(table, send, receive):
    """More in the queue than is asked for, and the rest for the next."""
    url = table.url("plain")
    sender = table.stage.start("send", [*send("send"), "--count", "20", url])
    table.stage.expect_exactly(sender, ["Received all 20 acknowledgements"])
    for count in (5, 15):
        receiver = table.stage.start("receive", [*receive("receive"), "--count", str(count), url])
        table.stage.expect_exactly(receiver, ["Listening on 1 connections", f"Received {count} messages"])


def selected(program):
    """Our selecting receiver has the odd numbers, which leaves the even ones."""
    def run(table):
        command = [*program("selected_recv"), "--count", "6", "--url", table.url("examples")]
        receiver = table.stage.start("selected_recv", command)
        table.stage.expect(receiver)
        numbers = [int(number) for number in re.findall(r"\d+", receiver.output())]
        if numbers != [1, 3, 5]:
            table.stage.problems.append(f"selected_recv printed the numbers {numbers}, expected 1, 3, 5")
        table.run("numbers-receive", "from=examples", "numbers=0,2,4")
    return run


def client_server(program):
    """Client and server in one process."""
    def run(stage):
        stage.expect_exactly(stage.start("client_server", program("client_server")), HELLO)
    return run


def next_after(adapters, name):
    """The adapter after this one, round and round."""
    names = list(adapters)
    following = names[(names.index(name) + 1) % len(names)]
    return following, adapters[following]
