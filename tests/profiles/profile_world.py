"""Seven customers written by hand, as of Sunday 2026-06-28, small enough to know every answer by looking.

ann  buys every 14 days, praises the sound, allows e-mail             loyal
bo   buys, writes Chinese (twice) and English (once), angry           active, unhappy
cy   reviews every 20 days, last 79 days ago, never bought here       at risk
di   bought twice last autumn                                         lapsed
ed   bought once, yesterday                                           new
fi   looked at things twice, nothing else                              new
gus  pays in euros and in dollars                                     active
"""

from dataclasses import replace

import pandas as pd

from profiling import schemas
from profiling.behaviour.activity import daily_activity, fold
from profiling.profiles.interests import interests
from profiling.profiles.snapshot import Snapshot

DAY = "2026-06-28"
CUSTOMERS = ["ann", "bo", "cy", "di", "ed", "fi", "gus"]

# customer, event day, kind, item, then what else there is
EVENTS = [
    ("ann", "2026-04-05", "purchase", "g1", {"amount": 100.0, "currency": "USD"}),
    ("ann", "2026-04-19", "purchase", "s1", {"amount": 10.0, "currency": "USD"}),
    ("ann", "2026-05-03", "purchase", "s1", {"amount": 10.0, "currency": "USD"}),
    ("ann", "2026-05-17", "purchase", "s1", {"amount": 10.0, "currency": "USD"}),
    ("ann", "2026-05-31", "purchase", "s2", {"amount": 12.0, "currency": "USD"}),
    ("ann", "2026-06-14", "purchase", "s2", {"amount": 12.0, "currency": "USD"}),
    ("ann", "2026-04-21", "review", "g1", {
        "rating": 5.0, "sentiment": 0.9, "language": "en", "keywords": {"warm tone": 0.9}, "aspects": {"sound": 0.9},
    }),
    ("ann", "2026-06-16", "review", "s2", {
        "rating": 5.0, "sentiment": 0.8, "language": "en", "keywords": {"warm tone": 0.8, "packet": 0.4},
        "aspects": {"sound": 0.7, "price": -0.5},
    }),
    ("bo", "2026-05-20", "purchase", "g1", {"amount": 800.0, "currency": "CNY"}),
    ("bo", "2026-06-10", "purchase", "s1", {"amount": 60.0, "currency": "CNY"}),
    ("bo", "2026-06-20", "purchase", "s2", {"amount": 70.0, "currency": "CNY"}),
    ("bo", "2026-05-22", "review", "g1", {
        "rating": 1.0, "sentiment": -0.8, "language": "zh", "keywords": {"吉他": 0.8}, "aspects": {"delivery": -0.9},
    }),
    ("bo", "2026-06-12", "review", "s1", {
        "rating": 1.0, "sentiment": -0.6, "language": "zh", "keywords": {"吉他": 0.7}, "aspects": {"delivery": -0.7},
    }),
    ("bo", "2026-06-22", "review", "s2", {"rating": 1.0, "sentiment": -0.5, "language": "en"}),
    ("cy", "2026-03-01", "review", "g1", {"rating": 4.0, "sentiment": 0.2, "language": "en"}),
    ("cy", "2026-03-21", "review", "s1", {"rating": 4.0, "sentiment": 0.1, "language": "en"}),
    ("cy", "2026-04-10", "review", "x9", {"rating": 3.0, "sentiment": 0.0, "language": "en", "keywords": {"strap": 0.5}}),
    ("di", "2025-10-01", "purchase", "g1", {"amount": 100.0, "currency": "USD"}),
    ("di", "2025-11-01", "purchase", "s1", {"amount": 900.0, "currency": "USD"}),
    ("ed", "2026-06-27", "purchase", "s1", {"amount": 10.0, "currency": "USD"}),
    ("fi", "2026-06-01", "view", "g1", {}),
    ("fi", "2026-06-08", "view", "x9", {}),
    ("gus", "2026-05-01", "purchase", "g1", {"amount": 90.0, "currency": "EUR"}),
    ("gus", "2026-06-01", "purchase", "s1", {"amount": 10.0, "currency": "USD"}),
]  # fmt: skip

CATALOGUE = pd.DataFrame(
    {
        "item_id": ["g1", "s1", "s2", "x9"],
        "title": ["Parlour Guitar", "Bronze Strings 12-53", "Silk Strings", ""],
        "category": ["Guitars", "Strings", "Strings", ""],
    }
)


def interaction_id(customer: str, day: str, kind: str) -> str:
    return f"{customer}/{kind}/{day}"


