"""Which of many statements holds: the newest of a subject, and of the several identities of one customer the newest."""

from collections.abc import Sequence

import pandas as pd


def newest(statements: pd.DataFrame, also: Sequence[str] = ()) -> pd.DataFrame:
    """The valid statement of every subject and name (`also`: and of some more columns): the one said last, and of those the one
    delivered last."""
    order = ["subject_id", "name", "stated_at", "day", "source", "source_file", "source_line"]
    rows = statements.sort_values(order, kind="stable")
    return rows.drop_duplicates(["subject_id", "name", *also], keep="last", ignore_index=True)


def of_customers(statements: pd.DataFrame, customer_of: pd.Series) -> pd.DataFrame:
    """Statements about identities as statements about customers; of several members' the one said last.

    Args:
        statements: as `newest` returns them.
        customer_of: customer_id by identity_id.
    """
    rows = statements.merge(
        customer_of.reset_index(), left_on="subject_id", right_on="identity_id", how="inner", validate="m:1"
    )
    rows = rows.sort_values(["customer_id", "name", "stated_at", "day", "identity_id"], kind="stable")
    rows = rows.drop_duplicates(["customer_id", "name"], keep="last", ignore_index=True)
    return rows[["customer_id", "name", "value", "stated_at", "source"]]
