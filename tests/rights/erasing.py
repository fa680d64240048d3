"""A small shop of which one customer is erased: in several forms of input, merged of three identifiers, with words of her own."""

import gzip
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from profiling import schemas, stages
from profiling.lake import Lake
from profiling.prepare.identity import identity_id
from profiling.prepare.identity_rules import load_rules
from profiling.publish import open_target, read_manifest
from profiling.rights import requests
from profiling.settings import Settings
from tests.worlds import KEY

DAYS = ("2026-06-14", "2026-06-15", "2026-06-16")
PRIVATE = "My quetzalcoatlus poster came torn, and the quetzalcoatlus poster was for my nephew Balthasar."
SHARED = "A lovely lamp with a warm light."
# What the person is called by the sources; nobody else is called so.
NAMES = ("Xanthippe77", "xanthippe@example.org", "device-5309-xq")
WORDS = (*NAMES, "quetzalcoatlus", "Balthasar", "Nowheresville")


@dataclass(frozen=True)
class Person:
    """Whom the tests erase: her pseudonyms, and everything that must be nowhere afterwards."""

    identities: list[str]
    traces: list[str]


def event(number: int, who: str, day: str, kind: str = "purchase", **changes: object) -> dict:
    found = {
        "event_id": f"E{number}", "identifiers": {"customer": who}, "occurred_at": f"{day}T10:00:{number % 60:02d}Z",
        "kind": kind, "item_id": f"I{number % 3}", "amount": 10.0 + number, "currency": "USD",
    }  # fmt: skip
    return found | changes


def write(settings: Settings, source: str, day: str, name: str, content: bytes) -> Path:
    folder = Path(settings.landing) / source / day
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    (folder / "_SUCCESS").touch()
    return folder / name


def lines(rows: list[dict | str]) -> bytes:
    return "".join(
        (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n" for row in rows
    ).encode()


def deliver(settings: Settings) -> None:
    """Three days of a shop. The person comes as a customer, by e-mail and by device, and once in a broken line."""
    her = {"customer": NAMES[0], "email": NAMES[1]}
    for at, day in enumerate(DAYS):
        n = 100 * at
        rows: list[dict | str] = [
            event(n + 1, "ann", day),
            event(n + 2, NAMES[0], day, identifiers=her),
            event(n + 3, "bob", day, "review", text=f"The lamp of day {at} is fine and gives good light.", rating=4),
            event(n + 4, NAMES[0], day, "review", text=PRIVATE, rating=1, identifiers=her),
            event(n + 5, "cid", day, "review", text=SHARED, rating=5),
            event(n + 6, NAMES[0], day, "review", text=SHARED, rating=5),
            event(n + 7, "x", day, "view", identifiers={"device": NAMES[2], "email": NAMES[1]}),
            *(event(n + 10 + k, f"c{k}", day) for k in range(40)),
        ]
        if at == 1:
            rows += [f'{{"identifiers": {{"customer": "{NAMES[0]}"}}, "text": "quetzalcoatlus', "{broken"]
            rows += [event(2, NAMES[0], DAYS[0], identifiers=her)]  # delivered again: a duplicate
        body = lines(rows)
        write(
            settings,
            "events",
            day,
            "rows.jsonl.gz" if at == 2 else "rows.jsonl",
            gzip.compress(body) if at == 2 else body,
        )
    stated = f"identifier_email,stated_at,city\nann@example.org,2026-06-14,Rome\n{NAMES[1]},2026-06-14,Nowheresville\n"
    write(settings, "customers", DAYS[0], "them.csv", stated.encode())
    consents = [
        {"identifiers": {"customer": who}, "purpose": "marketing", "status": "granted", "stated_at": DAYS[0]}
        for who in (NAMES[0], "bob")
    ]
    write(settings, "consents", DAYS[0], "rows.jsonl", lines(consents))
    mail = (
        "From ann@example.org Sun Jun 14 09:00:00 2026\nFrom: ann@example.org\nDate: Sun, 14 Jun 2026 09:00:00 +0000\n"
        "Message-ID: <1@x>\n\nWhere is my parcel?\n\n"
        f"From {NAMES[1]} Sun Jun 14 09:05:00 2026\nFrom: X <{NAMES[1]}>\nDate: Sun, 14 Jun 2026 09:05:00 +0000\n"
        f"Message-ID: <2@x>\n\n{PRIVATE}\n\n"
        "From bob@example.org Sun Jun 14 09:06:00 2026\nFrom: bob@example.org\nDate: Sun, 14 Jun 2026 09:06:00 +0000\n"
        "Message-ID: <3@x>\n\nThank you, it has come.\n"
    )
    write(settings, "mail", DAYS[0], "in.mbox", mail.encode())


def run(settings: Settings) -> None:
    list(stages.run_days(settings, DAYS[0], DAYS[-1]))


def person(settings: Settings) -> Person:
    """The person as the lake knows her."""
    lake = Lake(settings.lake)
    named = [
        identity_id(KEY.encode(), kind, name, load_rules(settings))
        for kind, name in zip(("customer", "email", "device"), NAMES, strict=True)
    ]
    assert requests.people_of(lake, named[2:], load_rules(settings)) == sorted(named)
    rows = lake.rows_with("interactions", {"identity_id": named}, ["interaction_id", "text_hash", "text"])
    private = rows[rows["text"].str.contains("quetzal", na=False)]
    return Person(sorted(named), [*named, *rows["interaction_id"], *private["text_hash"], *WORDS])


def copied(settings: Settings, root: Path) -> Settings:
    """The same world in another folder, cache included."""
    made = {name: str(root / name) for name in ("landing", "lake", "publish")} | {"cache": root / "cache"}
    for name in made:
        shutil.copytree(getattr(settings, name), made[name], symlinks=True)
    return settings.model_copy(update=made)


def roots(settings: Settings) -> list[Path]:
    """Where traces may be."""
    return [
        Path(settings.lake),
        Path(settings.publish),
        Path(settings.landing),
        *Path(settings.cache).rglob("*.sqlite*"),
    ]


def others(settings: Settings, she: Person) -> dict[str, list[str]]:
    """The rows of all other people, as text, by table. Sums of items are nobody's, and the ledger is no table of people."""
    found = {}
    for name in set(schemas.TABLES) - {"days", "suppressions", "quarantine"}:
        rows = Lake(settings.lake).read(name)
        columns = [column for column in stages._erase.WHO if column in rows]
        hers = rows[columns].isin(she.identities).any(axis=1) if columns else pd.Series(False, index=rows.index)
        if "subject_type" in rows:
            hers |= rows["subject_type"] == "item"
        found[name] = sorted(map(repr, rows[~hers].to_dict("records")))
    return found


def documents(settings: Settings, she: Person) -> dict[str, list[bytes]]:
    """Every published JSON line of other people, by day."""
    target = open_target(settings.publish)
    found: dict[str, list[bytes]] = {}
    for day in DAYS:
        parts = [part["key"] for part in read_manifest(target, day)["objects"] if part["key"].endswith(".jsonl.gz")]
        bodies = [target.get(key) for key in parts]
        published = [line for body in bodies if body for line in gzip.decompress(body[0]).splitlines()]
        found[day] = [line for line in published if json.loads(line)["customer_id"] not in she.identities]
    return found
