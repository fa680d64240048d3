"""The form of a document: what is unknown carries its reason, and equal documents are equal bytes."""

import json
import math
from dataclasses import dataclass
from typing import Any

FLOAT_DIGITS = 6


@dataclass(frozen=True)
class Unknown:
    """Stands in a draft where the data cannot say; becomes null and an entry in `nulls`."""

    reason: str


def known(value: Any, reason: str) -> Any:
    """The value as plain Python, or `Unknown(reason)` where it is missing."""
    if value is None or value != value:  # NaN, NaT and the like are not equal to themselves
        return Unknown(reason)
    return value.item() if hasattr(value, "item") else value


def settle(draft: dict[str, Any]) -> dict[str, Any]:
    """A draft as a JSON document: `Unknown` as null, its reason under its JSON Pointer (RFC 6901) in `nulls`, floats rounded.

    Raises:
        ValueError: a null, NaN or infinity without a reason; names its place.
    """
    nulls: dict[str, str] = {}
    document = _settle(draft, "", nulls)
    return {**document, "nulls": nulls}


def _settle(value: Any, pointer: str, nulls: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _settle(part, f"{pointer}/{_escaped(key)}", nulls) for key, part in value.items()}
    if isinstance(value, list):
        return [_settle(part, f"{pointer}/{index}", nulls) for index, part in enumerate(value)]
    if isinstance(value, Unknown):
        nulls[pointer] = value.reason
        return None
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"{pointer} is {value} without a reason; put Unknown(reason) there")
    # + 0.0 turns -0.0 into 0.0: the sign of nothing is no information, and would make other bytes.
    return round(value, FLOAT_DIGITS) + 0.0 if isinstance(value, float) else value


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def dumps(document: dict[str, Any]) -> str:
    """Canonical JSON: keys sorted, no spaces, characters as they are."""
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
