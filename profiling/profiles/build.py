"""Profiles of the customers of a snapshot: scores for all of them at once, then one document each."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from profiling import schemas
from profiling.behaviour.activity import RECENT_HALF_LIFE_DAYS
from profiling.errors import InputError
from profiling.profiles.canonical import dumps
from profiling.profiles.document import document_of
from profiling.profiles.evidence import facet, records_by_customer, strongest
from profiling.profiles.overview import counts_by_kind, overview, spend_by_currency
from profiling.profiles.satisfaction import aspects, satisfaction, without_denied
from profiling.profiles.segments import life_cycle, rfm
from profiling.profiles.snapshot import Snapshot
from profiling.profiles.topics import topics
from profiling.profiles.value import catalogue, categories_consumed, items_consumed, with_tier

SCHEMA_VERSION = 1
DEFAULT_LANGUAGE = "en"
# A name for "we cannot tell", which is no language to write in.
_UNDETERMINED = "und"


def build_profiles(
    snapshot: Snapshot,
    recommendations: pd.DataFrame,
    interests: pd.DataFrame,
    bucket: int,
    provenance: Mapping[str, Any] | None = None,
    predictions: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row for every customer of `snapshot.activity`.

    Args:
        snapshot: what is known at the end of the day.
        recommendations: customer_id, rank (1 is best), item_id, score, reasons (list of {code, params}), evidence (list of
            {interaction_id, strength}). Rows of customers who are not in the snapshot are not looked at; the same for:
        interests: as `interests.interests` returns them.
        bucket: the customers' bucket.
        predictions: rows of `behaviour.prediction.predict`; None where no model is in service.
        provenance: what the caller knows of the making; joined to `provenance` of every document.

    Returns:
        The columns of `schemas.PROFILES`, sorted by customer_id. `document` is canonical JSON.

    Raises:
        InputError: a customer to profile is missing from the population, so that no score can be given.
    """
    everybody = (
        overview(snapshot.population, snapshot.day, snapshot.timezone).pipe(rfm).pipe(life_cycle).pipe(with_tier)
    )
    customers = _customers(snapshot, everybody)
    parts = _parts(snapshot, customers, recommendations, interests)
    if snapshot.topics.empty:
        del parts["topics"]
    if predictions is not None:
        parts["predictions"] = records_by_customer(predictions)
    made_by = _provenance(snapshot, provenance or {})
    read_by = snapshot.customer_vectors.groupby("subject_id", sort=True)["model"].agg(set).to_dict()
    rows = []
    for (customer,) in records_by_customer(customers).values():
        own = {name: records.get(customer["customer_id"], []) for name, records in parts.items()}
        document = document_of(customer, own, snapshot.day, made_by(read_by.get(customer["customer_id"], set())))
        rows.append(_row(customer, document, bucket, snapshot.day))
    return _as_profiles(rows)


# --- frames ------------------------------------------------------------------------------------------------------------


def _customers(snapshot: Snapshot, everybody: pd.DataFrame) -> pd.DataFrame:
    """The scores of the customers to profile with the language to write in, sorted by customer_id."""
    names = np.sort(snapshot.activity.loc[snapshot.activity["facet"] == "all", "subject_id"].unique().astype("str"))
    strangers = [name for name in names if name not in everybody.index]
    if strangers:
        raise InputError(
            f"{len(strangers)} of {len(names)} customers of the activity are missing from the population, the first is "
            f"{strangers[0]}; take the snapshot's population over all customers of the same day"
        )
    chosen = everybody.loc[names].rename_axis("customer_id")
    stated = snapshot.attributes[snapshot.attributes["name"] == "language"].set_index("customer_id")["value"]
    stated = stated.map(_language_code, na_action="ignore")
    written = _language_of_texts(snapshot)
    language = stated.reindex(names).astype("object").where(stated.reindex(names).notna(), written.reindex(names))
    return chosen.assign(language=language.fillna(DEFAULT_LANGUAGE).astype("str")).reset_index()


def _language_code(value: str) -> str | None:
    """`zh-CN` is zh; what is no language code is no statement."""
    code = re.match(r"\s*([A-Za-z]{2,3})(?:[-_].*)?\s*$", value)
    return code.group(1).lower() if code else None


def _language_of_texts(snapshot: Snapshot) -> pd.Series:
    rows = facet(snapshot.activity, "language")
    counts = rows[rows["value"] != _UNDETERMINED].groupby(["customer_id", "value"], sort=True)["count"].sum()
    ranked = counts.reset_index().sort_values(
        ["customer_id", "count", "value"], ascending=[True, False, True], kind="stable"
    )
    return ranked.drop_duplicates("customer_id").set_index("customer_id")["value"]


