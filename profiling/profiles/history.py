"""Reading the lake as of a day: the weekly checkpoint, the days since, and the people behind the identities.

Cost follows the day: a profile reads one checkpoint and at most seven days, however long the history is.
"""

import logging
from collections.abc import Callable, Iterable, Sequence

import pandas as pd

from profiling import schemas
from profiling.behaviour.activity import STATE_COLUMNS, VECTOR_COLUMNS, add_vectors, combine, fold, fold_vectors
from profiling.behaviour.targets import Target
from profiling.errors import InputError
from profiling.facts.days import STATE_COLUMNS as FACT_COLUMNS
from profiling.facts.days import fold as fold_facts
from profiling.facts.profile import denied_by_customers, facts_of_customers
from profiling.lake import Filter, Lake
from profiling.ledger import OPEN, RELEASED, Ledger, day_before, sunday_before
from profiling.prepare.identity_rules import Rules
from profiling.prepare.resolution import Resolution, changes, resolve
from profiling.prepare.survivorship import surviving
from profiling.prepare.validity import newest, of_customers
from profiling.profiles.private import is_private, private_among
from profiling.profiles.snapshot import Snapshot
from profiling.text.topics import MOST_TEXTS, TEXT_COLUMNS, WEEKS, term_topics, weekly_topics, without_terms

logger = logging.getLogger(__name__)

SAID = ["customer_id", "name", "value", "stated_at", "source"]
_WITH_TOPICS = "+topics2"  # raised with every change of code that changes them


def close_week(lake: Lake, ledger: Ledger, sunday: str, attempt: str) -> None:
    """Write the checkpoint of a week, with its topics, unless a valid one is there. It is valid while every day under it is
    unchanged.

    Weeks are always folded one by one from the last valid checkpoint, so that its bytes do not depend on when it was made.
    """
    days = ledger.days("features")
    if not days or sunday < days[0] or _has_topics(ledger, sunday):
        return
    week = sunday
    while week >= days[0] and not _is_valid(ledger, week):
        week = day_before(week, 7)
        if ledger.is_closed("features", week) and not _is_valid(ledger, week):
            raise InputError(
                f"the sums to the end of {week} are gone or no longer fit the days under them, and those days are past their "
                "retention: restore the tables activity_state and text_state from a backup"
            )
    activity = lake.read("activity_state", [("week", "==", week)], STATE_COLUMNS)
    vectors = lake.read("text_state", [("week", "==", week)], VECTOR_COLUMNS)
    facts = lake.read("facts_state", [("week", "==", week)], FACT_COLUMNS)
    if not _is_valid(ledger, week):
        activity, vectors, facts = activity.iloc[:0], vectors.iloc[:0], facts.iloc[:0]
    while week < sunday:
        following = day_before(week, -7)
        since = [("day", ">", week), ("day", "<=", following)]
        activity = fold(activity, week, lake.read("daily_activity", since), following)
        vectors = fold_vectors(vectors, lake.read("text_activity", since))
        facts = fold_facts(facts, lake.read("facts", since))
        week = following
    topics = _topics_at(lake, ledger, sunday)
    chain = ledger.chain(sunday)
    lake.record("checkpoint", sunday, OPEN, attempt, inputs=chain)
    lake.replace("activity_state", sunday, activity.assign(week=sunday))
    lake.replace("text_state", sunday, vectors.assign(week=sunday))
    lake.replace("facts_state", sunday, facts.assign(week=sunday))
    lake.replace("topics", sunday, topics)
    counts = {"subjects": int(activity["subject_id"].nunique()), "rows": len(activity), "topics": len(topics)}
    lake.record("checkpoint", sunday, RELEASED, attempt, inputs=chain, outputs=chain + _WITH_TOPICS, counts=counts)


def topics_on(lake: Lake, day: str) -> pd.DataFrame:
    """The rows of `topics` of the last week that is closed before a day, whatever their state.

    Without private words, which weeks hold that were closed before these were left out.
    """
    rows = lake.read("topics", [("week", "==", sunday_before(day))])
    private = private_among(entry["term"] for terms in rows["terms"] for entry in terms)
    return without_terms(rows, private) if private else rows


