# Installs the one system library that the power cut tests need, where that can be done.
set -eu

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
