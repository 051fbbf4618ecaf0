"""The scenarios of Proton's own examples, unmodified, as Debian ships them: its clients against our brokers, our
clients against its brokers and servers.

The examples with transactions, TLS and databases are left out, and so are those whose server does not end.
"""

import socket
import sys
import time
from pathlib import Path

from example_scenarios import CONNECTIONS, next_after, served

SCRIPTS = Path("/usr/share/proton/examples/python")
COUNT = 100
FIXED = "127.0.0.1:5672"  # some examples know no other address
FIXED_CLIENTS = ["helloworld.py", "helloworld_blocking.py"]
VERSE = [
    "Twas brillig, and the slithy toves", "Did gire and gymble in the wabe.", "All mimsy were the borogroves,",
    "And the mome raths outgrabe."]
ANSWERS = [f"{line} => {line.upper()}" for line in VERSE]
NUMBERS = range(1, COUNT + 1)
POLL_SECONDS = 0.02


class Shipped:
    """How to start Proton's examples: scripts, and programs that were compiled into a folder."""

    def __init__(self, folder):
        self.folder = folder

    def script(self, name):
        """An example in Python."""
        return [sys.executable, "-B", str(SCRIPTS / name)]

    def program(self, name):
        """An example in C or C++: its language, a dash, its name."""
        return [str(self.folder / name)]

    def senders(self, address):
        """Each sender's command and what it prints."""
        host, port = address.split(":")
        url, count = f"{address}/examples", str(COUNT)
        yield "Python", [*self.script("simple_send.py"), "-a", url, "-m", count], "all messages confirmed"
        yield "C", [*self.program("c-send"), host, port, "examples", count], f"{COUNT} messages sent and acknowledged"
        yield "C++", [*self.program("cpp-simple_send"), "-a", url, "-m", count], "all messages confirmed"

    def receivers(self, address, sender):
        """Each receiver's command and all that it prints for a sender; in Python, integers are long by default."""
        host, port = address.split(":")
        url, count = f"{address}/examples", str(COUNT)
        numbers = [str(number) if sender == "Python" else f"int32({number})" for number in NUMBERS]
        bodies = [f'{{"sequence"={number}}}' for number in NUMBERS]
        yield "Python", [*self.script("simple_recv.py"), "-a", url, "-m", count], [
            f"{{'sequence': {number}}}" for number in numbers]
        yield "C", [*self.program("c-receive"), host, port, "examples", count], [*bodies, f"{COUNT} messages received"]
        yield "C++", [*self.program("cpp-simple_recv"), "-a", url, "-m", count], bodies

    def brokers(self, address):
        """Each broker's command."""
        return {
            "Python": [*self.script("broker.py"), "-a", address],
            "C": [*self.program("c-broker"), *address.split(":")],
            "C++": [*self.program("cpp-broker"), "-a", address],
        }


def shipped_scenarios(examples, folder):
    """Every scenario as its name and a function that runs it on a stage."""
    shipped = Shipped(folder)
    for name, program in examples.adapters.items():
        broker = program("broker")
        for one, run in client_scenarios(shipped):
            yield f"{name} broker, {one}", served(examples.proton, broker, run)
        for script in FIXED_CLIENTS:
            yield f"{name} broker, Proton's {script}", fixed(broker, shipped.script(script))
        following, receive = next_after(examples.adapters, name)
        for kind in shipped.brokers(FIXED):
            run = through_theirs(shipped, kind, program, receive)
            yield f"Proton's {kind} broker: {name} send, {following} receive", run
        yield f"Proton's direct_recv.py: {name} send", to_direct(shipped, program)
        yield f"Proton's direct_send.py: {name} receive", from_direct(shipped, program)


def client_scenarios(shipped):
    """What Proton's clients do with a broker of ours."""
    for first in ("sender", "receiver"):
        yield f"Proton's senders and receivers, {first} first", through_ours(shipped, first)
    yield "Proton's send-abort leaves nothing", aborting(shipped)
    yield "Proton's colour_send.py and selected_recv.py", colours(shipped)
    yield "Proton's helloworld in C++", lambda table: table.stage.expect_exactly(
        table.stage.start("helloworld", [*shipped.program("cpp-helloworld"), f"//{table.address}"]), ["Hello World!"])
    for server in ("Python", "C++"):
        yield f"Proton's clients and its server in {server}", requests(shipped, server)


def through_ours(shipped, first):
    """Each of Proton's senders with each of its receivers."""
    def run(table):
        for sender, send, confirmed in shipped.senders(table.address):
            for receiver, receive, bodies in shipped.receivers(table.address, sender):
                names = f"sender in {sender}", f"receiver in {receiver}"
                programs = {}
                for part in (0, 1) if first == "sender" else (1, 0):
                    programs[part] = table.stage.start(names[part], [send, receive][part])
                    if first == "sender":
                        table.stage.expect(programs[part])
                table.stage.expect_exactly(programs[0], [confirmed])
                table.stage.expect_exactly(programs[1], bodies)
    return run


