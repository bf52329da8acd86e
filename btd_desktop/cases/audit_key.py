"""The audit key: 32 random bytes outside every case, made on first use.

`audit` says what a seal made with it can prove, and what not.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

from btd_desktop.containment.inside import hide_memory
from btd_desktop.errors import CaseError
from btd_desktop.paths import data_dir

_KEY_BYTES = 32


class AuditKey:
    """The secret that seals entries, and its public name.

    The object does not keep the secret: each seal reads it from its file and wipes it,
    in a program whose memory no other process of the user may read (`hide_memory`).

    Attributes:
        key_id: First 16 hex digits of a digest of the key: tells keys apart and reveals
            nothing of them.
    """

    __slots__ = ("_path", "key_id")

    def __init__(self, path: Path) -> None:
        self._path = path
        with _secret(path) as secret:
            self.key_id = _id_of(secret)

    def mac(self, message: bytes) -> str:
        """Hex HMAC-SHA256 of a message.

        Raises:
            CaseError: The key file is gone, unreadable or no longer the same.
        """
        try:
            with _secret(self._path) as secret:
                if _id_of(secret) == self.key_id:
                    return hmac.new(secret, message, hashlib.sha256).hexdigest()
                gone = "was exchanged"
        except FileNotFoundError:
            gone = "is gone"
        raise CaseError(
            f"the audit key {self._path} {gone} while the case was open",
            hint="Restore it from a backup; a new key cannot verify older cases.",
            code="audit-key",
        )

    def is_mac(self, message: bytes, mac: str) -> bool:
        """True when `mac` was made from `message` with this key."""
        return hmac.compare_digest(self.mac(message).encode(), mac.encode())


def _id_of(secret: bytearray) -> str:
    digest = hashlib.sha256(b"BTD Desktop audit key id\0")
    digest.update(secret)
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def _secret(path: Path) -> Iterator[bytearray]:
    """The bytes of the key, wiped at the end.

    Raises:
        FileNotFoundError: There is no key.
        CaseError: The key file is damaged or unreadable.
    """
    hide_memory()
    secret = bytearray(_KEY_BYTES + 1)
    try:
        try:
            with path.open("rb", buffering=0) as stream:
                n_bytes = stream.readinto(secret) or 0
        except FileNotFoundError:
            raise
        except OSError as error:
            raise CaseError(
                f"the audit key {path} cannot be read: {error.strerror or error}",
                hint="Restore the file's rights; cases cannot be changed without it.",
                code="audit-key",
            ) from error
        if n_bytes != _KEY_BYTES:
            length = "longer" if n_bytes > _KEY_BYTES else f"{n_bytes} bytes"
            raise CaseError(
                f"the audit key {path} is damaged: {length}, not {_KEY_BYTES}",
                hint="Restore it from a backup; a new key cannot verify older cases.",
                code="audit-key",
            )
        del secret[_KEY_BYTES:]
        yield secret
    finally:
        secret[:] = bytes(len(secret))


def audit_key_path() -> Path:
    """File of this user's audit key, outside every case."""
    return data_dir() / "keys" / "audit.key"


def load_key() -> AuditKey | None:
    """This user's audit key, or None when there is none yet.

    Raises:
        CaseError: The key file is damaged or unreadable.
    """
    try:
        return AuditKey(audit_key_path())
    except FileNotFoundError:
        return None


def load_or_create_key() -> AuditKey:
    """This user's audit key, made on first use (mode 0600).

    Raises:
        CaseError: It cannot be read or written.
    """
    key = load_key()
    if key is not None:
        return key
    path = audit_key_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_new(path, secrets.token_bytes(_KEY_BYTES))
    except OSError as error:
        raise CaseError(
            f"the audit key {path} cannot be written: {error.strerror or error}",
            hint="Make the folder writable, or set BTD_HOME to one that is.",
            code="audit-key",
        ) from error
    key = load_key()
    if key is None:
        raise CaseError(f"the audit key {path} vanished", code="audit-key")
    return key


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that must not exist yet; the file of a faster process stays."""
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            # `link` fails when the name exists: no key is ever replaced.
            os.link(temporary, path)
        except FileExistsError:
            pass
        except OSError:
            if not path.exists():
                Path(temporary).rename(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
