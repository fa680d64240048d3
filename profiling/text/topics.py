"""Topics over the customer base: clusters of keywords that keep their identity and names from week to week.

A topic is a set of terms, so what a customer writes about is a sum over sums that exist. Who belongs where is carried over from
the week before, and only what is new is clustered: a topic keeps its identity by construction and not by matching afterwards.
Pure functions of frames; no encoder is loaded, for a term's vector is made of the vectors of the texts it stands in.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd

from profiling.schemas import TOPICS

WEEKS = 8  # that a week's topics are made of
# Of more texts than this a sample is taken, the same ones again the week after: a close costs the same however large the base is.
MOST_TEXTS = 20_000
MOST_TERMS = 2_000
# What fewer customers wrote never enters: it may be about one of them. As for word vectors.
LEAST_CUSTOMERS = 5
# A topic comes into service with so many customers and two terms, and ends below LEAST_CUSTOMERS.
BORN_CUSTOMERS, BORN_TERMS = 10, 2
# Cosines, rounded so that the last bits of a matrix product decide nothing. All were chosen on reviews of before 2013, of which
# `profiling evaluate topics` measures nothing.
JOIN = 0.5  # a new term joins the nearest topic from here on
LEAVE = 0.3  # and leaves its own below this
MARGIN = 0.2  # or where another one is nearer by this
ALIKE = 0.5  # terms that nobody has come together while their clusters are this much alike
SAME = 0.8  # topics that are this much alike are one
OLD = 0.5  # how much of a centroid is the week before's
NAMING = 3  # a name stays while it is among this many strongest terms
REMEMBERED_WEEKS = 26  # how long an ended topic may come back as itself

TEXT_COLUMNS = ["interaction_id", "identity_id", "day", "model", "sentiment", "keywords", "embedding"]
NEW, KEPT, RETURNED, ENDED, MERGED, DORMANT = "new", "kept", "returned", "ended", "merged", "dormant"
IN_SERVICE = (NEW, KEPT, RETURNED)


@dataclass(frozen=True)
class _Terms:
    """The terms that may enter, sorted. `is_in[text, term]` of the texts read; `weights` are sums of keyword weights."""

    names: list[str]
    vectors: np.ndarray  # (terms, d), unit, float64
    weights: np.ndarray
    is_in: Any  # scipy.sparse.csr_array (texts, terms) of 0 and 1
    customers: np.ndarray  # (texts,) of int
    sentiment: np.ndarray  # (texts,)


@dataclass(frozen=True)
class _Topic:
    topic_id: str
    name: str
    since: str
    last_week: str
    was: Mapping[Any, Any] | None = None  # its row of the week before, where it was in service then
    centroid: np.ndarray | None = None  # unit, float64; None of another model's
    held: tuple[str, ...] = ()  # its terms of the week before
    members: tuple[int, ...] = field(default=())  # its terms now
    merged_into: str | None = None


def weekly_topics(
    texts: pd.DataFrame, before: pd.DataFrame, week: str, is_left_out: Callable[[str], bool] = lambda term: False
) -> pd.DataFrame:
    """The topics at the end of a week.

    Args:
        texts: rows of `text_features` of the WEEKS weeks up to `week`: interaction_id, identity_id, day, model, sentiment,
            keywords, embedding; in any order. What has no vector is not looked at.
        before: rows of `topics` of the week before; empty where there are none.
        week: the Sunday.
        is_left_out: whether a term must not enter, asked of those that enough customers wrote.

    Returns:
        Rows of `topics`, sorted by topic_id. All are of one embedding model, that of most texts of the newest day that has any:
        vectors of two models are never compared. After a change of the encoder a topic is who has its terms.
    """
    terms, model = _read(texts, is_left_out)
    model = model or next(iter(before["model"]), "")
    topics = _known(before, model, week)
    if terms is not None:
        topics = _merged(_with_newborn(_settled(topics, terms), terms, week), terms)
    rows = [_row(topic, terms, model, week) for topic in topics]
    return _frame([row for row in rows if row is not None])


def in_service(topics: pd.DataFrame) -> pd.DataFrame:
    """The rows of a week that are in service, largest first."""
    rows = topics[topics["state"].isin(IN_SERVICE)]
    return rows.sort_values(["texts", "topic_id"], ascending=[False, True], ignore_index=True)


def term_topics(topics: pd.DataFrame) -> pd.DataFrame:
    """term, topic_id, name of the topics in service: one row a term, for a term has one topic."""
    rows = in_service(topics)
    pairs = [
        (entry["term"], topic, name)
        for topic, name, terms in zip(rows["topic_id"], rows["name"], rows["terms"], strict=True)
        for entry in terms
    ]
    return pd.DataFrame(pairs, columns=["term", "topic_id", "name"], dtype="str").sort_values("term", ignore_index=True)


def without_terms(topics: pd.DataFrame, gone: Collection[str]) -> pd.DataFrame:
    """The rows without some terms; a topic named by one is named by its strongest that is left, and one without any is gone."""
    left = [[entry for entry in terms if entry["term"] not in gone] for terms in topics["terms"]]
    names = [
        terms[0]["term"] if name in gone and terms else name for name, terms in zip(topics["name"], left, strict=True)
    ]
    found = topics.assign(
        terms=pd.Series(left, index=topics.index, dtype="object"),
        name=pd.Series(names, index=topics.index, dtype="str"),
    )
    return found[[bool(terms) for terms in left]].reset_index(drop=True)


# --- terms and their vectors ---


def _read(texts: pd.DataFrame, is_left_out: Callable[[str], bool]) -> tuple[_Terms | None, str]:
    """The terms of the texts of one model, and the model; None where no term may enter."""
    from scipy.sparse import csr_array

    rows = texts[texts["embedding"].notna()]
    if rows.empty:
        return None, ""
    newest = rows.loc[rows["day"] == rows["day"].max(), "model"].value_counts()
    model = min(newest.index, key=lambda name: (-newest[name], name))
    rows = rows[rows["model"] == model].sort_values("interaction_id", kind="stable").head(MOST_TEXTS)
    rows = rows.reset_index(drop=True)
    said = rows[["identity_id", "keywords"]].explode("keywords")
    said = said[said["keywords"].notna()]
    claims = pd.DataFrame(
        {
            "text": said.index.to_numpy(),
            "customer": said["identity_id"].to_numpy(),
            "term": [entry["term"] for entry in said["keywords"]],
            "weight": [float(entry["weight"]) for entry in said["keywords"]],
        }
    ).drop_duplicates(["text", "term"])
    customers = claims.groupby("term", sort=True)["customer"].nunique()
    customers = customers[customers >= LEAST_CUSTOMERS].sort_index()
    customers = customers[[not is_left_out(term) for term in customers.index]]
    names = sorted(customers.sort_values(ascending=False, kind="stable").index[:MOST_TERMS])
    if not names:
        return None, model
    claims = claims[claims["term"].isin(names)].sort_values(["term", "text"], kind="stable")
    column = pd.Index(names).get_indexer(pd.Index(claims["term"]))
    shape = (len(rows), len(names))
    weights = csr_array((claims["weight"].to_numpy(), (claims["text"].to_numpy(), column)), shape=shape)
    is_in = csr_array((np.ones(len(claims)), (claims["text"].to_numpy(), column)), shape=shape)
    terms = _Terms(
        names,
        _vectors(rows["embedding"], weights),
        weights.sum(axis=0),
        is_in,
        pd.factorize(rows["identity_id"])[0],
        rows["sentiment"].to_numpy(dtype="float64"),
    )
    return terms, model


def _vectors(embeddings: pd.Series, weights: Any) -> np.ndarray:
    """Of each term the mean of its texts' vectors, weighted as a keyword, less what all texts have in common; unit."""
    matrix = np.stack([np.asarray(each, dtype="float64") for each in embeddings])
    mean = matrix.mean(axis=0)
    found = (weights.T.tocsr() @ matrix) / np.maximum(weights.sum(axis=0), 1e-12)[:, None]
    return _unit(found - mean)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True)), 1e-12)


