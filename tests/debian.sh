#!/bin/sh
# Installs what tests need of Debian, where it is missing and this is root. Without it tests are
# skipped, and say so.
set -eu

missing=
[ -x /usr/bin/chromium ] || missing="$missing chromium"
command -v pdftotext >/dev/null || missing="$missing poppler-utils"
ldconfig -p | grep -q libpangoft2 || missing="$missing libpango-1.0-0 libpangoft2-1.0-0"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "tests that need$missing are skipped: only root can install them, by apt-get" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
if ! { apt-get update -qq && apt-get install -qq --yes --no-install-recommends $missing; } >/dev/null; then
    echo "tests that need$missing are skipped: apt-get could not install them" >&2
fi
