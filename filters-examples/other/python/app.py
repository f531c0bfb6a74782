"""Lets orders through, and nothing else: a filter in Python, written against the WIT alone.

componentize-py makes a component of it that needs WASI, so its policy grants `wasi`.
"""

import struct

from componentize_py_types import Ok, Result
from wit_world import exports
from wit_world.exports.lifecycle import Info
from wit_world.imports.events import Batch, Needs, Outcomes

# Words of a row (see wit/tidegate.wit): field n has its start in word 4 + 2n, its length in word 5 + 2n.
TYPE = 2
KEEP, DROP = 0, 1
REASONS = ["not an order"]


class Lifecycle(exports.Lifecycle):
    def describe(self) -> Info:
        return Info(name="minimal-python", version="0.1.0", config_schema=None)

    def configure(self, config: str) -> Needs:
        return Needs.ATTRIBUTES


class Filter(exports.Filter):
    def evaluate(self, events: Batch) -> Outcomes:
        def field(row: int, n: int) -> bytes:
            at = row + 4 + 2 * n
            start, length = events.index[at], events.index[at + 1]
            return events.bytes[start : start + length]

        def code(row: int) -> int:
            is_order = field(row, TYPE).startswith(b"com.acme.order")
            return KEEP if is_order else DROP | 1 << 8

        codes = [code(row) for row in range(0, len(events.index), events.row_words)]
        return Outcomes(codes=codes, reasons=REASONS if any(codes) else [])