# --- who belongs where ---


def _known(before: pd.DataFrame, model: str, week: str) -> list[_Topic]:
    """The topics that may go on, by topic_id; those that ended too long ago, or in another topic, do not."""
    forgotten = (pd.Timestamp(week) - pd.Timedelta(weeks=REMEMBERED_WEEKS)).date().isoformat()
    found = []
    for row in before.sort_values("topic_id").to_dict("records"):
        if row["state"] == MERGED or row["last_week"] < forgotten:
            continue
        is_comparable = row["model"] == model and len(row["centroid"]) > 0
        found.append(
            _Topic(
                row["topic_id"],
                row["name"],
                row["since"],
                row["last_week"],
                row if row["state"] in IN_SERVICE else None,
                np.asarray(row["centroid"], dtype="float64") if is_comparable else None,
                tuple(entry["term"] for entry in row["terms"]),
            )
        )
    return found


def _settled(topics: list[_Topic], terms: _Terms) -> list[_Topic]:
    """With the terms of the week before that stay, and the new ones that are near enough."""
    if not topics:
        return []
    place = {name: at for at, name in enumerate(terms.names)}
    owner = np.full(len(terms.names), -1)
    for number, topic in enumerate(topics):
        owner[[place[name] for name in topic.held if name in place]] = number
    at_home = [
        replace(topic, members=tuple(np.flatnonzero(owner == number).tolist())) for number, topic in enumerate(topics)
    ]
    near = _likeness(terms.vectors, [_centroid(topic, terms) for topic in at_home])
    best = near.argmax(axis=1)
    every = np.arange(len(owner))
    own = np.where(owner >= 0, near[every, owner], -1.0)
    stays = (owner >= 0) & (own >= LEAVE) & (near[every, best] <= own + MARGIN)
    joins = ~stays & (near[every, best] >= JOIN)
    owner = np.where(stays, owner, np.where(joins, best, -1))
    return [
        replace(topic, members=tuple(np.flatnonzero(owner == number).tolist())) for number, topic in enumerate(topics)
    ]


