"""The AMQP values that the suite exchanges, as the Python objects that Proton should make of them.

`values.txt` has the same names with an encoding of each value that owes nothing to either implementation, so that
a peer in another language builds its half of the table from there. Lines are `NAME HEX`; `#` begins a comment.
"""

import struct
import uuid
from pathlib import Path

from proton import (
    UNDESCRIBED, Array, Data, Described, byte, char, decimal32, decimal64, decimal128, float32, int32, short,
    symbol, timestamp, ubyte, uint, ulong, ushort)

TABLE = Path(__file__).with_name("values.txt")
SAMPLE_UUID = uuid.UUID("12345678-9abc-def0-0123-456789abcdef")


def array(kind, *elements):
    """An array without a descriptor."""
    return Array(UNDESCRIBED, kind, *elements)


def nested_lists(depth):
    """An empty list inside `depth` others."""
    value = []
    for _ in range(depth):
        value = [value]
    return value


def float_from(bits):
    """The double that has these bits."""
    return struct.unpack(">d", struct.pack(">Q", bits))[0]


PRIMITIVES = {
    "null": None,
    "true": True,
    "false": False,
    "ubyte-zero": ubyte(0),
    "ubyte-max": ubyte(255),
    "ushort-zero": ushort(0),
    "ushort-max": ushort(65535),
    "uint-zero": uint(0),
    "uint-small": uint(1),
    "uint-small-max": uint(255),
    "uint-wide-min": uint(256),
    "uint-max": uint(2**32 - 1),
    "ulong-zero": ulong(0),
    "ulong-small": ulong(1),
    "ulong-small-max": ulong(255),
    "ulong-wide-min": ulong(256),
    "ulong-max": ulong(2**64 - 1),
    "byte-min": byte(-128),
    "byte-zero": byte(0),
    "byte-max": byte(127),
    "short-min": short(-32768),
    "short-minus-one": short(-1),
    "short-max": short(32767),
    "int-zero": int32(0),
    "int-small-min": int32(-128),
    "int-small-max": int32(127),
    "int-wide-below": int32(-129),
    "int-wide-above": int32(128),
    "int-min": int32(-2**31),
    "int-max": int32(2**31 - 1),
    "long-zero": 0,
    "long-small-min": -128,
    "long-small-max": 127,
    "long-wide-below": -129,
    "long-wide-above": 128,
    "long-min": -2**63,
    "long-max": 2**63 - 1,
    "float-zero": float32(0.0),
    "float-minus-zero": float32(-0.0),
    "float-fraction": float32(-1.5),
    "float-max": float32(struct.unpack(">f", bytes.fromhex("7f7fffff"))[0]),
    "float-least": float32(struct.unpack(">f", bytes.fromhex("00000001"))[0]),
    "float-infinity": float32("inf"),
    "double-zero": 0.0,
    "double-minus-zero": -0.0,
    "double-fraction": 3.141592653589793,
    "double-max": float_from(0x7FEFFFFFFFFFFFFF),
    "double-least": float_from(1),
    "double-minus-infinity": float("-inf"),
    "double-nan": float_from(0x7FF8000000000000),
    "decimal32-zero": decimal32(0x22500000),
    "decimal32-ones": decimal32(2**32 - 1),
    "decimal64-five": decimal64(0x2238000000000005),
    "decimal64-ones": decimal64(2**64 - 1),
    "decimal128-pattern": decimal128(bytes(range(16))),
    "decimal128-ones": decimal128(b"\xff" * 16),
    "char-nul": char("\0"),
    "char-ascii": char("x"),
    "char-euro": char("\u20ac"),
    "char-emoji": char("\U0001f600"),
    "char-max": char("\U0010ffff"),
    "timestamp-zero": timestamp(0),
    "timestamp-before-epoch": timestamp(-1),
    "timestamp-recent": timestamp(1311704463521),
    "timestamp-min": timestamp(-2**63),
    "timestamp-max": timestamp(2**63 - 1),
    "uuid-zero": uuid.UUID(int=0),
    "uuid-sample": SAMPLE_UUID,
    "binary-empty": b"",
    "binary-octets": bytes(range(16)),
    "binary-255": b"\xa5" * 255,
    "binary-256": b"\xa5" * 256,
    "string-empty": "",
    "string-ascii": "hello",
    "string-unicode": "gr\u00fc\u00dfe \u20ac \U0001f600",
    "string-with-nul": "a\0b",
    "string-255": "s" * 255,
    "string-256": "s" * 256,
    "symbol-empty": symbol(""),
    "symbol-short": symbol("amqp:symbol"),
    "symbol-255": symbol("y" * 255),
    "symbol-256": symbol("y" * 256),
}

COMPOUND = {
    "list-empty": [],
    "list-one-null": [None],
    "list-mixed": [True, ubyte(1), "two", symbol("three"), 4.0, b"five", None],
    "list-255": [ubyte(n) for n in range(255)],
    "list-256": [ubyte(n) for n in range(256)],
    "list-nested": [[], [int32(1), [int32(2), [int32(3)]]]],
    "list-depth-20": nested_lists(20),
    "map-empty": {},
    "map-strings": {"one": int32(1), "two": int32(2)},
    "map-order-kept": {"z": 1, "y": 2, "x": 3, "a": 4},
    "map-mixed-keys": {ulong(7): "ulong", symbol("s"): "symbol", "t": "string", None: "null", True: "boolean"},
    "map-nested": {"inner": {"list": [int32(1), {}]}, "empty": {}},
    "map-128-pairs": {uint(n): ushort(n) for n in range(128)},
}

