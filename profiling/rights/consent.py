"""Consent by purpose: what holds as of a day, and what is withdrawn now.

Of the statements about one customer and purpose the newest holds, over all identities of theirs. As of a day those count that
had arrived by its end; a withdrawal also enters the list of `suppressions`, which every stage reads as it is now. Someone is
left out where either says so.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pandas as pd

from profiling.lake import Lake
from profiling.ledger import RELEASED, STALE, Ledger, day_before
from profiling.prepare.identity_rules import load_rules
from profiling.prepare.validity import newest, of_customers
from profiling.rights import suppressions
from profiling.rights.suppressions import GRANTED, PURPOSES, WITHDRAWN, Suppressions
from profiling.settings import Settings

_FOR_EVER = "9999-12-31"


def default(settings: Settings, purpose: str) -> str:
    """What holds of a customer who never said anything of a purpose: `granted` or `withdrawn`."""
    return str(getattr(settings, f"consent_{purpose}"))


def refusing(
    customer_of: pd.Series, consents: pd.DataFrame, purpose: str, settings: Settings, held: Suppressions | None
) -> set[str]:
    """The customers whose data must not be used for a purpose.

    Args:
        customer_of: customer_id by identity_id, of everyone.
        consents: customer_id, name, value: what holds as of the day, as `of_customers` returns it.
        held: the list as it is now; None where there is no key to read it with, as in a trainer, which looks at what was said
            until now instead (`refused_by_statements`).
    """
    said = consents[consents["name"] == purpose]
    found = set(said.loc[said["value"] != "granted", "customer_id"])
    if default(settings, purpose) != "granted":
        found |= set(customer_of) - set(said["customer_id"])
    if held:
        identities = customer_of.index.to_series()
        found |= set(customer_of[held.mask(identities, purpose).to_numpy()])
    return found


def refused_by_statements(
    lake: Lake, settings: Settings, purpose: str, day: str, customer_of: pd.Series, held: Suppressions | None
) -> set[str]:
    """`refusing`, from the statements themselves: those known at the end of `day`, and those known now."""
    said = lake.read("consents", [("name", "==", purpose)])
    known = of_customers(newest(said[said["day"] <= day]), customer_of)
    now = of_customers(newest(said), customer_of)
    found = refusing(customer_of, known, purpose, settings, held)
    return found | set(now.loc[now["value"] != "granted", "customer_id"])


def may_be_read_by_language_model(lake: Lake, settings: Settings, day: str, identities: pd.Series) -> pd.Series:
    """True where an identity's texts may be given to a language model, as of a day and now."""
    from profiling.profiles.history import customer_ids_at

    customer_of = customer_ids_at(lake, day, load_rules(settings))
    held = suppressions.load(lake, settings)
    refused = refused_by_statements(
        lake, settings, "language_model", day, with_strangers(customer_of, identities), held
    )
    return ~identities.map(with_strangers(customer_of, identities)).isin(refused)


def with_strangers(customer_of: pd.Series, identities: Iterable[str]) -> pd.Series:
    """The same with those added of whom nothing is known but their id: each is a customer of its own."""
    strangers = sorted(set(identities) - set(customer_of.index))
    added = pd.Series(strangers, index=pd.Index(strangers, name="identity_id"), name="customer_id", dtype="str")
    return pd.concat([customer_of, added]).rename_axis("identity_id").rename("customer_id")


def record(lake: Lake, settings: Settings, attempt: str) -> int:
    """Bring the list up to date with what was said of `profiling`, `marketing` and `language_model`; how many rows were added.

    Published days that serve somebody for a purpose just withdrawn become stale, in the name of an `attempt`.

    The moment of the record counts in the list and not that of the statement: what holds is decided here, over all members of a
    customer, and may change without a new statement, by a link that joins two or a drop that is delivered again without it.
    When a withdrawal was said stands beside it: only a yes that was said later lifts it, whatever has become of its link.
    """
    from profiling.profiles.history import customer_ids_at

    said = lake.read("consents", [("name", "in", list(PURPOSES))])
    held = suppressions.load(lake, settings)
    if said.empty and not held:
        return 0
    customer_of = with_strangers(customer_ids_at(lake, _FOR_EVER, load_rules(settings)), said["subject_id"])
    identities = customer_of.index.to_series()
    holds = of_customers(newest(said), customer_of)
    added, moment = 0, pd.Timestamp(datetime.now(UTC))
    for purpose in PURPOSES:
        of_purpose = holds[holds["name"] == purpose].set_index("customer_id")
        of_each = of_purpose[["value", "stated_at"]].reindex(customer_of).set_axis(customer_of.index)
        value, stated_at = of_each["value"], of_each["stated_at"]
        is_held = pd.Series(held.mask(identities, purpose).to_numpy(), index=customer_of.index)
        before = suppressions.said_at(lake, settings, identities, purpose)
        is_later = before.isna() | (stated_at > before)
        # Only a yes lifts a no: that the statement is no more found, past retention or after a split, is none.
        for reason, changed in (
            (WITHDRAWN, (value == "withdrawn") & (~is_held | is_later)),
            (GRANTED, (value == "granted") & is_held & is_later),
        ):
            if changed.any():
                named = identities[changed]
                said_at = dict(zip(named, stated_at[changed], strict=True))
                with _published_days_stale(lake, set(identities[changed & ~is_held]), purpose, attempt):
                    added += suppressions.add(lake, settings, named, reason, purpose, moment, said_at=said_at)
    return added


@contextmanager
def _published_days_stale(lake: Lake, who: set[str], purpose: str, attempt: str) -> Iterator[None]:
    """Mark published days that serve people while they come on the list: before, for a kill would leave no cause to mark them,
    and after, for such a day may have been published in between.
    """
    days = _serving(lake, who, purpose)
    _mark_published(lake, days, purpose, attempt)
    yield
    _mark_published(lake, days, purpose, attempt)


def _serving(lake: Lake, who: set[str], purpose: str) -> list[str]:
    """The days on which somebody is profiled or, of `marketing`, offered something.

    None is marked for `language_model`: publishing again takes nothing out, since its claims stand among others in a document.
    """
    if not who or purpose == "language_model":
        return []
    rows = lake.rows_with("profiles", {"customer_id": who}, ["day", "document"])
    if purpose == "profiling":
        told = lake.rows_with("identity_changes", {"from_id": who, "to_id": who}, ["day"])
        return sorted({*rows["day"], *told["day"]})
    said = [json.loads(document) for document in rows["document"]]
    offers = [any(each[part] is not None for part in ("recommendations", "next_best_action")) for each in said]
    return sorted(set(rows.loc[offers, "day"]))


def _mark_published(lake: Lake, days: list[str], purpose: str, attempt: str) -> None:
    """Published days but for closed ones, which are never published again; a stretch of days in one record."""
    if not days:
        return
    ledger = Ledger(lake.ledger())
    wanted = [day for day in days if ledger.state("publish", day) == RELEASED and not ledger.is_closed("publish", day)]
    note = f"somebody has withdrawn consent to {purpose} since it was published"
    for first in (day for day in wanted if day_before(day) not in wanted):
        last = next(day for day in wanted if day >= first and day_before(day, -1) not in wanted)
        lake.record("publish", first, STALE, attempt, until=last, note=note)
