"""`train_behaviour_models` as Airflow reads it, with training on the worker and in pods; and which week a run is for."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from profiling.behaviour.targets import TARGET_NAMES
from profiling.errors import SettingsError
from tests.dags.home import ROOT

DAG_ID = "train_behaviour_models"
KUBERNETES = {
    "PROFILING_TRAINING": "kubernetes",
    "PROFILING_LAKE": "s3://lake/shop",
    "PROFILING_TRAINER_IMAGE": "registry.example.com/trainer:1.4.0",
}


@pytest.fixture(params=["local", "kubernetes"])
def dag(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param == "kubernetes":
        for name, value in KUBERNETES.items():
            monkeypatch.setenv(name, value)
    found = request.getfixturevalue("bag")
    assert found.import_errors == {}
    dag = found.dags[DAG_ID]
    kind = type(dag.get_task("model.train")).__name__
    assert kind == {"local": "LocalTraining", "kubernetes": "TrainingPod"}[request.param]
    return dag


def test_the_same_tasks_in_the_same_order_wherever_training_runs(dag: Any) -> None:
    assert [task.task_id for task in dag.topological_sort()] == ["plan", "model.train", "model.promote", "announce"]
    assert dag.get_task("model.train").upstream_task_ids == {"plan"}
    assert dag.get_task("model.promote").upstream_task_ids >= {"model.train"}
    assert dag.get_task("announce").upstream_task_ids == {"model.promote"}
    assert {task.task_id: [asset.name for asset in task.outlets] for task in dag.tasks if task.outlets} == {
        "announce": ["models"]
    }
    assert dag.max_active_runs == 1
    assert dag.catchup is False


def test_the_models_are_mapped_with_readable_names(dag: Any) -> None:
    group = dag.task_group.children["model"]
    assert type(group).__name__ == "MappedTaskGroup"
    assert dag.get_task("model.train").map_index_template == "{{ task.arguments[-1] }}"
    assert dag.get_task("model.promote").map_index_template == "{{ task.op_kwargs['arguments'][-1] }}"


def test_a_lost_pod_cannot_promote(dag: Any) -> None:
    assert type(dag.get_task("model.promote")).__name__ == "_PythonDecoratedOperator", "in Airflow's own worker"
    assert dag.get_task("model.promote").trigger_rule == "all_success"


def test_it_survives_serialisation(dag: Any) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    data = DagSerialization.to_dict(dag)
    back = DagSerialization.from_dict(data)
    assert {task.task_id for task in back.tasks} == {task.task_id for task in dag.tasks}
    assert "never-in-a-dag" not in str(data)


def test_training_is_tried_again_less_often_than_the_rest(dag: Any) -> None:
    from airflow.sdk import RetryAction

    train = dag.get_task("model.train")
    assert (train.retries, train.retry_delay.total_seconds()) == (2, 300)
    assert train.retry_policy.evaluate(SettingsError("why"), 1, 2).action == RetryAction.FAIL
    assert dag.get_task("model.promote").retries == 5


def test_the_form_asks_for_the_sunday_and_the_targets(dag: Any) -> None:
    assert list(dag.params) == ["as_of", "targets"]
    as_of, targets = dag.params.get_param("as_of"), dag.params.get_param("targets")
    assert as_of.schema["format"] == "date"
    assert "Monday" in as_of.description
    assert targets.value == list(TARGET_NAMES)
    assert targets.schema["examples"] == list(TARGET_NAMES), "the form's pick list"
    targets.resolve(["churn"])
    for wrong in (["chum"], [], ["churn", "churn"]):
        with pytest.raises(ValueError, match=r"."):
            targets.resolve(wrong)


def test_a_week_is_complete_with_its_seven_days_and_its_key_is_the_monday(dag: Any) -> None:
    from airflow.serialization.encoders import coerce_to_core_timetable

    assert dag.timetable.asset_condition.name == "text_features"
    mapper = coerce_to_core_timetable(dag.timetable).default_partition_mapper
    assert mapper.to_downstream("2026-06-21") == "2026-06-15"
    assert mapper.to_downstream("2026-06-15") == "2026-06-15"
    assert mapper.to_downstream("2026-06-22") == "2026-06-22"
    assert sorted(mapper.to_upstream("2026-06-15")) == [f"2026-06-{day}" for day in range(15, 22)]


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("PROFILING_TRAINING", "docker", "PROFILING_TRAINING is 'docker', not 'local' or 'kubernetes'"),
        ("PROFILING_TRAINER_IMAGE", "trainer:latest", "'trainer:latest', which is not pinned"),
        ("PROFILING_LAKE", "/data/lake", "which a pod does not see"),
    ],
)
def test_what_training_lacks_is_an_import_error_of_this_file_alone(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    from airflow.dag_processing.dagbag import DagBag

    for name, setting in {**KUBERNETES, variable: value}.items():
        monkeypatch.setenv(name, setting)
    bag = DagBag(str(ROOT / "dags"))
    [(file, error)] = bag.import_errors.items()
    assert Path(file).stem == DAG_ID
    assert sentence in error
    assert {"ingest_interactions", "extract_text_features", "publish_profiles"} <= set(bag.dags), "the daily DAGs go on"


def context(key: str | None, as_of: str | None) -> dict[str, Any]:
    return {"dag_run": SimpleNamespace(partition_key=key, run_id="manual__1"), "params": {"as_of": as_of}}


@pytest.mark.parametrize(
    ("key", "as_of"),
    [
        pytest.param("2026-06-15", None, id="monday"),
        pytest.param(None, "2026-06-21", id="sunday"),
        pytest.param("2026-06-15", "2026-06-21", id="both-agree"),
        pytest.param("", "2026-06-21", id="empty-key"),
    ],
)
def test_a_run_names_its_week(key: str | None, as_of: str | None) -> None:
    from day_runs import resolve_week

    assert resolve_week(context(key, as_of)) == ("2026-06-15", "2026-06-21")


def test_a_week_may_cross_a_year() -> None:
    from day_runs import resolve_week

    assert resolve_week(context("2025-12-29", None)) == ("2025-12-29", "2026-01-04")


@pytest.mark.parametrize(
    ("key", "as_of", "sentence"),
    [
        pytest.param(None, None, "manual__1 names no week: .* a Monday as its partition key or a Sunday", id="neither"),
        pytest.param("2026-06-17", None, "the partition key 2026-06-17 is a Wednesday, not a Monday; its week has the "
            "key 2026-06-15 and the 'as_of' 2026-06-21", id="wednesday"),
        pytest.param("2026-06-21", None, "is a Sunday, not a Monday; its week has the key 2026-06-15", id="sunday-key"),
        pytest.param(None, "2026-06-15", "the field 'as_of' 2026-06-15 is a Monday, not a Sunday", id="monday-as-of"),
        pytest.param("2026-06-15", "2026-06-28", "2026-06-15 is the week that ends on 2026-06-21, the field 'as_of' is "
            "2026-06-28; give only one of them", id="differ"),
        pytest.param("2026-W25", None, "'2026-W25' is", id="iso-week"),
        pytest.param("nonsense", None, "'nonsense' is not a day", id="nonsense"),
        pytest.param("20260615", None, "write 2026-06-15", id="compact"),
    ],
)  # fmt: skip
def test_a_run_without_one_clear_week_fails_with_the_fix(key: str | None, as_of: str | None, sentence: str) -> None:
    from day_runs import resolve_week

    with pytest.raises(SettingsError, match=sentence):
        resolve_week(context(key, as_of))
