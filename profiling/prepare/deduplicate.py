"""The same event delivered twice, and the same words said twice by one customer on one day."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable

import pandas as pd

SIMILARITY = 0.9
MIN_WORDS = 3  # "great product" twice is no proof of a copy
MIN_WORDS_SIMILAR = 20
_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_CJK}]|(?:(?![{_CJK}])[^\W_])+")  # each character of a script without spaces is a word
_SCOPE = ["identity_id", "event_day", "kind", "rating"]

Shingles = frozenset[tuple[str, ...]]


def is_among(column: pd.Series, values: pd.Series) -> pd.Series:
    """`column.isin(values)` for texts: pandas makes an Arrow scalar of each value, which costs more than all the rest."""
    if column.empty or values.empty:
        return pd.Series(False, index=column.index, name=column.name)
    return column.astype(object).isin(values.astype(object))


def exact(rows: pd.DataFrame, known: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Each interaction once: the lowest (source_file, source_line) stays, and none that is in `known` (`interaction_id`).

    Returns:
        (kept, dropped), both sorted by (source_file, source_line).
    """
    ordered = _in_file_order(rows)
    again = ordered.duplicated("interaction_id") | is_among(ordered["interaction_id"], known["interaction_id"])
    return _split(ordered, again)


def _in_file_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Sorted by (source_file, source_line); without a copy where they are already, as the rows of one bucket of a day are."""
    place = ["source_file", "source_line"]
    order = rows[place].reset_index(drop=True).sort_values(place, kind="stable").index
    return rows.reset_index(drop=True) if order.is_monotonic_increasing else rows.iloc[order].reset_index(drop=True)


def _split(rows: pd.DataFrame, is_dropped: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(kept, dropped); without a copy where nothing is dropped, as on most days."""
    if not is_dropped.any():
        return rows.reset_index(drop=True), rows.iloc[:0]
    return rows[~is_dropped].reset_index(drop=True), rows[is_dropped].reset_index(drop=True)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _shingles(words: list[str]) -> Shingles:
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def _copies(texts: Iterable[Shingles]) -> list[bool]:
    """For each text in order: has it a Jaccard index of at least SIMILARITY with an earlier one that was no copy?

    Sets that similar share one of their first few members in any fixed order, so only texts that meet in this prefix are
    compared: Bayardo, Ma, Srikant, Scaling up all pairs similarity search, WWW 2007.
    """
    kept: list[Shingles] = []
    index: dict[tuple[str, ...], list[int]] = defaultdict(list)
    verdicts = []
    for text in texts:
        prefix = sorted(text)[: math.floor(len(text) * (1 - SIMILARITY) + 1e-6) + 1]
        rivals = {rival for shingle in prefix for rival in index.get(shingle, ())}
        is_copy = any(len(text & kept[rival]) >= SIMILARITY * len(text | kept[rival]) for rival in rivals)
        verdicts.append(is_copy)
        if not is_copy:
            for shingle in prefix:
                index[shingle].append(len(kept))
            kept.append(text)
    return verdicts


def _candidates(rows: pd.DataFrame, earlier: pd.DataFrame) -> pd.DataFrame:
    """Rows old and new that share their scope with another and have at least MIN_WORDS words, the ones to keep first."""
    columns = ["interaction_id", *_SCOPE, "text"]
    old, new = earlier[columns].assign(is_new=False), rows[[*columns, "occurred_at"]].assign(is_new=True)
    both = pd.concat([old, new], ignore_index=True)
    both = both[both["text"].notna()]
    both = both[both.duplicated(_SCOPE, keep=False)]
    words = pd.Series([_words(text) for text in both["text"]], index=both.index, dtype=object)
    return (
        both.assign(words=words)[words.map(len).ge(MIN_WORDS).astype(bool)]
        .assign(folded=lambda frame: frame["words"].map("".join))
        .sort_values(["is_new", "occurred_at", "interaction_id"], ignore_index=True)
    )


def near(rows: pd.DataFrame, earlier: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What one customer said only once a day: near copies of a text are dropped, the first (occurred_at, interaction_id) stays.

    Copies are texts of one identity, event day, kind and rating that are equal in letters and digits, or, from
    MIN_WORDS_SIMILAR words on, have a Jaccard index of word 3-grams of at least SIMILARITY. Shorter than MIN_WORDS: never.

    Args:
        rows: interactions, each `interaction_id` once.
        earlier: interactions of earlier drops holding the same event days: interaction_id, identity_id, event_day, kind,
            rating, text. They always stay, so what copies one of them is dropped.

    Returns:
        (kept, dropped) in the order of `rows`.
    """
    found = _candidates(rows, earlier)
    equal = found.duplicated([*_SCOPE, "folded"])
    is_long = found["words"].map(len).ge(MIN_WORDS_SIMILAR).astype(bool)
    dropped = set(found.loc[equal & found["is_new"], "interaction_id"])
    for _, group in found[is_long & ~equal].groupby(_SCOPE, dropna=False, sort=False):
        if len(group) > 1:
            copies = pd.Series(_copies(map(_shingles, group["words"])), index=group.index)
            dropped.update(group.loc[copies & group["is_new"], "interaction_id"])
    is_dropped = is_among(rows["interaction_id"], pd.Series(sorted(dropped), dtype="str"))
    return _split(rows, is_dropped)


def flag_shared(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with `is_text_shared`: the same text (by `text_hash`) stands in a row of another identity. Flagged, never dropped."""
    tellers = rows.groupby("text_hash")["identity_id"].nunique()
    return rows.assign(is_text_shared=is_among(rows["text_hash"], tellers.index[tellers > 1].to_series()))
