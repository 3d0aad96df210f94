#!/bin/sh
# The test of the status page needs a real Chromium. Where there is none and Debian's packages are at hand, it is
# installed; elsewhere the test says that it is missing, and fails.
set -eu
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" > /dev/null; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "installing Chromium for the test of the status page …" >&2
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium > /dev/null
else
    echo "no Chromium is installed: the test of the status page will fail; install one first" >&2
fi
