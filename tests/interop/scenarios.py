"""The scenarios: who does what with whom, and how each program is to end.

Both sides understand `connect|listen HOST:PORT MODE [NAME=VALUE]...`, so most scenarios are a pair of modes that is
run four times: either side sends, and either side is the server.
"""

from dataclasses import dataclass, field

KILLED = -9
BIG = 10 * 1024 * 1024
MANY_FRAMES = [f"size={BIG}", "frame-size=16384"]
SMALL_WINDOW = [f"size={BIG // 10}", "frame-size=16384", "capacity=65536"]
FREE_PORT = "127.0.0.1:0"


@dataclass
class Sides:
    """How to start our programs and Proton's."""

    ours: list
    proton: list
    run_loop: list
    broker: list

    def names(self):
        """Each side's name and command."""
        return {"ours": self.ours, "Proton": self.proton}


@dataclass
class Pair:
    """A mode for each of two programs, with the settings that both get and the status with which each ends."""

    name: str
    sends: str
    receives: str
    settings: list = field(default_factory=list)
    only_sender: str = None
    sender_status: int = 0
    receiver_status: int = 0


PAIRS = [
    Pair("types", "types-send", "types-receive"),
    Pair("sections", "sections-send", "sections-receive"),
    Pair("outcomes", "outcomes-send", "outcomes-receive"),
    Pair("10 MB", "big-send", "big-receive", [f"size={BIG}"]),
    Pair("10 MB in 512-octet frames", "big-send", "big-receive", [f"size={BIG}", "frame-size=512"]),
    Pair("hello without SASL", "hello-send", "hello-receive", ["count=5000", "sasl=none"]),
    Pair("settled by the sender", "settled-send", "settled-receive", ["count=100"]),
    Pair("settled by the receiver second", "second-send", "second-receive", ["count=100"]),
    Pair("drain", "drain-send", "drain-receive"),
    Pair("1 MB through a window of 64 kB", "big-send", "window-receive", SMALL_WINDOW),
    Pair("aborted half-way", "abort-send", "abort-receive", MANY_FRAMES),
    Pair("receiver killed", "lost-send", "cut-receive", MANY_FRAMES, "ours", receiver_status=KILLED),
    Pair("sender killed", "cut-send", "lost-receive", MANY_FRAMES, "Proton", sender_status=KILLED),
]


@dataclass
class Duel:
    """A mode for the server and one for the client, with the settings of each."""

    name: str
    server: str
    client: str
    server_settings: list = field(default_factory=list)
    client_settings: list = field(default_factory=list)


PLAIN = ["mechanism=PLAIN", "user=interop", "password=correct horse"]
WRONG = ["mechanism=PLAIN", "user=interop", "password=wrong"]
IDLE = ["idle=1000", "quiet=2500"]
TEN = ["count=10"]
DUELS = [
    Duel("SASL PLAIN succeeds", "login", "login", PLAIN, PLAIN),
    Duel("SASL PLAIN fails", "refused", "refused", PLAIN, WRONG),
    Duel("links turned away", "turn-away", "turned-away"),
    *[
        Duel(f"{scope} ended with an error", "end", "ended", [f"scope={scope}"], [f"scope={scope}"])
        for scope in ["link", "session", "connection"]],
    Duel("detached and attached again", "reattach-receive", "reattach-send", TEN, TEN),
    Duel("dynamic address", "dynamic-send", "dynamic-receive"),
    Duel("silence longer than the idle time-outs", "idle", "idle", IDLE, IDLE),
]


def all_scenarios(sides):
    """Every scenario as its name and a function that runs it on a stage."""
    yield from pair_scenarios(sides)
    yield from duel_scenarios(sides)
    yield from run_loop_scenarios(sides)


def pair_scenarios(sides):
    """The pairs, with each side as sender and as server."""
    for pair in PAIRS:
        for sender in [pair.only_sender] if pair.only_sender else list(sides.names()):
            receiver = other(sides, sender)
            sends = (sender, "sender", pair.sends, pair.settings, pair.sender_status)
            receives = (receiver, "receiver", pair.receives, pair.settings, pair.receiver_status)
            yield f"{pair.name}: {sender} listens, sends to {receiver}", duel(sides, sends, receives)
            yield f"{pair.name}: {receiver} listens, receives from {sender}", duel(sides, receives, sends)


def duel_scenarios(sides):
    """The duels, with each side as server."""
    for one in DUELS:
        for name in sides.names():
            server = (name, "server", one.server, one.server_settings, 0)
            client = (other(sides, name), "client", one.client, one.client_settings, 0)
            yield f"{one.name}: {name} as server, {other(sides, name)} as client", duel(sides, server, client)


def duel(sides, server, client):
    """Runs two programs, each given by side, part, mode, settings and exit status, to their ends."""
    def run(stage):
        side, part, mode, settings, server_status = server
        command = [*sides.names()[side], "listen", FREE_PORT, mode, *settings]
        listening, address = stage.listen(f"{side}, {part}", command)
        if address is None:
            return
        side, part, mode, settings, client_status = client
        command = [*sides.names()[side], "connect", address, mode, *settings]
        stage.expect(stage.start(f"{side}, {part}", command), client_status)
        stage.expect(listening, server_status)
    return run


def run_loop_scenarios(sides):
    """The example program of the engine, as client of a broker and as server."""
    yield "run_loop: through Proton's broker and back", through_broker(sides)
    yield "run_loop: Proton through our server and back", through_our_server(sides)
    yield "run_loop: our server survives clients that are killed", survive(sides)


def through_broker(sides):
    """Our example sends to and receives from a broker on Proton; Proton then hears it as well."""
    def run(stage):
        _, address = stage.listen("broker", [*sides.broker, "--addr", FREE_PORT])
        if address is None:
            return
        send = stage.start("run_loop send", [*sides.run_loop, "send", address, "queue", "10"])
        stage.expect(send, 0, "sent 10 accepted 10")
        receive = stage.start("run_loop receive", [*sides.run_loop, "receive", address, "queue", "10"])
        stage.expect(receive, 0, "received queue: hello 9")
        stage.expect(stage.start("run_loop send", [*sides.run_loop, "send", address, "queue", "10"]))
        stage.expect(stage.start("Proton", [*sides.proton, "connect", address, *hello("receive")]))
    return run


def through_our_server(sides):
    """Proton sends to our example as the server, and has its messages back."""
    def run(stage):
        _, address = stage.listen("run_loop serve", [*sides.run_loop, "serve", FREE_PORT])
        if address is None:
            return
        stage.expect(stage.start("sender", [*sides.proton, "connect", address, *hello("send")]))
        stage.expect(stage.start("receiver", [*sides.proton, "connect", address, *hello("receive")]))
    return run


def survive(sides):
    """A client that dies in the middle of a message does not disturb the next one."""
    def run(stage):
        _, address = stage.listen("run_loop serve", [*sides.run_loop, "serve", FREE_PORT])
        if address is None:
            return
        cut = [*sides.proton, "connect", address, "cut-send", f"size={BIG}"]
        stage.expect(stage.start("killed sender", cut), KILLED)
        stage.expect(stage.start("sender", [*sides.proton, "connect", address, *hello("send")]))
        stage.expect(stage.start("receiver", [*sides.proton, "connect", address, *hello("receive")]))
    return run


def hello(direction):
    """Proton's mode and settings for ten greetings through `queue`."""
    return [f"hello-{direction}", "count=10", f"{'to' if direction == 'send' else 'from'}=queue"]


def other(sides, name):
    """The side that is not this one."""
    return next(side for side in sides.names() if side != name)
