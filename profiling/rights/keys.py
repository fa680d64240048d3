"""The key that every keyed hash of a lake is made with, and how the operator's key is rotated without any id changing.

At a lake's birth the two are the same: the operator's key makes the hashes. `rekey` puts that first key into the lake, encrypted
under the new one (AES-256-GCM), as `_key.json`. From then on the operator's key only opens this envelope: ids stay, the former
key opens nothing, and a later rotation writes the envelope anew. Whoever kept the first key can still make hashes with it, and
whoever kept an envelope and its key can open it: a key that has leaked is repaired only by a new lake. See docs/privacy.md.
"""

import base64
import os
from collections.abc import Callable

from profiling.errors import InputError, SettingsError
from profiling.lake import Lake
from profiling.prepare.privacy import pseudonym
from profiling.settings import SHORTEST_KEY, Settings

ENVELOPE = "_key.json"
OTHER_KEY = "PROFILING_PSEUDONYM_KEY is not the key this lake was made with: every customer would become another one"
_NONCE_BYTES = 12
# Derived once more, so that the key which encrypts is none that ever made a hash.
_PURPOSE = b"customer-profiling envelope 1"


def pseudonym_key(lake: Lake, settings: Settings) -> bytes:
    """The key of the lake's keyed hashes: out of its envelope, or the operator's own where it was never rotated.

    A lake that was never rotated knows its key by name only. Another one is refused here, for those who read as for those who
    write: under it nobody is found, and an erasure would end with a receipt and the person still there.

    Raises:
        SettingsError: PROFILING_PSEUDONYM_KEY is not set, too short, or not the lake's.
        InputError: the envelope is damaged.
    """
    operator = settings.key()
    envelope = _envelope(lake)
    if envelope is not None:
        return _opened(operator, envelope, lake.uri)
    known = (lake.get_json("_lake.json") or {}).get("key")
    if known not in (None, key_name(operator)):
        raise SettingsError(f"{OTHER_KEY}. Set it back, or load the history into a new lake")
    return operator


def require_key(lake: Lake, settings: Settings) -> str:
    """The name of the lake's key, remembered at its first use; a changed key would change every id.

    Raises:
        SettingsError: as `pseudonym_key`, or it is another key than the lake was made with.
    """
    name = key_name(pseudonym_key(lake, settings))
    lake.require("key", name, OTHER_KEY)
    return name


def key_name(key: bytes) -> str:
    """What a key is known by without being known."""
    return pseudonym(key, "key")


def rekey(settings: Settings, new: Callable[[], str]) -> str:
    """Encrypt the lake's key under another operator's key; the old one opens nothing from then on.

    Args:
        new: gives the new key; asked only when the old one is known to be right.

    Returns:
        The name of the lake's key, which has not changed.

    Raises:
        SettingsError: the old key is not the lake's, the new one is too short or the same.
    """
    lake = Lake.open(settings)
    name = require_key(lake, settings)
    key = pseudonym_key(lake, settings)
    secret = _secret(new())
    if len(secret.get_secret_value()) < SHORTEST_KEY:
        raise SettingsError(
            f"the new key is shorter than {SHORTEST_KEY} characters, and nothing was changed; "
            "make one: python -c 'import secrets; print(secrets.token_hex(32))'"
        )
    changed = settings.model_copy(update={"pseudonym_key": secret, "pseudonym_key_file": None})
    operator = changed.key()
    if operator == settings.key():
        raise SettingsError(
            "the new key is the old one; make another: python -c 'import secrets; print(secrets.token_hex(32))'"
        )
    lake.put_json(ENVELOPE, _sealed(operator, key))
    if key_name(pseudonym_key(lake, changed)) != name:  # read back: a lake without its key is lost
        raise InputError(
            f"{lake.uri}/{ENVELOPE} does not open with the new key; restore it from a backup before anything else"
        )
    return name


def _secret(value: str):  # type: ignore[no-untyped-def]
    from pydantic import SecretStr

    return SecretStr(value.strip())


def _wrapping_key(operator: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(operator)


def _sealed(operator: bytes, key: bytes) -> dict[str, str]:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(_wrapping_key(operator)).encrypt(nonce, key, key_name(key).encode())
    return {"cipher": "AES-256-GCM", "key": key_name(key), "sealed": base64.b64encode(nonce + sealed).decode()}


def _envelope(lake: Lake) -> dict[str, str] | None:
    return lake.get_json(ENVELOPE, "restore it from a backup")  # whoever made it again would need what it holds


def _opened(operator: bytes, envelope: dict[str, str], uri: str) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        sealed = base64.b64decode(envelope["sealed"], validate=True)
        return AESGCM(_wrapping_key(operator)).decrypt(
            sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], envelope["key"].encode()
        )
    except InvalidTag as error:
        raise SettingsError(f"{OTHER_KEY} (its key was rotated by `profiling rekey`: set the newest one)") from error
    except (KeyError, ValueError, AttributeError) as error:
        raise InputError(f"{uri}/{ENVELOPE} is damaged ({error!r}); restore it from a backup") from error