ARRAYS = {
    "array-null": array(Data.NULL, None, None, None),
    "array-boolean": array(Data.BOOL, True, False, True),
    "array-all-true": array(Data.BOOL, True, True),
    "array-ubyte": array(Data.UBYTE, ubyte(0), ubyte(255)),
    "array-ushort": array(Data.USHORT, ushort(0), ushort(65535)),
    "array-uint": array(Data.UINT, uint(0), uint(1), uint(2**32 - 1)),
    "array-uint-zeroes": array(Data.UINT, uint(0), uint(0)),
    "array-ulong": array(Data.ULONG, ulong(0), ulong(1), ulong(2**64 - 1)),
    "array-byte": array(Data.BYTE, byte(-128), byte(127)),
    "array-short": array(Data.SHORT, short(-1), short(1)),
    "array-int": array(Data.INT, int32(1), int32(-2), int32(2**31 - 1)),
    "array-int-small": array(Data.INT, int32(1), int32(-2)),
    "array-long": array(Data.LONG, 1, -2, -2**63),
    "array-float": array(Data.FLOAT, float32(1.5), float32("-inf")),
    "array-double": array(Data.DOUBLE, 1.5, -0.0),
    "array-decimal32": array(Data.DECIMAL32, decimal32(1), decimal32(2)),
    "array-decimal64": array(Data.DECIMAL64, decimal64(1)),
    "array-decimal128": array(Data.DECIMAL128, decimal128(bytes(range(16)))),
    "array-char": array(Data.CHAR, char("a"), char("\U0001f600")),
    "array-timestamp": array(Data.TIMESTAMP, timestamp(0), timestamp(-1)),
    "array-uuid": array(Data.UUID, SAMPLE_UUID, uuid.UUID(int=1)),
    "array-binary": array(Data.BINARY, b"", b"ab"),
    "array-string": array(Data.STRING, "", "gr\u00fc\u00dfe"),
    "array-string-wide": array(Data.STRING, "w" * 300, "short"),
    "array-symbol": array(Data.SYMBOL, symbol("PLAIN"), symbol("ANONYMOUS")),
    "array-list": array(Data.LIST, [int32(1), "a"], []),
    "array-list-empties": array(Data.LIST, [], []),
    "array-map": array(Data.MAP, {"a": int32(1)}, {}),
    "array-empty-int": array(Data.INT),
    "array-empty-symbol": array(Data.SYMBOL),
    "array-empty-list": array(Data.LIST),
    "array-of-arrays": array(Data.ARRAY, array(Data.INT, int32(1)), array(Data.INT, int32(2), int32(3))),
    "array-of-empty-array": array(Data.ARRAY, array(Data.SYMBOL)),
    "array-300-ubytes": array(Data.UBYTE, *[ubyte(n % 256) for n in range(300)]),
    "array-described": Array(symbol("interop:element"), Data.INT, int32(1), int32(-1)),
    "array-described-ulong": Array(ulong(0x468C00000A), Data.STRING, "a", "b"),
    "array-described-empty": Array(ulong(7), Data.INT),
    "array-described-lists": Array(symbol("interop:row"), Data.LIST, [int32(1)], []),
    "list-of-arrays": [array(Data.INT, int32(1)), array(Data.SYMBOL)],
}

# Proton 0.37 does not find its way through a body that is a described described value, only through one in a list.
DESCRIBED = {
    "described-by-symbol": Described(symbol("interop:word"), "word"),
    "described-by-ulong": Described(ulong(0x468C00000A), [int32(1)]),
    "described-by-string": Described("name", b"value"),
    "described-null": Described(symbol("interop:nothing"), None),
    "described-described": [Described(ulong(1), Described(symbol("interop:inner"), {}))],
    "described-in-list": [Described(ulong(1), ulong(2)), Described(ulong(3), [])],
    "described-in-map": {"key": Described(symbol("interop:word"), True)},
}

EXPECTED = {**PRIMITIVES, **COMPOUND, **ARRAYS, **DESCRIBED}


def shape(value):
    """Something comparable that tells apart what `==` does not: types, bits of floats and the order of maps."""
    if isinstance(value, float):
        return (type(value), struct.pack(">d", value))
    if isinstance(value, dict):
        return ("map", [(shape(key), shape(item)) for key, item in value.items()])
    if isinstance(value, (list, tuple)):
        return ("list", [shape(item) for item in value])
    if isinstance(value, Described):
        return ("described", shape(value.descriptor), shape(value.value))
    if isinstance(value, Array):
        descriptor = None if value.descriptor == UNDESCRIBED else shape(value.descriptor)
        return ("array", value.type, descriptor, [shape(item) for item in value.elements])
    return (type(value), value)


def read_table():
    """The table's file: names and encodings, in its order."""
    lines = (line.split("#")[0].split() for line in TABLE.read_text().splitlines())
    return {words[0]: bytes.fromhex(words[1]) for words in lines if words}


def check_table():
    """What is wrong with the table when Proton decodes it: the empty list if nothing is."""
    table = read_table()
    wrong = [f"{name}: only in one half of the table" for name in sorted(table.keys() ^ EXPECTED.keys())]
    for name in table.keys() & EXPECTED.keys():
        data = Data()
        length = data.decode(table[name])
        data.rewind()
        data.next()
        value = data.get_object()
        if length != len(table[name]) or shape(value) != shape(EXPECTED[name]):
            wrong.append(f"{name}: Proton decodes {value!r}, expected {EXPECTED[name]!r}")
    return wrong
