#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Fetches from PyPI the servers and pools that tests/e2e/servers.test profiles, for the newest interpreter outside of a chroot that
# the tests find, into $PYROPE_TEST_PACKAGES/servers/VERSION (default ~/.cache/pyrope/packages/servers/VERSION). Redis and uWSGI are the
# system's (packages.tsv). The test never goes to the network itself; it skips what is not there. What is there already is kept.
#
# Usage: tests/tools/servers.sh
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
exec 2>&1
packages=${PYROPE_TEST_PACKAGES:-${XDG_CACHE_HOME:-$HOME/.cache}/pyrope/packages}/servers

use_any_interpreter 309 || { echo "servers: no interpreter from 3.9 on"; exit 0; }
folder=$packages/${python_name%%-*}
if [ ! -e "$folder/.whole" ]; then
	version=$((python_version / 100)).$((python_version % 100))
	mkdir -p "$folder"
	"$helper_python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$folder" --upgrade \
		--only-binary=:all: --implementation cp --python-version "$version" --abi "cp${version/./}" --abi abi3 --abi none \
		gunicorn gevent uvicorn 'celery[redis]' django pytest pytest-xdist setproctitle && touch "$folder/.whole" && echo "$folder"
fi
for program in redis-server uwsgi; do
	command -v $program >/dev/null || echo "servers: $program is missing: it is not tested"
done
exit 0
