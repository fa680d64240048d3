"""Prompts as files: `<name>/prompt.md` says who asks for what, `<name>/schema.json` what an answer looks like.

A prompt is one file so that it can be read, reviewed and versioned like code. Whatever it is filled with is data: it reaches the
model as JSON between two marks which it cannot contain, and the instruction above never changes with it.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from profiling.errors import InputError
from profiling.llm.contract import Request

_FILES = files("profiling.llm.prompts")
_FORM = re.compile(r"---\n(?P<head>.*?)\n---\n+# System\n+(?P<system>.*?)\n+# User\n+(?P<user>.*?)\s*", re.DOTALL)
_SLOT = re.compile(r"\{(\w+)\}")
_NONCE = 16  # hex digits


@dataclass(frozen=True)
class Prompt:
    """One prompt.

    Attributes:
        name, version: of the file; a change of the text or the schema needs a higher version.
        languages: it was written and tested for.
        system: the instruction; the same for everybody.
        schema: JSON Schema of the answer.
        max_tokens: at which an answer is cut off.
        digest: 12 hex digits of prompt and schema, as the tests pin them.
    """

    name: str
    version: int
    languages: tuple[str, ...]
    system: str
    schema: Mapping[str, Any]
    max_tokens: int
    digest: str
    template: str

    @property
    def label(self) -> str:
        """Name and version, such as `persona@1`: what requests and caches call it."""
        return f"{self.name}@{self.version}"

    def user(self, **data: Any) -> str:
        """The question about some data: every slot of the template filled with its value, delimited.

        Raises:
            InputError: a slot without a value, or a value without a slot.
        """
        slots = set(_SLOT.findall(self.template))
        if slots != set(data):
            raise InputError(
                f"the prompt {self.label} is filled with {', '.join(sorted(slots))}, not {', '.join(sorted(data)) or 'nothing'}"
            )
        return _SLOT.sub(lambda slot: delimited(data[slot.group(1)]), self.template)

    def request(self, row: str, **data: Any) -> Request:
        """The question as a request of the contract."""
        return Request(row, self.label, self.system, self.user(**data), self.schema, self.max_tokens)


def delimited(data: Any) -> str:
    """Data as JSON between two marks that it cannot hold: the marks name a hash of what stands between them.

    What a customer wrote cannot end the data: `<`, `>` and backticks are escaped, and so is every character that is not seen
    (control, format, private use), so that a model reads what a person would see.

    >>> print(delimited({"topic": "tea"}))
    <data 663127f17b77921b>
    {"topic": "tea"}
    </data 663127f17b77921b>
    """
    plain = json.dumps(data, ensure_ascii=False, sort_keys=True, allow_nan=False)
    text = "".join(_escaped(character) for character in plain)
    nonce = hashlib.sha256(text.encode()).hexdigest()[:_NONCE]
    return f"<data {nonce}>\n{text}\n</data {nonce}>"


def _escaped(character: str) -> str:
    if character in "<>`" or unicodedata.category(character) in ("Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"):
        # json.dumps writes what lies beyond the first plane as a surrogate pair, as JSON wants it
        return json.dumps(character, ensure_ascii=True)[1:-1] if ord(character) > 127 else f"\\u{ord(character):04x}"
    return character


def names() -> list[str]:
    """Every prompt there is, by name."""
    return sorted(each.name for each in _FILES.iterdir() if each.is_dir() and (each / "prompt.md").is_file())


@cache
def load(name: str) -> Prompt:
    """The prompt of a name.

    Raises:
        InputError: there is none, or its file has not the form `---`, head, `---`, `# System`, `# User`; names what is missing.
    """
    if name not in names():
        raise InputError(f"there is no prompt {name!r}; known: {', '.join(names())}")
    text = (_FILES / name / "prompt.md").read_text("utf-8")
    schema = (_FILES / name / "schema.json").read_text("utf-8")
    form = _FORM.fullmatch(text)
    if form is None:
        raise InputError(f"prompts/{name}/prompt.md has not the form ---, head, ---, # System, # User")
    head = dict(line.partition(":")[::2] for line in form["head"].splitlines())
    head = {key.strip(): value.strip() for key, value in head.items()}
    missing = [key for key in ("name", "version", "languages", "max_tokens") if not head.get(key)]
    if missing or head["name"] != name:
        raise InputError(f"the head of prompts/{name}/prompt.md lacks {', '.join(missing) or f'name: {name}'}")
    return Prompt(
        name=name,
        version=int(head["version"]),
        languages=tuple(each.strip() for each in head["languages"].split(",")),
        system=form["system"].strip(),
        schema=json.loads(schema),
        max_tokens=int(head["max_tokens"]),
        digest=hashlib.sha256(f"{text}\0{schema}".encode()).hexdigest()[:12],
        template=form["user"],
    )
