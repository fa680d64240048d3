"""Let a language model read a day's texts and write its profiles, by a GPU that is held only meanwhile.

**What** Starts vLLM in a pod, waits until it is healthy, reads the day's facts and writes its profiles by it, publishes them
and deletes the pod, also when a task failed. The daily DAGs need no model: this one makes their days once more, by one.

**Input** a day that `publish_profiles` has published; `PROFILING_LLM_POD_MODEL` and a cluster, see `docs/llm.md`.

**Output** facts and profiles of that day by the model, and the day's publication in a new revision.

**Impact of failure** The day stays as the daily DAGs have published it, by rules and templates.

**Re-run** Safe, and cheap: questions that have an answer are not asked again. To go on after the pod was lost, clear the
whole run and not a task: the pod's address is handed on by `start`.
"""

from airflow.sdk import DAG, get_current_context, setup, task, teardown
from assets import profiles
from day_runs import BUCKET_NAME, DEFAULTS, PARAMS, START, announce, resolve_day
from lineage import report_lineage
from model_pod import asking, start_model, stop_model

from profiling.settings import Settings

BUCKETS = list(range(Settings.load().buckets))

with DAG(
    "ask_language_model",
    schedule=None,
    start_date=START,
    catchup=False,
    max_active_runs=1,
    # A bucket of features holds an encoder in memory, and one GPU is kept busy by two.
    max_active_tasks=2,
    params=PARAMS,
    default_args=DEFAULTS,
    doc_md=__doc__,
    tags=["profiling", "on request"],
):

    @setup
    @task
    def start() -> str:
        """Start the pod and wait until the model answers; its address."""
        context = get_current_context()
        resolve_day(context)  # a run without a day must not start a GPU
        return start_model(context["dag_run"].run_id)

    @task(map_index_template=BUCKET_NAME)
    def features(bucket: int, url: str) -> str:
        from profiling import stages

        return stages.features(asking(url), resolve_day(get_current_context()), bucket=bucket).staged

    @task
    def close_features(staged, url: str) -> dict[str, int]:
        from profiling import stages

        # Announced to nobody: `publish_profiles` would make the profiles without the model.
        outcome = stages.features(asking(url), resolve_day(get_current_context()), close=list(staged))
        report_lineage(outcome)
        return outcome.counts

    @task(map_index_template=BUCKET_NAME)
    def profile(bucket: int, url: str) -> str:
        from profiling import stages

        return stages.profile(asking(url), resolve_day(get_current_context()), bucket=bucket).staged

    @task
    def close_profiles(staged, url: str) -> dict[str, int]:
        from profiling import stages

        outcome = stages.profile(asking(url), resolve_day(get_current_context()), close=list(staged))
        report_lineage(outcome)
        return outcome.counts

    @task(outlets=[profiles])
    def publish(url: str, *, outlet_events):
        from profiling import stages

        outcome = stages.publish(asking(url), resolve_day(get_current_context()))
        return announce(outlet_events[profiles], outcome)

    # Not `on_failure_fail_dagrun`: Airflow would take the run's state from this task alone, and a failed day for a success.
    @teardown
    @task
    def stop() -> None:
        """Delete the pod."""
        stop_model(get_current_context()["dag_run"].run_id)

    url = start()
    read = close_features(features.partial(url=url).expand(bucket=BUCKETS), url)
    written = profile.partial(url=url).expand(bucket=BUCKETS)
    read >> written
    published = publish(url)
    close_profiles(written, url) >> published
    published >> stop().as_teardown(setups=url)
