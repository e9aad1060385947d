# Installs what the proofs need besides the tests' packages, where that can be done: barman-cloud for
# going back in time, and the system library of the power cut tests; with "slow", what fails over too.
set -eu
cd "$(dirname "$0")/../.."

.venv/bin/python -m tests.proofs.barman ||
    echo "barman-cloud could not be installed: the tests of going back to a moment will be skipped."

if [ "${1:-}" = slow ]; then
    .venv/bin/python -m tests.proofs.debian ||
        echo "Debian's PostgreSQL and Valkey could not be unpacked: the tests of TLS will be skipped."
    .venv/bin/python -m tests.proofs.patroni ||
        echo "Patroni could not be installed: the tests of failover will be skipped."
    if ! command -v etcd >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        (export DEBIAN_FRONTEND=noninteractive
         apt-get -qq update && apt-get -qq install --yes --no-install-recommends etcd-server >/dev/null) ||
            echo "etcd could not be installed: the tests of failover will be skipped."
    fi
fi

if ldconfig -p 2>/dev/null | grep -q 'libfuse\.so\.2'; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing libfuse2 for the power cut tests ..."
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update && apt-get -qq install --yes --no-install-recommends libfuse2 >/dev/null ||
        echo "libfuse2 could not be installed: the power cut tests will be skipped."
else
    echo "There is no libfuse 2: the power cut tests will be skipped."
fi
