"""A day's texts read in pods under a real scheduler and triggerer, and closed on the worker; the cluster is the stand-in of
`tests/kubernetes_api.py`, whose pods run this checkout's own command."""

import json
import shutil
import time
from pathlib import Path

import pytest

from profiling import stages
from profiling.lake import Lake
from profiling.settings import Settings
from tests.dags.home import ROOT
from tests.kubernetes_api import KubernetesApi
from tests.rights.erasing import event, lines, write
from tests.worlds import KEY

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(300)]

# With the cache that tests share: distilling the static encoder in each pod would take half a minute.
IMAGE = """
import os, sys
os.environ["PROFILING_CACHE"] = "{cache}"
sys.modules.pop("profiling")
sys.path.insert(0, "{root}")
from profiling.__main__ import main
main()
"""


@pytest.mark.long
def test_a_day_is_read_in_pods_and_closed_on_the_worker(tmp_path: Path, static_cache: Path) -> None:
    from local_airflow import LocalAirflow
    from processes import free_port

    where = {
        "landing": str(tmp_path / "landing"),
        "lake": str(tmp_path / "lake"),
        "publish": str(tmp_path / "published"),
    }
    settings = Settings(
        **where, cache=static_cache, embedding="static", pseudonym_key=KEY, buckets=2, max_rejects=0.5  # type: ignore[arg-type]
    )  # fmt: skip
    day = "2026-06-15"
    said = [event(n, f"c{n}", day, "review", text=f"A fine guitar, number {n}", rating=4) for n in range(8)]
    write(settings, "events", day, "rows.jsonl", lines(said))
    stages.ingest(settings, day)
    image = tmp_path / "image" / "profiling"
    image.mkdir(parents=True)
    (image / "__init__.py").touch()
    code = IMAGE.format(cache=static_cache, root=ROOT)
    (image / "__main__.py").write_text(code)
    with KubernetesApi(image=image.parent) as api:
        environment = {
            **{f"PROFILING_{name.upper()}": value for name, value in where.items()},
            "PROFILING_CACHE": str(static_cache), "PROFILING_EMBEDDING": "static", "PROFILING_PSEUDONYM_KEY": KEY,
            "PROFILING_BUCKETS": "2", "PROFILING_FEATURES": "kubernetes", "PROFILING_TRAINING_VOLUME_CLAIM": "shop-lake",
            "PROFILING_TRAINER_IMAGE": "registry.example.com/trainer:1.4.0", "PROFILING_TRAINING_NAMESPACE": "training",
            "AIRFLOW_CONN_KUBERNETES_DEFAULT": api.connection,
        }  # fmt: skip
        with LocalAirflow(tmp_path / "airflow", environment, port=free_port(), has_triggerer=True) as airflow:
            airflow.start()
            airflow.wait_until_ready()
            airflow._request("PATCH", "/api/v2/dags/publish_profiles", {"is_paused": True})
            run = airflow.trigger("extract_text_features", day=day)
            deadline = time.monotonic() + 200
            while (found := airflow.get(f"/api/v2/dags/extract_text_features/dagRuns/{run}"))["state"] not in (
                "success", "failed",
            ):  # fmt: skip
                airflow.check()
                assert time.monotonic() < deadline, api.history
                time.sleep(1)
            assert found["state"] == "success", airflow.failure(found)
        buckets = sorted(pod["spec"]["containers"][0]["args"][-1] for pod in api.created)
        assert buckets == ["0", "1"]
        assert KEY not in json.dumps(api.created)
    rows = Lake(settings.lake).read("text_features", [("day", "==", day)])
    assert len(rows) == 8
    assert set(rows["bucket"]) == {0, 1}
    assert rows["embedding"].notna().all()
    assert stages.is_current(settings, "features", day)
    shutil.rmtree(tmp_path / "airflow", ignore_errors=True)
