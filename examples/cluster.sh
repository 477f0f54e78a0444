#!/usr/bin/env bash
# A cluster of two nodes on this machine, a build as a job of it, and its check: the way of cluster.yaml, without a cloud.
#
#     vbdata demo-data demo/data
#     examples/cluster.sh demo/data runs/cluster     # or an output folder in a store, s3://bucket/out
#
# The head builds nothing, the second node has two workers. Both end with this script, and no other Ray does. Set
# WORKERS for more of them.
set -euo pipefail
data=$(realpath "$1") out=$2
[[ $out == *://* ]] || out=$(realpath -m "$out")
cd "$(dirname "$0")/.."

# Whoever reaches a port of a Ray cluster runs code on it, unless it asks for a token.
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_TOKEN

ports=$(python - <<'EOF'
import socket

held = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(each.getsockname()[1] for each in held))
EOF
)
read -r port dashboard client <<< "$ports"
state=$(mktemp -d /tmp/vbdata-XXXXXX) # Ray's sockets have long names, so their folder needs a short one
nodes=()
finish() { # the second node first, since it would wait for the head
  for ((number = ${#nodes[@]} - 1; number >= 0; number--)); do
    kill "${nodes[number]}" 2> /dev/null || true
    wait "${nodes[number]}" 2> /dev/null || true
    kill -9 -- "-${nodes[number]}" 2> /dev/null || true # what it has left, if it was cut short
  done
  rm -rf "$state"
}
trap finish EXIT

node() { # options of `ray start`; returns when the node is up
  local log="$state/${#nodes[@]}.log"
  setsid ray start --block --node-ip-address=127.0.0.1 --dashboard-agent-listen-port=0 --disable-usage-stats \
    --object-store-memory=100000000 "$@" > "$log" 2>&1 &
  nodes+=($!)
  until grep -q "runtime started" "$log"; do
    kill -0 "${nodes[-1]}" 2> /dev/null || { cat "$log"; exit 1; }
    sleep 0.2
  done
}

node --head --port="$port" --num-cpus=0 --dashboard-host=127.0.0.1 --dashboard-port="$dashboard" \
  --ray-client-server-port="$client" --temp-dir="$state/head"
node --address="127.0.0.1:$port" --num-cpus="${WORKERS:-2}" --temp-dir="$state/second"

roots=()
for name in coco refcoco triplets kitti hypersim; do
  roots+=(--root "$name=$data/$name")
done
ray job submit --address "http://127.0.0.1:$dashboard" --working-dir . -- \
  vbdata build manifests/demo.yaml --out "$out" "${roots[@]}" --ray auto

vbdata verify "$out"
