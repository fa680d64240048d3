"""What a customer writes about, in the topics of the customer base: their keywords, summed by topic."""

from typing import Any

import pandas as pd

from profiling.errors import InputError
from profiling.lake import Lake
from profiling.ledger import sunday_before
from profiling.profiles.evidence import attach, facet, head
from profiling.profiles.history import topics_on
from profiling.profiles.interests import without_denied
from profiling.profiles.snapshot import Snapshot
from profiling.settings import Settings
from profiling.text.topics import ENDED, MERGED, in_service

MAX_TOPICS = 5
COLUMNS = ["customer_id", "topic_id", "name", "share", "sentiment", "count", "evidence"]


def topics(snapshot: Snapshot) -> pd.DataFrame:
    """The strongest topics of every customer of the snapshot.

    Returns:
        COLUMNS, sorted by customer_id and then strongest first, at most MAX_TOPICS a customer. `share` is the part of all the
        customer's keywords, by their weights with a half-life, 0 to 1: what is in no topic is missing from their sum;
        `sentiment` -1 to 1 of what they wrote, NaN where nothing was scored; `count` a lower bound of the interactions behind
        it, for one that has two terms of a topic stands in both of their sums; `evidence` the strongest. A term that they said
        is no interest of theirs counts for nothing, and a topic of that name is not theirs, whatever else of it they write.
    """
    said = facet(snapshot.activity, "topic")
    total = said.groupby("customer_id")["recent_weight"].transform("sum")
    said = said.assign(share=said["recent_weight"] / total.where(total > 0))
    claims = said.merge(snapshot.topics, left_on="value", right_on="term", how="inner", validate="m:1")
    claims = without_denied(without_denied(claims, "value", snapshot.denied), "name", snapshot.denied)
    keys = ["customer_id", "topic_id", "name"]
    sums = claims.groupby(keys, sort=True)[["share", "sentiment_sum", "sentiment_count"]].sum().reset_index()
    sums = sums[sums["share"] > 0]
    scored = sums["sentiment_count"].where(sums["sentiment_count"] > 0)
    sums = sums.assign(sentiment=sums["sentiment_sum"] / scored)
    ranked = sums.sort_values(["customer_id", "share", "topic_id"], ascending=[True, False, True], kind="stable")
    best = head(ranked, MAX_TOPICS).merge(_counts(claims, keys), on=keys, how="left", validate="1:1")
    return attach(best, claims, keys)[COLUMNS]


def _counts(claims: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """At least so many interactions: those of the most frequent term of each kind, or those that are known by their ids."""
    by_term = claims.groupby([*keys, "kind", "value"], sort=True)["count"].sum().reset_index()
    most = by_term.groupby([*keys, "kind"], sort=True)["count"].max().groupby(keys, sort=True).sum().reset_index()
    cited = claims[[*keys, "evidence"]].explode("evidence", ignore_index=True)
    cited = cited[cited["evidence"].notna()]
    cited = cited.assign(interaction_id=[each["interaction_id"] for each in cited["evidence"]])
    known = cited.groupby(keys, sort=True)["interaction_id"].nunique().rename("known").reset_index()
    both = most.merge(known, on=keys, how="left", validate="1:1")
    return both.assign(count=both[["count", "known"]].max(axis=1).astype("int64")).drop(columns="known")


def overview(settings: Settings, day: str) -> dict[str, Any]:
    """The topics in service on a day, largest first, and those that ended in the week before: what `profiling topics` prints.

    Raises:
        InputError: the week before the day is not closed, or its topics are past their retention.
    """
    week = sunday_before(day)
    rows = topics_on(Lake.open(settings), day)
    if rows.empty:
        raise InputError(
            f"there are no topics of the week to {week}: it is closed by `profiling profile --day {day}`, and has none where too "
            "few customers wrote of the same thing, or where they are past their retention"
        )
    names = dict(zip(rows["topic_id"], rows["name"], strict=True))
    gone = rows[rows["state"].isin((ENDED, MERGED))].sort_values(["name", "topic_id"])
    return {
        "day": day,
        "week": week,
        "model": str(rows["model"].iloc[0]),
        "topics": [_described(row) for row in in_service(rows).to_dict("records")],
        "gone": [
            {
                "topic_id": row["topic_id"],
                "name": row["name"],
                "state": row["state"],
                "since": row["since"],
                "into": names.get(row["merged_into"]) if row["state"] == MERGED else None,
            }
            for row in gone.to_dict("records")
        ],
    }


def _described(row: dict[Any, Any]) -> dict[str, Any]:
    """A row for people and programs: changes since the week before are None where the topic was not in service then."""
    was = row["share_before"] == row["share_before"]
    return {
        "topic_id": row["topic_id"],
        "name": row["name"],
        "state": row["state"],
        "since": row["since"],
        "customers": int(row["customers"]),
        "texts": int(row["texts"]),
        "share": round(float(row["share"]), 4),
        "share_change": round(float(row["share"] - row["share_before"]), 4) if was else None,
        "sentiment": round(float(row["sentiment"]), 4),
        "sentiment_change": round(float(row["sentiment"] - row["sentiment_before"]), 4) if was else None,
        "terms": [entry["term"] for entry in row["terms"]],
    }
