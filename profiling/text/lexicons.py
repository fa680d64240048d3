"""The word lists of this room, and jieba's dictionary."""

import json
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

_DATA = files("profiling.text") / "data"


@cache
def words(name: str) -> frozenset[str]:
    """The words of `data/<name>.txt`; lines beginning with `#` are comments."""
    lines = (_DATA / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


@cache
def lexicon(name: str) -> dict[str, Any]:
    """`data/<name>.json`."""
    return json.loads((_DATA / f"{name}.json").read_text(encoding="utf-8"))


@cache
def fingerprint() -> str:
    """12 hex digits that change with any of the data files."""
    digest = sha256()
    for file in sorted(_DATA.iterdir(), key=lambda file: file.name):
        if not file.name.endswith((".json", ".txt")):
            continue  # an editor's backup
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


@cache
def chinese() -> tuple[Any, dict[str, str]]:
    """jieba's tokenizer and the part of speech of each word of its dictionary (`n...` noun, `v...` verb, ...).

    Filled here, because jieba on its own reads a cache from the system's temporary folder, which anybody may write.
    """
    import jieba

    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    with tokenizer.get_dict_file() as file:
        rows = (line.split() for line in file.read().decode("utf-8").splitlines())
        return tokenizer, {row[0]: row[2] for row in rows}
