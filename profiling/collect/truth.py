"""How much of the sample's hidden truth was recovered. Knows documents and frames, nothing of the lake."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import pandas as pd

from profiling.errors import InputError

SILENT = ("at_risk", "lapsed")
_FILES = ("customers", "duplicates", "rejects", "redactions", "late")

_Found = tuple[dict[str, Any], Mapping[str, Any]]  # a customer as it is, and its profile
_Planted = dict[str, list[dict[str, Any]]]
_Place = tuple[str, str, int]  # day of the drop, file, line


def read_truth(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The truth files by name: customers, duplicates, rejects, redactions, late; one dict a row.

    Raises:
        InputError: one is missing.
    """
    missing = [name for name in _FILES if not (folder / f"{name}.jsonl").is_file()]
    if missing:
        raise InputError(f"{folder} has no {missing[0]}.jsonl; write the sample with: profiling sample --out DIR")
    return {
        name: [orjson.loads(line) for line in (folder / f"{name}.jsonl").read_bytes().splitlines()] for name in _FILES
    }


def score(
    truth: Path,
    day: str,
    profiles: Iterable[Mapping[str, Any]],
    identifiers: Mapping[str, str],
    interactions: pd.DataFrame,
    quarantine: pd.DataFrame,
    *,
    silent_days: int = 0,
) -> dict[str, float]:
    """Shares of what was planted up to `day` that came out.

    Args:
        truth: the sample's truth folder.
        day: the day the profiles are of; drops up to it are loaded.
        profiles: profile documents as of `day`.
        identifiers: customer_id -> the customer's identifier (C0001); customers not in it are left out.
        interactions: stored rows of all days up to `day`: day, source, source_file, source_line, text.
        quarantine: rejected rows of all days up to `day`: day, source, source_file, source_line, reason.
        silent_days: customers who fell silent less than so many days ago count neither way: nobody can see it yet.

    Returns:
        interest_precision and interest_recall: a customer's first three (or as many as there are tastes) interests of kind
        category against the tastes, mean over customers; churn_recall and churn_precision: life cycle at_risk or lapsed
        against a churn date up to `day`; satisfaction_rank: Spearman's rank correlation of score and hidden satisfaction;
        trend_sign: of customers with a hidden trend and a known one, the share with the right sign; exact_duplicates and
        near_duplicates: of two copies exactly one is stored; rejects: quarantined for the planted reason; wrong_rejects: a
        count, rows quarantined although nothing was wrong; late: stored under the day of arrival; redactions: the planted
        string is in no stored text; redacted_rows: the row it was planted in is stored with a text. NaN where nothing of
        the kind was planted.
    """
    known = read_truth(truth)
    people = {person["identifier"]: person for person in known.pop("customers")}
    planted = {name: [row for row in rows if row["day"] <= day] for name, rows in known.items()}
    found = [
        (people[identifiers[document["customer_id"]]], document)
        for document in profiles
        if identifiers.get(document["customer_id"]) in people
    ]
    return {
        **_interests(found),
        **_churn(found, day, silent_days),
        **_satisfaction(found),
        **_events(planted, interactions[interactions["source"].eq("events")]),
        **_rejects(planted["rejects"], quarantine[quarantine["source"].eq("events")]),
    }


def _interests(found: list[_Found]) -> dict[str, float]:
    precision, recall = [], []
    for person, document in found:
        tastes = person["tastes"]
        topics = [interest["topic"] for interest in document.get("interests") or [] if interest["kind"] == "category"]
        offered = topics[: min(3, len(tastes))]
        hits = len(set(offered) & set(tastes))
        recall.append(hits / len(tastes))
        if offered:
            precision.append(hits / len(offered))
    return {"interest_precision": _mean(precision), "interest_recall": _mean(recall)}


def _churn(found: list[_Found], day: str, silent_days: int) -> dict[str, float]:
    visible = (date.fromisoformat(day) - timedelta(days=silent_days)).isoformat()
    pairs = [
        (person["churned_on"] is not None and person["churned_on"] <= visible, _life_cycle(document) in SILENT)
        for person, document in found
        if person["churned_on"] is None or not visible < person["churned_on"] <= day
    ]
    return {
        "churn_recall": _mean([is_silent for is_churned, is_silent in pairs if is_churned]),
        "churn_precision": _mean([is_churned for is_churned, is_silent in pairs if is_silent]),
    }


def _satisfaction(found: list[_Found]) -> dict[str, float]:
    known = [
        (p, d["satisfaction"]) for p, d in found if d.get("satisfaction") and d["satisfaction"]["score"] is not None
    ]
    levels = pd.DataFrame([(p["satisfaction"], level["score"]) for p, level in known], columns=["hidden", "found"])
    trends = [(p["trend"], level["trend"]) for p, level in known if p["trend"] and level["trend"] is not None]
    ranks = levels.rank()
    return {
        "satisfaction_rank": float(ranks["hidden"].corr(ranks["found"])) if len(ranks) > 1 else float("nan"),
        "trend_sign": _mean([(hidden > 0) == (shown > 0) for hidden, shown in trends]),
    }


def _life_cycle(document: Mapping[str, Any]) -> str | None:
    return (document.get("segment") or {}).get("life_cycle")


def _events(planted: _Planted, stored: pd.DataFrame) -> dict[str, float]:
    places = set(_places(stored))
    spoken = set(_places(stored[stored["text"].notna()]))
    texts = "\n".join(stored["text"].dropna())

    def copies(kind: str) -> float:
        pairs = [
            (_place(row), (row["of_day"], row["file"], row["of_line"]))
            for row in planted["duplicates"]
            if row["kind"] == kind
        ]
        return _mean([(one in places) != (other in places) for one, other in pairs])

    return {
        "exact_duplicates": copies("exact"),
        "near_duplicates": copies("near"),
        "late": _mean([_place(row) in places for row in planted["late"]]),
        "redactions": _mean([row["planted"] not in texts for row in planted["redactions"]]),
        "redacted_rows": _mean([_place(row) in spoken for row in planted["redactions"]]),
    }


def _rejects(planted: list[dict[str, Any]], quarantine: pd.DataFrame) -> dict[str, float]:
    reasons = dict(zip(_places(quarantine), quarantine["reason"], strict=True))
    return {
        "rejects": _mean([reasons.get(_place(row)) == row["reason"] for row in planted]),
        "wrong_rejects": float(len(reasons.keys() - {_place(row) for row in planted})),
    }


def _place(row: Mapping[str, Any]) -> _Place:
    return row["day"], row["file"], row["line"]


def _places(rows: pd.DataFrame) -> list[_Place]:
    return [
        (str(day), str(file), int(line))
        for day, file, line in zip(rows["day"], rows["source_file"], rows["source_line"], strict=True)
    ]


def _mean(values: Sequence[float]) -> float:
    return float(sum(values)) / len(values) if values else math.nan
