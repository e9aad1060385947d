#!/bin/sh
# Make .venv where it is missing, then install one compiled list into it: install.sh [LIST [FOLDER]]
# LIST is demo, dev or policies; FOLDER another place than .venv.
#
# Needs nothing but a Python >= 3.11 with its venv module. PYTHON=... chooses another one.
# Every package is checked against its hash. Settings of pip (pip.conf, PIP_INDEX_URL, a
# proxy, ...) are respected: where uv cannot install with them, pip does it.
set -eu
cd "$(dirname "$0")/.."

venv=${2:-.venv}

say() { printf '%s\n' "$*" >&2; }

# "yes" if $1 is a Python from 3.11 to $2 that can be run (pyenv's shims may not).
suits() {
    "$1" -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, $2))" 2>/dev/null
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        suits "$PYTHON" 99 && echo "$PYTHON" && return
        say "PYTHON=$PYTHON is not a Python 3.11 or newer:" \
            "$("$PYTHON" --version 2>&1 || echo 'it cannot be run')"
        return 1
    fi
    # First those that our pinned packages have ready-made wheels for, then anything newer.
    for python in python3 python3.13 python3.12 python3.14 python3.11 python; do
        suits "$python" 14 && echo "$python" && return
    done
    suits python3 99 && echo python3 && return
    say "This project needs Python 3.11 or newer. Found: $(python3 --version 2>&1 || echo none)."
    say "Install one (Debian, Ubuntu: apt install python3 python3-venv), or name one that you"
    say "have: make demo PYTHON=/path/to/python3.12"
    return 1
}

make_venv() {
    python=$(find_python)
    if ! "$python" -c "import ensurepip, venv" 2>/dev/null; then
        version=$("$python" -c "import sys; print('%d.%d' % sys.version_info[:2])")
        say "Python $version is here, but without its venv module."
        say "On Debian and Ubuntu: apt install python$version-venv (or python3-venv)."
        return 1
    fi
    say "Making .venv with $("$python" --version) ..."
    "$python" -m venv --clear "$venv"
}

# A virtual environment whose Python is gone or too old is made anew.
suits "$venv/bin/python" 99 || make_venv
[ $# -gt 0 ] || exit 0

list=requirements/$1.txt
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }

install_with_uv() {
    pip install --quiet --require-hashes -r requirements/uv.txt || return 1
    # uv does not read pip's configuration: hand over the index it names.
    index=${PIP_INDEX_URL:-$(pip config get global.index-url 2>/dev/null || true)}
    if [ -n "$index" ] && [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
        export UV_DEFAULT_INDEX="$index"
    fi
    "$venv/bin/python" -m uv pip install --python "$venv/bin/python" --require-hashes -r "$list"
}

say "Installing $list ..."
if ! install_with_uv; then
    say "uv could not do it; trying again with pip."
    pip install --require-hashes -r "$list"
fi

# `dev` holds all of `demo`, so it satisfies both.
[ "$1" != dev ] || touch "$venv/demo.stamp"
touch "$venv/$1.stamp"
