"""Rejected rows made fit to be kept: why they were rejected stays, who they were about does not."""

import json
import re
from typing import Any

import pandas as pd

from profiling.prepare.clean import MAX_TEXT, mend, normalise
from profiling.prepare.redaction import redact
from profiling.schemas import QUARANTINE

MAX_CONTENT = 500
HIDDEN = "[identifier]"
_NAMES = (
    r"identifiers?|identifier[_.][^\"']*|reviewer_?(?:id|name)|user_?(?:id|name)?|(?:sample_)?customer_?(?:id|name)?|author_?(?:id|name)?|sender|applicant|client_?id|member_?id|account_?id"
    r"|(?:first|last|full|given|family|sur)?_?name|e_?mail(?:_?address)?|(?:tele)?phone(?:_?number)?|mobile|tel|fax"
    r"|(?:home_|street_|postal_)?address|street|ip(?:_?address)?|device(?:_?id)?|cookie(?:_?id)?|session(?:_?id)?|natural_key|ssn|passport"
)
_IS_IDENTIFIER = re.compile(_NAMES, flags=re.IGNORECASE)
# The same in JSON that does not parse: a text (perhaps without its end), a list or object of one level more, or a bare word.
_BROKEN_PAIR = re.compile(
    rf"""((?<![\w.-])["']?(?:{_NAMES})["']?\s*:\s*)"""
    r"""("(?:[^"\\]|\\.)*+"?|'(?:[^'\\]|\\.)*+'?|\[(?:[^\[\]]|\[[^\[\]]*+\]?)*+\]?|\{(?:[^{}]|\{[^{}]*+\}?)*+\}?|[^,}\]]*)""",
    flags=re.IGNORECASE | re.DOTALL,
)
_LIKE_JSON = re.compile(r"\s*\{\s*(?:[\"']|[A-Za-z_]\w*\s*:)")  # and not `{3F2504E0-…}`, a key as some write it
_LETTER, _DIGIT = re.compile(r"[^\W\d_]"), re.compile(r"\d")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def _hide(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: HIDDEN if _IS_IDENTIFIER.fullmatch(name.strip()) else _hide(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_hide(item) for item in value]
    return value


def _without_identifiers(content: str) -> str:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        if _LIKE_JSON.match(content):
            readable = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), content)
            return _BROKEN_PAIR.sub(rf'\1"{HIDDEN}"', readable)
        return _shape(content)
    if not isinstance(value, dict):
        return _shape(content)
    return json.dumps(_hide(value), ensure_ascii=False, separators=(",", ":"))


def _shape(content: str) -> str:
    """Where no names stand beside the values, any of them may identify someone: only the shape of the line is kept."""
    return _DIGIT.sub("9", _LETTER.sub("x", content))


def _content(content: object) -> str | None:
    """Redacted before it is cut, so that no number is cut out of its pattern."""
    if not isinstance(content, str):
        return None
    text = normalise(_without_identifiers(content[: 10 * MAX_TEXT]))
    return redact(text)[:MAX_CONTENT] if text else None


def quarantine(rejects: pd.DataFrame, *, source: str, source_file: str, day: str) -> pd.DataFrame:
    """Rejects of one file as QUARANTINE.

    `content` is kept for whoever repairs the source: values of fields that identify are replaced by `[identifier]` (by name, also
    in JSON that does not parse), the rest is redacted by pattern and cut to MAX_CONTENT characters. Of a line whose values
    have no names (a broken CSV row, a JSON array) letters become x and digits 9.

    Args:
        rejects: REJECT_COLUMNS.
    """
    frame = rejects.assign(
        source=source,
        source_file=source_file,
        day=day,
        content=pd.Series([_content(content) for content in rejects["content"]], index=rejects.index, dtype="str"),
        detail=[redact(mend(detail)) for detail in rejects["detail"]],
    )[QUARANTINE.names]
    return frame.astype({**dict.fromkeys(frame.columns, "str"), "source_line": "int64"}).reset_index(drop=True)
