"""MLflow as a mirror for people: params, metrics, plots and plain files of every decided model. The lake's tables are the truth.

Down or absent it is a warning; nothing waits for it and nothing is read back from it.
"""

import logging
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from profiling.behaviour import registry
from profiling.errors import NotReady
from profiling.lake import Lake
from profiling.settings import Settings

logger = logging.getLogger(__name__)

OFF = "off"


def mirror(
    settings: Settings, lake: Lake, sha: str, found: Mapping[str, Any], decision: Mapping[str, str]
) -> list[str]:
    """Write one run for a model; the same model again writes nothing. A list of warnings, empty when all went well.

    Args:
        found: a report of `training.report`, with `as_of`.
        decision: `state` and `reason`.
    """
    what = f"{found['target']} {sha}"
    return _mirrored(settings, what, lambda uri: _write(uri, settings, lake, sha, found, decision))


def mirror_counts(settings: Settings, experiment: str, run: str, counts: Mapping[str, float]) -> list[str]:
    """Write one run of numbers, such as what a language model did for a stage and day (`profiling.llm.opening.counts`); each call
    writes another. A list of warnings, as of `mirror`; nothing is written where there are no numbers.
    """
    if not counts:
        return []
    return _mirrored(settings, f"{experiment} {run}", lambda uri: _write_counts(uri, settings, experiment, run, counts))


def _mirrored(settings: Settings, what: str, write: Callable[[str], None]) -> list[str]:
    uri = tracking_uri(settings)
    if uri == OFF:
        return []
    # Read by MLflow when it is imported; a server that is down must not hold a task for the minutes of its defaults.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    shown = re.sub(r"(?<=://)[^/@]+@", "", uri)  # without a password
    try:
        write(uri)
    except Exception as error:  # noqa: BLE001 (whatever a mirror fails with, the work it mirrors is done)
        said = " ".join(str(error).replace(uri, shown).split())[:300]
        said = re.sub(r"(?<=://)[^/@\s]+@", "", said)
        logger.warning("MLflow at %s has no copy of %s: %s", shown, what, said)
        return [f"MLflow at {shown} has no copy of {what} ({type(error).__name__}: {said})"]
    return []


def tracking_uri(settings: Settings) -> str:
    """PROFILING_MLFLOW_URI, or a SQLite file beside a lake that is a folder; `off` where neither is."""
    if settings.mlflow_uri:
        return settings.mlflow_uri
    if settings.lake.startswith("s3://"):
        return OFF
    return f"sqlite:///{Path(settings.lake).parent / 'mlflow.db'}"


def forget(settings: Settings, sha: str) -> int:
    """Delete the mirror's copies of a model, files and all; how many runs.

    Raises:
        NotReady: MLflow does not answer, so the copies are still there.
    """
    uri = tracking_uri(settings)
    if uri == OFF or (uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists()):
        return 0
    try:
        return _forget(uri, sha)
    except Exception as error:
        raise NotReady(
            f"MLflow still has copies of the model {sha} ({type(error).__name__}); try again later"
        ) from error


def _forget(uri: str, sha: str) -> int:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiments = [each.experiment_id for each in client.search_experiments()]
    runs = client.search_runs(experiments, f"tags.sha = '{sha}'") if experiments else []
    for run in runs:
        get_artifact_repository(run.info.artifact_uri).delete_artifacts()
        client.delete_run(run.info.run_id)
    return len(runs)


def _write(
    uri: str, settings: Settings, lake: Lake, sha: str, found: Mapping[str, Any], decision: Mapping[str, str]
) -> None:
    target, as_of = found["target"], found["as_of"]
    client, number = _experiment(uri, settings, target)
    if client.search_runs([number], f"tags.sha = '{sha}' and attributes.status = 'FINISHED'"):
        return
    run = client.create_run(
        number, run_name=f"{as_of} {found['candidate']}", tags={"sha": sha, "as_of": as_of, **decision}
    )
    identity = run.info.run_id
    for name, value in {
        "candidate": found["candidate"],
        **{f"learned_{k}": v for k, v in found["learned"].items()},
    }.items():
        client.log_param(identity, name, value)
    for name, figure in found["holdout"]["metrics"].items():
        if figure["value"] is not None:
            client.log_metric(identity, name, figure["value"])
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        lake.fetch_folder(registry.artefact_folder(target, as_of, sha), folder)
        (folder / registry.LEARNED).unlink(
            missing_ok=True
        )  # an erasure takes texts out of it, and here it would not reach
        (folder / "reliability.svg").write_text(reliability_plot(found["holdout"]["reliability"]))
        client.log_artifacts(identity, str(folder))
    client.set_terminated(identity)


def _write_counts(uri: str, settings: Settings, experiment: str, run: str, counts: Mapping[str, float]) -> None:
    client, number = _experiment(uri, settings, experiment)
    identity = client.create_run(number, run_name=run).info.run_id
    for name, value in counts.items():
        client.log_metric(identity, name, value)
    client.set_terminated(identity)


def _experiment(uri: str, settings: Settings, name: str) -> tuple[Any, str]:
    """MLflow's client, and the number of the experiment of a name, which is made where it is not there."""
    from mlflow.tracking import MlflowClient

    for noisy in ("alembic", "mlflow"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(name)
    if experiment is not None:
        return client, experiment.experiment_id
    place = None if not uri.startswith("sqlite:") else (Path(settings.lake).parent / "mlflow").as_uri()
    return client, client.create_experiment(name, artifact_location=place)


def reliability_plot(bins: list[Mapping[str, float]], size: int = 320) -> str:
    """Share of label 1 over mean probability per bin, as SVG: on the diagonal a probability is what it says."""

    def at(x: float, y: float) -> str:
        return f"{40 + x * (size - 60):.1f},{size - 40 - y * (size - 60):.1f}"

    points = [at(each["mean_probability"], each["share"]) for each in bins]
    dots = "".join(f'<circle cx="{p.split(",")[0]}" cy="{p.split(",")[1]}" r="4"/>' for p in points)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" font-family="sans-serif" font-size="11">'
        f'<polyline points="{at(0, 0)} {at(1, 0)}" stroke="black"/><polyline points="{at(0, 0)} {at(0, 1)}" stroke="black"/>'
        f'<polyline points="{at(0, 0)} {at(1, 1)}" stroke="gray" stroke-dasharray="4"/>'
        f'<polyline points="{" ".join(points)}" fill="none" stroke="black"/>{dots}'
        f'<text x="{size / 2 - 50}" y="{size - 10}">mean probability</text>'
        f'<text x="12" y="{size / 2 + 40}" transform="rotate(-90 12 {size / 2 + 40})">share of label 1</text></svg>\n'
    )