def _topics_at(lake: Lake, ledger: Ledger, sunday: str) -> pd.DataFrame:
    """The topics of a week, from those of the last week that has valid ones, week by week.

    Where texts are past their retention and no topics were made in time, as in a lake of before there were any, they begin
    with the first week whose texts are held.
    """
    first = ledger.days("features")[0]
    week = sunday
    while week >= first and not _has_topics(ledger, week) and not ledger.is_closed("features", week):
        week = day_before(week, 7)
    found = lake.read("topics", [("week", "==", week)])
    if not _has_topics(ledger, week):
        found = found.iloc[:0]
    while week < sunday:
        week = day_before(week, -7)
        found = weekly_topics(_texts_of(lake, week), found, week, is_private)
    return found


def _texts_of(lake: Lake, week: str) -> pd.DataFrame:
    """What a week's topics are made of; where there is too much, only what they look at is read with its vectors."""
    wanted: list[Filter] = [("day", ">", day_before(week, 7 * WEEKS)), ("day", "<=", week)]
    ids = lake.read("text_features", wanted, ["interaction_id"])["interaction_id"]
    if len(ids) > MOST_TEXTS:
        wanted.append(("interaction_id", "<=", str(ids.sort_values().iloc[MOST_TEXTS - 1])))
    return lake.read("text_features", wanted, TEXT_COLUMNS)


def refold_items(lake: Lake, since: str) -> None:
    """Fold the sums of items again in every checkpoint of a week that ends on or after a day whose daily sums were changed.

    What the checkpoints say of identities stays as it is, and so does whether they are valid.
    """
    weeks = lake.partitions("activity_state")
    for week in [week for week in weeks if week >= since]:
        held = max((each for each in weeks if each < week), default=None)
        first = min(lake.partitions("daily_activity"), default=week)
        before = held or day_before(sunday_before(first), 7)
        items: list[Filter] = [("subject_type", "==", "item")]
        activity = lake.read("activity_state", [("week", "==", before), *items], STATE_COLUMNS)
        vectors = lake.read("text_state", [("week", "==", before), *items], VECTOR_COLUMNS)
        while before < week:
            following = day_before(before, -7)
            new: list[Filter] = [("day", ">", before), ("day", "<=", following), *items]
            activity = fold(activity, before, lake.read("daily_activity", new), following)
            vectors = fold_vectors(vectors, lake.read("text_activity", new))
            before = following
        for name, frame in (("activity_state", activity), ("text_state", vectors)):
            lake.update(name, week, _with_items(frame.assign(week=week)))


def refold_facts(lake: Lake, until: str) -> None:
    """Make the facts of every checkpoint after `until` again, from the days after it alone: what was before is being deleted.

    No claim outlives the interactions under it; sums of activity do.
    """
    facts = lake.read("facts_state", [("week", "==", "")], FACT_COLUMNS)
    before = until
    for week in [week for week in lake.partitions("facts_state") if week > until]:
        facts = fold_facts(facts, lake.read("facts", [("day", ">", before), ("day", "<=", week)]))
        lake.replace("facts_state", week, facts.assign(week=week))
        before = week


def _with_items(items: pd.DataFrame) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda held: pd.concat([held[held["subject_type"] != "item"], items], ignore_index=True)


def forget_words(lake: Lake) -> int:
    """Take out of `topics` the terms that stand in no text any more; how many there were.

    The newest days are looked at first, and no more of them than it takes to find all terms.
    """
    weeks = lake.partitions("topics")
    held = {entry["term"] for terms in lake.read("topics", [], ["terms"])["terms"] for entry in terms}
    gone = set(held)
    for day in reversed(lake.partitions("text_features")):
        if not gone:
            break
        said = lake.read("text_features", [("day", "==", day)], ["keywords"])["keywords"]
        gone -= {entry["term"] for keywords in said for entry in keywords}
    for week in weeks if gone else []:
        lake.update("topics", week, lambda rows: without_terms(rows, gone))
    return len(gone)


