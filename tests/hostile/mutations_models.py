"""Seeded damage to models, calibration profiles and signed reports.

"Forged" is what somebody does who knows the format: the file is changed and every
digest in it is made to fit again.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from btd_desktop.digest import bytes_digest, json_digest
from tests.hostile.mutations import BYTE_MUTATORS, mutate, mutated_json

__all__ = ["mutated_model", "mutated_profile", "mutated_report"]

_Card = dict[str, Any]


def mutated_model(
    rng: random.Random, card: bytes, weights: bytes
) -> tuple[bytes, bytes, str]:
    """Card and weights after one attack, and the attack's name."""
    name, attack = rng.choice(_MODEL_ATTACKS)
    for _ in range(20):
        new_card, new_weights = attack(rng, card, weights)
        if (new_card, new_weights) != (card, weights):
            break
    return new_card, new_weights, name


def _damage_weights(rng: random.Random, card: bytes, weights: bytes):
    return card, mutate(rng, weights, BYTE_MUTATORS)[0]


def _damage_card(rng: random.Random, card: bytes, weights: bytes):
    return mutate(rng, card, BYTE_MUTATORS)[0], weights


def _edit_card(rng: random.Random, card: bytes, weights: bytes):
    return _dumped(mutated_json(rng, json.loads(card))), weights


def _forge_card(rng: random.Random, card: bytes, weights: bytes):
    value = mutated_json(rng, json.loads(card))
    return _dumped(_with_digest(value)), weights


def _forge_weights(rng: random.Random, card: bytes, weights: bytes):
    tensors = {key: array.copy() for key, array in load_tensors(weights).items()}
    key = rng.choice(sorted(tensors))
    values = tensors[key].reshape(-1)
    action = rng.randrange(6)
    if action == 0:
        values[rng.randrange(values.size)] = rng.choice((np.nan, np.inf, -np.inf))
    elif action == 1:
        tensors[key] = values[:-1] if values.size > 1 else values.repeat(2)
    elif action == 2:
        del tensors[key]
    elif action == 3:
        tensors[f"{key}.more"] = values
    elif action == 4:
        tensors[key] = tensors[key].astype(np.int32)
    else:
        values[rng.randrange(values.size)] += 0.01
    return _refit(card, save_tensors(tensors))


def _forge_bytes(rng: random.Random, card: bytes, weights: bytes):
    return _refit(card, mutate(rng, weights, BYTE_MUTATORS)[0])


def _forge_header(rng: random.Random, card: bytes, weights: bytes):
    """Length or JSON of the safetensors header, with digests to match."""
    (n_header,) = struct.unpack("<Q", weights[:8])
    header, body = json.loads(weights[8 : 8 + n_header]), weights[8 + n_header :]
    if rng.random() < 0.3:
        wild = rng.choice((0, 1, n_header + 8, 1 << 31, (1 << 63) - 1, (1 << 64) - 1))
        return _refit(card, struct.pack("<Q", wild) + weights[8:])
    text = json.dumps(mutated_json(rng, header)).encode()
    return _refit(card, struct.pack("<Q", len(text)) + text + body)


def _pickle(rng: random.Random, card: bytes, weights: bytes):
    """What `torch.save` and `pickle` write, under the name of the weights."""
    evil = b"\x80\x04cos\nsystem\n(S'echo never'\ntR." + rng.randbytes(64)
    return _refit(card, rng.choice((evil, b"PK\x03\x04" + rng.randbytes(400))))


_Attack = Callable[[random.Random, bytes, bytes], tuple[bytes, bytes]]
_MODEL_ATTACKS: tuple[tuple[str, _Attack], ...] = (
    ("damaged weights", _damage_weights),
    ("damaged card", _damage_card),
    ("edited card", _edit_card),
    ("forged card", _forge_card),
    ("forged weights", _forge_weights),
    ("forged bytes", _forge_bytes),
    ("forged header", _forge_header),
    ("forged pickle", _pickle),
)


def _refit(card: bytes, weights: bytes) -> tuple[bytes, bytes]:
    value = json.loads(card)
    value["weights_sha256"] = bytes_digest(weights)
    return _dumped(_with_digest(value)), weights


