"""The secret behind the surrogate keys of people, and how it reaches the sessions that make them.

A surrogate is HMAC-SHA256 of an identity. PostgreSQL makes it (macro `keyed_hash`) from the two padded keys of RFC
2104, which a session is given as settings of its own: the secret stands in no SQL text, no log, no list of processes.
"""

import hashlib
import hmac
import secrets
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ingestion.local.postgres import locked, make_home, write_private
from ingestion.ops import SurrogateSecret
from ingestion.settings import Settings

LENGTH = 32  # characters of a surrogate: 128 bits
LEAST_LENGTH = 32  # characters of a secret
_BLOCK = hashlib.sha256().block_size


class SurrogateSecretError(RuntimeError):
    """The secret is unfit, or not the one that the warehouse's keys were made with."""


def secret(settings: Settings) -> bytes:
    """The secret as set, else that of the home, which is made the first time."""
    if settings.surrogate_secret is not None:
        given = settings.surrogate_secret.get_secret_value()
        if len(given) < LEAST_LENGTH:
            raise SurrogateSecretError(
                f"CHUNGTAY_SURROGATE_SECRET cần ít nhất {LEAST_LENGTH} ký tự / needs {LEAST_LENGTH} characters or more"
            )
        return given.encode()
    path = settings.home / "surrogate_secret"
    make_home(settings.home)
    with locked(settings.home / ".surrogate_secret.lock"):
        if not path.exists():
            _make(path)
    return path.read_text().strip().encode()


def _make(path: Path) -> None:
    write_private(path, secrets.token_urlsafe(48))


def surrogate(key: bytes, identity: str) -> str:
    """The surrogate of an identity, equal to that of the macro `keyed_hash`."""
    return hmac.new(key, identity.encode(), hashlib.sha256).hexdigest()[:LENGTH]


def session_settings(key: bytes) -> dict[str, str]:
    """The settings of a database session in which `keyed_hash` makes surrogates: both padded keys, in hexadecimal."""
    padded = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    return {
        f"chungtay.surrogate_{name}_key": bytes(byte ^ pad for byte in padded).hex()
        for name, pad in (("inner", 0x36), ("outer", 0x5C))
    }


def fingerprint(key: bytes) -> str:
    """What tells this secret from another, and nothing else."""
    return hmac.new(key, b"fingerprint of the surrogate secret", hashlib.sha256).hexdigest()


def remember(connection: sa.Connection, key: bytes) -> None:
    """Note the secret's fingerprint in a warehouse that has none. Raises SurrogateSecretError if it has another one."""
    connection.execute(insert(SurrogateSecret).values(fingerprint=fingerprint(key)).on_conflict_do_nothing())
    if connection.scalar(sa.select(SurrogateSecret.fingerprint)) != fingerprint(key):
        raise SurrogateSecretError(
            "khóa bí mật (CHUNGTAY_SURROGATE_SECRET, hoặc tệp surrogate_secret trong thư mục trạng thái) không phải"
            " khóa đã tạo mã định danh của kho dữ liệu này; hãy khôi phục khóa cũ / the secret"
            " (CHUNGTAY_SURROGATE_SECRET, or the file surrogate_secret of the home) is not the one that made this"
            " warehouse's keys; restore that one: another would change the key of every person"
        )


def rotate(connection: sa.Connection, settings: Settings) -> None:
    """Make another secret that of this warehouse: a new one in the home, or the one that was set anew.

    The former one is not kept. Run again after a kill between home and warehouse, it goes on with the new one. Raises
    SurrogateSecretError if the secret is set and still the same.
    """
    known = connection.scalar(sa.select(SurrogateSecret.fingerprint))
    if known in (None, fingerprint(secret(settings))):
        if settings.surrogate_secret is None:
            _make(settings.home / "surrogate_secret")
        elif known is not None:
            raise SurrogateSecretError(
                "hãy đặt CHUNGTAY_SURROGATE_SECRET thành khóa mới trước / set CHUNGTAY_SURROGATE_SECRET to a new secret"
                " first: it is still the one of this warehouse"
            )
    values = {"fingerprint": fingerprint(secret(settings)), "remembered_at": sa.func.now()}
    statement = insert(SurrogateSecret).values(values)
    connection.execute(statement.on_conflict_do_update(index_elements=["is_only_row"], set_=values))