def _with_newborn(topics: list[_Topic], terms: _Terms, week: str) -> list[_Topic]:
    """And the clusters of what nobody has, where enough customers wrote of them."""
    from sklearn.cluster import AgglomerativeClustering

    taken = {member for topic in topics for member in topic.members}
    left = np.array([at for at in range(len(terms.names)) if at not in taken], dtype=int)
    if len(left) < BORN_TERMS:
        return topics
    distance = 1 - _likeness(terms.vectors[left], list(terms.vectors[left]))
    np.fill_diagonal(distance, 0.0)
    clustering = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=1 - ALIKE
    ).fit(np.minimum(distance, distance.T))
    born = []
    for label in range(clustering.n_clusters_):
        members = tuple(left[clustering.labels_ == label].tolist())
        if len(members) >= BORN_TERMS and len(_customers(members, terms)) >= BORN_CUSTOMERS:
            newborn = _Topic("", "", week, week, members=members)
            name = terms.names[_strengths(newborn, terms)[0][0]]
            topic_id = sha256(f"{week}\0{name}".encode()).hexdigest()[:16]
            born.append(replace(newborn, topic_id=topic_id, name=name))
    return [*topics, *sorted(born, key=lambda topic: topic.topic_id)]


def _merged(topics: list[_Topic], terms: _Terms) -> list[_Topic]:
    """Of two topics that have become alike the older one goes on, with the terms of both."""
    living = {topic.topic_id: topic for topic in topics}
    with_members = [topic for topic in topics if topic.members]
    if len(with_members) < 2:
        return topics
    centroids = [_centroid(topic, terms) for topic in with_members]
    near = np.triu(_likeness(np.stack(centroids), centroids), 1)
    pairs = sorted(zip(*np.nonzero(near >= SAME), strict=True), key=lambda pair: (-near[pair], pair))
    touched: set[str] = set()
    for one, other in pairs:
        older, younger = sorted(
            (with_members[one], with_members[other]), key=lambda topic: (topic.since, topic.topic_id)
        )
        if not {older.topic_id, younger.topic_id} & touched:
            touched |= {older.topic_id, younger.topic_id}
            both = tuple(sorted((*older.members, *younger.members)))
            living[older.topic_id] = replace(living[older.topic_id], members=both)
            living[younger.topic_id] = replace(younger, members=(), merged_into=older.topic_id)
    return list(living.values())


