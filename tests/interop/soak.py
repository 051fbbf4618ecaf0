"""The soak: 100 connections for ten seconds through a broker of ours, while clients are stopped and killed at random.

What is expected of the broker, of every message, and of the broker when all is over: see `check_messages` and
`check_broker`.
"""

import os
import random
import signal
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from example_scenarios import served
from soak_clients import MARK, QUEUES

CLIENTS = [sys.executable, "-B", str(Path(__file__).parent / "soak_clients.py")]
SECONDS, MORE_SECONDS = 10, 60
STEADY, STEADY_CONNECTIONS = 6, 10
VICTIMS, VICTIM_CONNECTIONS = 8, 5
STRIKE_SECONDS, POLL_SECONDS = 0.5, 0.05
OURS, OUR_COUNT = 3, 30  # connections of each of our programs, messages over each
MEGABYTES, STAND_IN_MEGABYTES = 16, 64  # that the broker may have kept; Python keeps more
FLAGS = ["--qsize", "200", "--credit", "20"]


def soak_scenarios(examples):
    """The soak of each adapter's broker."""
    for name, program in examples.adapters.items():
        def run(table, program=program, megabytes=STAND_IN_MEGABYTES if name == "stand-in" else MEGABYTES):
            with tempfile.TemporaryDirectory() as folder:
                Soak(table, program, Path(folder)).run(megabytes)
        run.flags = FLAGS
        yield f"soak: {name} broker", served(examples.proton, program("broker"), run)


