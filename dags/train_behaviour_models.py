"""Train the models of behaviour on a week's end and decide which become champions.

**What** For each target (buys again, reviews again, leaves, is satisfied) one task trains candidates, as a process on the
worker or as a pod with a GPU (`PROFILING_TRAINING`); another compares the best with the champion and promotes it or says
why not. Labels end on the week's Sunday, `as_of`; features end a horizon earlier.

**Input** the lake's `interactions`, `daily_activity` and `text_activity` up to `as_of`. Starts by itself when all seven days of a
week have their `text_features`, or by hand with the week's Monday as partition key or its Sunday in the form.

**Output** the lake's `_models/<target>/<as_of>/`, `models` and `evaluations`; the asset `models`, whose event names the week.

**Impact of failure** The champions of the weeks before go on predicting; a target that failed does not hold up the others.

**Re-run** Safe. A pod writes only beside the others, and the same inputs train the same model; a champion is set by
compare-and-set in Airflow's own worker, so a pod that was lost cannot promote. A week of which one day was computed again
is not trained again by itself: trigger it by hand.
"""

from airflow.sdk import (
    DAG,
    Param,
    PartitionedAssetTimetable,
    RollupMapper,
    StartOfWeekMapper,
    WeekWindow,
    get_current_context,
    task,
    task_group,
)
from assets import models, text_features
from day_runs import DEFAULTS, START, WEEK_PARAMS, resolve_week
from training_task import train_arguments, training_task

from profiling.behaviour.targets import TARGET_NAMES
from profiling.settings import Settings

TARGETS = Param(
    list(TARGET_NAMES),
    type="array",
    items={"type": "string", "enum": list(TARGET_NAMES)},
    examples=list(TARGET_NAMES),
    minItems=1,
    uniqueItems=True,
    title="Targets",
    description="What to train a model for; all of them, as the schedule does, or some.",
)
Settings.load()  # a wrong setting is an import error with its fix, as in the daily DAGs

with DAG(
    "train_behaviour_models",
    schedule=PartitionedAssetTimetable(
        assets=text_features,
        default_partition_mapper=RollupMapper(
            upstream_mapper=StartOfWeekMapper(input_format="%Y-%m-%d", output_format="%Y-%m-%d"), window=WeekWindow()
        ),
    ),
    start_date=START,
    catchup=False,
    # Weeks in their order: a candidate is compared with the champion of the weeks before.
    max_active_runs=1,
    params={**WEEK_PARAMS, "targets": TARGETS},
    default_args=DEFAULTS,
    doc_md=__doc__,
    tags=["profiling", "weekly"],
):

    @task
    def plan() -> list[list[str]]:
        """The command's arguments for each target asked for; a run without one clear week ends here."""
        context = get_current_context()
        return [train_arguments(resolve_week(context).as_of, target) for target in context["params"]["targets"]]

    @task_group
    def model(arguments):
        """One target, from candidate to decision; its tasks wait for none of another target's."""

        @task(map_index_template="{{ task.op_kwargs['arguments'][-1] }}")
        def promote(arguments: list[str], candidate: dict) -> str:
            """Candidate to champion, or the reason why not."""
            from profiling import stages

            as_of = resolve_week(get_current_context()).as_of
            return stages.promote(Settings.load(), as_of, arguments[-1], candidate=candidate["sha"]).state

        promote(arguments=arguments, candidate=training_task(arguments).output)

    @task(outlets=[models])
    def announce(*, outlet_events):
        """Name the week in the asset event, when every target asked for is decided."""
        week = resolve_week(get_current_context())
        outlet_events[models].add_partitions([week.key])
        outlet_events[models].extra = {"as_of": week.as_of, "targets": get_current_context()["params"]["targets"]}

    model.expand(arguments=plan()) >> announce()
