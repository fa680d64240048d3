"""The DAG files as Airflow reads them: nothing missing, nothing heavy, documented, tied together as the flow says."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLOW = {
    "ingest_interactions": (["wait_for_drop", "ingest", "close"], None, "interactions"),
    "extract_text_features": (["features", "close"], "interactions", "text_features"),
    "publish_profiles": (["profile", "close", "publish"], "text_features", "profiles"),
}
TRAINING = "train_behaviour_models"  # more of it in test_training_dag.py
RETENTION = "apply_retention"
ERASURE = "erase_customers"
ASKING = "ask_language_model"  # more of it in test_model_pod.py
ALL = (*FLOW, TRAINING, RETENTION, ERASURE, ASKING)
HEADINGS = ("**What**", "**Input**", "**Output**", "**Impact of failure**", "**Re-run**")


def test_the_bag_holds_every_dag_and_no_import_error(bag: Any) -> None:
    assert bag.import_errors == {}
    assert sorted(bag.dags) == sorted(ALL)


def test_the_dag_files_parse_quickly(bag: Any) -> None:
    for stats in bag.dagbag_stats:
        print(f"{stats.file}: parsed in {stats.duration.total_seconds():.2f} s")
    assert sum(stats.dag_num for stats in bag.dagbag_stats) == len(ALL)
    assert all(stats.duration.total_seconds() < 5 for stats in bag.dagbag_stats)


@pytest.mark.parametrize("dag_id", ALL)
def test_a_file_reads_in_a_minute_and_is_named_after_its_dag(bag: Any, dag_id: str) -> None:
    file = Path(bag.dags[dag_id].fileloc)
    assert file.stem == dag_id
    assert len(file.read_text().splitlines()) <= 100


@pytest.mark.parametrize("dag_id", ALL)
def test_the_docs_say_what_an_operator_asks_at_night(bag: Any, dag_id: str) -> None:
    doc = bag.dags[dag_id].doc_md
    missing = [heading for heading in HEADINGS if heading not in doc]
    assert missing == [], f"{dag_id}: doc_md lacks {missing}"
    said = {heading: doc.split(heading)[1].split("\n\n")[0].split() for heading in HEADINGS}
    assert [heading for heading, words in said.items() if len(words) < 5] == []


@pytest.mark.parametrize("dag_id", [*FLOW, ASKING])
def test_the_trigger_form_explains_itself(bag: Any, dag_id: str) -> None:
    params = bag.dags[dag_id].params
    assert list(params) == ["day"]
    day = params.get_param("day")
    assert day.schema["type"] == ["null", "string"]
    assert day.schema["format"] == "date"
    assert day.schema["title"] == "Day to process"
    assert "partition key" in day.description


@pytest.mark.parametrize(("dag_id", "expected"), FLOW.items())
def test_tasks_in_their_order_with_their_assets(bag: Any, dag_id: str, expected: Any) -> None:
    tasks, source, target = expected
    dag = bag.dags[dag_id]
    assert [task.task_id for task in dag.topological_sort()] == tasks
    outlets = {task.task_id: [asset.name for asset in task.outlets] for task in dag.tasks if task.outlets}
    assert outlets == {tasks[-1]: [target]}, "only the last task announces the day"
    if source:
        assert type(dag.timetable).__name__ == "PartitionedAssetTimetable"
        assert dag.timetable.asset_condition.name == source
    assert dag.catchup is False
    assert dag.start_date.year == 1990


def test_an_erasure_runs_step_by_step_and_alone(bag: Any) -> None:
    from profiling.rights.steps import ERASURE_STEPS

    dag = bag.dags[ERASURE]
    assert [task.task_id for task in dag.topological_sort()] == ["count", *ERASURE_STEPS]
    for task, after in zip(dag.topological_sort(), ERASURE_STEPS, strict=False):
        assert after in task.downstream_task_ids
    pools = {task.pool for each in bag.dags.values() for task in each.tasks}
    assert pools == {"default_pool"}, "an erasure waits for every task of ours, and only in their own pool"
    assert {task.pool_slots for task in dag.tasks} == {128}, "all of the default pool"
    assert dag.timetable.can_be_scheduled is False


@pytest.mark.parametrize("dag_id", [*FLOW, ERASURE, ASKING])
def test_every_task_retries_what_may_pass_and_no_more(bag: Any, dag_id: str) -> None:
    from airflow.sdk import RetryAction

    from profiling.errors import GateFailed, InputError, NotReady, SettingsError

    for task in bag.dags[dag_id].tasks:
        policy = task.partial_kwargs["retry_policy"] if task.is_mapped else task.retry_policy
        decided = {
            kind.__name__: policy.evaluate(kind("why"), 1, 5)
            for kind in (NotReady, SettingsError, InputError, GateFailed)
        }
        assert {name: decision.action for name, decision in decided.items()} == {
            "NotReady": RetryAction.RETRY,
            "SettingsError": RetryAction.FAIL,
            "InputError": RetryAction.FAIL,
            "GateFailed": RetryAction.FAIL,
        }
        assert decided["NotReady"].retry_delay.total_seconds() == 30
        assert policy.evaluate(OSError("a network fault"), 1, 5).action == RetryAction.DEFAULT
        assert (task.partial_kwargs["retries"] if task.is_mapped else task.retries) == 5


def test_retention_runs_by_the_day_and_by_nothing_else(bag: Any) -> None:
    """It deletes: no asset may start it for a day of a backfill, and where nothing is scheduled it waits to be asked."""
    dag = bag.dags[RETENTION]
    assert [task.task_id for task in dag.tasks] == ["retain"]
    assert type(dag.timetable).__name__ == "CronPartitionTimetable"
    assert (dag.catchup, dag.max_active_runs, list(dag.params)) == (False, 1, ["day"])


def test_buckets_are_mapped_with_readable_names(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("PROFILING_BUCKETS", "3")
    dags = DagBag(str(ROOT / "dags")).dags
    for dag_id, task_id in (
        ("ingest_interactions", "ingest"),
        ("extract_text_features", "features"),
        ("publish_profiles", "profile"),
    ):
        task = dags[dag_id].get_task(task_id)
        assert task.op_kwargs_expand_input.value == {"bucket": [0, 1, 2]}
        assert task.partial_kwargs["map_index_template"].startswith("bucket ")


def test_a_wrong_setting_is_an_import_error_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("PROFILING_BUKETS", "3")
    errors = DagBag(str(ROOT / "dags")).import_errors
    assert len(errors) == len(ALL)
    assert all("did you mean PROFILING_BUCKETS?" in error for error in errors.values())


@pytest.mark.parametrize("dag_id", ALL)
def test_importing_a_dag_file_loads_nothing_heavy(dag_id: str) -> None:
    code = f"import sys, airflow.sdk, {dag_id}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}/dags:{ROOT}/plugins:{ROOT}"}
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    print(f"{dag_id}: a fresh interpreter imports Airflow and the file in {time.perf_counter() - began:.1f} s")
    loaded = set(done.stdout.split())
    assert {"airflow", dag_id} <= loaded
    assert {
        "pandas",
        "torch",
        "great_expectations",
        "deltalake",
        "nltk",
        "transformers",
        "kubernetes",
    } & loaded == set()
