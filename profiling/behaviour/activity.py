"""Activity as sums: one day's rows, and their fold into the state as of a day.

A state is a sum over all drops up to a day, plus the same sums with a half-life. Because both add up, the state of a day is
the checkpoint of the last closed week plus at most seven days, and no older event is ever read again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from profiling import schemas

# Days after which an interaction weighs half in "recent" sums. A month is the rhythm of most shops; one constant for all of
# them keeps recent numbers comparable between customers and over time.
RECENT_HALF_LIFE_DAYS = 30.0
MAX_EVIDENCE = 5
# A review that speaks of the delivery in every sentence need not be quoted in full: its clearest words are enough.
MAX_SPANS = 3
SUBJECTS_AT_ONCE = 2048  # their sums of vectors are 8 MB
EVENTS_AT_ONCE = 2048  # six claims each, as Python objects some 20 MB

# How strongly an interaction speaks for interest in its item: what costs the customer money or effort says more.
KIND_WEIGHT = {
    "purchase": 1.0,
    "review": 0.8,
    "contact": 0.6,
    "email": 0.6,
    "post": 0.6,
    "search": 0.5,
    "ad_click": 0.3,
    "view": 0.2,
    "delivery": 0.1,
    "repayment": 0.1,
    "ad_impression": 0.0,
}

# (interaction_id, aspect) -> {interaction_id, start, end, polarity} of the clauses, in the order of the text.
Spans = dict[tuple[str, str], list[dict[str, Any]]]

GRAIN = ["subject_type", "subject_id", "bucket", "kind", "facet", "value", "currency"]
_COUNTS = ["count", "active_days", "rating_count", "sentiment_count"]
_AMOUNTS = ["quantity", "amount", "rating_sum", "sentiment_sum", "weight"]
_RECENT = {
    "recent_weight": "weight",
    "recent_count": "count",
    "recent_rating_count": "rating_count",
    "recent_rating_sum": "rating_sum",
    "recent_sentiment_count": "sentiment_count",
    "recent_sentiment_sum": "sentiment_sum",
}
STATE_COLUMNS = [name for name in schemas.ACTIVITY_STATE.names if name != "week"]
_OF_IDENTITY = ("identity", "identity_id")
VECTOR_GRAIN = ["subject_type", "subject_id", "bucket", "model"]
VECTOR_COLUMNS = [*VECTOR_GRAIN, "count", "embedding_sum"]


# --- one day -----------------------------------------------------------------------------------------------------------


def daily_activity(
    interactions: pd.DataFrame, text_features: pd.DataFrame, day: str, media_features: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Sum one day's interactions per subject, event day, kind, facet value and currency: in one go, what the stage does in
    pieces.

    Args:
        interactions: the day's rows of `interactions`.
        text_features: the day's rows of `text_features`, one per interaction with text.
        day: the drop's day.
        media_features: the day's rows of `media_features`, where media are read.

    Returns:
        Rows of `daily_activity`, sorted by its key. Items carry no evidence: what one customer did is never evidence in
        another's profile.
    """
    events = _events(interactions, text_features)
    claims = [*_claims_of_identities(events, media_features), _claims_of_items(events)]
    return _daily(pd.concat(claims, ignore_index=True), _spans_said(text_features), day)


def daily_activity_in_pieces(
    interactions: pd.DataFrame,
    said: Callable[[pd.Series], pd.DataFrame],
    sentiments: pd.DataFrame,
    day: str,
    media_features: pd.DataFrame | None = None,
) -> Iterator[pd.DataFrame]:
    """The rows of `daily_activity`, in order, in pieces of the subjects of about EVENTS_AT_ONCE interactions.

    Args:
        interactions: the day's rows of `interactions`.
        said: the rows of `text_features` of some identities, by their ids.
        sentiments: interaction_id and sentiment of all rows of `text_features`.
        day: the drop's day.
        media_features: the day's rows of `media_features`, where media are read.
    """
    for rows in _whole_subjects(interactions, "identity_id"):
        text_features = said(rows["identity_id"].drop_duplicates())
        claims = _claims_of_identities(_events(rows, text_features), media_features)
        yield _daily(pd.concat(claims, ignore_index=True), _spans_said(text_features), day)
    nothing_else = sentiments.assign(language=None, keywords=None, aspects=None)
    for rows in _whole_subjects(interactions[interactions["item_id"].notna()], "item_id"):
        yield _daily(_claims_of_items(_events(rows, nothing_else)), {}, day)


