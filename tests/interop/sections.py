"""Messages with every section and every field, and how to compare them."""

import uuid

from proton import Message, byte, int32, symbol, timestamp, ubyte, uint, ulong

FIELDS = [
    "durable", "priority", "ttl", "first_acquirer", "delivery_count", "id", "user_id", "address", "subject",
    "reply_to", "correlation_id", "content_type", "content_encoding", "expiry_time", "creation_time", "group_id",
    "group_sequence", "reply_to_group_id", "instructions", "annotations", "properties", "inferred", "body"]

PROPERTIES = {
    "null": None, "boolean": True, "ubyte": ubyte(8), "uint": uint(32), "ulong": ulong(64), "byte": byte(-8),
    "int": int32(-32), "long": -64, "double": 0.5, "string": "text", "symbol": symbol("name"),
    "timestamp": timestamp(1000), "binary": b"\x00\xff", "uuid": uuid.UUID(int=16)}


def messages():
    """One message for each kind of body and of message-id, by subject."""
    return {
        "data": full("data", ulong(42), b"\x00\x01\x02\xff", inferred=True),
        "value": full("value", uuid.UUID("00112233-4455-6677-8899-aabbccddeeff"), {"key": [int32(1), "two"]}),
        "sequence": full("sequence", "string-id", [int32(1), "two", symbol("three")], inferred=True),
        "binary-id": full("binary-id", b"\x01\x02", "body"),
        "minimal": Message(subject="minimal", body="body"),
    }


def full(subject, identity, body, inferred=False):
    """A message with all fields set."""
    message = Message(
        subject=subject, id=identity, body=body, durable=True, priority=7, ttl=30.5, first_acquirer=True,
        delivery_count=3, user_id=b"user", address="to", reply_to="reply", correlation_id=identity,
        content_type="text/plain", content_encoding="identity", expiry_time=1700000000.25,
        creation_time=1600000000.5, group_id="group", group_sequence=2**32 - 2, reply_to_group_id="reply-group")
    message.instructions = {symbol("x-opt-delivery"): "instruction", symbol("x-opt-number"): ulong(1)}
    message.annotations = {symbol("x-opt-message"): [int32(1), None], symbol("x-opt-flag"): True}
    message.properties = dict(PROPERTIES)
    message.inferred = inferred
    return message


def differences(expected, actual):
    """One line for each field in which two messages differ."""
    return [
        f"{expected.subject}: {name} is {getattr(actual, name)!r}, expected {getattr(expected, name)!r}"
        for name in FIELDS
        if repr(getattr(actual, name)) != repr(getattr(expected, name))]
