"""The assets that tie the daily DAGs together, all in one place. One asset event carries one day as its partition key.

ingest_interactions -> interactions -> extract_text_features -> text_features -> publish_profiles -> profiles
"""

from airflow.sdk import Asset

interactions = Asset("interactions", group="profiling")  # a day's drop is cleaned, gated and in the lake
text_features = Asset("text_features", group="profiling")  # its texts are embedded, its activity is summed
profiles = Asset("profiles", group="profiling")  # its profiles are published