class Soak:
    """One broker, its clients, and the records that they keep in a folder."""

    def __init__(self, table, program, folder):
        self.table, self.program, self.folder = table, program, folder
        self.stage = table.stage
        self.random = random.Random(1)
        self.names = iter(range(1 << 60))
        self.victims, self.stopped = [], []

    def run(self, megabytes):
        """Warms up, soaks, sweeps up, checks."""
        self.stage.deadline += MORE_SECONDS
        self.sweep(lambda: self.stage.expect(self.client("crowd", STEADY_CONNECTIONS, 0.5)))
        before = Usage(self.table.broker.process.pid)
        self.soak()
        if not self.stage.problems:
            self.sweep(lambda: None)
            self.table.run("hello-send", "count=10", "to=last")
            self.table.run("hello-receive", "count=10", "from=last")
            self.check_messages()
            self.check_broker(before, megabytes)

    def client(self, part, number, seconds):
        """Starts clients of Proton that keep a record."""
        name = f"{part}{next(self.names)}"
        command = [*CLIENTS, part, self.table.address, str(self.folder / name), str(number), str(seconds)]
        return self.stage.start(name, command)

    def soak(self):
        """All clients at once, for the time of the soak; then all that are still alive leave."""
        end = time.monotonic() + SECONDS
        steady = [self.client("crowd", STEADY_CONNECTIONS, SECONDS) for _ in range(STEADY)]
        self.victims = [self.victim(end) for _ in range(VICTIMS)]
        strike = time.monotonic() + STRIKE_SECONDS
        ours = self.own_clients()
        while time.monotonic() < end and not self.stage.problems:
            if time.monotonic() > strike:
                strike += STRIKE_SECONDS
                self.strike(end)
            if all(program.process.poll() is not None for program, _ in ours):
                self.check_own(ours)
                ours = self.own_clients()
            time.sleep(POLL_SECONDS)
        for program in self.stopped:
            program.end()
        self.sweep(lambda: self.leave(ours, steady))

    def leave(self, ours, steady):
        """All that are still alive come to their ends."""
        self.check_own(ours)
        for program in [*steady, *self.victims]:
            self.stage.expect(program)

    def victim(self, end):
        """A client that may be killed."""
        return self.client("crowd", VICTIM_CONNECTIONS, end - time.monotonic())

    def strike(self, end):
        """Kills whom it stopped last time; another victim is stopped, and yet another is killed in full flight."""
        for program in self.stopped:
            program.end()
        running = [program for program in self.victims if program not in self.stopped]
        chosen = self.random.sample(running, 2)
        for program in chosen:
            if program.process.poll() is not None:
                self.stage.expect(program)
        os.kill(chosen[0].process.pid, signal.SIGSTOP)
        chosen[1].end()
        self.victims = [program for program in running if program not in chosen]
        self.victims += [self.victim(end) for _ in range(VICTIMS - len(self.victims))]
        self.stopped = chosen[:1]

    def own_clients(self):
        """Our `send` and `receive`, each with several connections, and what they are to print."""
        total = OURS * OUR_COUNT
        urls = [self.table.url(f"own{number}") for number in range(OURS)]
        receive = [*self.program("receive"), "--count", str(total), "--prefetch", "5", *urls]
        send = [*self.program("send"), "--count", str(OUR_COUNT), *urls]
        return [
            (self.stage.start("receive", receive), [f"Listening on {OURS} connections", f"Received {total} messages"]),
            (self.stage.start("send", send), [f"Received all {total} acknowledgements"])]

    def check_own(self, ours):
        """Our clients have done what they were to do."""
        for program, lines in ours:
            self.stage.expect_exactly(program, lines)

    def sweep(self, leave):
        """Empties the queues while the others leave; without that, who has sent to a full queue could not."""
        sweeper = self.client("sweeper", QUEUES, 0)
        leave()
        self.stage.expect(self.client("marks", QUEUES, 0))
        self.stage.expect(sweeper)

    def check_messages(self):
        """What the records say.

        Nothing that the broker accepted is lost: somebody has received it. Nothing comes from nowhere. And what a
        consumer has received and accepted, where the broker is known to have heard it, is never received after that:
        the consumer that is confirmed is the last that received it, and the only one.
        """
        happened = defaultdict(lambda: defaultdict(list))
        for path in self.folder.iterdir():
            for line in path.read_text(encoding="ascii").splitlines():
                moment, what, who, body = line.split(" ")
                if body != MARK:
                    happened[what][body].append((int(moment), who))
        received = happened["received"]
        counts = {
            "accepted but never received": happened["accepted"].keys() - received.keys(),
            "received but never sent": received.keys() - happened["sent"].keys(),
            "confirmed for two": {body for body, several in happened["confirmed"].items() if len(several) > 1},
            "received again after it was confirmed": {
                body for body, several in happened["confirmed"].items()
                if any(who not in [one for _, one in several] for _, who in sorted(received[body])[-1:])},
            "received again by who is confirmed": {
                body for body, several in happened["confirmed"].items()
                if sum(who == several[0][1] for _, who in received[body]) > 1 and "picky" not in several[0][1]},
        }
        for what, bodies in counts.items():
            if bodies:
                self.stage.problems.append(f"{len(bodies)} messages {what}, such as {sorted(bodies)[:5]}")
        numbers = {what: len(bodies) for what, bodies in happened.items()}
        again = sum(len(several) > 1 for several in received.values())
        print(f"     soak: {numbers}, {again} received more than once, {len(self.stage.programs)} programs")
        if again == 0:
            self.stage.problems.append("no message was received twice: the soak has disturbed nobody")

    def check_broker(self, before, megabytes):
        """The broker has as many open files and threads as before, and not much more memory."""
        usage = Usage(self.table.broker.process.pid)
        while usage.more_than(before, megabytes) and time.monotonic() < self.stage.deadline:
            time.sleep(POLL_SECONDS)
            usage = Usage(self.table.broker.process.pid)
        print(f"     soak: the broker before: {before}; after: {usage}")
        if usage.more_than(before, megabytes):
            self.stage.problems.append(f"the broker before: {before}; after: {usage}")


class Usage:
    """What a process has at this moment."""

    def __init__(self, process):
        folder = Path(f"/proc/{process}")
        self.files = len(list((folder / "fd").iterdir()))
        status = dict(line.split(":", 1) for line in (folder / "status").read_text(encoding="ascii").splitlines())
        self.threads = int(status["Threads"])
        self.megabytes = int(status["VmRSS"].split()[0]) // 1024

    def more_than(self, before, megabytes):
        """Whether this is more than can be explained."""
        return (self.files > before.files or self.threads > before.threads
                or self.megabytes > before.megabytes + megabytes)

    def __str__(self):
        return f"{self.files} files, {self.threads} threads, {self.megabytes} MB"