def take_populations(lake: Lake, days: Sequence[str], rules: Rules) -> dict[str, pd.DataFrame]:
    """By day: a snapshot's `population`, for several days at once and without writing anything.

    Reads the whole history of facet `all` once: for training, which looks at the past anyway and runs where nothing may be
    written. A profile's snapshot takes the checkpoint.
    """
    wanted: list[Filter] = [("day", "<=", max(days)), ("facet", "==", "all"), ("subject_type", "==", "identity")]
    daily = lake.read("daily_activity", wanted)
    found = {}
    for day in days:
        known = daily[daily["day"] <= day]
        people = fold(schemas.ACTIVITY_STATE.arrow.empty_table().to_pandas(), day, known, day)
        found[day] = _of_customers(people, _resolved(people, _customer_of(lake, day, people, rules), 1))
    return found


def take_snapshot(
    lake: Lake,
    day: str,
    timezone: str,
    bucket: int,
    buckets: int,
    rules: Rules,
    reads: Iterable[Target] = (),
    left_out: Callable[[pd.Series, pd.DataFrame], set[str]] = lambda customer_of, consents: set(),
    customer_of: pd.Series | None = None,
    by_rules: Callable[[pd.Series, pd.DataFrame], set[str]] = lambda customer_of, consents: set(),
) -> Snapshot:
    """What is known at the end of `day` about the customers of one bucket; the week before must be closed.

    Args:
        reads: targets whose models read the newest text; without any no text is read.
        left_out: the customers who must not appear, of (customer_id by identity_id, the snapshot's `consents`). Nothing of the
            snapshot is about them; sums over items still hold what they did.
        customer_of: what `customer_ids` gives for the day, where it is known already.
        by_rules: the customers of whom no fact may rest on what a language model read, asked as `left_out` is.
    """
    everyone = _activity(lake, day, [("facet", "==", "all")])
    people = everyone[everyone["subject_type"] == "identity"]
    if customer_of is None:
        customer_of = _customer_of(lake, day, people, rules)
    consents = of_customers(_statements(lake, "consents", day), customer_of)
    customers = _resolved(people, customer_of, buckets)
    people_of = _everyone(customers, customer_of)
    unread = by_rules(people_of, consents)
    if gone := left_out(people_of, consents):
        customers = customers[~customers["customer_id"].isin(gone)].reset_index(drop=True)
    mine = customers[customers["customer_bucket"] == bucket]
    strangers = mine.loc[mine["bucket"] != bucket, "identity_id"].tolist()
    own = mine.set_index("identity_id")["customer_id"]
    corrections = lake.read("fact_corrections", [("day", "<=", day)])
    return Snapshot(
        day=day,
        timezone=timezone,
        activity=_of_customers(_of_bucket(lake, day, _activity, bucket, buckets, strangers), mine),
        population=_of_customers(people, customers),
        items=everyone[everyone["subject_type"] == "item"].reset_index(drop=True),
        customer_vectors=_vectors_of_customers(_of_bucket(lake, day, _vectors, bucket, buckets, strangers), mine),
        item_vectors=_vectors(lake, day, [("subject_type", "==", "item")])[
            ["subject_id", "model", "count", "embedding_sum"]
        ],
        catalogue=_catalogue(_statements(lake, "catalogue", day)),
        attributes=surviving(_of_customers_said(_statements(lake, "attributes", day, ["source"]), customer_of), rules)[
            SAID
        ],
        consents=consents,
        texts=_newest_texts(lake, day, mine, list(reads)),
        members=_members(customer_of, mine),
        identity_rules=rules.digest(),
        facts=facts_of_customers(
            _of_bucket(lake, day, _facts, bucket, buckets, strangers, "identity_id"),
            corrections,
            own,
            customer_of,
            day,
            unread,
        ),
        denied=denied_by_customers(corrections, own, customer_of),
        topics=term_topics(topics_on(lake, day)),
    )


def _newest_texts(lake: Lake, day: str, mine: pd.DataFrame, targets: list[Target]) -> pd.DataFrame:
    """Of the days a target looks back, so that the cost is theirs and not the history's."""
    kinds = sorted({kind for target in targets for kind in target.acts})
    days = max((target.seen_within_days for target in targets), default=0)
    since = day_before(day, days)
    wanted: list[Filter] = [("day", ">", since), ("day", "<=", day), ("event_day", ">", since), ("kind", "in", kinds)]
    rows = lake.read("interactions", wanted, ["interaction_id", "identity_id", "occurred_at", "text"])
    rows = rows[rows["text"].notna()].merge(
        mine[["identity_id", "customer_id"]], on="identity_id", how="inner", validate="m:1"
    )
    newest = rows.sort_values(["customer_id", "occurred_at", "interaction_id"], kind="stable")
    newest = newest.drop_duplicates("customer_id", keep="last", ignore_index=True)
    return newest[["customer_id", "interaction_id", "text"]]


