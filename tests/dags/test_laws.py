"""Law 1, layers: the domain knows nothing of Airflow, and a file that Airflow parses imports nothing heavy at its top."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {
    "boto3", "deltalake", "great_expectations", "jieba", "lingua", "model2vec", "nltk", "numpy", "pandas", "pyarrow",
    "sklearn", "textblob", "torch", "transformers", "vaderSentiment",
}  # fmt: skip


def imports(path: Path, *, is_top_only: bool) -> Iterator[str]:
    """The modules a file imports; with `is_top_only` only those that importing the file imports."""
    tree = ast.parse(path.read_text())
    inside = {
        id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef) for n in ast.walk(f)
    }
    for node in ast.walk(tree):
        if is_top_only and id(node) in inside:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def offenders(folder: str, forbidden: set[str], *, is_top_only: bool) -> tuple[int, int, list[str]]:
    """(files read, imports seen, forbidden imports) of the Python files of a folder."""
    files = sorted((ROOT / folder).rglob("*.py"))
    seen = [(file, name) for file in files for name in imports(file, is_top_only=is_top_only)]
    bad = [f"{file.relative_to(ROOT)}: {name}" for file, name in seen if name.split(".")[0] in forbidden]
    return len(files), len(seen), bad


def test_the_domain_never_imports_airflow() -> None:
    files, seen, bad = offenders("profiling", {"airflow"}, is_top_only=False)
    assert bad == []
    assert files > 20
    assert seen > 100


def test_dags_and_plugins_import_nothing_heavy_at_the_top() -> None:
    for folder, fewest in (("dags", 4), ("plugins", 2)):
        files, seen, bad = offenders(folder, HEAVY, is_top_only=True)
        assert bad == []
        assert files >= fewest
        assert seen >= files


def test_dags_import_only_light_modules_of_the_domain_at_the_top() -> None:
    light = {"profiling.settings", "profiling.errors", "profiling.behaviour.targets", "profiling.rights.steps"}
    for folder in ("dags", "plugins"):
        for file in sorted((ROOT / folder).glob("*.py")):
            names = {name for name in imports(file, is_top_only=True) if name.startswith("profiling")}
            assert names <= light, f"{file.name} imports {sorted(names - light)} at its top: import it inside the task"


def test_the_light_modules_really_are_light() -> None:
    modules = "profiling.settings, profiling.errors, profiling.behaviour.targets, profiling.rights.steps"
    code = f"import sys, {modules}; print(*sorted({{n.split('.')[0] for n in sys.modules}}))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout.split()
    assert "pydantic" in loaded
    assert HEAVY & set(loaded) == set()


def test_the_law_sees_an_offender(tmp_path: Path) -> None:
    file = tmp_path / "offender.py"
    file.write_text("import pandas as pd\n\ndef late():\n    from airflow.sdk import DAG\n")
    assert list(imports(file, is_top_only=True)) == ["pandas"]
    assert list(imports(file, is_top_only=False)) == ["pandas", "airflow.sdk"]


def test_the_kubernetes_client_is_brought_by_one_module_that_airflow_does_not_load_as_a_plugin() -> None:
    def brings(file: Path) -> bool:
        return any(
            name.startswith(("kubernetes", "airflow.providers.cncf", "training_pod"))
            for name in imports(file, is_top_only=True)
        )

    assert [file.name for folder in ("dags", "plugins") for file in (ROOT / folder).glob("*.py") if brings(file)] == [
        "training_pod.py"
    ]
    assert "training_pod.py" in (ROOT / "plugins" / ".airflowignore").read_text().splitlines()