def _parts(
    snapshot: Snapshot, customers: pd.DataFrame, recommendations: pd.DataFrame, interests: pd.DataFrame
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """What every list of a document is made of: part -> customer_id -> records in the order they will stand in."""
    of = customers["customer_id"]
    basis = customers.set_index("customer_id")["frequency_basis"]
    said = facet(snapshot.activity, "all")
    main = said[said["kind"] == said["customer_id"].map(customers.set_index("customer_id")["main_kind"])]
    frames = {
        "attributes": _of(snapshot.attributes, of).sort_values(["customer_id", "name"], kind="stable"),
        "consents": _of(snapshot.consents, of).sort_values(["customer_id", "name"], kind="stable"),
        "kinds": counts_by_kind(snapshot.activity),
        "spend": spend_by_currency(snapshot.activity),
        "items": items_consumed(snapshot, basis),
        "categories": categories_consumed(snapshot, basis),
        "interests": _of(interests, of),
        "topics": topics(snapshot),
        "satisfaction": satisfaction(snapshot.activity, snapshot.population),
        "aspects": without_denied(aspects(snapshot.activity), snapshot.denied),
        "recommendations": _with_titles(_of(recommendations, of), snapshot),
        "activity": strongest(main, ["customer_id"]),
        "members": _of(snapshot.members, of),
        "facts": _of(snapshot.facts, of),
    }
    return {name: records_by_customer(frame) for name, frame in frames.items()}


def _of(frame: pd.DataFrame, customers: pd.Series) -> pd.DataFrame:
    return frame[frame["customer_id"].isin(customers)]


def _with_titles(recommendations: pd.DataFrame, snapshot: Snapshot) -> pd.DataFrame:
    """Best first, with the title of the item; a reason that names another item (`like`) gets that one's title, else its id."""
    named = recommendations.merge(catalogue(snapshot), on="item_id", how="left", validate="m:1")
    named = named.sort_values(["customer_id", "rank", "item_id"], kind="stable", ignore_index=True)
    titled = catalogue(snapshot).dropna(subset="title")
    titles = dict(zip(titled["item_id"], titled["title"], strict=True))
    reasons = [[_titled(reason, titles) for reason in reasons] for reasons in named["reasons"]]
    return named.assign(reasons=pd.Series(reasons, index=named.index, dtype="object"))


def _titled(reason: Mapping[str, Any], titles: Mapping[str, str]) -> dict[str, Any]:
    like = reason["params"].get("like")
    return {**reason, "params": {**reason["params"], "like_title": titles.get(like, like)}}


def _provenance(snapshot: Snapshot, given: Mapping[str, Any]) -> Callable[[set[str]], dict[str, Any]]:
    """The provenance of a customer by the models that read their texts; items are compared in the items' models.

    By customer and not by snapshot: a bucket's other customers must not change a document.
    """
    of_items = set(snapshot.item_vectors["model"])

    def made_by(own: set[str]) -> dict[str, Any]:
        return {
            "schema_version": SCHEMA_VERSION,
            "half_life_days": RECENT_HALF_LIFE_DAYS,
            "identity_rules": snapshot.identity_rules,
            **given,
            "models": {"embedding": sorted(of_items | own), **given.get("models", {})},
        }

    return made_by


# --- the table's row ---------------------------------------------------------------------------------------------------


def _row(customer: Mapping[str, Any], document: dict[str, Any], bucket: int, day: str) -> dict[str, Any]:
    interests = document["interests"]
    return {
        "customer_id": customer["customer_id"],
        "bucket": bucket,
        "day": day,
        "language": document["language"],
        "life_cycle": customer["life_cycle"],
        "rfm": customer["rfm"],
        "last_seen_at": customer["last_at"],
        "interaction_count": customer["interaction_count"],
        "purchase_count": customer["purchase_count"],
        "spend": customer["spend"],
        "currency": customer["currency"],
        "satisfaction": document["satisfaction"]["score"],
        "satisfaction_trend": document["satisfaction"]["trend"],
        "top_interest": interests[0]["topic"] if interests else None,
        "next_best_action": document["next_best_action"]["action"],
        "completeness": document["completeness"],
        "document": dumps(document),
        "merged_from": document["identity"]["merged_from"],
        **{f"{each['target']}_probability": each["probability"] for each in document["predictions"] or ()},
    }


def _as_profiles(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=schemas.PROFILES.names)
    types = {
        "int32": ["bucket"],
        "int64": ["interaction_count", "purchase_count"],
        "float64": ["spend", "satisfaction", "satisfaction_trend", "completeness"],
        "datetime64[us, UTC]": ["last_seen_at"],
    }
    types["float64"] += [name for name in frame.columns if name.endswith("_probability")]
    typed = {name: dtype for dtype, names in types.items() for name in names} | {"merged_from": "object"}
    return frame.astype({name: typed.get(name, "str") for name in frame.columns})
