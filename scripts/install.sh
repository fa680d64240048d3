#!/bin/sh
# Make .venv with the first Python that fits, and install what requirements.txt pins. Called by `make install`.
set -eu

fits='import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'
found=
for python in python3.11 python3.12 python3.13 python3; do
    if "$python" -c "$fits" >/dev/null 2>&1; then
        found=$python
        break
    fi
done
if [ -z "$found" ]; then
    echo "no Python 3.11, 3.12 or 3.13 on the path: install one (such as: apt install python3.11 python3.11-venv), then run make again" >&2
    exit 2
fi
if ! "$found" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    echo "$found has no venv module: install it (such as: apt install $found-venv), then run make again" >&2
    exit 2
fi

if ! .venv/bin/python -c "$fits" >/dev/null 2>&1; then
    echo "making .venv with $("$found" --version)"
    "$found" -m venv --clear .venv
fi
echo "installing what requirements.txt pins (a first time takes some minutes)"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
# Python compiles what it imports, at the first time; compiling all of it here would take as long as the rest.
.venv/bin/python -m pip install --quiet --no-compile --requirement requirements.txt
.venv/bin/python -m pip install --quiet --no-deps --editable .
echo "installed: $(.venv/bin/python -m pip list --format freeze | wc -l | tr -d ' ') packages"
