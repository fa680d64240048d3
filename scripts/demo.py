"""The main job, end to end, on this machine: `make demo` and `make ui`.

Drops, history by `profiling run`, an Airflow and an S3 server of their own, a backfill through the daily DAGs, and what came
out. Everything lies in `var/demo` (or `var/demo-<source>`); a second start finds it there.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import small_model
from local_airflow import DAGS, ROOT, TRAINING, LocalAirflow
from local_s3 import BUCKET, LocalS3
from processes import Problem, end_through_finally, require_port
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

out = Console(highlight=False)
SAMPLE_FIRST, SAMPLE_LAST = "2026-06-15", "2026-06-28"  # the sample shop's last two weeks, Monday to Sunday
LLM_FIRST = "2026-06-26"  # with a small model the last three: it takes a minute for an answer on two busy cores
SAMPLE_CUSTOMER = "customer:C0015"  # the one of the README
IDLE_LIMIT_S = 180
KEY = "PROFILING_PSEUDONYM_KEY"
KEPT = (
    "PROFILING_EMBEDDING", "PROFILING_BUCKETS", "PROFILING_CACHE", "PROFILING_MAX_REJECTS", "PROFILING_LLM_BUDGET_CALLS",
)  # fmt: skip
LLM_CALLS = 2  # of a stage of a day: the small model shows how things hang together, and what it says is worth no more


@dataclass(frozen=True)
class Demo:
    """What to show: a folder of its own, the days to backfill, and a real file instead of the sample shop."""

    home: Path
    first: str
    last: str
    source: str | None = None
    file: Path | None = None
    model: Path | None = None

    @property
    def days(self) -> list[str]:
        first, last = date.fromisoformat(self.first), date.fromisoformat(self.last)
        return [(first + timedelta(n)).isoformat() for n in range((last - first).days + 1)]

    def environment(self) -> dict[str, str]:
        """The demo's settings. Other PROFILING_ variables are left out: a shop's own lake is not the place for a demo."""
        for name in [name for name in os.environ if name.startswith("PROFILING_") and name not in KEPT]:
            del os.environ[name]
        settings = {
            "PROFILING_LANDING": str(self.home / "landing"),
            "PROFILING_LAKE": str(self.home / "lake"),
            "PROFILING_CACHE": os.environ.get("PROFILING_CACHE", str(ROOT / "var" / "cache")),
            "PROFILING_PUBLISH": f"s3://{BUCKET}",
        }
        if self.model:
            calls = os.environ.get("PROFILING_LLM_BUDGET_CALLS", str(LLM_CALLS))
            settings |= {"PROFILING_LLM_GGUF": str(self.model), "PROFILING_LLM_BUDGET_CALLS": calls}
        return settings | ({"PROFILING_SOURCES": self.source} if self.source else {})


def write_env(home: Path, settings: Mapping[str, str]) -> None:
    """The settings of this start in the folder's `.env`, so that `profiling` works there later; its key is made once.

    What lies in the folder is named from there, so the folder may be copied. Published is the copy, for the S3 server ends.
    """
    file, new = home / ".env", home / ".env.new"
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    lines = [line for line in lines if line.partition("=")[0].strip() not in {*KEPT, *settings}]
    if not any(line.startswith(f"{KEY}=") for line in lines):
        lines.insert(0, f"{KEY}={secrets.token_hex(32)}")
    said = {name: os.environ[name] for name in KEPT if name in os.environ} | settings | {"PROFILING_PUBLISH": "s3"}
    lines += [f"{name}={quoted(value.removeprefix(f'{home}/'))}" for name, value in said.items()]
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text("\n".join(lines) + "\n", "utf-8")
    new.replace(file)  # a killed start leaves the old key or the new, never half of one


def quoted(value: str) -> str:
    """A value as `.env` reads it back, blanks and `#` of a path too."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def command_for(demo: Demo, customer: str) -> str:
    """What shows a customer after everything has ended; by the folder's `.env`."""
    program = os.path.relpath(Path(sys.executable).with_name("profiling"), demo.home)
    return f"cd {os.path.relpath(demo.home, ROOT)} && {program} show {customer}"


def profiling(*arguments: str, **environment: str) -> None:
    """One command of the package, with its own progress on the screen; `environment` for this command alone.

    Raises:
        Problem: it failed; it has said why.
    """
    command = [sys.executable, "-m", "profiling", "--quiet", *arguments]
    if subprocess.run(command, env=os.environ | environment).returncode != 0:
        raise Problem(f"`profiling {' '.join(arguments)}` failed, for the reason above")


