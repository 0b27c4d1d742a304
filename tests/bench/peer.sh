#!/bin/sh
# Runs nxwhy for a side-by-side benchmark.
# usage: peer.sh PORT LIST UPSTREAM-HOST UPSTREAM-PORT FOLDER
set -eu
cat >"$5/nxwhy.yaml" <<END
listen: {dns: ["127.0.0.1:$1"], admin: off}
upstreams: {default: {servers: ["$3:$4"]}}
lists: {bench: {path: $2, match: subtree}}
groups: {default: {block: [bench]}}
state: $5/state
END
exec "$(dirname "$0")/../../.venv/bin/nxwhy" serve --config "$5/nxwhy.yaml"
