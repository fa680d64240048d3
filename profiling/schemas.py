"""The columns of every table, said once: name, type, unit, meaning, personal or protected.

`docs/data-dictionary.md`, the Delta tables and the checks at every write are made from this file.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa

UTC = pa.timestamp("us", tz="UTC")
EVIDENCE = pa.list_(pa.struct([("interaction_id", pa.string()), ("strength", pa.float64())]))
PLACED_EVIDENCE = pa.list_(
    pa.struct([("interaction_id", pa.string()), ("strength", pa.float64()), ("start", pa.int64()), ("end", pa.int64())])
)

PLACES = pa.list_(pa.struct([("interaction_id", pa.string()), ("start", pa.int64()), ("end", pa.int64())]))
SPANS = pa.list_(
    pa.struct([("interaction_id", pa.string()), ("start", pa.int64()), ("end", pa.int64()), ("polarity", pa.float64())])
)

KINDS = (
    "review",
    "purchase",
    "view",
    "search",
    "post",
    "email",
    "delivery",
    "repayment",
    "ad_impression",
    "ad_click",
    "contact",
)


@dataclass(frozen=True)
class Column:
    """One quantity: the same name means the same thing in every table."""

    name: str
    type: pa.DataType
    meaning: str
    unit: str = ""
    is_nullable: bool = False
    is_personal: bool = False
    is_protected: bool = False  # sex, age, ...: never a feature by default


@dataclass(frozen=True)
class Table:
    """A Delta table; `grain` says what one row is, `key` the columns that name it once."""

    name: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition: str | None = "day"
    notes: str = field(default="")

    @property
    def arrow(self) -> pa.Schema:
        return pa.schema([pa.field(c.name, c.type, nullable=c.is_nullable) for c in self.columns])

    @property
    def names(self) -> list[str]:
        return [c.name for c in self.columns]


DAY = Column("day", pa.string(), "day of the drop: what had arrived by its end", "YYYY-MM-DD")
EVENT_DAY = Column("event_day", pa.string(), "day of the event in the lake's time zone", "YYYY-MM-DD")
BUCKET = Column("bucket", pa.int32(), "int(identity_id[:8], 16) % BUCKETS, a unit of computation")
IDENTITY = Column("identity_id", pa.string(), "keyed hash of the row's first identifier", is_personal=True)
INTERACTION = Column("interaction_id", pa.string(), "keyed hash of source, natural key and event time")
OCCURRED_AT = Column("occurred_at", UTC, "when it happened", "UTC")
SOURCE = Column("source", pa.string(), "folder of the landing area the row came from")
SOURCE_FILE = Column("source_file", pa.string(), "file name inside the drop")
SOURCE_LINE = Column("source_line", pa.int64(), "line or row number in that file, from 1")
STATED_AT = Column("stated_at", UTC, "when it was said; the newest statement known by a day is the valid one", "UTC")
SUBJECT_TYPE = Column("subject_type", pa.string(), "`identity` or `item`")
SUBJECT = Column("subject_id", pa.string(), "identity_id or item_id", is_personal=True)
NAME = Column("name", pa.string(), "name of the attribute, purpose or property")
VALUE = Column("value", pa.string(), "the value said", is_nullable=True, is_personal=True)
ITEM = Column("item_id", pa.string(), "the item concerned, as the source names it", is_nullable=True)
MODEL = Column("model", pa.string(), "model and revision that made the vector")
COUNT = Column("count", pa.int64(), "how many interactions stand behind the row")

INTERACTIONS = Table(
    "interactions",
    "One event of one customer.",
    (
        INTERACTION,
        IDENTITY,
        BUCKET,
        DAY,
        OCCURRED_AT,
        EVENT_DAY,
        Column("kind", pa.string(), "one of: " + ", ".join(KINDS)),
        SOURCE,
        ITEM,
        Column("text", pa.string(), "text, normalised and redacted", is_nullable=True, is_personal=True),
        Column("text_hash", pa.string(), "keyed hash of the redacted text", is_nullable=True),
        Column("rating", pa.float64(), "stars given", "1-5", is_nullable=True),
        Column("quantity", pa.float64(), "pieces", is_nullable=True),
        Column("amount", pa.float64(), "money, in `currency`", is_nullable=True),
        Column("currency", pa.string(), "currency of `amount`", "ISO 4217", is_nullable=True),
        Column("channel", pa.string(), "web, app, store, mail, ...", is_nullable=True),
        Column("attributes", pa.string(), "what else the source said", "JSON object", is_nullable=True),
        Column("is_text_shared", pa.bool_(), "the same text came from another customer in this drop: flagged, kept"),
        SOURCE_FILE,
        SOURCE_LINE,
    ),
    key=("interaction_id",),
)

_STATEMENT = (SUBJECT, NAME, VALUE, STATED_AT, SOURCE, SOURCE_FILE, SOURCE_LINE, DAY)
_STATEMENT_KEY = ("subject_id", "name", "stated_at", "day", "source", "source_file", "source_line")

ATTRIBUTES = Table(
    "attributes",
    "One statement about a customer: name, value, when it was said.",
    _STATEMENT,
    _STATEMENT_KEY,
    notes="Add-only; validity is computed when reading.",
)
CONSENTS = Table(
    "consents",
    "One statement of consent: purpose (`name`) and `granted` or `withdrawn` (`value`).",
    _STATEMENT,
    _STATEMENT_KEY,
    notes="Add-only; validity is computed when reading.",
)
CATALOGUE = Table(
    "catalogue",
    "One statement about an item: property (`title`, `category`, `price_usd`, ...) and value.",
    _STATEMENT,
    _STATEMENT_KEY,
    notes="Add-only; validity is computed when reading. `subject_id` is the item_id.",
)
IDENTITY_LINKS = Table(
    "identity_links",
    "Two identifiers seen together in one event, or in one statement about a customer.",
    (
        Column("identity_id", pa.string(), "keyed hash of one identifier of a row", is_personal=True),
        Column("other_id", pa.string(), "keyed hash of another identifier of the same row", is_personal=True),
        Column("identifier_type", pa.string(), "type of the other identifier: email, phone, device, ..."),
        Column("interaction_id", pa.string(), "keyed hash of the event, or of the statement, that has both"),
        Column("occurred_at", UTC, "when it happened, or was said", "UTC"),
        DAY,
        Column("first_type", pa.string(), "type of the first identifier; null in older lakes", is_nullable=True),
        Column("source", pa.string(), "folder of the landing area it came from; null in older lakes", is_nullable=True),
    ),
    key=("identity_id", "other_id", "interaction_id"),
    notes="Every pair of a row. What they join is decided when reading, by the rules of identity.",
)
QUARANTINE = Table(
    "quarantine",
    "One rejected row of a drop, with its reason.",
    (
        SOURCE,
        SOURCE_FILE,
        SOURCE_LINE,
        Column("reason", pa.string(), "machine-readable reason, such as `rating_out_of_range`"),
        Column("field", pa.string(), "field at fault", is_nullable=True),
        Column("detail", pa.string(), "one sentence: what is wrong and the fix"),
        Column("content", pa.string(), "the row, redacted, at most 500 characters", is_nullable=True, is_personal=True),
        DAY,
    ),
    key=("source", "source_file", "source_line"),
)

KEYWORDS = pa.list_(pa.struct([("term", pa.string()), ("weight", pa.float64())]))
ASPECTS = pa.list_(pa.struct([("aspect", pa.string()), ("polarity", pa.float64())]))
MENTIONS = pa.list_(
    pa.struct([("aspect", pa.string()), ("polarity", pa.float64()), ("start", pa.int64()), ("end", pa.int64())])
)

TEXT_FEATURES = Table(
    "text_features",
    "One interaction with text, under one embedding model.",
    (
        INTERACTION,
        IDENTITY,
        BUCKET,
        DAY,
        MODEL,
        Column("language", pa.string(), "language of the text", "ISO 639-1, `und` when unclear"),
        Column("sentiment", pa.float64(), "-1 angry to 1 delighted", "-1 to 1"),
        Column(
            "sentiment_model", pa.string(), "who scored the sentiment: lexicons, or the model in service by its sha"
        ),
        Column("keywords", KEYWORDS, "strongest terms, best first, weight 0 to 1"),
        Column("aspects", ASPECTS, "aspects spoken of and how, polarity -1 to 1"),
        Column(
            "embedding", pa.list_(pa.float32()), "unit vector; null where the encoder cannot read", is_nullable=True
        ),
        Column(
            "sentiment_probability",
            pa.float64(),
            "that the writer gives 4 or 5 stars, by the model in service; null where lexicons scored",
            "0 to 1",
            is_nullable=True,
        ),
        Column(
            "sentiment_note",
            pa.string(),
            "why no trained model scored the text; null where one did",
            is_nullable=True,
        ),
        Column(
            "aspect_mentions",
            MENTIONS,
            "the clauses `aspects` rests on, text[start:end], in characters of the redacted text; null in older lakes",
            is_nullable=True,
        ),
    ),
    key=("interaction_id", "model"),
)

MEDIA_REASONS = (
    "no_consent", "over_limit", "no_model", "redacted", "invalid_url", "not_allowed", "unresolved", "private_address",
    "unreachable", "too_slow", "too_large", "http_error", "redirects", "unknown_type", "refused", "cut_off",
    "unusable_answer", "rejected", "rate_limited", "server_error", "server_slow", "server_unreachable", "unauthorised",
)  # fmt: skip
MEDIA_FEATURES = Table(
    "media_features",
    "One picture or recording that one interaction refers to, under one embedding model.",
    (
        INTERACTION,
        IDENTITY,
        BUCKET,
        DAY,
        Column("position", pa.int32(), "its place among the interaction's media", "from 0"),
        Column("url_hash", pa.string(), "SHA-256 of its address, which stands in the interaction's `attributes`"),
        Column("media_hash", pa.string(), "SHA-256 of its bytes; null where they were not got", is_nullable=True),
        Column("media_type", pa.string(), "what its first bytes say it is", "MIME type", is_nullable=True),
        Column(
            "reason", pa.string(), "why it was not read; null where it was", ", ".join(MEDIA_REASONS), is_nullable=True
        ),
        Column("written_by", pa.string(), "the model that read it", is_nullable=True),
        Column("labels", KEYWORDS, "what it shows or speaks of, surest first, weight 0 to 1", is_personal=True),
        Column(
            "text",
            pa.string(),
            "a sentence of what it shows, or its transcript, redacted",
            is_nullable=True,
            is_personal=True,
        ),
        MODEL,
        Column(
            "embedding",
            pa.list_(pa.float32()),
            "unit vector of labels and text, as of a text",
            is_nullable=True,
        ),
    ),
    key=("interaction_id", "position", "model"),
    notes="Its bytes are never stored. Empty unless media are read (`PROFILING_MEDIA_HOSTS`).",
)

FACT_TOPICS = (
    "interests", "needs", "complaints", "preferences", "intent", "price_sensitivity", "service_experience", "life_events",
)  # fmt: skip
_FACT_SLOT = (
    Column("topic", pa.string(), "what it is about", ", ".join(FACT_TOPICS)),
    Column("subtopic", pa.string(), "the slot inside the topic"),
    Column("value", pa.string(), "what fills the slot, in a regular form; empty where it needs none", is_personal=True),
)
_FACT = (
    Column("fact_id", pa.string(), "pseudonym of identity, topic, subtopic, value and side (for or against)"),
    IDENTITY,
    BUCKET,
    *_FACT_SLOT,
    Column("statement", pa.string(), "the fact in one sentence", is_personal=True),
    Column("polarity", pa.float64(), "-1 against to 1 in favour", "-1 to 1"),
    Column("confidence", pa.float64(), "how sure the extractor is, grown by each time it was said", "0 to 1"),
    Column("is_inferred", pa.bool_(), "concluded, and never said in so many words"),
    Column("since", UTC, "when the oldest evidence was written", "UTC"),
    Column("stated_at", UTC, "when the newest evidence was written", "UTC"),
    Column("written_by", pa.string(), "who read it: rules, or the language model's name"),
    COUNT,
    Column(
        "evidence",
        PLACED_EVIDENCE,
        "the interactions it rests on, at most 5, strongest first; the words are text[start:end] of the redacted text",
    ),
)
FACTS = Table(
    "facts",
    "One statement about one customer, read out of what they wrote by one reader.",
    (*_FACT, DAY),
    key=("fact_id", "day", "written_by"),
    notes=(
        "Add-only: said again on a later day, or read by somebody else, it is another row, and one that contradicts an older one "
        "stands beside it, dated."
    ),
)
FACTS_STATE = Table(
    "facts_state",
    "One statement about one customer: everything one reader read of it to the end of a closed week.",
    (*_FACT, Column("week", pa.string(), "the Sunday that closes the week", "YYYY-MM-DD")),
    key=("fact_id", "week", "written_by"),
    partition="week",
)
FACT_CORRECTIONS = Table(
    "fact_corrections",
    "One correction of one fact, by the customer or a clerk: it is wrong, or should say something else.",
    (
        IDENTITY,
        *_FACT_SLOT,
        Column("side", pa.int32(), "1 of a fact in favour, -1 of one against"),
        Column("kind", pa.string(), "`wrong`, or `stated`: with another statement in its place"),
        Column(
            "statement", pa.string(), "what it should say; null where it is wrong", is_nullable=True, is_personal=True
        ),
        Column("said_by", pa.string(), "who corrected it: `customer`, or a clerk's name"),
        Column("stated_at", UTC, "when it was said", "UTC"),
        Column("recorded_at", UTC, "when it was stored; null where it was before this column", "UTC", is_nullable=True),
        Column("day", pa.string(), "first day whose profile it changes", "YYYY-MM-DD"),
        Column(
            "evidence",
            PLACES,
            "the words of this identity that the fact rested on: whatever else of the slot is read in them is this fact; null "
            "where it was stored before this column",
            is_nullable=True,
        ),
    ),
    key=("identity_id", "topic", "subtopic", "value", "side", "stated_at", "recorded_at", "day"),
    notes="Add-only; of several corrections of a fact the one stated last holds, of the same instant the one recorded last. "
    "No stage writes it, so a day run again keeps them.",
)

_SUMS = (
    COUNT,
    Column("active_days", pa.int64(), "event days with at least one such interaction", "days"),
    Column("quantity", pa.float64(), "pieces, summed"),
    Column("amount", pa.float64(), "money, summed, in `currency`"),
    Column("rating_count", pa.int64(), "ratings given"),
    Column("rating_sum", pa.float64(), "stars, summed"),
    Column("sentiment_count", pa.int64(), "texts scored"),
    Column("sentiment_sum", pa.float64(), "sentiment, summed"),
    Column("weight", pa.float64(), "sum of claim strengths, for interests"),
    Column("first_at", UTC, "first occurrence", "UTC"),
    Column("last_at", UTC, "last occurrence", "UTC"),
    Column("evidence", EVIDENCE, "the strongest interactions behind the row, at most 5, strongest first"),
    Column(
        "spans",
        SPANS,
        "of an aspect: where `evidence` speaks of it, text[start:end] in characters of the redacted text, at most 3 an "
        "interaction; null for other facets and in older lakes",
        is_nullable=True,
    ),
)
_GRAIN = (
    SUBJECT_TYPE,
    SUBJECT,
    BUCKET,
    Column("kind", pa.string(), "kind of the interactions summed"),
    Column(
        "facet",
        pa.string(),
        "what `value` is: `all` (everything), `item`, `topic`, `media`, `aspect` or `language`",
    ),
    Column("value", pa.string(), "the item, topic, aspect or language; empty for `all`"),
    Column("currency", pa.string(), "currency of `amount`; empty where there is none", "ISO 4217"),
)

DAILY_ACTIVITY = Table(
    "daily_activity",
    "One subject (identity or item) x event day x kind x facet value x currency.",
    (*_GRAIN, EVENT_DAY, *_SUMS, DAY),
    key=("subject_type", "subject_id", "kind", "facet", "value", "currency", "event_day", "day"),
)
ACTIVITY_STATE = Table(
    "activity_state",
    "One subject x kind x facet value x currency: sums to the end of a closed week.",
    (
        *_GRAIN,
        *_SUMS,
        Column("recent_weight", pa.float64(), "`weight` with a half-life, as of the week's Sunday"),
        Column("recent_count", pa.float64(), "`count` with a half-life, as of the week's Sunday"),
        Column("recent_rating_count", pa.float64(), "`rating_count` with a half-life"),
        Column("recent_rating_sum", pa.float64(), "`rating_sum` with a half-life"),
        Column("recent_sentiment_count", pa.float64(), "`sentiment_count` with a half-life"),
        Column("recent_sentiment_sum", pa.float64(), "`sentiment_sum` with a half-life"),
        Column("week", pa.string(), "the Sunday that closes the week", "YYYY-MM-DD"),
    ),
    key=("subject_type", "subject_id", "kind", "facet", "value", "currency", "week"),
    partition="week",
)
_VECTOR = (
    SUBJECT_TYPE,
    SUBJECT,
    BUCKET,
    MODEL,
    COUNT,
    Column("embedding_sum", pa.list_(pa.float64()), "sum of the unit vectors"),
)
TEXT_ACTIVITY = Table(
    "text_activity",
    "One subject (identity or item) x embedding model: the sum of the day's vectors.",
    (*_VECTOR, DAY),
    key=("subject_type", "subject_id", "model", "day"),
)
TEXT_STATE = Table(
    "text_state",
    "One subject x embedding model: sums of vectors to the end of a closed week.",
    (*_VECTOR, Column("week", pa.string(), "the Sunday that closes the week", "YYYY-MM-DD")),
    key=("subject_type", "subject_id", "model", "week"),
    partition="week",
)

TOPICS = Table(
    "topics",
    "One topic at the end of one closed week: terms that customers use of the same thing.",
    (
        Column("week", pa.string(), "the Sunday that closes the week", "YYYY-MM-DD"),
        MODEL,
        Column("topic_id", pa.string(), "what it is named by for as long as it lives"),
        Column("name", pa.string(), "one of its strongest terms, and the same one for as long as it is"),
        Column(
            "state",
            pa.string(),
            "`new`, `kept` or `returned`: in service; `ended` or `merged` in this week; `dormant`: ended before, and may return",
        ),
        Column("since", pa.string(), "the week it was first in service", "YYYY-MM-DD"),
        Column("last_week", pa.string(), "the newest week it was in service", "YYYY-MM-DD"),
        Column("merged_into", pa.string(), "the topic that has its terms now", is_nullable=True),
        Column("terms", KEYWORDS, "each of five customers or more, strongest first; a term has one topic"),
        Column(
            "texts", pa.int64(), "texts of the last eight weeks with one of its terms; of a sample where there are many"
        ),
        Column("customers", pa.int64(), "identities who wrote them"),
        Column("share", pa.float64(), "`texts` as a part of all texts looked at", "0 to 1"),
        Column("sentiment", pa.float64(), "mean sentiment of the texts", "-1 to 1", is_nullable=True),
        Column("share_before", pa.float64(), "`share` a week before", "0 to 1", is_nullable=True),
        Column("sentiment_before", pa.float64(), "`sentiment` a week before", "-1 to 1", is_nullable=True),
        Column("centroid", pa.list_(pa.float32()), "unit vector between its terms, in the space of `model`"),
    ),
    key=("week", "topic_id"),
    partition="week",
    notes="Sums over customers that name nobody. Made with the week's `activity_state`.",
)

PROFILES = Table(
    "profiles",
    "One customer as of one day.",
    (
        Column("customer_id", pa.string(), "the oldest identity of the customer", is_personal=True),
        BUCKET,
        DAY,
        Column("language", pa.string(), "language to write in", "ISO 639-1"),
        Column("life_cycle", pa.string(), "new, active, loyal, at_risk or lapsed"),
        Column(
            "rfm", pa.string(), "recency, frequency, monetary scores, `-` where the data cannot say", "three of 1-5"
        ),
        Column("last_seen_at", UTC, "last interaction", "UTC"),
        Column("interaction_count", pa.int64(), "interactions known"),
        Column("purchase_count", pa.int64(), "purchases known"),
        Column("spend", pa.float64(), "money spent, in `currency`", is_nullable=True),
        Column("currency", pa.string(), "currency of `spend`", "ISO 4217", is_nullable=True),
        Column("satisfaction", pa.float64(), "0 unhappy to 1 delighted", "0 to 1", is_nullable=True),
        Column("satisfaction_trend", pa.float64(), "recent minus lifetime satisfaction", "-1 to 1", is_nullable=True),
        Column("top_interest", pa.string(), "strongest interest", is_nullable=True),
        Column("next_best_action", pa.string(), "what to do next; `none` also where the customer wants no marketing"),
        Column("completeness", pa.float64(), "share of the document's parts that could be filled", "0 to 1"),
        Column("document", pa.string(), "the whole profile", "JSON, schema/profile-v1.json", is_personal=True),
        Column(
            "merged_from",
            pa.list_(pa.string()),
            "other identities whose interactions are counted here: ids that may have been customers of their own",
            is_nullable=True,
            is_personal=True,
        ),
        *(
            Column(
                f"{target}_probability",
                pa.float64(),
                f"of `{target}`, by the model in service; null where it is not asked about the customer",
                "0 to 1",
                is_nullable=True,
            )
            for target in ("repeat_purchase", "reviews_again", "churn", "satisfied")
        ),
    ),
    key=("customer_id", "day"),
)
IDENTITY_CHANGES = Table(
    "identity_changes",
    "One customer id that has become another one's since the day before (merge), or lost a part (split).",
    (
        DAY,
        Column("from_id", pa.string(), "customer_id by what was known a day before", is_personal=True),
        Column("to_id", pa.string(), "customer_id that it, or a part of it, has become", is_personal=True),
        Column("kind", pa.string(), "`merge`: `from_id` is no customer any more; `split`: it is, and a part left it"),
        Column("interaction_id", pa.string(), "the new link's event or statement", is_nullable=True),
    ),
    key=("day", "from_id", "to_id", "kind"),
    notes="Links known by the day before and by the day, under one set of rules: whatever was published does not matter.",
)

_STATISTIC = (
    DAY,
    Column("statistic", pa.string(), "what is counted: rows, newest_hours, kind, rating, ...; see `watch.py`"),
    Column("part", pa.string(), "the source, or the bin of the column"),
    Column("number", pa.float64(), "rows of that part; for `newest_hours` hours"),
)
DAY_STATISTICS = Table(
    "day_statistics",
    "One count of a day's interactions: a source, or a bin of a main column.",
    _STATISTIC,
    key=("statistic", "part", "day"),
    notes="What the next 28 days are held against.",
)
TEXT_STATISTICS = Table(
    "text_statistics",
    "One count of a day's texts: a bin of a main column.",
    _STATISTIC,
    key=("statistic", "part", "day"),
    notes="What the next 28 days are held against.",
)

_TARGET = Column("target", pa.string(), "what is predicted, as in `behaviour/targets.py`")
_AS_OF = Column("as_of", pa.string(), "the day the training's labels end", "YYYY-MM-DD")
_SHA = Column("sha", pa.string(), "first 16 hex of the SHA-256 of the model's files: what it is named by")
MODELS = Table(
    "models",
    "One decision about one model: promoted, refused, rolled back.",
    (
        _TARGET,
        _AS_OF,
        _SHA,
        Column("model", pa.string(), "kind of model"),
        Column("state", pa.string(), "promoted, refused or rolled_back"),
        Column("effective_from", pa.string(), "first day it speaks for: the one after `as_of`", "YYYY-MM-DD"),
        Column("metric", pa.string(), "what was compared"),
        Column("value", pa.float64(), "the metric on the holdout", is_nullable=True),
        Column("reason", pa.string(), "why so, one sentence"),
        Column("decided_at", UTC, "when it was decided", "UTC"),
    ),
    key=("target", "as_of", "sha", "state", "decided_at"),
    partition="target",
    notes="Add-only. The champion for a day is the promotion with the newest `effective_from` up to it that was not rolled back.",
)
EVALUATIONS = Table(
    "evaluations",
    "One metric of one candidate model on the holdout, or of the folds it was chosen by.",
    (
        _TARGET,
        _AS_OF,
        _SHA,
        Column("candidate", pa.string(), "model with the params that differ from its defaults"),
        Column("protocol", pa.string(), "holdout (newest settled cutoff or latest fifth of texts) or folds"),
        Column("metric", pa.string(), "as in `behaviour/evaluation.py`"),
        Column("value", pa.float64(), "the figure; missing where it is not defined", is_nullable=True),
        Column("low", pa.float64(), "lower end of its 95 % interval, by bootstrap over customers", is_nullable=True),
        Column("high", pa.float64(), "upper end", is_nullable=True),
        Column("rows", pa.int64(), "rows it was measured on"),
        Column("positives", pa.int64(), "of them with label 1"),
    ),
    key=("target", "as_of", "sha", "candidate", "protocol", "metric"),
    partition="target",
)

SUPPRESSIONS = Table(
    "suppressions",
    "One keyed hash of an identity that must not appear, for one purpose.",
    (
        Column(
            "suppressed_hash",
            pa.string(),
            "keyed hash of the identity_id: it names nobody without the key",
            is_personal=True,
        ),
        Column(
            "reason", pa.string(), "erased, consent_withdrawn, or consent_granted, which lifts an earlier withdrawal"
        ),
        Column(
            "purpose",
            pa.string(),
            "all, profiling, marketing or language_model; shared: an erased person's, and somebody else has it too",
        ),
        Column("since", UTC, "when it was asked for, or of consent when it was put on the list", "UTC"),
        Column("request_id", pa.string(), "the request it comes from, where there was one", is_nullable=True),
        Column("said_at", UTC, "of consent, when it was said; null in older lakes", "UTC", is_nullable=True),
    ),
    key=("suppressed_hash", "purpose", "reason", "since"),
    partition=None,
    notes="Add-only, and read as it is now by every stage. Of the words on consent the newest holds; erased is for ever.",
)

RELEASED_STATISTICS = Table(
    "released_statistics",
    "One release of statistics that may leave the house: what was asked, what it cost, the answer with its noise.",
    (
        Column("account", pa.string(), "whose privacy it spends: `customers`, one budget for all days and statistics"),
        Column("release_id", pa.string(), "first 16 hex of the SHA-256 of the request"),
        DAY,
        Column("by", pa.string(), "partitions: life_cycle, rfm, tier; comma separated"),
        Column("statistics", pa.string(), "count, and means by name; comma separated"),
        Column("epsilon", pa.float64(), "privacy loss of the release, at most"),
        Column("released_at", UTC, "when it was released", "UTC"),
        Column("answer", pa.string(), "the release: one row a segment, with intervals", "JSON"),
    ),
    key=("account", "release_id"),
    partition="account",
    notes="Add-only, and the ledger of the privacy budget: a row that is removed gives back what was spent.",
)

LEDGER = Table(
    "days",
    "One thing that happened to one stage of one day: opened, released, failed, empty, stale; or days up to one closed.",
    (
        Column("stage", pa.string(), "ingest, features, profile, publish"),
        DAY,
        Column("state", pa.string(), "open, released, failed, empty, stale or closed"),
        Column("recorded_at", UTC, "when the record was written", "UTC"),
        Column("attempt", pa.string(), "id of the attempt"),
        Column(
            "until", pa.string(), "last day of a stretch of empty, stale or closed days", "YYYY-MM-DD", is_nullable=True
        ),
        Column("inputs", pa.string(), "fingerprint of what the stage read", is_nullable=True),
        Column("outputs", pa.string(), "fingerprint of what the stage wrote", is_nullable=True),
        Column("counts", pa.string(), "rows by outcome", "JSON object", is_nullable=True),
        Column(
            "files",
            pa.string(),
            "per file: read = stored + duplicates + quarantined + suppressed",
            "JSON",
            is_nullable=True,
        ),
        Column("report", pa.string(), "the gate's report, without values", "JSON", is_nullable=True),
        Column("note", pa.string(), "one sentence for people", is_nullable=True),
    ),
    key=("stage", "day", "attempt", "state"),
    partition=None,
    notes="Append-only; `open` first, `released` last.",
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        INTERACTIONS,
        ATTRIBUTES,
        CONSENTS,
        CATALOGUE,
        IDENTITY_LINKS,
        QUARANTINE,
        TEXT_FEATURES,
        MEDIA_FEATURES,
        FACTS,
        FACTS_STATE,
        FACT_CORRECTIONS,
        DAILY_ACTIVITY,
        ACTIVITY_STATE,
        TEXT_ACTIVITY,
        TEXT_STATE,
        TOPICS,
        PROFILES,
        IDENTITY_CHANGES,
        DAY_STATISTICS,
        TEXT_STATISTICS,
        MODELS,
        EVALUATIONS,
        SUPPRESSIONS,
        RELEASED_STATISTICS,
        LEDGER,
    )
}


def columns(names: Iterable[str]) -> list[Column]:
    """The columns of the tables named, each once, in order."""
    seen: dict[str, Column] = {}
    for name in names:
        for column in TABLES[name].columns:
            seen.setdefault(column.name, column)
    return list(seen.values())
