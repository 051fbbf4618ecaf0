"""What the broker on Proton keeps: messages in their order, and the selectors of those who want a part of them."""

import heapq
import re
from collections import deque
from dataclasses import dataclass, field

from proton import Delivery, Message, symbol, ulong

SELECTOR = [symbol("apache.org:selector-filter:string"), ulong(0x0000468C00000004)]
EQUALITY = re.compile(r"\s*(\w+)\s*=\s*'((?:[^']|'')*)'\s*")


@dataclass(order=True)
class Stored:
    """A message with the number of its arrival, which is its place in the queue for as long as it lives."""

    number: int
    message: Message = field(compare=False)
    delivery: Delivery = field(compare=False)


@dataclass
class Selector:
    """`property = 'literal'`: the messages with that application property, and no others."""

    name: str
    literal: str

    @classmethod
    def of(cls, data):
        """The selector in a filter set; None without one, ValueError if it is more than this broker understands."""
        data.rewind()
        filters = (data.get_object() if data.next() else None) or {}
        for described in filters.values():
            match = EQUALITY.fullmatch(described.value) if described.descriptor in SELECTOR else None
            if not match:
                raise ValueError(f"filter {described}")
            return cls(match[1], match[2].replace("''", "'"))
        return None

    def selects(self, message):
        """Whether the message is one of them."""
        return (message.properties or {}).get(self.name) == self.literal


class Queue:
    """Messages of an address in the order of arrival, at most `capacity` of them; the others wait outside."""

    def __init__(self, address, capacity, dynamic):
        self.address, self.capacity, self.dynamic = address, capacity, dynamic
        self.consumers = []
        self.inside = deque()
        self.outside = deque()

    def offer(self, stored):
        """A message has arrived; it is inside once `admit` has returned it."""
        self.outside.append(stored)

    def admit(self):
        """Lets in what there is room for; these are the messages that are now inside."""
        admitted = []
        while self.outside and len(self.inside) < self.capacity:
            admitted.append(self.outside.popleft())
            self.inside.append(admitted[-1])
        return admitted

    def take(self, selector):
        """The first message, or the first that is selected; None if there is none."""
        if selector is None:
            return self.inside.popleft() if self.inside else None
        found = next((stored for stored in self.inside if selector.selects(stored.message)), None)
        if found:
            self.inside.remove(found)
        return found

    def give_back(self, several):
        """Messages that were taken and not resolved have their old places again."""
        self.inside = deque(heapq.merge(sorted(several), self.inside))

    def withdraw(self, link):
        """What a link has waiting outside is gone with it."""
        if any(stored.delivery.link == link for stored in self.outside):
            self.outside = deque(stored for stored in self.outside if stored.delivery.link != link)