def _with_digest(value: Any) -> Any:
    """The card with the digest that its own values give, where they give one."""
    with contextlib.suppress(KeyError, TypeError, ValueError, OverflowError):
        value["digest"] = json_digest(
            {
                "network": value["network"],
                "preset": value["preset"],
                "levels": [float(level) for level in value["levels"]],
                "weights": value["weights_sha256"],
            }
        )
    return value


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def mutated_profile(rng: random.Random, data: bytes) -> tuple[bytes, str]:
    """A profile's file after one attack, and the attack's name."""
    action = rng.randrange(3)
    if action == 0:
        return mutate(rng, data, BYTE_MUTATORS)[0], "damaged"
    value = mutated_json(rng, json.loads(data))
    if action == 1 or not isinstance(value, dict):
        return _dumped(value), "edited"
    value.pop("digest", None)
    try:
        value["digest"] = json_digest(value)
    except (TypeError, ValueError):
        value["digest"] = "0" * 64
    return _dumped(value), "forged"


def mutated_report(rng: random.Random, data: bytes) -> tuple[bytes, str]:
    """A signed report after one attack, and the attack's name."""
    name, attack = rng.choice(_REPORT_ATTACKS)
    for _ in range(20):
        changed = attack(rng, data)
        if changed != data:
            break
    return changed, name


def _damage(rng: random.Random, data: bytes) -> bytes:
    return mutate(rng, data, BYTE_MUTATORS)[0]


def _edit_signature(rng: random.Random, data: bytes) -> bytes:
    """Digits of the signature's own hole, which no signature covers."""
    match = re.search(rb"/Contents\s*<([0-9A-Fa-f]+)>", data)
    if match is None:
        return _damage(rng, data)
    at = rng.randrange(*match.span(1))
    digit = rng.choice(b"0123456789abcdefABCDEF")
    return data[:at] + bytes((digit,)) + data[at + 1 :]


def _edit_byte_range(rng: random.Random, data: bytes) -> bytes:
    """Other numbers for what the signature is said to cover."""
    match = re.search(rb"/ByteRange\s*\[([^\]]*)\]", data)
    if match is None:
        return _damage(rng, data)
    numbers = [int(n) for n in match.group(1).split()]
    numbers[rng.randrange(len(numbers))] += rng.choice((-1, 1, -64, 64, 10**6))
    text = b" ".join(b"%d" % n for n in numbers)
    room = match.end(1) - match.start(1)
    return data[: match.start(1)] + text[:room].ljust(room) + data[match.end(1) :]


def _append_revision(rng: random.Random, data: bytes) -> bytes:
    """An object of the document overridden in a revision after the signature."""
    objects = [int(n) for n in re.findall(rb"(?m)^(\d+) 0 obj", data)]
    number = rng.choice(objects) if objects else 1
    start = len(data) + 1
    text = b"\n%d 0 obj\n<< /Type /Page >>\nendobj\n" % number
    table = start + len(text)
    old = data.rfind(b"startxref")
    previous = data[old + 9 :].split()[0] if old >= 0 else b"0"
    text += b"xref\n%d 1\n%010d 00000 n \ntrailer\n" % (number, start)
    text += b"<< /Size %d /Root 1 0 R /Prev %s >>\n" % (
        max(objects or [1]) + 1,
        previous,
    )
    return data + text + b"startxref\n%d\n%%%%EOF\n" % table


def _swap_objects(rng: random.Random, data: bytes) -> bytes:
    """Two objects change places without anything else being told."""
    spans = [m.span() for m in re.finditer(rb"(?s)\d+ 0 obj\b.*?endobj", data)]
    if len(spans) < 2:
        return _damage(rng, data)
    (a, b), (c, d) = sorted(rng.sample(spans, 2))
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def _edit_text(rng: random.Random, data: bytes) -> bytes:
    """A number in plain sight is another one of the same length."""
    spans = [m.span() for m in re.finditer(rb"\d{2,}", data)]
    start, end = rng.choice(spans)
    digits = b"".join(b"%d" % rng.randrange(10) for _ in range(end - start))
    return data[:start] + digits + data[end:]


_REPORT_ATTACKS: tuple[tuple[str, Callable[[random.Random, bytes], bytes]], ...] = (
    *(("damaged", _damage),) * 4,
    *(("signature digits", _edit_signature),) * 2,
    ("byte range", _edit_byte_range),
    ("appended revision", _append_revision),
    ("swapped objects", _swap_objects),
    ("edited number", _edit_text),
)
