"""Requests to be erased, and the signed receipts that replace them. Both lie in the lake, under `_erasure/`.

_erasure/<request>.json             open: pseudonyms, never an identifier; how far the erasure has come
_erasure/receipts/<request>.json    done: what went from where, keyed hashes, a signature
"""

import hmac
import json
import logging
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from profiling.errors import InputError, ProfilingError, SettingsError
from profiling.lake import Lake
from profiling.prepare.identity import identity_id
from profiling.prepare.identity_rules import Rules, load_rules
from profiling.prepare.resolution import resolve
from profiling.rights.keys import pseudonym_key
from profiling.rights.suppressions import other_spellings, suppressed_hash
from profiling.settings import Settings

logger = logging.getLogger(__name__)

FOLDER = "_erasure"
RECEIPTS = f"{FOLDER}/receipts"
SIGNATURE = "signature"
SHORTEST = 8  # of the beginning of an id


_RESTORE_REQUEST = (
    "it is a request to be erased: restore it from a backup, or remove it and ask again under all of the person's identifiers; "
    "what was erased by it stays erased"
)
_RESTORE_RECEIPT = "it is the signed receipt of an erasure, which nothing can make again: restore it from a backup"


@dataclass
class Request:
    """A request and its progress, which a killed erasure goes on from.

    `shared` are those of the identities that somebody else has too, whom the rules keep apart; `days` are drops that hold
    interactions of the person, `profile_days` days with a profile; `landing` says of each drop that was rewritten whether its day
    was up to date before; `counts` is what was found, by place, and `models` who learned of it.
    """

    id: str
    asked_at: str
    identities: list[str]
    asked_by: str | None = None
    shared: list[str] = field(default_factory=list)
    days: list[str] = field(default_factory=list)
    profile_days: list[str] = field(default_factory=list)
    landing: dict[str, bool] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    models: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        return f"{FOLDER}/{self.id}.json"

    def save(self, lake: Lake) -> None:
        """Write it down, with what another run of the same request has found since; nothing where that run has ended."""
        held = lake.get_json(self.key, _RESTORE_REQUEST)
        if held is not None:
            other = _read(held, self.id, lake)
            self.add(**{name: getattr(other, name) for name in _LISTS})
            self.landing = self.landing | other.landing  # what it was before anybody changed it
            self.count(other.counts)
        if held is not None or receipt(lake, self.id) is None:
            lake.put_json(self.key, asdict(self))

    def add(self, **found: Iterable[str]) -> None:
        """Add to lists of this request, each value once."""
        for name, values in found.items():
            setattr(self, name, sorted({*getattr(self, name), *values}))

    def count(self, found: Mapping[str, int]) -> None:
        """A step that is repeated finds less than it found at first: the most counts."""
        self.counts |= {place: max(number, self.counts.get(place, 0)) for place, number in found.items()}


_LISTS = [each.name for each in fields(Request) if each.default_factory is list] + ["identities"]


def ask(
    settings: Settings, identifiers: Iterable[str] = (), customers: Iterable[str] = (), asked_by: str | None = None
) -> Request:
    """Write a request to be erased. Only pseudonyms are kept, those of all identifiers known to be of the same person.

    Args:
        identifiers: `type:value`, exactly as a source writes it.
        customers: customer or identity ids.

    Raises:
        SettingsError: nobody is named, or an identifier has no type.
    """
    lake = Lake.open(settings)
    rules, named = load_rules(settings), list(customers)
    for each in identifiers:
        kind, colon, value = each.partition(":")
        if not colon or not kind or not value.strip():
            raise SettingsError("an identifier is written type:value, such as email:ann@example.com")
        # Days that were never ingested anew may hold the person under the spelling of their time.
        for spelling in (rules, *other_spellings(lake, rules)):
            named.append(identity_id(pseudonym_key(lake, settings), kind, value.strip(), spelling))
    if not named:
        raise SettingsError("nobody is named: give --identifier, --customer, or an identifier a line on standard input")
    if wrong := [name for name in named if not _is_identity(name)]:
        raise SettingsError(
            f"{len(wrong)} of the names given as --customer are no customer ids, which have 32 hexadecimal digits, as in a "
            "profile; give type:value as --identifier, or at the prompt"
        )
    asked_at = datetime.now(UTC).isoformat(timespec="seconds")
    request = Request(str(uuid.uuid4()), asked_at, people_of(lake, named, rules), asked_by)
    request.save(lake)
    return request


