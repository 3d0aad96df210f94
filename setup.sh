#!/bin/sh
# Makes .venv from requirements.lock, every file checked by its hash. Quick when nothing changed; begun anew when an
# earlier run was interrupted. Which registry is asked is the business of the machine's own pip and uv settings.
set -eu
cd "$(dirname "$0")"

ready=.venv/ready
wanted=$(cat setup.sh requirements.lock requirements-bootstrap.lock pyproject.toml | cksum)
if [ -f "$ready" ] && [ "$(cat "$ready")" = "$wanted $PWD" ]; then
    exit 0
fi

python=
for candidate in "${PYTHON:-}" python3.11 python3 python; do
    if [ -n "$candidate" ] &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "Python 3.11 is needed, and none was found: install it, or name it (make PYTHON=/path/to/python3.11 …)." >&2
    exit 1
fi

echo "setting up .venv (about a minute the first time) …" >&2
# Without the mark of a finished set-up nobody knows what an interrupted one left; the same in another folder.
if ! [ -f "$ready" ] || ! [ "$(sed 's/^[0-9]* [0-9]* //' "$ready")" = "$PWD" ]; then
    rm -rf .venv
fi
rm -f "$ready"
if ! [ -x .venv/bin/python ] && ! "$python" -m venv .venv; then
    echo "$python cannot make a virtual environment: install its venv module (on Debian: apt install python3.11-venv)." >&2
    exit 1
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
if ! .venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes --compile-bytecode requirements.lock; then
    echo "uv could not install; trying pip, which may be set up for this machine's registry …" >&2
    # --no-deps: the lock is complete, and pip takes a package with an extra for one that is not pinned.
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
echo "$wanted $PWD" > "$ready"