def _whole_subjects(rows: pd.DataFrame, subject: str) -> Iterator[pd.DataFrame]:
    """The rows of some subjects at a time, in their order, none of them split."""
    codes, _ = pd.factorize(rows[subject], sort=True)
    piece = ((np.cumsum(np.bincount(codes)) - 1) // EVENTS_AT_ONCE)[codes]
    for number in np.unique(piece):
        yield rows[piece == number]


def _claims_of_identities(events: pd.DataFrame, media_features: pd.DataFrame | None) -> list[pd.DataFrame]:
    items = events[events["item_id"].notna()]
    return [
        _claims(events, *_OF_IDENTITY, "all"),
        _claims(items.assign(value=items["item_id"]), *_OF_IDENTITY, "item"),
        _claims(_topics(events), *_OF_IDENTITY, "topic"),
        *([] if media_features is None else [_claims(_depicted(events, media_features), *_OF_IDENTITY, "media")]),
        _claims(_aspects(events), *_OF_IDENTITY, "aspect"),
        _claims(_languages(events), *_OF_IDENTITY, "language"),
    ]


def _claims_of_items(events: pd.DataFrame) -> pd.DataFrame:
    items = events[events["item_id"].notna()]
    return _claims(items.assign(bucket=0, interaction_id=""), "item", "item_id", "all")


def _daily(claims: pd.DataFrame, said: Spans, day: str) -> pd.DataFrame:
    keys = [*GRAIN, "event_day"]
    daily = _sum(claims, keys).assign(active_days=1, day=day)
    daily = daily.merge(_evidence(claims, keys), on=keys, how="left", validate="1:1")
    daily["evidence"] = _no_missing_lists(daily["evidence"])
    daily = _with_spans(daily, said)
    return daily.sort_values(list(schemas.DAILY_ACTIVITY.key), ignore_index=True)[schemas.DAILY_ACTIVITY.names]


def _events(interactions: pd.DataFrame, text_features: pd.DataFrame) -> pd.DataFrame:
    said = text_features.drop_duplicates("interaction_id")[
        ["interaction_id", "language", "sentiment", "keywords", "aspects"]
    ]
    events = interactions.merge(said, on="interaction_id", how="left", validate="1:1")
    opinion = ((events["rating"] - 3).abs() / 2).combine(events["sentiment"].abs(), np.fmax)
    kind_weight = events["kind"].map(KIND_WEIGHT).astype("float64")
    return events.assign(
        value="",
        currency=events["currency"].where(events["amount"].notna()).fillna("").astype("str"),
        weight=kind_weight,
        strength=opinion.fillna(kind_weight).astype("float64"),
    )


def _exploded(events: pd.DataFrame, column: str, term: str, number: str) -> pd.DataFrame:
    """One row per element of a list of {term, number} structs, as `value` and `strength`."""
    rows = events[events[column].notna()].explode(column, ignore_index=True)
    rows = rows[rows[column].notna()]
    elements = rows[column].tolist()
    return rows.assign(
        value=pd.Series([e[term] for e in elements], index=rows.index, dtype="str"),
        strength=pd.Series([e[number] for e in elements], index=rows.index, dtype="float64"),
    )


def _topics(events: pd.DataFrame) -> pd.DataFrame:
    rows = _exploded(events, "keywords", "term", "weight")
    return rows.assign(weight=rows["weight"] * rows["strength"])


def _depicted(events: pd.DataFrame, media_features: pd.DataFrame) -> pd.DataFrame:
    """The labels of pictures and recordings, each once an interaction, by its surest medium."""
    said = media_features[["interaction_id", "labels"]]
    rows = events.merge(said, on="interaction_id", how="inner", validate="1:m")
    rows = _exploded(rows, "labels", "term", "weight")
    rows = rows.sort_values(["interaction_id", "value", "strength"], kind="stable")
    rows = rows.drop_duplicates(["interaction_id", "value"], keep="last", ignore_index=True)
    return rows.assign(weight=rows["weight"] * rows["strength"])


def _aspects(events: pd.DataFrame) -> pd.DataFrame:
    rows = _exploded(events, "aspects", "aspect", "polarity")
    return rows.assign(sentiment=rows["strength"], strength=rows["strength"].abs(), weight=rows["strength"].abs())


def _spans_said(text_features: pd.DataFrame) -> Spans:
    """The MAX_SPANS clearest clauses in which a text speaks of an aspect, in its order."""
    said: Spans = {}
    rows = text_features.drop_duplicates("interaction_id")
    for interaction_id, found in zip(rows["interaction_id"], rows["aspect_mentions"], strict=True):
        for one in found if isinstance(found, list | np.ndarray) else ():
            span = {"interaction_id": interaction_id, **{name: one[name] for name in ("start", "end", "polarity")}}
            said.setdefault((interaction_id, one["aspect"]), []).append(span)
    clearest = {key: sorted(spans, key=_by_clarity)[:MAX_SPANS] for key, spans in said.items()}
    return {key: sorted(spans, key=lambda span: span["start"]) for key, spans in clearest.items()}


def _by_clarity(span: dict[str, Any]) -> tuple[float, int]:
    return -abs(span["polarity"]), span["start"]


def _with_spans(rows: pd.DataFrame, said: Spans) -> pd.DataFrame:
    """Rows with `spans`: of the facet `aspect` what its evidence says of it, None for all others."""
    spoken = rows[rows["facet"] == "aspect"]
    spans = pd.Series(None, index=rows.index, dtype="object")
    spans.loc[spoken.index] = spans_of(spoken["value"], spoken["evidence"], said)
    return rows.assign(spans=spans)


def spans_of(aspects: pd.Series, evidence: pd.Series, said: Spans) -> pd.Series:
    """For each row the spans in which its evidence (list of {interaction_id, ...}) speaks of its aspect, in their order."""
    found = [
        [span for each in cited for span in said.get((each["interaction_id"], aspect), ())]
        for aspect, cited in zip(aspects, evidence, strict=True)
    ]
    return pd.Series(found, index=aspects.index, dtype="object")


def _languages(events: pd.DataFrame) -> pd.DataFrame:
    rows = events[events["language"].notna()]
    return rows.assign(value=rows["language"], strength=1.0, weight=1.0)


def _claims(rows: pd.DataFrame, subject_type: str, subject: str, facet: str) -> pd.DataFrame:
    """The rows in one shape, whatever facet they speak for. Money and pieces count once, under `all` and `item`."""
    is_money = facet in ("all", "item")
    return pd.DataFrame(
        {
            "subject_type": subject_type,
            "subject_id": rows[subject].astype("str"),
            "bucket": rows["bucket"].astype("int32"),
            "kind": rows["kind"],
            "facet": facet,
            "value": rows["value"].astype("str"),
            "currency": rows["currency"] if is_money else "",
            "event_day": rows["event_day"],
            "interaction_id": rows["interaction_id"],
            "occurred_at": rows["occurred_at"],
            "strength": rows["strength"],
            "count": 1,
            "quantity": rows["quantity"].fillna(0.0) if is_money else 0.0,
            "amount": rows["amount"].fillna(0.0) if is_money else 0.0,
            "rating_count": rows["rating"].notna().astype("int64"),
            "rating_sum": rows["rating"].fillna(0.0),
            "sentiment_count": rows["sentiment"].notna().astype("int64"),
            "sentiment_sum": rows["sentiment"].fillna(0.0),
            "weight": rows["weight"],
        }
    )


def _sum(claims: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Sums in float64 in the fixed order of `interaction_id`, so that the order of rows in a file does not matter."""
    ordered = claims.sort_values([*keys, "interaction_id", "occurred_at", "strength"], kind="stable")
    grouped = ordered.groupby(keys, sort=True)
    sums = grouped[[c for c in _COUNTS if c != "active_days"] + _AMOUNTS].sum()
    spans = grouped["occurred_at"].agg(first_at="min", last_at="max")
    return pd.concat([sums, spans], axis=1).reset_index()


def _evidence(claims: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The strongest claims of each group; of the same interaction only the strongest counts."""
    named = claims[claims["interaction_id"] != ""]
    best = (
        named.sort_values([*keys, "strength", "interaction_id"], ascending=[True] * len(keys) + [False, True])
        .drop_duplicates([*keys, "interaction_id"])
        .groupby(keys, sort=True)
        .head(MAX_EVIDENCE)
    )
    best = best.assign(
        evidence=pd.Series(best[["interaction_id", "strength"]].to_dict("records"), index=best.index, dtype="object")
    )
    return best.groupby(keys, sort=True)["evidence"].agg(list).reset_index()


def _no_missing_lists(column: pd.Series) -> pd.Series:
    return pd.Series(
        [v if isinstance(v, list | np.ndarray) else [] for v in column], index=column.index, dtype="object"
    )


# --- as of a day -------------------------------------------------------------------------------------------------------


def fold(state: pd.DataFrame, state_day: str, daily: pd.DataFrame, as_of: str) -> pd.DataFrame:
    """The state as of a day, from an older state and the days since.

    Args:
        state: rows of `activity_state` as of `state_day` (may be empty).
        state_day: YYYY-MM-DD of `state`.
        daily: rows of `daily_activity` of the drops after `state_day` up to `as_of`.
        as_of: YYYY-MM-DD; a recent sum is sum(x * 2 ** (-(as_of - event_day) / RECENT_HALF_LIFE_DAYS)).

    Returns:
        STATE_COLUMNS, sorted by the grain. A subject untouched since `state_day` only decays.
    """
    aged = state[STATE_COLUMNS].copy()
    aged[list(_RECENT)] *= _half_life_factor(_days_between(state_day, as_of))
    factor = _half_life_factor(_days_between(daily["event_day"], as_of))
    recent = {name: daily[source].astype("float64") * factor for name, source in _RECENT.items()}
    new = daily.assign(**recent).sort_values(["day", "event_day"], kind="stable")[STATE_COLUMNS]
    return combine(pd.concat([aged, new], ignore_index=True))


def combine(rows: pd.DataFrame) -> pd.DataFrame:
    """Sum rows of the same grain, in the order given; the strongest evidence of all of them is kept.

    Used for the days of a week and for the identities of one customer alike. Rows alone in their grain are left as they are,
    so the cost is that of what came together.
    """
    is_shared = rows.duplicated(GRAIN, keep=False)
    shared = rows[is_shared]
    if shared.empty:
        return rows.sort_values(GRAIN, ignore_index=True)[STATE_COLUMNS]
    grouped = shared.groupby(GRAIN, sort=True)
    sums = grouped[_COUNTS + _AMOUNTS + list(_RECENT)].sum()
    spans = pd.concat([grouped["first_at"].min(), grouped["last_at"].max()], axis=1)
    summed = pd.concat([sums, spans], axis=1).reset_index()
    claims = shared[[*GRAIN, "evidence"]].explode("evidence", ignore_index=True)
    claims = claims[claims["evidence"].notna()]
    claims = claims.assign(
        interaction_id=pd.Series([e["interaction_id"] for e in claims["evidence"]], index=claims.index, dtype="str"),
        strength=pd.Series([e["strength"] for e in claims["evidence"]], index=claims.index, dtype="float64"),
    ).drop(columns="evidence")
    summed = summed.merge(_evidence(claims, GRAIN), on=GRAIN, how="left", validate="1:1")
    summed["evidence"] = _no_missing_lists(summed["evidence"])
    summed = _with_spans(summed, spans_held(shared["value"], shared["spans"]))
    both = pd.concat([rows.loc[~is_shared, STATE_COLUMNS], summed[STATE_COLUMNS]], ignore_index=True)
    return both.sort_values(GRAIN, ignore_index=True)


def spans_held(aspects: pd.Series, spans: pd.Series) -> Spans:
    """The spans of a state's rows by interaction and aspect; an interaction's are the same wherever it is cited."""
    said: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    is_there = spans.notna()
    for aspect, held in zip(aspects[is_there], spans[is_there], strict=True):
        for span in held:
            said.setdefault((span["interaction_id"], aspect), {})[span["start"]] = span
    return {key: list(by_place.values()) for key, by_place in said.items()}


def _days_between(start: str | pd.Series, end: str) -> float | np.ndarray:
    if isinstance(start, str):
        return float((date.fromisoformat(end) - date.fromisoformat(start)).days)
    days = (pd.Timestamp(end) - pd.to_datetime(start, format="%Y-%m-%d")).dt.days
    return days.to_numpy(dtype="float64")


def _half_life_factor(days: float | np.ndarray) -> float | np.ndarray:
    return np.exp2(-np.asarray(days) / RECENT_HALF_LIFE_DAYS)


# --- vectors -----------------------------------------------------------------------------------------------------------


def text_activity(
    interactions: pd.DataFrame,
    said: pd.DataFrame,
    vectors: Callable[[], Iterable[Sequence[np.ndarray | None]]],
    day: str,
) -> Iterator[pd.DataFrame]:
    """Sum the day's vectors per customer and per item: rows of `text_activity`, sorted by its key, some thousand at a time.

    Args:
        interactions: the day's rows of `interactions`.
        said: interaction_id, identity_id, bucket and model of the day's rows of `text_features`, sorted by its key.
        vectors: reads the vectors of these rows again from the first, None for a missing one, piece after piece. They are read
            once for every SUBJECTS_AT_ONCE subjects, so that neither they nor their sums are ever in memory all at once.
        day: the drop's day.
    """
    said = said.assign(row=np.arange(len(said)))
    said = said.merge(interactions[["interaction_id", "item_id"]], on="interaction_id", how="left", validate="m:1")
    by_item = said[said["item_id"].notna()]
    rows = pd.concat(
        [
            said.assign(subject_type="identity", subject_id=said["identity_id"]),
            by_item.assign(subject_type="item", subject_id=by_item["item_id"], bucket=0),
        ],
        ignore_index=True,
    )[[*VECTOR_GRAIN, "row"]]
    grain = rows.groupby(VECTOR_GRAIN, sort=True)
    subjects, rows["subject"] = grain["row"].size().reset_index(name="texts"), grain.ngroup()
    rows = rows.sort_values("row", kind="stable")
    for start in range(0, len(subjects), SUBJECTS_AT_ONCE):
        some = subjects.iloc[start : start + SUBJECTS_AT_ONCE]
        of_some = rows[rows["subject"].between(start, start + len(some) - 1)]
        count, sums = _summed(of_some["subject"].to_numpy() - start, of_some["row"].to_numpy(), len(some), vectors())
        made = some.assign(count=count, embedding_sum=pd.Series(sums, index=some.index, dtype="object"), day=day)
        yield made.loc[made["count"] > 0, schemas.TEXT_ACTIVITY.names].reset_index(drop=True)


def _summed(
    subjects: np.ndarray, rows: np.ndarray, number: int, pieces: Iterable[Sequence[np.ndarray | None]]
) -> tuple[np.ndarray, list[np.ndarray | None]]:
    """By subject the number of its vectors, and their sum in float64 in the order of the rows; None of none.

    Args:
        subjects, rows: pairs, ascending by row.
        number: of subjects.
        pieces: the vectors of all rows.
    """
    count: np.ndarray = np.zeros(number, dtype="int64")
    sums: list[np.ndarray | None] = [None] * number
    first = 0
    for piece in pieces:
        at = slice(np.searchsorted(rows, first), np.searchsorted(rows, first + len(piece)))
        for subject, row in zip(subjects[at].tolist(), rows[at].tolist(), strict=True):
            vector = piece[row - first]
            if vector is not None:
                held = sums[subject]
                if held is None:
                    sums[subject] = vector.astype("float64")
                else:
                    held += vector + 0.0  # as `add_vectors`, which begins at zero: of several, -0 and -0 is 0
                count[subject] += 1
        first += len(piece)
    return count, sums


def fold_vectors(state: pd.DataFrame, daily: pd.DataFrame) -> pd.DataFrame:
    """The sums of vectors as of a day: an older state plus the days since. VECTOR_GRAIN, count, embedding_sum."""
    new = daily.sort_values("day", kind="stable")
    return add_vectors(pd.concat([state[VECTOR_COLUMNS], new[VECTOR_COLUMNS]], ignore_index=True))


def add_vectors(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the vectors of the same subject and model in the order given, in float64; sorted by VECTOR_GRAIN."""
    is_shared = rows.duplicated(VECTOR_GRAIN, keep=False)
    parts = [rows.loc[~is_shared, VECTOR_COLUMNS]]
    for model, shared in rows[is_shared].groupby("model", sort=True):  # a model has one dimension; models do not mix
        codes, subjects = pd.factorize(pd.MultiIndex.from_frame(shared[["subject_type", "subject_id", "bucket"]]))
        vectors = np.stack([np.asarray(v, dtype="float64") for v in shared["embedding_sum"]])
        sums = np.zeros((len(subjects), vectors.shape[1]))
        np.add.at(sums, codes, vectors)  # unbuffered: row after row, so the order is the order given
        counts = np.bincount(codes, weights=shared["count"].to_numpy()).astype("int64")
        part = subjects.to_frame(index=False).set_axis(["subject_type", "subject_id", "bucket"], axis=1)
        parts.append(part.assign(model=model, count=counts, embedding_sum=list(sums))[VECTOR_COLUMNS])
    return pd.concat(parts, ignore_index=True).sort_values(VECTOR_GRAIN, ignore_index=True)
