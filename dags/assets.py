"""The assets that tie the DAGs together, all in one place. The partition key of an event is its day, or its week's Monday.

ingest_interactions -> interactions -> extract_text_features -> text_features -> publish_profiles -> profiles
                                                                text_features -> train_behaviour_models -> models
"""

from airflow.sdk import Asset

interactions = Asset("interactions", group="profiling")  # a day's drop is cleaned, gated and in the lake
text_features = Asset("text_features", group="profiling")  # its texts are embedded, its activity is summed
profiles = Asset("profiles", group="profiling")  # its profiles are published
models = Asset("models", group="profiling")  # every model of a week asked for is trained and decided upon
