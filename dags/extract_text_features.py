"""Read a day's texts: embedding, sentiment, keywords, aspects and language, and the day's sums of activity.

**What** Each distinct text is read once, ever; its features are kept under the text's keyed hash. The day's activity is
summed per customer and per item, with the strongest evidence of every claim. With `PROFILING_FEATURES=kubernetes` each
bucket is read in a pod like a trainer's, with a GPU; gating and committing stay in Airflow's own worker.

**Input** the lake's `interactions` of the day

**Output** `text_features`, `daily_activity` and `text_activity` of that day; the asset `text_features`, whose event
starts `publish_profiles` for the same day.

**Impact of failure** Interactions are safe in the lake; profiles of the day are not made until this is repaired.

**Re-run** Safe, and cheap: texts already read are not read again. Publishing the day follows by itself.
"""

from airflow.sdk import DAG, PartitionedAssetTimetable, get_current_context, task, task_group
from assets import interactions, text_features
from day_runs import BUCKET_NAME, DEFAULTS, PARAMS, START, announce, resolve_day
from training_task import features_arguments, features_in_pods, features_task

from profiling.settings import Settings

settings = Settings.load()

with DAG(
    "extract_text_features",
    schedule=PartitionedAssetTimetable(assets=interactions),
    start_date=START,
    catchup=False,
    # Days in their order, so that `publish_profiles` gets them in their order.
    max_active_runs=1,
    # Each bucket holds an encoder in memory: two at a time fill a small machine.
    max_active_tasks=2,
    params=PARAMS,
    default_args=DEFAULTS,
    doc_md=__doc__,
    tags=["profiling", "daily"],
):

    @task(map_index_template=BUCKET_NAME)
    def features(bucket: int) -> str:
        """Read the texts of one bucket of the day into staging; the key of what was staged."""
        from profiling import stages

        return stages.features(Settings.load(), resolve_day(get_current_context()), bucket=bucket).staged

    @task
    def plan() -> list[list[str]]:
        """The command's arguments for each bucket that is read in a pod."""
        day = resolve_day(get_current_context())
        return [features_arguments(day, bucket) for bucket in range(settings.buckets)]

    @task_group
    def pod(arguments):
        """The same for one bucket, in a pod."""
        return features_task(arguments).output

    @task(outlets=[text_features])
    def close(staged, *, outlet_events):
        """Gate the whole staged day, commit it in one step and announce it."""
        from profiling import stages

        keys = [
            part if isinstance(part, str) else part["staged"] for part in staged
        ]  # a pod's result is the whole outcome
        outcome = stages.features(Settings.load(), resolve_day(get_current_context()), close=keys)
        return announce(outlet_events[text_features], outcome)

    close(pod.expand(arguments=plan()) if features_in_pods() else features.expand(bucket=list(range(settings.buckets))))
