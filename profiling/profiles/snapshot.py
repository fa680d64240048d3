"""What is known at the end of a day: the only input of everything that goes into a profile."""

from dataclasses import dataclass, field

import pandas as pd

from profiling.facts.profile import DENIED_COLUMNS, FACT_COLUMNS


@dataclass(frozen=True)
class Snapshot:
    """Frames as of one day, identities already resolved to customers (`subject_id` of an identity row is the customer_id).

    Attributes:
        day: YYYY-MM-DD; everything below is what could be known at its end.
        timezone: IANA name, the lake's time zone.
        activity: columns of `activity_state` without `week`, facets of the customers to profile; the half-lives are as of `day`.
        population: the same columns, facet `all`, of every customer: what quantiles and percentiles are taken over.
        items: the same columns, subject_type `item`, of every item.
        customer_vectors: subject_id (customer_id), model, count, embedding_sum (list of d floats) of the customers to profile.
        item_vectors: the same of every item; subject_id is the item_id.
        catalogue: one row an item: item_id, title, category, price_usd (float), brand, ...; valid as of `day`. May be empty.
        attributes: customer_id, name, value, stated_at, source: the newest valid statement for each (customer_id, name).
        texts: customer_id, interaction_id, text: the newest text of the customers to profile; empty where no model reads it.
        members: customer_id, identity_id, is_seen (has interactions of its own) of the customers to profile: all identities
            they are known by; a customer without rows here is known by its customer_id alone.
        identity_rules: fingerprint of the rules that made them.
        facts: FACT_COLUMNS of `facts/profile.py` of the customers to profile: what holds of them as of the day.
        denied: DENIED_COLUMNS of `facts/profile.py`: the facts of the customers to profile that are marked wrong as of the day.
        topics: term, topic_id, name: the topics in service, those of the last closed week; one row a term. Empty where there are
            none.
        consents: customer_id, name (the purpose), value (`granted` or `withdrawn`), stated_at, source; newest for each purpose.
    """

    day: str
    timezone: str
    activity: pd.DataFrame
    population: pd.DataFrame
    items: pd.DataFrame
    customer_vectors: pd.DataFrame
    item_vectors: pd.DataFrame
    catalogue: pd.DataFrame
    attributes: pd.DataFrame
    consents: pd.DataFrame
    texts: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["customer_id", "interaction_id", "text"]))
    members: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["customer_id", "identity_id", "is_seen"])
    )
    identity_rules: str = ""
    facts: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(FACT_COLUMNS)))
    denied: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(DENIED_COLUMNS)))
    topics: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["term", "topic_id", "name"], dtype="str")
    )
