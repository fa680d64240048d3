"""Why a customer is one customer: members, links, the events behind them, what the rules refused; and what other rules would do.

Identifiers are shown as pseudonyms, never as written: the lake has nothing else. Reads only.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from profiling.errors import InputError
from profiling.lake import Lake
from profiling.ledger import RELEASED, Ledger
from profiling.prepare.identity_rules import load_rules, read_rules
from profiling.prepare.resolution import Resolution, resolve
from profiling.profiles.history import first_seen
from profiling.profiles.show import customer_of
from profiling.settings import Settings

EXAMPLES = 5


def overview(settings: Settings, day: str) -> dict[str, Any]:
    """How many identities, customers and links are known at the end of a day, and everything that the rules refused.

    Raises:
        InputError: the day has no profiles yet.
    """
    lake, rules = Lake.open(settings), load_rules(settings)
    links, seen = _known(lake, day)
    found = resolve(links, seen, rules)
    return {
        "day": day,
        "identities": len(found.customer_of),
        "customers": int(found.customer_of.loc[seen.index].nunique()),
        "links": len(links),
        "rules": rules.digest(),
        "refused": _plain(found.conflicts),
    }


def explain(settings: Settings, day: str, customer: str) -> dict[str, Any]:
    """One customer at the end of a day.

    Args:
        customer: a customer_id or another member's identity_id, its first 8 characters or more, or `type:identifier`.

    Returns:
        `customer_id`; `members`: `identity_id`, `type` (null where it was never linked), `first_seen_at` (null where it has no
        interactions of its own); `links`: both ends, types, source, event, day, and whether it was followed; `refused`: what the
        rules refused of them.

    Raises:
        InputError: the day has no profiles yet, or nobody is known by that name.
    """
    lake, rules = Lake.open(settings), load_rules(settings)
    links, seen = _known(lake, day)
    found = resolve(links, seen, rules)
    asked = customer_of(settings, lake, customer, day) if ":" in customer else customer
    customer_id = _named(found, asked, customer, day)
    members = found.customer_of.index[found.customer_of == customer_id]
    touching = links[links["identity_id"].isin(members) | links["other_id"].isin(members)]
    types = _types(touching)
    refused = found.conflicts[
        found.conflicts[["identity_id", "other_id"]].isin(members).any(axis="columns")
        | found.conflicts["identity_id"].isin(touching["identity_id"])
        | found.conflicts["identity_id"].isin(touching["other_id"])
    ]
    return {
        "day": day,
        "customer_id": customer_id,
        "members": [
            {"identity_id": member, "type": types.get(member), "first_seen_at": _moment(seen.get(member))}
            for member in members
        ],
        "links": [
            {
                "identity_id": row["identity_id"], "type": row["first_type"],
                "other_id": row["other_id"], "other_type": row["identifier_type"],
                "source": row["source"], "interaction_id": row["interaction_id"],
                "day": row["day"], "occurred_at": _moment(row["occurred_at"]),
                "is_inside": row["identity_id"] in members and row["other_id"] in members,
            }
            for row in _plain(touching.sort_values(["day", "occurred_at", "interaction_id", "identity_id", "other_id"]))
        ],
        "refused": _plain(refused),
    }  # fmt: skip


def preview(settings: Settings, day: str, path: Path) -> dict[str, Any]:
    """What the rules of a file would merge and split at the end of a day; nothing is written.

    Normalisers and the question which identifier leads a row are applied when a row is ingested, and are not previewed:
    `needs_ingest` says that the file changes them.

    Returns:
        Counts of customers under the rules of the settings and of the file, of those merged and split, and EXAMPLES of each:
        `customers` that become one, or `customer` and the `parts` it falls into.
    """
    lake, rules, others = Lake.open(settings), load_rules(settings), read_rules(path)
    others = others.model_copy(update={"phone_region": rules.phone_region})
    links, seen = _known(lake, day)
    now, then = (resolve(links, seen, each) for each in (rules, others))
    both = pd.DataFrame({"now": now.customer_of, "then": then.customer_of}).loc[seen.index.unique()].drop_duplicates()
    merged = both.groupby("then", sort=True)["now"].agg(sorted)
    split = both.groupby("now", sort=True)["then"].agg(sorted)
    merged, split = merged[merged.map(len) > 1], split[split.map(len) > 1]
    return {
        "day": day,
        "customers": int(both["now"].nunique()),
        "customers_then": int(both["then"].nunique()),
        "merged": len(merged),
        "split": len(split),
        "needs_ingest": rules.of_ingest() != others.of_ingest(),
        "merges": [{"customers": names} for names in merged.head(EXAMPLES)],
        "splits": [{"customer": name, "parts": parts} for name, parts in split.head(EXAMPLES).items()],
        "refused": {name: _counts(found) for name, found in (("now", now), ("then", then))},
    }


def _known(lake: Lake, day: str) -> tuple[pd.DataFrame, pd.Series]:
    """The links known by a day, and the first event of every identity.

    Raises:
        InputError: the day has no released profiles: without them the week before it may not be closed.
    """
    ledger = Ledger(lake.ledger())
    released = [each for each in ledger.days("profile") if ledger.state("profile", each) == RELEASED]
    if day not in released:
        newest = f"the newest day that has is {released[-1]}" if released else "no day has"
        raise InputError(f"{day} has no released profiles, and {newest}; run `profiling run --from {day} --to {day}`")
    return lake.read("identity_links", [("day", "<=", day)]), first_seen(lake, day, day)


def _named(found: Resolution, asked: str, customer: str, day: str) -> str:
    """The customer whose member's id is, or begins with, what was asked for."""
    known = found.customer_of
    if asked not in known.index and len(asked) >= 8:
        known = known[known.index.str.startswith(asked)]
        if known.nunique() > 1:
            raise InputError(f"{known.nunique()} customers have ids that begin with {customer}; give more of it")
        asked = known.index[0] if len(known) else asked
    if asked not in known.index:
        raise InputError(
            f"{customer} is nobody known by {day}: no event and no link names them (`profiling export --identifier` also finds "
            "who is only in statements). CUSTOMER is a customer_id or another identity's id, or its first 8 characters "
            "and more, or type:identifier such as customer:C0001"
        )
    return str(known[asked])


def _types(links: pd.DataFrame) -> dict[str, str | None]:
    """The type of each identity of some links."""
    ends = [("identity_id", "first_type"), ("other_id", "identifier_type")]
    return {row[name]: row[kind] for name, kind in ends for row in _plain(links[[name, kind]])}


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain Python; what is missing is None."""
    return frame.astype("object").where(frame.notna(), None).to_dict("records")  # type: ignore[return-value]


def _counts(found: Resolution) -> dict[str, int]:
    return {str(kind): int(number) for kind, number in found.conflicts["kind"].value_counts().sort_index().items()}


def _moment(at: Any) -> str | None:
    return None if at is None or pd.isna(at) else pd.Timestamp(at).strftime("%Y-%m-%dT%H:%M:%SZ")