def _likeness(vectors: np.ndarray, centroids: list[np.ndarray]) -> np.ndarray:
    """Cosines (vectors, centroids), rounded."""
    return np.round(vectors @ np.stack(centroids).T, 6)


def _centroid(topic: _Topic, terms: _Terms) -> np.ndarray:
    """The mean of its terms' vectors by their weights, drawn to the week before's; a topic of another model without terms is
    like nothing."""
    if not topic.members:
        return topic.centroid if topic.centroid is not None else np.zeros(terms.vectors.shape[1])
    at = list(topic.members)
    now = _unit((terms.vectors[at] * terms.weights[at][:, None]).sum(axis=0))
    return now if topic.centroid is None else _unit(OLD * topic.centroid + (1 - OLD) * now)


def _customers(members: Iterable[int], terms: _Terms) -> np.ndarray:
    return np.unique(terms.customers[_texts(members, terms)])


def _texts(members: Iterable[int], terms: _Terms) -> np.ndarray:
    """Which texts have one of the terms."""
    return terms.is_in[:, list(members)].sum(axis=1) > 0


def _strengths(topic: _Topic, terms: _Terms) -> list[tuple[int, float]]:
    """Its terms with what they weigh: how much is said by a term, times the square of how near it is; the strongest weighs 1."""
    at = list(topic.members)
    near = np.maximum(_likeness(terms.vectors[at], [_centroid(topic, terms)])[:, 0], 0.01)
    strengths = terms.weights[at] * near * near
    strengths = np.round(strengths / strengths.max(), 6)
    pairs = zip(at, strengths.tolist(), strict=True)
    return sorted(pairs, key=lambda pair: (-pair[1], terms.names[pair[0]]))


# --- rows ---


def _row(topic: _Topic, terms: _Terms | None, model: str, week: str) -> dict[str, Any] | None:
    """None of a newborn that went into another topic at once: it never came into service."""
    row: dict[str, Any] = {
        "week": week,
        "model": model,
        "topic_id": topic.topic_id,
        "name": topic.name,
        "since": topic.since,
    }
    row |= {"merged_into": topic.merged_into, "last_week": topic.last_week}
    row |= {f"{name}_before": topic.was[name] if topic.was else None for name in ("share", "sentiment")}
    texts = _texts(topic.members, terms) if terms is not None and topic.members else np.zeros(0, dtype=bool)
    customers = len(np.unique(terms.customers[texts])) if terms is not None and topic.members else 0
    if terms is None or customers < LEAST_CUSTOMERS:
        held = [{"term": name, "weight": 0.0} for name in topic.held]
        centroid = topic.centroid if topic.centroid is not None else np.zeros(0)
        state = MERGED if topic.merged_into else ENDED if topic.was else DORMANT
        if not topic.held:
            return None
        nothing = {"texts": 0, "customers": 0, "share": 0.0, "sentiment": None}
        return row | nothing | {"state": state, "terms": held, "centroid": centroid.astype("float32")}
    strengths = [(terms.names[at], weight) for at, weight in _strengths(topic, terms)]
    leading = [name for name, _ in strengths[:NAMING]]
    is_new = topic.since == week and not topic.held
    return row | {
        "name": topic.name if topic.name in leading else leading[0],
        "state": NEW if is_new else KEPT if topic.was else RETURNED,
        "last_week": week,
        "terms": [{"term": name, "weight": weight} for name, weight in strengths],
        "texts": int(texts.sum()),
        "customers": customers,
        "share": float(texts.sum()) / len(texts),
        "sentiment": float(terms.sentiment[texts].sum() / texts.sum()),
        "centroid": _centroid(topic, terms).astype("float32"),
    }


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    ordered: list[dict[str, Any]] = sorted(rows, key=lambda row: str(row["topic_id"]))
    frame = pd.DataFrame(ordered, columns=TOPICS.names)
    numbers = {"texts": "int64", "customers": "int64"}
    numbers |= dict.fromkeys(("share", "sentiment", "share_before", "sentiment_before"), "float64")
    objects = dict.fromkeys(("terms", "centroid", "merged_into"), "object")
    return frame.astype({name: (numbers | objects).get(name, "str") for name in frame.columns})