def aborting(shipped):
    """Messages that were begun and given up reach nobody, and cost no credit for ever."""
    def run(table):
        command = [*shipped.program("c-send-abort"), *table.address.split(":"), "examples", "300"]
        sender = table.stage.start("send-abort", command)
        table.stage.expect_exactly(sender, ["300 messages started and aborted"])
        table.run("hello-send", "count=10", "to=examples")
        table.run("hello-receive", "count=10", "from=examples")
    return run


def colours(shipped):
    """Every second message is green: first those are fetched, then the others."""
    def run(table):
        def start(script, count):
            command = [*shipped.script(script), "-a", f"{table.address}/examples", "-m", str(count)]
            return table.stage.start(script, command)

        half = COUNT // 2
        table.stage.expect_exactly(start("colour_send.py", COUNT), ["all messages confirmed"])
        green = [f"green {number + 1}" for number in range(0, COUNT, 2)]
        table.stage.expect_exactly(start("selected_recv.py", half), green)
        red = [f"red {number + 1}" for number in range(1, COUNT, 2)]
        table.stage.expect_exactly(start("simple_recv.py", half), red)
    return run


def requests(shipped, language):
    """Proton's three clients, one after the other, with one of its servers."""
    def run(table):
        url = f"{table.address}/examples"
        python_server = [*shipped.script("server.py"), "-a", url]
        cpp_server = [*shipped.program("cpp-server"), f"//{table.address}", "examples"]
        server = table.stage.start(f"server in {language}", python_server if language == "Python" else cpp_server)
        for client in (shipped.script("client.py"), shipped.script("sync_client.py"), shipped.program("cpp-client")):
            table.stage.expect_exactly(table.stage.start("client", [*client, "-a", url]), ANSWERS)
        if server.process.poll() is not None:
            table.stage.problems.append("the server has ended")
    return run


def fixed(broker, client):
    """A client that connects to the usual port, which is to be free on this machine."""
    def run(stage):
        _, address = stage.listen("broker", [*broker, "--addr", FIXED])
        if address:
            stage.expect_exactly(stage.start("helloworld", client), ["Hello World!"])
    return run


def through_theirs(shipped, kind, send, receive):
    """Our clients through one of Proton's brokers, either first."""
    def run(stage):
        address = free_address()
        stage.start("broker", shipped.brokers(address)[kind])
        if not accepts(stage, address):
            return
        for number in range(2):
            urls = [f"amqp://{address}/queue{number}{index}" for index in range(CONNECTIONS)]
            total = CONNECTIONS * COUNT
            receiving = [*receive("receive"), "--count", str(total), "--prefetch", "10", *urls]
            receiver = stage.start("receive", receiving) if number else None
            sender = stage.start("send", [*send("send"), "--count", str(COUNT), *urls])
            stage.expect_exactly(sender, [f"Received all {total} acknowledgements"])
            receiver = receiver or stage.start("receive", receiving)
            stage.expect_exactly(
                receiver, [f"Listening on {CONNECTIONS} connections", f"Received {total} messages"])
    return run


def to_direct(shipped, program):
    """Our sender, and a receiver that is the server and closes as soon as it has all."""
    def run(stage):
        address = free_address()
        receiver = stage.start("direct_recv.py", [*shipped.script("direct_recv.py"), "-a", address, "-m", str(COUNT)])
        if listens(stage, receiver, address):
            sender = stage.start("send", [*program("send"), "--count", str(COUNT), f"amqp://{address}/examples"])
            stage.expect_exactly(sender, [f"Received all {COUNT} acknowledgements"])
            stage.expect_exactly(receiver, [f"examples{number}" for number in range(COUNT)])
    return run


def from_direct(shipped, program):
    """Our receiver, and a sender that is the server."""
    def run(stage):
        address = free_address()
        sender = stage.start("direct_send.py", [*shipped.script("direct_send.py"), "-a", address, "-m", str(COUNT)])
        if listens(stage, sender, address):
            command = [*program("receive"), "--count", str(COUNT), "--prefetch", "7", f"amqp://{address}/examples"]
            receiver = stage.start("receive", command)
            stage.expect_exactly(receiver, ["Listening on 1 connections", f"Received {COUNT} messages"])
            stage.expect_exactly(sender, ["all messages confirmed"])
    return run


def free_address():
    """Where nothing listens; for programs that do not say which port the system gave them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def accepts(stage, address):
    """Waits until something accepts connections there; true if it does."""
    host, port = address.split(":")
    while time.monotonic() < stage.deadline:
        try:
            socket.create_connection((host, int(port))).close()
            return True
        except ConnectionRefusedError:
            time.sleep(POLL_SECONDS)
    stage.problems.append(f"nothing listens at {address}")
    return False


def listens(stage, program, address):
    """Waits until a program listens there, without connecting to it; true if it does."""
    host, port = address.split(":")
    local = f"{socket.inet_aton(host)[::-1].hex().upper()}:{int(port):04X}"
    while time.monotonic() < stage.deadline and program.process.poll() is None:
        rows = [row.split() for row in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
        if any(row[1] == local and row[3] == "0A" for row in rows):
            return True
        time.sleep(POLL_SECONDS)
    stage.problems.append(f"{program.name} does not listen at {address}")
    return False
