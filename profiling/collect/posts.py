"""Posts of social networks, JSON lines: one post a line.

| field | interaction, of kind `post` |
| --- | --- |
| `author`, or `identifiers` | identifier: the handle, of the type `platform` names (`weibo`), or `handle` |
| `created_at` | `occurred_at` |
| `id` | natural key |
| `text` | `text`, as it was written |
| `platform`, may be missing | `channel`, in small letters |

Attributes, in small letters, each once and in the order of the text, at most 50 of a kind: `hashtags` (`#slow`, `#慢递#`),
`mentions` (`@brand`), `emoji` (kept with their repetitions: three hearts are more than one). Other fields (`likes`,
`in_reply_to`, ...) become attributes.
"""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from profiling.collect import Batch
from profiling.collect._lines import batches
from profiling.collect._values import (
    Unreadable,
    dumps,
    identifiers_or,
    is_identifier_type,
    moment,
    name,
    name_or_none,
    others,
    text,
)

MOST_SIGNALS = 50
_FIELDS = ("id", "author", "created_at", "text", "platform")
# Weibo closes a topic with a second #, others end it at the first character that belongs to no word. "#1" is no topic.
_HASHTAG = re.compile(r"(?<![\w&/])[#＃]([^#＃\s]{1,100})[#＃]|(?<![\w&/])[#＃](\w{1,100})")
_MENTION = re.compile(r"(?<![\w.+-])[@＠]([\w-]{1,50})")
# Pictographs with what belongs to them: variation selector, skin tone, members joined by ZWJ; flags; keycaps.
_PICTOGRAPH = (
    "[\U0001f300-\U0001f5ff\U0001f600-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001faff☀-⛿✀-➿⌚⌛⏩-⏳⭐⭕]"
)
_ONE = f"{_PICTOGRAPH}[\ufe0f\U0001f3fb-\U0001f3ff]{{0,2}}"
_EMOJI = re.compile(f"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_ONE}(?:\u200d{_ONE}){{0,4}}")


def read(path: Path, zone: ZoneInfo) -> Iterator[Batch]:
    """Batches of events of kind `post`, for `interactions`.

    Raises:
        InputError: the file cannot be read at all.
    """
    return batches(path, zone, "interactions", _parse)


def when(record: Mapping[str, Any], zone: ZoneInfo) -> int:
    """Microseconds since 1970 UTC of one post.

    Raises:
        Unreadable: its time is missing or no time.
    """
    return moment(record, "created_at", zone)


def signals(said: str) -> dict[str, list[str]]:
    """Hashtags, mentions and emoji of a text; kinds that do not occur are left out.

    >>> signals("@Acme so #Slow 😡😡 #1")
    {'hashtags': ['slow'], 'mentions': ['acme'], 'emoji': ['😡', '😡']}
    """
    hashtags = [(topic or word).lower() for topic, word in _HASHTAG.findall(said)]
    found = {
        "hashtags": list(dict.fromkeys(tag for tag in hashtags if not tag.isdigit())),
        "mentions": list(dict.fromkeys(handle.lower() for handle in _MENTION.findall(said))),
        "emoji": _EMOJI.findall(said),
    }
    return {kind: values[:MOST_SIGNALS] for kind, values in found.items() if values}


def _parse(record: dict[str, Any], zone: ZoneInfo) -> list[tuple[object, ...]]:
    key, said = name(record, "id"), text(record, "text")
    if said is None:
        raise Unreadable("missing_field", "text", "`text` is missing; a post says something")
    platform = name_or_none(record, "platform")
    channel = platform.lower() if platform else None
    who = identifiers_or(record, "author", channel if channel and is_identifier_type(channel) else "handle")
    attributes = {**others(record, _FIELDS), **signals(said)}
    rest = (math.nan, math.nan, math.nan, None, channel, dumps(attributes))
    return [(key, who, when(record, zone), "post", None, said, *rest)]
