"""Seeded damage to bytes of any format: what a bad disk, or a patient forger, does.

Every mutator takes a generator and bytes and gives other bytes; the same seed gives
the same bytes on every machine.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Sequence
from typing import Any

Mutator = Callable[[random.Random, bytes], bytes]

__all__ = ["BYTE_MUTATORS", "Mutator", "hostile_leaf", "mutate", "mutated_json"]

_WILD_LENGTHS = (0, 1, 3, 7, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFF0)


def mutate(
    rng: random.Random, data: bytes, mutators: Sequence[tuple[str, Mutator]]
) -> tuple[bytes, str]:
    """One to three mutations in a row, and their names.

    A mutation that happens to give the bytes back is tried again, so that the result
    differs from what came in wherever that is possible.
    """
    names: list[str] = []
    changed = data
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        name, mutator = rng.choice(mutators)
        changed = mutator(rng, changed)
        names.append(name)
    while changed == data and len(names) < 20:
        name, mutator = rng.choice(mutators)
        changed = mutator(rng, changed)
        names.append(name)
    return changed, "+".join(names)


def flip_bits(rng: random.Random, data: bytes) -> bytes:
    """One to eight flipped bits anywhere."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 8) if out else 0):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def set_bytes(rng: random.Random, data: bytes) -> bytes:
    """A run of up to 16 random bytes written over what was there."""
    if not data:
        return data
    start = rng.randrange(len(data))
    run = rng.randbytes(rng.randint(1, 16))
    return (data[:start] + run + data[start + len(run) :])[: len(data)]


def truncate(rng: random.Random, data: bytes) -> bytes:
    """The end is missing."""
    return data[: rng.randrange(len(data))] if data else data


def drop_span(rng: random.Random, data: bytes) -> bytes:
    """Up to 64 bytes are missing in the middle."""
    if not data:
        return data
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randint(1, 64) :]


def insert_bytes(rng: random.Random, data: bytes) -> bytes:
    """Up to 64 random bytes more somewhere."""
    start = rng.randint(0, len(data))
    return data[:start] + rng.randbytes(rng.randint(1, 64)) + data[start:]


def repeat_span(rng: random.Random, data: bytes) -> bytes:
    """A span of the file comes twice."""
    if not data:
        return data
    start = rng.randrange(len(data))
    end = start + rng.randint(1, 256)
    return data[:end] + data[start:end] + data[end:]


def swap_spans(rng: random.Random, data: bytes) -> bytes:
    """Two neighbouring spans change places."""
    if len(data) < 8:
        return data
    size = rng.randint(1, min(64, len(data) // 2))
    start = rng.randrange(len(data) - 2 * size + 1)
    a, b = data[start : start + size], data[start + size : start + 2 * size]
    return data[:start] + b + a + data[start + 2 * size :]


def zero_span(rng: random.Random, data: bytes) -> bytes:
    """A sector of zeros, as a failing disk leaves."""
    if not data:
        return data
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.choice((4, 64, 512)))
    return data[:start] + bytes(end - start) + data[end:]


def wild_length(rng: random.Random, data: bytes) -> bytes:
    """A wild 16- or 32-bit number over four bytes, in either byte order."""
    if len(data) < 4:
        return data
    start = rng.randrange(len(data) - 3)
    code = rng.choice(("<I", ">I", "<H", ">H"))
    value = rng.choice(_WILD_LENGTHS)
    packed = struct.pack(code, value & (0xFFFF if code[1] == "H" else 0xFFFFFFFF))
    return data[:start] + packed + data[start + len(packed) :]


BYTE_MUTATORS: tuple[tuple[str, Mutator], ...] = (
    ("flip bits", flip_bits),
    ("set bytes", set_bytes),
    ("truncate", truncate),
    ("drop span", drop_span),
    ("insert bytes", insert_bytes),
    ("repeat span", repeat_span),
    ("swap spans", swap_spans),
    ("zero span", zero_span),
    ("wild length", wild_length),
)

_LEAVES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 10**30, -(10**400), 0.5, -1e308, 1e-320),
    *("", "x", "\x00", "<img src='/etc/passwd'>", "../../x", "\u202egnp", "1e999"),
    *([], {}, [1, 2, 3], [[]], {"a": 1}, float("nan"), float("inf")),
)


def hostile_leaf(rng: random.Random) -> Any:
    """A JSON value that a careless reader trips over."""
    return rng.choice(_LEAVES)


def mutated_json(rng: random.Random, value: Any) -> Any:
    """A copy of a JSON value with one place replaced, removed, moved or repeated."""
    copy = json.loads(json.dumps(value))
    holders = [h for h in _holders(copy) if len(h)]
    if not holders:
        return hostile_leaf(rng)
    holder = rng.choice(holders)
    if isinstance(holder, dict):
        key: Any = rng.choice(sorted(holder))
    else:
        key = rng.randrange(len(holder))
    old = holder[key]
    action = rng.randrange(6)
    if action == 0:
        del holder[key]
    elif action == 1 and isinstance(old, int | float) and not isinstance(old, bool):
        holder[key] = old * rng.choice((-1, 0, 2, 0.5, 1e6, 1 + 1e-9)) + rng.choice(
            (0, 1)
        )
    elif action == 2 and isinstance(holder, list):
        holder.insert(key, old)
    elif action == 3 and isinstance(old, list):
        rng.shuffle(old)
    elif action == 4 and isinstance(holder, dict):
        holder[f"{key}x"] = holder.pop(key)
    else:
        holder[key] = hostile_leaf(rng)
    return copy


def _holders(value: Any) -> list[Any]:
    """Objects and short lists of a JSON value, long lists of numbers only once."""
    found: list[Any] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            found.append(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            found.append(item)
            stack.extend(i for i in item[:50] if isinstance(i, dict | list))
    return found