def answer(*arguments: str) -> Any:
    """What one command says, as data."""
    command = [sys.executable, "-m", "profiling", "--quiet", *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Problem(f"`profiling {' '.join(arguments)}` failed, for the reason above")
    return json.loads(done.stdout)


# --- the steps


@contextmanager
def step(title: str) -> Iterator[None]:
    began = time.monotonic()
    out.print(f"[bold]{title}[/bold]")
    yield
    out.print(f"  [dim]{time.monotonic() - began:.0f} s[/dim]")


def deliver(demo: Demo) -> None:
    """Write the daily drops; those that are there already are not touched."""
    if demo.source and demo.file:
        profiling("land", demo.source, str(demo.file))
    else:
        profiling("sample", "--out", os.environ["PROFILING_LANDING"])


def unpublished(demo: Demo, s3: LocalS3) -> list[str]:
    """The days that the ledger or the bucket does not hold."""
    if not (demo.home / "lake").is_dir():
        return demo.days
    released = {row["day"] for row in answer("days") if row["publish"] == "released"}
    there = s3.objects()
    return [day for day in demo.days if day not in released or f"profiles/day={day}/manifest.json" not in there]


def load_history(demo: Demo) -> None:
    """Everything before the days of the demo, without Airflow: what a shop does once, at its first start."""
    from profiling.collect.drops import days_with_drops
    from profiling.settings import Settings

    before = [day for day in days_with_drops(Settings.load()) if day < demo.first]
    if before:
        until = (date.fromisoformat(demo.first) - timedelta(1)).isoformat()
        # A model reads what comes from now on: months of history would cost minutes of it for every day that is shown.
        asks_nobody = {"PROFILING_LLM_BUDGET_CALLS": "0"} if demo.model else {}
        profiling("run", "--from", before[0], "--to", until, "--stages", "ingest,features", **asks_nobody)
        profiling("train", "--as-of", until)
        profiling("promote", "--as-of", until)


def whole_weeks(days: list[str]) -> list[str]:
    """The Mondays of weeks all of whose days are among these: what training waits for."""
    mondays = (date.fromisoformat(day) for day in days)
    return [
        monday.isoformat()
        for monday in mondays
        if monday.isoweekday() == 1 and {(monday + timedelta(n)).isoformat() for n in range(7)} <= set(days)
    ]


def backfill(demo: Demo, airflow: LocalAirflow, days: list[str]) -> None:
    """Ask Airflow for the days and tell of each as it is published.

    Raises:
        Problem: a task failed, with the task's own sentence.
    """
    airflow.settle()
    known = {run["dag_run_id"] for run in airflow.runs()}
    airflow.backfill(days[0], days[-1], reprocess="completed")
    told: set[str] = set()
    tried: set[str] = set()
    busy_at = time.monotonic()
    trained: set[str] = set()
    while not (set(days) <= told and set(whole_weeks(days)) <= trained):
        airflow.check()
        if time.monotonic() - busy_at > IDLE_LIMIT_S:
            raise Problem(
                f"Airflow has had nothing to do for {IDLE_LIMIT_S} s; {len(set(days) - told)} days are not published and "
                f"{len(set(whole_weeks(days)) - trained)} weeks not trained on; "
                f"see {airflow.home}/logs, then run this again"
            )
        runs = [run for run in airflow.runs() if run["dag_run_id"] not in known]
        for run in runs:
            if run["state"] == "failed":
                raise Problem(airflow.failure(run))
        if any(run["state"] in ("queued", "running") for run in runs):
            busy_at = time.monotonic()
        for task in airflow.retries():
            if task["id"] not in tried:
                tried.add(task["id"])
                out.print(f"  [yellow]will be tried again:[/yellow] {airflow.reason(task)}", soft_wrap=True)
        done = {(run["dag_id"], run["partition_key"]): run for run in runs if run["state"] == "success"}
        for week in sorted({week for dag, week in done if dag == TRAINING} - trained):
            trained.add(week)
            out.print(f"  trained on the week of {week}  {done[TRAINING, week]['duration'] or 0:.0f} s", soft_wrap=True)
        for day in sorted({day for dag, day in done if dag == DAGS[-1]} - told):
            told.add(day)
            seconds = ", ".join(f"{dag} {done[dag, day]['duration'] or 0:.0f} s" for dag in DAGS if (dag, day) in done)
            out.print(f"  {day}  {len(told):>3}/{len(days)}  {seconds}", soft_wrap=True)
        time.sleep(1)


# --- what came out


def summary(demo: Demo, s3: LocalS3) -> str:
    """Print what was published and its fullest profile.

    Returns:
        Whose profile that is, as `profiling show` takes it.
    """
    from profiling.lake import Lake
    from profiling.publish import open_target, read_manifest, read_published
    from profiling.settings import Settings

    settings = Settings.load()
    target = open_target(settings.publish, settings.s3_endpoint)
    objects = s3.objects()
    customers = {day: read_manifest(target, day)["rows"] for day in demo.days}
    last = demo.days[-1]
    quarantine = Lake.open(settings).read("quarantine", columns=["reason"])["reason"].value_counts()
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_row("days", f"{len(demo.days)}, {demo.first} to {last}")
    profiles = list(read_published(target, last))
    who = "" if demo.source else visitors(profiles)
    table.add_row("customers", f"{customers[demo.first]} on the first day, {customers[last]} on the last{who}")
    table.add_row("on S3", f"{len(objects)} objects, {sum(objects.values()):,} bytes under s3://{BUCKET}")
    reasons = sorted(quarantine.items(), key=lambda item: (-item[1], str(item[0])))
    listed = ", ".join(f"{number} {reason}" for reason, number in reasons)
    for question, model in answer("status")["models in service"].items():
        table.add_row("predicts", f"{question}: {model}")
    if demo.model:
        wanted = [("day", ">=", demo.first), ("day", "<=", last)]
        ledger = Lake.open(settings).read("days", wanted, ["stage", "day", "counts", "recorded_at"])
        table.add_row("language model", what_the_model_did(ledger.sort_values("recorded_at")))
    table.add_row("quarantined", f"{int(quarantine.sum())} rows" + (f": {listed}" if listed else ""))
    out.print("\n[bold]Published[/bold]")
    out.print(table)
    fullest = max(profiles, key=lambda d: (len(json.dumps(d)), d["customer_id"]))
    out.print("\n[bold]One of the profiles[/bold]")
    profiling("show", fullest["customer_id"], "--day", last)
    return str(fullest["customer_id"])


def visitors(profiles: Iterable[Mapping[str, Any]]) -> str:
    """How many of the shop's profiles are of no customer of it: each device that only looks around has one too."""
    found = sum(not each["attributes"] and set(each["activity"]["counts"]) == {"view"} for each in profiles)
    return f"; {found} are visitors known by their device alone" if found else ""


def what_the_model_did(days: "pd.DataFrame") -> str:
    """What the stages counted of the language model: calls, tokens, and why what it said was not taken.

    Args:
        days: stage, day and counts of the ledger, oldest first.
    """
    counted: Counter[str] = Counter()
    for counts in days.dropna(subset="counts").drop_duplicates(["stage", "day"], keep="last")["counts"]:
        counted.update(json.loads(counts))
    refused = sorted(
        f"{number} {of} for {reason.replace('_', ' ')}"
        for name, number in counted.items()
        for of, fell_back, reason in (name.partition("_fell_back_"),)
        if fell_back and reason != "budget"
    )
    return (
        f"{counted['llm_calls']} calls, {counted['llm_tokens_in']:,} tokens in and {counted['llm_tokens_out']:,} out; not taken: "
        f"{', '.join(refused) or 'nothing'}; not asked, for the budget: {counted['llm_failed_budget']:,}"
    )


# --- the two commands


def run_demo(demo: Demo, port: int) -> None:
    began = time.monotonic()
    with step(f"Drops in {demo.home / 'landing'}"):
        deliver(demo)
    with LocalS3(demo.home / "s3", demo.home / "logs" / "s3.log") as s3:
        os.environ.update({**s3.environment, "PROFILING_S3_ENDPOINT": s3.endpoint})
        days = unpublished(demo, s3)
        if days:
            require_port(port, f"run `make demo PORT={port + 1}`")
            with LocalAirflow(demo.home / "airflow", {}, port=port, folder=demo.home) as airflow:
                airflow.start()  # it gets ready while the history loads
                with step(f"History before {demo.first}, by `profiling run`"):
                    load_history(demo)
                with step("Airflow"):
                    airflow.wait_until_ready()
                with step(f"Backfill of {days[0]} to {days[-1]}, by Airflow"):
                    backfill(demo, airflow, days)
        else:
            out.print(f"All {len(demo.days)} days are published already: nothing to do, and no Airflow needed.")
        fullest = summary(demo, s3)
    out.print(f"\n[dim]{time.monotonic() - began:.0f} s in all. The objects are copied to {demo.home / 's3'}.[/dim]")
    shown = command_for(demo, fullest if demo.source else SAMPLE_CUSTOMER)
    out.print(f"Next: `{shown}` shows a profile,", soft_wrap=True)
    out.print("`make ui` opens Airflow on this, `make clean` removes it.")


def run_ui(demo: Demo, port: int) -> None:
    require_port(port, f"run `make ui PORT={port + 1}`")
    deliver(demo)
    with LocalS3(demo.home / "s3", demo.home / "logs" / "s3.log") as s3:
        os.environ.update({**s3.environment, "PROFILING_S3_ENDPOINT": s3.endpoint})
        with LocalAirflow(demo.home / "airflow", {}, port=port, folder=demo.home, has_triggerer=True) as airflow:
            airflow.start()
            with step("Airflow is starting"):
                airflow.wait_until_ready()
            table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
            table.add_row("Airflow", airflow.url)
            table.add_row("user", "admin")
            table.add_row("password", airflow.password)
            table.add_row(
                "profiles",
                f"s3://{BUCKET} at {s3.endpoint} (keys: demo, demo); copied to {demo.home / 's3'} at the end",
            )
            table.add_row("logs", str(demo.home / "airflow" / "logs"))
            out.print(table)
            out.print("Ctrl-C stops everything.")
            while True:
                airflow.check()
                time.sleep(1)


def parse(arguments: list[str]) -> tuple[Demo, argparse.Namespace]:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--ui", action="store_true", help="only start Airflow and S3, until Ctrl-C")
    parser.add_argument("--port", type=int, default=8080, help="of Airflow's web UI")
    parser.add_argument("--llm", action="store_true", help="with a small language model, downloaded at the first time")
    parser.add_argument("--source", help="a real source instead of the sample shop, such as amazon_reviews")
    parser.add_argument("--input", type=Path, help="its file")
    parser.add_argument("--from", dest="first", help="first day to backfill, YYYY-MM-DD")
    parser.add_argument("--to", dest="last", help="last day to backfill, included")
    given = parser.parse_args(arguments)
    ending = "-llm" if given.llm else ""  # days made with a model and days made without are not the same
    real = (given.source, given.input, given.first, given.last)
    if not any(real):
        return Demo(ROOT / "var" / f"demo{ending}", LLM_FIRST if given.llm else SAMPLE_FIRST, SAMPLE_LAST), given
    if not all(real):
        raise Problem("a real file needs all four: SOURCE=amazon_reviews INPUT=path FROM=YYYY-MM-DD TO=YYYY-MM-DD")
    try:
        first, last = date.fromisoformat(given.first), date.fromisoformat(given.last)
    except ValueError as error:
        raise Problem(f"FROM and TO are days, YYYY-MM-DD: {error}") from error
    if last < first:
        raise Problem(f"TO={last} is before FROM={first}")
    if not given.input.is_file():
        raise Problem(f"INPUT={given.input}: no such file")
    home = ROOT / "var" / f"demo-{given.source.partition(':')[0]}{ending}"
    return Demo(home, first.isoformat(), last.isoformat(), given.source, given.input.resolve()), given


def main() -> int:
    end_through_finally()
    try:
        demo, given = parse(sys.argv[1:])
        if given.llm:
            with step("The language model"):
                demo = replace(demo, model=small_model.fetch(ROOT / "var" / "llm"))
        demo.home.mkdir(parents=True, exist_ok=True)
        settings = demo.environment()
        write_env(demo.home, settings)
        os.environ.update(settings)
        os.chdir(demo.home)  # its `.env` holds the key, for the commands here and for Airflow's tasks
        (run_ui if given.ui else run_demo)(demo, given.port)
    except Problem as problem:
        out.print(f"[red]stopped:[/red] {problem}", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        out.print("\nstopped; everything that was started has ended")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