def activity(events: list[tuple] = EVENTS) -> pd.DataFrame:
    """The state as of DAY by the very functions that make it in a lake."""
    rows = pd.DataFrame([_interaction(*event) for event in events])
    texts = pd.DataFrame(
        [_text(*event) for event in events if "sentiment" in event[4]],
        columns=["interaction_id", "language", "sentiment", "keywords", "aspects", "aspect_mentions"],
    ).astype({"sentiment": "float64"})
    nothing = schemas.ACTIVITY_STATE.arrow.empty_table().to_pandas()
    return fold(nothing, DAY, daily_activity(rows, texts, DAY), DAY)


def snapshot(events: list[tuple] = EVENTS) -> Snapshot:
    state = activity(events)
    people = state[state["subject_type"] == "identity"].reset_index(drop=True)
    vectors = pd.DataFrame({"subject_id": ["ann"], "model": ["mini@1"], "count": [2], "embedding_sum": [[1.0, 0.0]]})
    return Snapshot(
        day=DAY,
        timezone="UTC",
        activity=people,
        population=people[people["facet"] == "all"].reset_index(drop=True),
        items=state[state["subject_type"] == "item"].reset_index(drop=True),
        customer_vectors=vectors,
        item_vectors=vectors.assign(subject_id="g1"),
        catalogue=CATALOGUE,
        attributes=_statements(
            ("ann", "language", "en-GB"), ("ann", "city", "Leeds"), ("bo", "city", "上海"), ("di", "city", None)
        ),
        consents=_statements(
            ("ann", "marketing_email", "granted"),
            ("di", "marketing_email", "withdrawn"),
            ("di", "marketing_sms", "granted"),
        ),
    )


def only(world: Snapshot, customer: str) -> Snapshot:
    """The same day, profiling one customer: what a bucket of its own would hold."""
    return replace(
        world,
        activity=world.activity[world.activity["subject_id"] == customer].reset_index(drop=True),
        customer_vectors=world.customer_vectors[world.customer_vectors["subject_id"] == customer],
    )


def shuffled(world: Snapshot, seed: int) -> Snapshot:
    """Every frame's rows in another order."""
    frames = {name: value for name, value in vars(world).items() if isinstance(value, pd.DataFrame)}
    return replace(world, **{name: frame.sample(frac=1, random_state=seed) for name, frame in frames.items()})


def recommendations(world: Snapshot) -> pd.DataFrame:
    """Two offers for ann, one for bo and fi: written by hand, since here only their way into the document matters."""
    cited = [{"interaction_id": interaction_id("ann", "2026-04-05", "purchase"), "strength": 1.0}]
    category = {"code": "category", "params": {"category": "Guitars", "share": 0.1}}
    popular = {"code": "popular", "params": {"recent_count": 3.5}}
    alike = {"code": "content", "params": {"like": "s1", "similarity": 0.8}}
    rows = [
        ("ann", 2, "x9", 0.4, [popular], []),
        ("ann", 1, "g1", 0.9, [category, popular], cited),
        ("bo", 1, "s1", 0.5, [alike], cited),
        ("fi", 1, "g1", 0.5, [popular], []),
    ]
    frame = pd.DataFrame(rows, columns=["customer_id", "rank", "item_id", "score", "reasons", "evidence"])
    return frame[frame["customer_id"].isin(world.activity["subject_id"])]


def inputs(world: Snapshot) -> tuple[Snapshot, pd.DataFrame, pd.DataFrame]:
    return world, recommendations(world), interests(world)


def _interaction(customer: str, day: str, kind: str, item: str, more: dict) -> dict:
    return {
        "interaction_id": interaction_id(customer, day, kind),
        "identity_id": customer,
        "bucket": 0,
        "event_day": day,
        "occurred_at": pd.Timestamp(day, tz="UTC") + pd.Timedelta(hours=12),
        "kind": kind,
        "item_id": item,
        "rating": more.get("rating", float("nan")),
        "quantity": 1.0 if kind == "purchase" else float("nan"),
        "amount": more.get("amount", float("nan")),
        "currency": more.get("currency"),
    }


def _text(customer: str, day: str, kind: str, item: str, more: dict) -> dict:
    return {
        "interaction_id": interaction_id(customer, day, kind),
        "language": more["language"],
        "sentiment": more["sentiment"],
        "keywords": [{"term": t, "weight": w} for t, w in more.get("keywords", {}).items()],
        "aspects": [{"aspect": a, "polarity": p} for a, p in more.get("aspects", {}).items()],
        "aspect_mentions": [
            {"aspect": a, "polarity": p, "start": 30 * at, "end": 30 * at + 25}
            for at, (a, p) in enumerate(more.get("aspects", {}).items())
        ],
    }


def _statements(*statements: tuple[str, str, str | None]) -> pd.DataFrame:
    frame = pd.DataFrame(statements, columns=["customer_id", "name", "value"])
    return frame.assign(stated_at=pd.Timestamp("2026-06-01T08:00:00Z"), source="shop")
