"""Which statement about an attribute survives where several sources, or several identities of one customer, make one."""

import pandas as pd

from profiling.prepare.identity_rules import Rules

_LATER = ["stated_at", "day", "source", "source_file", "source_line", "identity_id"]


def surviving(statements: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """One statement for every customer and name.

    Of one source only what it said last counts, so that a value it has taken back (null) stands for nothing. Then, by the rule of
    the attribute: `newest`; `most_trusted`, the source that stands first in `trust` (those not in it come last, alike);
    `most_complete`, the longest value. Equals are told apart by time, then by where the statement stands.

    Args:
        statements: customer_id, identity_id, name, value, stated_at, day, source, source_file, source_line; in any order.

    Returns:
        The same columns, sorted by customer_id and name.
    """
    rows = statements.sort_values(["customer_id", "name", *_LATER], kind="stable")
    rows = rows.drop_duplicates(["customer_id", "name", "source"], keep="last")
    how = rows["name"].map(rules.survives)
    distrust = {source: place for place, source in enumerate(rules.trust)}
    trusted = -rows["source"].map(distrust).fillna(len(distrust)).astype("int64")
    length = rows["value"].str.len().fillna(-1).astype("int64")
    rank = trusted.where(how == "most_trusted", 0) + length.where(how == "most_complete", 0)
    rows = rows.assign(rank=rank).sort_values(["customer_id", "name", "rank", *_LATER], kind="stable")
    return rows.drop_duplicates(["customer_id", "name"], keep="last", ignore_index=True).drop(columns="rank")
