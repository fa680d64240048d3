"""A day that was published by rules and templates, made again under a real scheduler by a model in a pod, which is then gone."""

import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from profiling import stages
from tests.claims import borne, published_documents
from tests.dags.test_model_pod import MODEL, cluster
from tests.dags.test_model_scheduler import wish
from tests.rights.erasing import lines, write
from tests.worlds import settings_in

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]
DAY, FUTURE = "2026-06-15", "2999-01-01"


def ended(airflow: Any, day: str, timeout_s: float = 300) -> dict[str, Any]:
    run_id = airflow.trigger("ask_language_model", day=day)
    deadline = time.monotonic() + timeout_s
    while True:
        airflow.check()
        run = airflow.get(f"/api/v2/dags/ask_language_model/dagRuns/{run_id}")
        if run["state"] in ("success", "failed"):
            return dict(run)
        assert time.monotonic() < deadline, [(task["task_id"], task["state"]) for task in airflow.tasks(run)]
        time.sleep(0.5)


def test_a_day_is_asked_about_and_the_pod_is_gone_also_after_a_failure(tmp_path: Path, static_cache: Path) -> None:
    from local_airflow import LocalAirflow
    from processes import free_port

    settings = settings_in(tmp_path, static_cache).model_copy(update={"buckets": 2})
    write(settings, "events", DAY, "rows.jsonl", lines([wish(n, f"c{n}", DAY, "quiet fan") for n in range(4)]))
    list(stages.run_days(settings, DAY, DAY))
    before = published_documents(settings, DAY)
    assert {each["persona"]["written_by"] for each in before.values()} == {"template"}
    assert settings.pseudonym_key is not None
    environment = {
        f"PROFILING_{name.upper()}": str(getattr(settings, name))
        for name in ("landing", "lake", "publish", "cache", "embedding", "buckets")
    } | {
        "PROFILING_PSEUDONYM_KEY": settings.pseudonym_key.get_secret_value(), "PROFILING_LLM_POD_MODEL": MODEL,
        "PROFILING_LLM_POD_PORT": str(free_port()), "PROFILING_TRAINING_NAMESPACE": "training",
    }  # fmt: skip
    with cluster(tmp_path / "bin") as api:
        environment["AIRFLOW_CONN_KUBERNETES_DEFAULT"] = api.connection
        with LocalAirflow(tmp_path / "airflow", environment, port=free_port()) as airflow:
            airflow.start()
            airflow.wait_until_ready()
            run = ended(airflow, DAY)
            assert run["state"] == "success", airflow.failure(run)
            assert len(api.created) == 1
            assert api.pods == {}
            failed = ended(airflow, FUTURE)
            assert failed["state"] == "failed"
            states = {task["task_id"]: task["state"] for task in airflow.tasks(failed)}
            assert (states["start"], states["features"], states["stop"]) == ("success", "failed", "success")
            assert len(api.created) == 2
            assert api.pods == {}, "the pod goes whatever became of the day"
            assert [each["dag_id"] for each in airflow.runs()] == ["ask_language_model"] * 2, (
                "nothing was started by it"
            )
    assert borne(settings, DAY)["facts"] == 4
    for document in published_documents(settings, DAY).values():
        assert {fact["written_by"] for fact in document["facts"]} == {MODEL}
        assert (document["persona"]["written_by"], document["persona"]["checked"]) == (MODEL, True)
    shutil.rmtree(tmp_path / "airflow", ignore_errors=True)