def _is_valid(ledger: Ledger, sunday: str) -> bool:
    record = ledger.get("checkpoint", sunday)
    return record is not None and record.state == RELEASED and record.inputs == ledger.chain(sunday)


def _has_topics(ledger: Ledger, sunday: str) -> bool:
    """Whether a valid checkpoint was made with its topics: one of before there were any was not."""
    record = ledger.get("checkpoint", sunday)
    return _is_valid(ledger, sunday) and record is not None and record.outputs == f"{record.inputs}{_WITH_TOPICS}"


def _activity(lake: Lake, day: str, filters: Sequence[Filter]) -> pd.DataFrame:
    sunday = sunday_before(day)
    state = lake.read("activity_state", [("week", "==", sunday), *filters], STATE_COLUMNS)
    daily = lake.read("daily_activity", [("day", ">", sunday), ("day", "<=", day), *filters])
    return fold(state, sunday, daily, day)


def _vectors(lake: Lake, day: str, filters: Sequence[Filter]) -> pd.DataFrame:
    sunday = sunday_before(day)
    state = lake.read("text_state", [("week", "==", sunday), *filters], VECTOR_COLUMNS)
    daily = lake.read("text_activity", [("day", ">", sunday), ("day", "<=", day), *filters])
    return fold_vectors(state, daily)


def _facts(lake: Lake, day: str, filters: Sequence[Filter]) -> pd.DataFrame:
    sunday = sunday_before(day)
    state = lake.read("facts_state", [("week", "==", sunday), *filters], FACT_COLUMNS)
    return fold_facts(state, lake.read("facts", [("day", ">", sunday), ("day", "<=", day), *filters]))


def _of_bucket(lake, day, read, bucket, buckets, strangers, named="subject_id"):  # type: ignore[no-untyped-def]
    """Rows of a bucket's identities, and of members of its customers that live in other buckets."""
    is_identity: list[Filter] = [("subject_type", "==", "identity")] if named == "subject_id" else []
    own = read(lake, day, is_identity + ([("bucket", "==", bucket)] if buckets > 1 else []))
    if not strangers:
        return own
    return pd.concat([own, read(lake, day, [*is_identity, (named, "in", strangers)])], ignore_index=True)


def customer_ids(lake: Lake, day: str, rules: Rules) -> pd.Series:
    """customer_id by identity_id, by what is known at the end of `day`."""
    return resolution(lake, day, rules).customer_of


def customer_ids_at(lake: Lake, day: str, rules: Rules) -> pd.Series:
    """The same without a checkpoint, as `take_populations` reads."""
    wanted: list[Filter] = [("day", "<=", day), ("facet", "==", "all"), ("subject_type", "==", "identity")]
    return _customer_of(lake, day, lake.read("daily_activity", wanted, ["subject_id", "first_at"]), rules)


def resolution(lake: Lake, day: str, rules: Rules) -> Resolution:
    """Whose identities are by what is known at the end of `day`, and what the rules refused."""
    return resolve(lake.read("identity_links", [("day", "<=", day)]), first_seen(lake, day, day), rules)


def identity_changes(lake: Lake, day: str, rules: Rules, after: Resolution) -> pd.DataFrame:
    """IDENTITY_CHANGES of a day from the resolution at its end; the week before must be closed."""
    links = lake.read("identity_links", [("day", "<=", day)])
    seen_before, is_new = first_seen(lake, day, day_before(day)), links["day"] == day
    before = resolve(links[~is_new], seen_before, rules)
    found = changes(before, after, seen_before.index, links[is_new]).assign(day=day)
    return found.astype("str")[schemas.IDENTITY_CHANGES.names]


