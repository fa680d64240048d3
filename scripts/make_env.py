"""Make `.env` out of `.env.example`, with a fresh value for every secret that is empty there. Needs nothing but Python.

An `.env` that exists is never touched: it may hold the only copy of the pseudonyms' key.
"""

import base64
import os
import re
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAKE = {
    "AIRFLOW_FERNET_KEY": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "AIRFLOW_JWT_SECRET": lambda: secrets.token_hex(64),
    "AIRFLOW_SECRET_KEY": lambda: secrets.token_hex(32),
    "AIRFLOW_ADMIN_PASSWORD": lambda: secrets.token_urlsafe(12),
    "PROFILING_PSEUDONYM_KEY": lambda: secrets.token_hex(32),
}


def filled(example: str) -> str:
    """The example with a fresh value after each `NAME=` that stands alone on its line."""
    return re.sub(
        r"^(\w+)=$",
        lambda line: f"{line[1]}={MAKE.get(line[1], lambda: secrets.token_hex(24))()}",
        example,
        flags=re.M,
    )


def main() -> int:
    target = ROOT / ".env"
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        print(
            f"{target} exists and stays as it is: fill in what is missing by hand, as .env.example says",
            file=sys.stderr,
        )
        return 2
    with os.fdopen(descriptor, "w") as file:
        file.write(filled((ROOT / ".env.example").read_text()))
    print(f"{target} made. Keep a copy of PROFILING_PSEUDONYM_KEY elsewhere: without it no customer is found again")
    return 0


if __name__ == "__main__":
    sys.exit(main())
