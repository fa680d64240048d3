"""The pseudonym key out of Airflow's secrets backends: `profiling/` never imports Airflow, so the edge tells it where to ask.

Where neither `PROFILING_PSEUDONYM_KEY` nor its file is set, the Airflow variable `profiling_pseudonym_key` is asked for, at the
moment a key is needed and never when a DAG file is parsed. Airflow masks its value in logs: the name ends in `_key`.
"""

from profiling.settings import set_key_backend

VARIABLE = "profiling_pseudonym_key"


def from_airflow() -> str | None:
    """The variable's value from whichever backend has it; None where none has."""
    from airflow.sdk import Variable
    from airflow.sdk.log import mask_secret

    found = Variable.get(VARIABLE, default=None)
    if found:
        mask_secret(found)
    return found


set_key_backend(from_airflow)
