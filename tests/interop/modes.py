"""What the Proton side sends and expects: values, sections, outcomes, a large message, plain greetings."""

from proton import Condition, Delivery, Message, PropertyDict, symbol

import sections
from exchange import NODE, Receiving, Sending
from values import EXPECTED, shape

NULL_BODY = bytes.fromhex("00537740")


def encode_value(name, value):
    """A message with a value as its body; Proton itself leaves a null body out, so that is appended."""
    octets = Message(subject=name, body=value).encode()
    return octets + NULL_BODY if value is None else octets


class TypesSend(Sending):
    """Sends every value of the table, each with its name as the subject."""

    def __init__(self, options):
        super().__init__(options, [(name, encode_value(name, value)) for name, value in EXPECTED.items()])


class TypesReceive(Receiving):
    """Compares every value with the one of that name in the table."""

    def __init__(self, options):
        super().__init__(options, len(EXPECTED))
        self.missing = set(EXPECTED)

    def take(self, event):
        name, body = event.message.subject, event.message.body
        if name not in self.missing:
            self.problem(f"{name}: unknown, or here for the second time")
        elif shape(body) != shape(EXPECTED[name]):
            self.problem(f"{name}: received {body!r}, expected {EXPECTED[name]!r}")
        self.missing.discard(name)
        return True


class SectionsSend(Sending):
    """Sends messages with all sections and all fields set, one for each kind of body and of message-id."""

    def __init__(self, options):
        super().__init__(options, [(name, message.encode()) for name, message in sections.messages().items()])


class SectionsReceive(Receiving):
    """Compares every field of those messages."""

    def __init__(self, options):
        self.messages = sections.messages()
        super().__init__(options, len(self.messages))

    def take(self, event):
        name = event.message.subject
        expected = self.messages.pop(name, None)
        if expected is None:
            self.problem(f"{name}: unknown, or here for the second time")
        else:
            self.problems.extend(sections.differences(expected, event.message))
        return True


OUTCOMES = ["accepted", "rejected", "rejected-bare", "released", "modified", "modified-bare"]
REJECTION = Condition("interop:refused", "as asked", PropertyDict({"code": 42, "reason": "a test"}))
ANNOTATIONS = {symbol("x-opt-interop"): "changed"}


class OutcomesSend(Sending):
    """Sends one message for each outcome, which its subject asks for, and checks all fields of what comes back."""

    def __init__(self, options):
        super().__init__(options, [(name, Message(subject=name, body=name).encode()) for name in OUTCOMES])

    def check_outcome(self, name, delivery):
        remote = delivery.remote
        rejection = remote.condition
        actual = {
            "state": delivery.remote_state,
            "error": rejection and (rejection.name, rejection.description, rejection.info),
            "failed": remote.failed,
            "undeliverable": remote.undeliverable,
            "annotations": remote.annotations or None,
        }
        expected = expected_outcome(name)
        if actual != expected:
            self.problem(f"{name}: outcome {actual}, expected {expected}")


def expected_outcome(name):
    """How Proton shows the outcome of that name."""
    kind = name.split("-")[0]
    full_rejection, full_modification = name == "rejected", name == "modified"
    return {
        "state": getattr(Delivery, kind.upper()),
        "error": (REJECTION.name, REJECTION.description, REJECTION.info) if full_rejection else None,
        "failed": full_modification,
        "undeliverable": full_modification,
        "annotations": ANNOTATIONS if full_modification else None,
    }


class OutcomesReceive(Receiving):
    """Gives each message the outcome that its subject asks for."""

    def __init__(self, options):
        super().__init__(options, len(OUTCOMES))

    def take(self, event):
        name, delivery = event.message.subject, event.delivery
        if name == "rejected":
            delivery.local.condition = REJECTION
        if name == "modified":
            delivery.local.failed = True
            delivery.local.undeliverable = True
            delivery.local.annotations = ANNOTATIONS
        self.settle(delivery, getattr(Delivery, name.split("-")[0].upper()))
        return False


def big_body(size):
    """Octets whose period divides no frame size, so that lost, doubled and exchanged pieces show."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


class BigSend(Sending):
    """Sends one message with a data section of `size` octets."""

    def __init__(self, options):
        message = Message(subject="big", body=big_body(options.number("size")))
        message.inferred = True
        super().__init__(options, [("big", message.encode())])


class BigReceive(Receiving):
    """Compares that message octet by octet."""

    def __init__(self, options):
        super().__init__(options, 1)

    def take(self, event):
        body = event.message.body
        if not isinstance(body, bytes) or body != big_body(self.options.number("size")):
            self.problem(f"{len(body)} octets that are not the ones sent")
        return True


def hello(options, number):
    """A greeting, made as long as the setting `padding` says."""
    return f"hello {number}" + "." * options.number("padding")


class HelloSend(Sending):
    """Sends `count` greetings to the address `to`."""

    def __init__(self, options):
        texts = [hello(options, number) for number in range(options.number("count"))]
        super().__init__(options, [(text, Message(body=text).encode()) for text in texts])

    def open_link(self, container, connection):
        container.create_sender(connection, self.options.text("to", NODE))


class HelloReceive(Receiving):
    """Receives `count` greetings, in order from number `first`, from the address `from`, then closes the connection."""

    def __init__(self, options):
        super().__init__(options, options.number("count"))

    def open_link(self, container, connection):
        container.create_receiver(connection, self.options.text("from", NODE))

    def take(self, event):
        if event.message.body != hello(self.options, self.options.number("first") + self.received - 1):
            self.problem(f"received {event.message.body[:20]!r} as number {self.received}")
        if self.received == self.expected:
            self.accept(event.delivery)
            event.connection.close()
            return False
        return True


class NumbersReceive(Receiving):
    """Expects messages from the address `from` whose bodies are the `numbers`, then closes the connection."""

    def __init__(self, options):
        self.numbers = [int(number) for number in options.text("numbers").split(",")]
        super().__init__(options, len(self.numbers))

    def open_link(self, container, connection):
        container.create_receiver(connection, self.options.text("from"))

    def take(self, event):
        if event.message.body != self.numbers[self.received - 1]:
            self.problem(f"received {event.message.body!r} as number {self.received} of {self.numbers}")
        self.accept(event.delivery)
        if self.received == self.expected:
            event.connection.close()
        return False
