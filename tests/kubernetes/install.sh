# Fetches promtool, which tests the alert rules, where that can be done.
#
# The package is only unpacked: installing it would start a Prometheus.
set -eu

if command -v promtool >/dev/null; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Fetching promtool for the tests of alert rules ..."
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    cd "$folder"
    { apt-get -qq update && apt-get -qq download prometheus 2>/dev/null &&
        dpkg -x prometheus_*.deb . && install usr/bin/promtool /usr/local/bin/; } ||
        echo "promtool could not be fetched: alert rules will not be tried out."
else
    echo "There is no promtool: alert rules will not be tried out."
fi