def first_seen(lake: Lake, day: str, until: str) -> pd.Series:
    """identity_id -> time of its first event among those known at the end of `until`, which is `day` or the day before.

    The checkpoint under `day` is not later than the day before it, so both are read from the same one.
    """
    sunday = sunday_before(day)
    wanted: list[Filter] = [("facet", "==", "all"), ("subject_type", "==", "identity")]
    columns = ["subject_id", "first_at"]
    state = lake.read("activity_state", [("week", "==", sunday), *wanted], columns)
    since = lake.read("daily_activity", [("day", ">", sunday), ("day", "<=", until), *wanted], columns)
    return pd.concat([state, since], ignore_index=True).groupby("subject_id", sort=True)["first_at"].min()


def _customer_of(lake: Lake, day: str, people: pd.DataFrame, rules: Rules) -> pd.Series:
    """identity_id -> customer_id, also for identifiers that were never a row's first: statements may be made by those."""
    links = lake.read("identity_links", [("day", "<=", day)])
    return resolve(links, people.groupby("subject_id", sort=True)["first_at"].min(), rules).customer_of


def _members(customer_of: pd.Series, mine: pd.DataFrame) -> pd.DataFrame:
    """A snapshot's `members`, sorted."""
    rows = customer_of[customer_of.isin(mine["customer_id"])].reset_index()
    rows = rows.assign(is_seen=rows["identity_id"].isin(mine["identity_id"]))
    return rows.sort_values(["customer_id", "identity_id"], ignore_index=True)[
        ["customer_id", "identity_id", "is_seen"]
    ]


def _resolved(people: pd.DataFrame, customer_of: pd.Series, buckets: int) -> pd.DataFrame:
    seen = people.groupby("subject_id", sort=True).agg(first_seen=("first_at", "min"), bucket=("bucket", "first"))
    seen = seen.rename_axis("identity_id").reset_index()
    seen["customer_id"] = seen["identity_id"].map(customer_of).fillna(seen["identity_id"])
    seen["customer_bucket"] = [int(customer[:8], 16) % buckets for customer in seen["customer_id"]]
    return seen


def _everyone(customers: pd.DataFrame, customer_of: pd.Series) -> pd.Series:
    """customer_id by identity_id: of those seen and of those only linked to them."""
    seen = customers.set_index("identity_id")["customer_id"]
    return pd.concat([seen, customer_of[~customer_of.index.isin(seen.index)]]).rename_axis("identity_id")


def _of_customers(rows: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    """Rows of identities as rows of customers: the members' sums added in the order of their identity ids."""
    wanted = customers[["identity_id", "customer_id", "customer_bucket"]]
    rows = rows.merge(wanted, left_on="subject_id", right_on="identity_id", how="inner", validate="m:1")
    rows = rows.sort_values(["customer_id", "identity_id"], kind="stable")
    rows = rows.assign(subject_id=rows["customer_id"], bucket=rows["customer_bucket"].astype("int32"))
    return combine(rows[STATE_COLUMNS])


def _vectors_of_customers(rows: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    rows = rows.merge(
        customers, left_on="subject_id", right_on="identity_id", how="inner", validate="m:1", suffixes=("", "_own")
    )
    rows = rows.sort_values(["customer_id", "identity_id", "model"], kind="stable")
    rows = rows.assign(subject_id=rows["customer_id"], bucket=rows["customer_bucket"])
    return add_vectors(rows[VECTOR_COLUMNS])[["subject_id", "model", "count", "embedding_sum"]]


def _statements(lake: Lake, table: str, day: str, also: Sequence[str] = ()) -> pd.DataFrame:
    """The valid statement of every subject and name; `also`: and of some more columns."""
    return newest(lake.read(table, [("day", "<=", day)]), also)


def _of_customers_said(statements: pd.DataFrame, customer_of: pd.Series) -> pd.DataFrame:
    """Statements about identities with the `customer_id` each is about."""
    return statements.merge(
        customer_of.reset_index(), left_on="subject_id", right_on="identity_id", how="inner", validate="m:1"
    )


def _catalogue(statements: pd.DataFrame) -> pd.DataFrame:
    statements = statements[statements["name"] != "item_id"]  # a source may repeat the id as a property
    wide = statements.pivot(index="subject_id", columns="name", values="value").rename_axis(columns=None)
    wide = wide.rename_axis("item_id").reset_index()
    for name in ("title", "category", "brand", "price_usd"):
        if name not in wide:
            wide[name] = None
    return wide.assign(price_usd=pd.to_numeric(wide["price_usd"], errors="coerce"))