def people_of(lake: Lake, identities: Iterable[str], rules: Rules) -> list[str]:
    """All identities of the people behind some, those too, sorted: what the links say now, of whatever day."""
    links = lake.read("identity_links")
    customer_of = resolve(links, pd.Series(dtype="datetime64[us, UTC]"), rules).customer_of
    named = set(identities)
    theirs = set(customer_of[customer_of.index.isin(named)])
    return sorted(named | set(customer_of.index[customer_of.isin(theirs)]))


def shared_of(lake: Lake, identities: Iterable[str], rules: Rules) -> list[str]:
    """Those of a person's identities that stand in a row of somebody else, sorted.

    Somebody else is whom a row's first identifier names alone, where the rules did not join it to the person. One that does not
    identify alone, or that is over its cap, is nobody.
    """
    links = lake.read("identity_links")
    found = resolve(links, pd.Series(dtype="datetime64[us, UTC]"), rules).conflicts
    hers = set(identities)
    nobody = set(found.loc[found["kind"] != "unique", "identity_id"])
    is_hers = links["identity_id"].isin(hers) | links["other_id"].isin(hers)
    links = links[links["interaction_id"].isin(links.loc[is_hers, "interaction_id"])]
    # Of a row's pairs the first identifier is always the one, and every other one is the other of it.
    follows = pd.MultiIndex.from_frame(links[["interaction_id", "other_id"]])
    firsts = links[~pd.MultiIndex.from_frame(links[["interaction_id", "identity_id"]]).isin(follows)]
    firsts = firsts[~firsts["identity_id"].isin(hers | nobody) & firsts["first_type"].map(rules.leads).astype(bool)]
    rows = links[links["interaction_id"].isin(firsts["interaction_id"])]
    return sorted(hers & {*rows["identity_id"], *rows["other_id"]})


def unknown(lake: Lake, request: Request) -> bool:
    """Whether the tables hold nothing under any of a request's identities: perhaps an identifier was mistyped."""
    who = set(request.identities)
    names = {
        "interactions": ["identity_id"], "attributes": ["subject_id"], "consents": ["subject_id"],
        "identity_links": ["identity_id", "other_id"],
    }  # fmt: skip
    return not any(len(lake.rows_with(name, dict.fromkeys(columns, who), columns)) for name, columns in names.items())


def find(lake: Lake, request: str) -> Request | None:
    """An open request, or None where it is done.

    Raises:
        SettingsError: there is no such request.
        InputError: its file is damaged.
    """
    request = checked_id(lake, request)
    found = lake.get_json(f"{FOLDER}/{request}.json", _RESTORE_REQUEST)
    if found is not None:
        return _read(found, request, lake)
    if receipt(lake, request) is None:
        raise SettingsError(f"there is no request {request}; `profiling erase --list` lists the open ones")
    return None


def _read(found: Any, request: str, lake: Lake) -> Request:
    damaged = f"{lake.uri}/{FOLDER}/{request}.json is damaged; {_RESTORE_REQUEST}"
    try:
        read = Request(**found)
    except TypeError as error:
        raise InputError(damaged) from error
    who = read.identities
    if read.id != request or not isinstance(who, list) or not who or not all(_is_identity(each) for each in who):
        raise InputError(damaged)
    return read


def _is_identity(name: object) -> bool:
    return isinstance(name, str) and len(name) == 32 and not set(name) - set("0123456789abcdef")


def open_requests(lake: Lake) -> list[str]:
    """The ids of all open requests, sorted."""
    names = [key.removeprefix(f"{FOLDER}/") for key in lake.keys(FOLDER)]
    return sorted(name.removesuffix(".json") for name in names if "/" not in name and name.endswith(".json"))


def _whole(request: str) -> str | None:
    try:
        return str(uuid.UUID(request))
    except ValueError:
        return None


