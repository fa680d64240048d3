"""Everything held about a person, as one JSON document: for whoever asks what is known of them.

Made from the schemas: a table with a column that points to a person is in it by itself. Written piece by piece, one partition of
one table at a time; the same lake gives the same bytes.
"""

import gzip
import json
import math
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pandas as pd

from profiling import schemas
from profiling.errors import InputError, SettingsError
from profiling.lake import Lake
from profiling.prepare.identity import identity_id
from profiling.prepare.identity_rules import load_rules
from profiling.publish import open_target, read_manifest, read_published
from profiling.rights import former, suppressions
from profiling.rights.keys import pseudonym_key
from profiling.schemas import Table
from profiling.settings import Settings

_FOR_EVER = "9999-12-31"
# Vectors are numbers of a model: what they say of a person stands in the other columns.
_LEFT_OUT = ("embedding", "embedding_sum")
# Why a table is held; said beside its rows, and in docs/privacy.md.
PURPOSES = {
    "identity_changes": "what merges and splits of their identifiers were told to those who receive profiles",
    "interactions": "what the customer did and wrote: the ground of every claim in the profile",
    "attributes": "what was stated about the customer, shown in the profile",
    "consents": "what the customer allowed, obeyed by every stage, and kept as its proof",
    "identity_links": "which identifiers belong to one customer",
    "text_features": "what language models read in the texts: language, mood, keywords, aspects",
    "media_features": "what a model read in pictures and recordings that the customer's events refer to",
    "facts": "statements read out of the texts, shown in the profile",
    "facts_state": "the same to the end of a week",
    "fact_corrections": "what the customer or a clerk said of a fact that was wrong, obeyed by every profile since",
    "daily_activity": "sums of a day's interactions, from which profiles are made",
    "activity_state": "the same sums to the end of a week",
    "text_activity": "how many texts a day's vector sums",
    "text_state": "the same to the end of a week",
    "profiles": "the profile as of each day, with its predictions, recommendations and next best action",
}
UNATTRIBUTED = {
    "quarantine": "rejected rows bear no identifier, so none can be said to be this person's",
    "landing": "drops hold rows as their sources delivered them until their retention; ask the sources for those",
    "models": "models hold numbers learned from many customers, and no row of one",
}


def id_columns(table: Table) -> list[str]:
    """The columns that name a person by an identity or customer id."""
    return [column.name for column in table.columns if column.is_personal and column.name.endswith("_id")]


def customer_of_identifier(settings: Settings, identifier: str) -> str:
    """The customer_id behind `type:value`, by everything known.

    Raises:
        SettingsError: it has no type, or there is no key.
    """
    kind, colon, value = identifier.strip().partition(":")
    if not (kind and colon and value):
        raise SettingsError("an identifier is written type:value, such as email:ann@example.org")
    lake = Lake.open(settings)
    identity = identity_id(pseudonym_key(lake, settings), kind, value, load_rules(settings))
    return _customers(lake, settings).get(identity, identity)


def export(settings: Settings, customer: str) -> Iterator[str]:
    """The document, in pieces of text.

    Its `tables` hold all rows by table, with the purpose they are held for; `published` who the profile was given to;
    `suppressed` what the person must not be used for; `not_attributed` what may hold something of theirs that bears no name.

    Args:
        customer: a customer_id, or any identity_id of theirs.

    Raises:
        InputError: nothing is held under that id.
        SettingsError: it is an identifier in the clear.
    """
    if ":" in customer:
        raise SettingsError(
            "an identifier in the clear would stay in the shell's history and stand in the list of processes; "
            "`profiling export --identifier` asks for it, or reads it from a pipe"
        )
    lake = Lake.open(settings)
    customers = _customers(lake, settings)
    root = customers.get(customer, customer)
    identities = sorted({identity for identity, of in customers.items() if of == root} | {root, customer})
    sections = [(table, id_columns(table)) for table in schemas.TABLES.values() if id_columns(table)]
    if not any(_is_held(lake, table, names, identities) for table, names in sections):
        raise InputError(
            f"nothing is held under {customer}; CUSTOMER is a whole customer_id. Of an identifier check type and spelling"
        )
    suppressed = _suppressed(lake, settings, identities)  # needs the key: before half a document is written
    yield '{"customer_id":' + _json(root) + ',"identities":' + _json(identities) + ',"tables":{'
    for number, (table, names) in enumerate(sorted(sections, key=lambda section: section[0].name)):
        head = {"what": table.grain, "purpose": PURPOSES.get(table.name, table.grain)}
        yield ("," if number else "") + "\n" + _json(table.name) + ":{" + _json(head)[1:-1] + ',"rows":['
        more = _former(lake, identities) if table.name == "profiles" else iter(())
        yield from _separated(chain(_rows(lake, table, names, identities), more))
        yield "]}"
    yield '},"published":['
    yield from _separated(_published(settings, set(identities)))
    yield '],"suppressed":' + _json(suppressed)
    yield ',"not_attributed":' + _json(UNATTRIBUTED) + "}\n"


