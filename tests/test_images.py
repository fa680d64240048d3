"""The images and the compose file, as far as that goes without Docker: what is pinned, what is secret, what watches what."""

import importlib.util
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from profiling.settings import FOREIGN, PREFIX, Settings

ROOT = Path(__file__).parent.parent
COMPOSE = ROOT / "docker-compose.yaml"
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
ONE_SHOT = {"init", "buckets"}
OURS = {"profiling-airflow", "profiling-trainer"}
SECRET = re.compile(r"PASSWORD|SECRET|FERNET|ACCESS_KEY|PSEUDONYM_KEY|AUTH$")
REQUIRED = re.compile(r"\$\{[A-Z_0-9]+:\?[^}]+\}")

# Options of providers that only the image has: read in celery 3.26.0. `profiling` is our own section.
OF_PROVIDERS = {("celery", "result_backend"), ("celery", "broker_url"), ("celery", "worker_concurrency")}
OURS_IN_AIRFLOW = {("profiling", "scheduled"), ("profiling", "pool"), ("profiling", "pool_slots")}


def environment(service: str) -> dict[str, Any]:
    return SERVICES[service].get("environment", {})


def stages() -> dict[str, str]:
    """The Dockerfile's stages: name -> its instructions, without comments."""
    text = "\n".join(line for line in DOCKERFILE.splitlines() if not line.startswith("#"))
    parts = re.split(r"^(FROM .*)$", text, flags=re.M)[1:]
    return {head.split()[-1]: head + body for head, body in zip(parts[::2], parts[1::2], strict=True)}


def names(file: str) -> dict[str, str]:
    """The packages that a requirements file pins: normalised name -> line."""
    lines = [line for line in (ROOT / file).read_text().splitlines() if re.match(r"[A-Za-z0-9]", line)]
    return {re.split(r"[=<>\[; ]", line)[0].lower().replace("_", "-").replace(".", "-"): line for line in lines}