def checked_id(lake: Lake, request: str) -> str:
    """The whole id of a request, open or done, by its first characters, at least SHORTEST of them.

    Raises:
        SettingsError: it is no id, which becomes part of a file's name, or the beginning of none or of several.
    """
    if (whole := _whole(request)) is not None:
        return whole
    start = request.strip().lower()
    if len(start) < SHORTEST or set(start) - set("0123456789abcdef-"):
        raise SettingsError(
            f"{request!r} is no request id; `profiling erase` prints one, of which the first {SHORTEST} characters will do"
        )
    done = (key.removeprefix(f"{RECEIPTS}/").removesuffix(".json") for key in lake.keys(RECEIPTS))
    found = sorted({name for name in (*open_requests(lake), *done) if name.startswith(start)})
    if len(found) != 1:
        raise SettingsError(
            f"{len(found)} requests begin with {request}; give more of the id"
            if found
            else f"there is no request {request}; `profiling erase --list` lists the open ones"
        )
    return found[0]


def receipt(lake: Lake, request: str) -> dict[str, Any] | None:
    """The receipt of a request, or None where it is not done.

    Raises:
        InputError: its file is damaged.
    """
    return lake.get_json(f"{RECEIPTS}/{checked_id(lake, request)}.json", _RESTORE_RECEIPT)


def withdraw(lake: Lake, request: str) -> None:
    """Take back a request that was not begun: a mistyped one.

    Raises:
        SettingsError: there is no such request, or it has begun: what is erased does not come back, and half of a person is no
            state to stay in.
    """
    found = find(lake, request)
    if found is None or found.counts:
        raise SettingsError(f"the request {request} was {'begun' if found else 'carried out'}: it can only be finished")
    lake.remove([found.key])


def write_receipt(lake: Lake, settings: Settings, request: Request) -> dict[str, Any]:
    """Put the signed receipt in the place of the request, and of every other open request for nobody but the same person.

    Where another run of it has come first, with what that found: the later of two finds what the earlier has left.
    """
    before = receipt(lake, request.id)
    if before is not None:
        request.count(before["counts"])
        request.add(models=before["models"], said=before["said"])
    done = _put_receipt(lake, settings, request)
    for each in open_requests(lake):
        try:
            other = find(lake, each)
        except ProfilingError as error:  # somebody else's damaged request is no reason to leave this one open
            logger.warning("%s", error)
            continue
        if other is not None and set(other.identities) <= set(request.identities):
            other.add(said=[f"the same person was erased by the request {request.id}"])
            _put_receipt(lake, settings, other)
    return done


def _put_receipt(lake: Lake, settings: Settings, request: Request) -> dict[str, Any]:
    key = pseudonym_key(lake, settings)
    done: dict[str, Any] = {
        "request": request.id,
        "asked_at": request.asked_at,
        "erased_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "who": sorted(suppressed_hash(key, each) for each in request.identities),
        "counts": dict(sorted(request.counts.items())),
        "models": request.models,
        "said": request.said,
    }
    done[SIGNATURE] = _signature(key, done)
    lake.put_json(f"{RECEIPTS}/{request.id}.json", done)
    lake.remove([request.key])
    return done


def verify(lake: Lake, settings: Settings, done: Mapping[str, Any]) -> None:
    """Check that a receipt is as it was written.

    Raises:
        InputError: it is none, was changed, or was signed with another key.
    """
    if not isinstance(done, Mapping):
        raise InputError("this is no receipt of an erasure: it is no JSON object")
    expected = _signature(pseudonym_key(lake, settings), done)
    if not hmac.compare_digest(str(done.get(SIGNATURE, "")), expected):
        raise InputError("the receipt was changed after it was signed, or was signed with another key")


def _signature(key: bytes, done: Mapping[str, Any]) -> str:
    signing = hmac.digest(key, b"erasure receipt", "sha256")  # a key of its own: a signature is no pseudonym
    said = json.dumps({name: done[name] for name in sorted(done) if name != SIGNATURE}, sort_keys=True)
    return hmac.digest(signing, said.encode(), "sha256").hex()
