"""A trainer in miniature, for tests of what runs it: `train ... --target T`, where T says how it ends."""

from pathlib import Path

SOURCE = """
import json, os, signal, subprocess, sys, time

target = ALIASES.get(sys.argv[-1], sys.argv[-1])
print(f"INFO: training {target} as of {sys.argv[3]}", flush=True)
if target == "gate":
    sys.exit("GateFailed: churn has 12 positive customers, at least 50 are needed; train a later week")
if target == "usage":
    print("SettingsError: PROFILING_LAKE is empty; set it", file=sys.stderr)
    sys.exit(2)
if target == "not_ready":
    sys.exit("NotReady: 2026-06-21 has no features yet; run features first")
if target == "crash":
    raise ConnectionError("the bucket did not answer")
if target == "stopped":
    os.kill(os.getpid(), signal.SIGTERM)
if target == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if target == "silent":
    sys.exit(0)
if target in ("long", "longer"):  # `longer` with a child that outlives a polite request
    if target == "longer":
        stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(120)"
        print("child", subprocess.Popen([sys.executable, "-c", stubborn]).pid, flush=True)
    time.sleep(120)
if target == "talks":
    for step in range(30):
        print(f"step {step} of 30", flush=True)
        time.sleep(0.1)
sha = "ab" * 8
if target == "slow":  # and comes to nothing, for want of rows: so much that a promotion can go to its end
    time.sleep(2)
    sha = None
    folder = os.path.join(os.environ["PROFILING_LAKE"], "_models", sys.argv[-1], sys.argv[3])
    os.makedirs(folder, exist_ok=True)
    nothing = {"target": sys.argv[-1], "day": sys.argv[3], "sha": None, "warnings": ["too few rows"]}
    with open(os.path.join(folder, "candidate.json"), "w") as file:
        json.dump({"inputs": "", "candidate": nothing}, file)
if os.environ.get("RANK", "0") == "0":  # of several processes one speaks
    seen = {name: value for name, value in os.environ.items() if name.startswith(("PROFILING_", "AWS_", "OMP_", "HOME"))}
    result = {"target": target, "as_of": sys.argv[3], "sha": sha, "environment": seen}
    with open(os.environ["XCOM_PATH"], "w") as file:
        json.dump({**result, "processes": int(os.environ.get("WORLD_SIZE", "1"))}, file)
print("a second line\\nand a third", flush=True)
"""


def write_trainer(folder: Path, **aliases: str) -> Path:
    """The trainer as a package `profiling` in `folder`, so that `python -m profiling` with it in front of the path is it.

    Args:
        folder: made if need be.
        aliases: how it ends for a target of another name.
    """
    package = folder / "profiling"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(f"ALIASES = {aliases!r}\n{SOURCE}")
    return package / "__main__.py"