def _customers(lake: Lake, settings: Settings) -> dict[str, str]:
    from profiling.profiles.history import customer_ids_at

    found = customer_ids_at(lake, _FOR_EVER, load_rules(settings))
    return {str(identity): str(customer) for identity, customer in found.items()}


def _is_held(lake: Lake, table: Table, names: list[str], identities: list[str]) -> bool:
    return any(lake.count(table.name, [(name, "in", identities)]) for name in names)


def _rows(lake: Lake, table: Table, names: list[str], identities: list[str]) -> Iterator[dict[str, Any]]:
    """Rows that name one of the identities, by partition, in the order of the table's key."""
    columns = [name for name in table.names if name not in _LEFT_OUT]
    wanted = {
        str(partition)
        for name in names
        for partition in lake.read(table.name, [(name, "in", identities)], [str(table.partition)])[str(table.partition)]
    }
    for partition in sorted(wanted):
        at = (str(table.partition), "==", partition)
        found = [lake.read(table.name, [at, (name, "in", identities)], columns) for name in names]
        key = [name for name in table.key if name in columns]
        rows = pd.concat(found).drop_duplicates(key).sort_values(key, kind="stable")
        for row in rows.to_dict("records"):
            if isinstance(row.get("document"), str):
                row["document"] = json.loads(row["document"])
            yield {str(name): value for name, value in row.items()}


def _former(lake: Lake, identities: list[str]) -> Iterator[dict[str, Any]]:
    """Profiles of somebody else from before a split: the part of each that is the person's, and not the other's."""
    events = set(lake.rows_with("interactions", {"identity_id": identities}, ["interaction_id"])["interaction_id"])
    for rows in former.naming(lake, identities):
        for row in rows.sort_values("customer_id").to_dict("records"):
            document = former.own_part(row["document"], identities, events)
            yield {"customer_id": row["customer_id"], "day": row["day"], "document": document, "is_part": True}


def _published(settings: Settings, identities: set[str]) -> Iterator[dict[str, Any]]:
    """The publications that hold the person now, in a profile of theirs or from before a split, with the keys of those parts."""
    target = open_target(settings.publish, settings.s3_endpoint)
    days = {
        key.split("/")[1].removeprefix("day=") for key in target.list("profiles/") if key.endswith("/manifest.json")
    }
    for day in sorted(days):
        manifest = read_manifest(target, day)
        for part in manifest["objects"]:
            if not part["key"].endswith(".jsonl.gz"):
                continue
            if "bucket" not in part:  # the feed of merges and splits
                found = target.get(part["key"])
                told = gzip.decompress(found[0]).decode() if found else ""
                if any(identity in told for identity in identities):
                    yield {"day": day, "target": target.uri, "revision": manifest["revision"], "keys": [part["key"]]}
                continue
            documents = read_published(target, day, bucket=part["bucket"])
            if any(identities & {d["customer_id"], *d["identity"]["members"]} for d in documents):
                beside = [each["key"] for each in manifest["objects"] if each.get("bucket") == part["bucket"]]
                yield {"day": day, "target": target.uri, "revision": manifest["revision"], "keys": sorted(beside)}


def _suppressed(lake: Lake, settings: Settings, identities: list[str]) -> list[str]:
    held = suppressions.load(lake, settings)
    named = pd.Series(identities, dtype="str")
    return [p for p in (suppressions.ALL, *suppressions.PURPOSES) if held and held.mask(named, p).any()]


def _separated(records: Iterator[dict[str, Any]]) -> Iterator[str]:
    for number, record in enumerate(records):
        yield ("," if number else "") + "\n" + _json(record)


def _json(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, pd.Timestamp):
        return None if value is pd.NaT else value.isoformat()
    if value is None or value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value