def run_tool(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that a package of the dev extra brings; skips where it is not installed."""
    beside = Path(sys.executable).parent / module
    found = str(beside) if beside.exists() else shutil.which(module)
    if not found:
        pytest.skip(f"{module} is not installed; it comes with the dev extra")
    return subprocess.run([found, *arguments], capture_output=True, text=True, timeout=60)


# ---- docker-compose.yaml


def test_the_compose_file_follows_the_specification() -> None:
    checked = run_tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE))
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_every_image_is_pinned(service: str) -> None:
    name, _, tag = SERVICES[service]["image"].rpartition(":")
    assert name, "an image without a tag is `latest`"
    assert re.search(r"\d", tag), tag
    assert "latest" not in tag
    if name in OURS:
        version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.M)
        assert version is not None
        assert tag == version[1]


@pytest.mark.parametrize("service", SERVICES)
def test_secrets_come_from_the_environment_and_are_asked_for(service: str) -> None:
    for name, value in environment(service).items():
        if SECRET.search(name):
            assert REQUIRED.fullmatch(str(value)), f"{name}={value}"
        elif "://" in str(value) and "@" in str(value):
            userinfo = str(value).split("://")[1].rsplit("@", 1)[0]
            assert REQUIRED.fullmatch(userinfo.partition(":")[2]), f"{name} holds a password of its own"
    for reference in re.findall(r"\$\{(\w+)(?=[:?-])[^}]*", str(SERVICES[service])):
        if SECRET.search(reference):
            assert re.search(rf"\$\{{{reference}:\?", str(SERVICES[service])), reference
            assert not re.search(rf"\$\{{{reference}:?-", str(SERVICES[service])), f"{reference} has a default"


def test_the_example_names_every_secret_and_holds_none() -> None:
    asked = set(re.findall(r"\$\{(\w+):\?", COMPOSE.read_text()))
    example = (ROOT / ".env.example").read_text()
    assert set(re.findall(r"^(\w+)=$", example, re.M)) == asked
    assert not re.search(r"^\w+=.", example, re.M), "a value that everybody would have"
    for name in set(re.findall(r"\$\{(\w+)", COMPOSE.read_text())) - asked:
        assert f"#{name}=" in example, f"{name} can be set and the example does not say so"


def test_secrets_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("make_env", ROOT / "scripts" / "make_env.py")
    assert spec is not None
    assert spec.loader is not None
    make_env = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_env)
    monkeypatch.setattr(make_env, "ROOT", tmp_path)
    (tmp_path / ".env.example").write_text((ROOT / ".env.example").read_text())
    assert make_env.main() == 0
    made = (tmp_path / ".env").read_text()
    values = re.findall(r"^\w+=(.*)$", made, re.M)
    assert min(map(len, values)) >= 16
    assert len(set(values)) == len(values)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert make_env.main() == 2
    assert (tmp_path / ".env").read_text() == made


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_watched_or_ends(service: str) -> None:
    if service in ONE_SHOT:
        assert SERVICES[service]["restart"] == "no"
    else:
        assert SERVICES[service]["healthcheck"]["test"]
        assert SERVICES[service]["restart"] == "unless-stopped"


def test_dependencies_wait_for_health_or_for_the_end() -> None:
    for service in SERVICES.values():
        for other, how in service.get("depends_on", {}).items():
            ends = other in ONE_SHOT
            assert how["condition"] == ("service_completed_successfully" if ends else "service_healthy"), other
    # `docker compose up --wait` takes the end of a one-shot that nobody waits for as a failure.
    assert {other for service in SERVICES.values() for other in service.get("depends_on", {})} >= ONE_SHOT


def test_only_the_worker_has_the_key_of_the_pseudonyms() -> None:
    holders = {name for name in SERVICES if "PSEUDONYM_KEY" in str(SERVICES[name])}
    assert holders == {"worker"}


def test_raw_drops_are_seen_where_they_are_read_and_cannot_be_changed() -> None:
    mounts = {name: [v for v in SERVICES[name].get("volumes", []) if ":/landing" in v] for name in SERVICES}
    assert {name for name, found in mounts.items() if found} == {"worker", "triggerer"}
    assert all(mount.endswith(":/landing:ro") for found in mounts.values() for mount in found)


def test_ports_are_on_loopback() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_named_volumes_are_declared() -> None:
    declared = yaml.safe_load(COMPOSE.read_text())["volumes"]
    used = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}
    assert {name for name in used if re.fullmatch(r"\w+", name)} == set(declared)


def options() -> set[tuple[str, str]]:
    """What can be set in the installed Airflow and its OpenLineage provider: (section, option)."""
    from airflow.providers.openlineage.get_provider_info import get_provider_info

    airflow = importlib.util.find_spec("airflow")
    assert airflow is not None
    assert airflow.submodule_search_locations
    file = Path(airflow.submodule_search_locations[0]) / "config_templates" / "config.yml"
    sections = yaml.safe_load(file.read_text()) | get_provider_info()["config"]
    return {(section, option) for section, content in sections.items() for option in content["options"]}


def test_airflow_knows_every_option() -> None:
    known = options() | OF_PROVIDERS | OURS_IN_AIRFLOW
    texts = [COMPOSE.read_text(), DOCKERFILE, (ROOT / "docs" / "deploy.md").read_text()]
    named = {
        (section.lower(), option.lower())
        for text in texts
        for section, option in re.findall(r"AIRFLOW__([A-Z]+(?:_[A-Z]+)*)__([A-Z_]+[A-Z])", text)
    }
    assert named
    assert named <= known, named - known


def known_settings() -> set[str]:
    return {name.upper() for name in Settings.model_fields} | FOREIGN


def test_the_values_of_the_deployment_page_name_what_exists() -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "deploy.md").read_text(), re.M | re.S)
    values = next(yaml.safe_load(block) for block in blocks if "executor:" in block)
    assert {(section, option) for section, found in values["config"].items() for option in found} <= options()
    for entry in values["env"] + values["workers"]["celery"]["env"]:
        name = entry["name"].removeprefix(PREFIX)
        assert name == entry["name"] or name in known_settings(), name
    assert "PSEUDONYM_KEY" not in str(values["env"])
    assert values["airflowVersion"] == names("requirements.txt")["apache-airflow"].split("==")[1]


def test_profiling_settings_exist() -> None:
    known = known_settings()
    for service in SERVICES:
        for name in environment(service):
            if name.startswith(PREFIX):
                assert name.removeprefix(PREFIX) in known, name


# ---- Dockerfile


def test_the_linter_has_nothing_to_say() -> None:
    linted = run_tool("hadolint", str(ROOT / "Dockerfile"))
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert not linted.stdout, linted.stdout


def test_bases_are_pinned_and_no_stage_ends_as_root() -> None:
    built = stages()
    assert set(built) == {"airflow", "trainer-build", "trainer"}
    for name, text in built.items():
        tag = text.split()[1].rpartition(":")[2]
        assert re.search(r"\d+\.\d+\.\d+", tag), text.split()[1]
        users = re.findall(r"^USER (\d+)", text, re.M)
        assert name == "trainer-build" or int(users[-1]) > 0


def test_airflow_is_the_tested_version() -> None:
    base = re.search(r"FROM apache/airflow:slim-([\d.]+)-", DOCKERFILE)
    project = re.search(r'"apache-airflow==([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    image = re.search(r"apache-airflow\[.*\]==([\d.]+)", (ROOT / "requirements-image.txt").read_text())
    assert base is not None
    assert project is not None
    assert image is not None
    assert {base[1], project[1], image[1]} == {names("requirements.txt")["apache-airflow"].split("==")[1]}


def test_the_trainer_has_no_airflow() -> None:
    built = stages()
    for name in ("trainer-build", "trainer"):
        text = built[name].replace("find_spec('airflow') is None", "")
        assert "airflow" not in text.lower()
        assert "requirements-image" not in text
        assert not re.search(r"^COPY.* (dags|plugins) ", text, re.M)
    project = (ROOT / "pyproject.toml").read_text()
    for part in ("dependencies", "tracking"):
        listed = re.search(rf"^{part} = \[(.*?)\]", project, re.M | re.S)
        assert listed is not None
        assert "airflow" not in listed[1]


def test_the_trainer_writes_to_tmp_only() -> None:
    text = stages()["trainer"]
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "HF_HOME", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR"):
        assert re.search(rf"\b{name}=/tmp\b", text), name
    assert 'ENTRYPOINT ["profiling"]' in text


def test_nothing_unlisted_reaches_the_builder() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    listed = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.M)
        for source in line.split()[:-1]
        if not source.startswith("--")
    }
    assert listed == copied
    assert all((ROOT / source).exists() for source in copied)


def test_dependencies_come_before_the_sources() -> None:
    for name in ("airflow", "trainer-build"):
        text = stages()[name]
        project, sources = text.index("pyproject.toml"), text.index(" profiling profiling")
        assert project < sources
        assert "--constraint requirements.txt" in text[project:sources]


def test_the_pins_of_the_image_add_and_never_repeat() -> None:
    extra, locked = names("requirements-image.txt"), names("requirements.txt")
    assert not set(extra) & set(locked)
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+", line) for line in extra.values())
    assert {"apache-airflow-providers-celery", "apache-airflow-providers-fab", "psycopg2-binary"} <= set(extra)
    # 3.26.0 imports a name that 5.7.0 no longer has; seen when the scheduler started with the two together.
    assert not extra["celery"].startswith("celery==5.7.0")
