#!/usr/bin/env bash
# ray 2.60.0: ray.init adds to the caller's `_system_config`, so a second Ray makes the first's folder again.
#
# Guess:  a mapping of settings that is given to ray.init is read, and a constant of one's module can be
#         given again to the next ray.init of the same process, after ray.shutdown.
# Seen:   ray.init puts "object_spilling_config" into that very dict, with the path of its own session's
#         folder. A second ray.init with it and another _temp_dir spills there, too: it makes the folder
#         of the first again, which was deleted with that. With a copy of the settings it does not.
# Matters: whoever starts a private Ray for each job of one process, as test suites and services do:
#         objects of the second lie in a folder that nobody deletes, and where the folder goes while it
#         starts, ray.init raises ValueError ("The fallback directory file ... does not exist").
#
# Output seen:
#     settings after ray.init: object_spilling_config of the first folder: True
#     the same dict again: the first folder is there again: True
#     a copy each time: it is there again: False
set -euo pipefail
here=$(mktemp -d) && trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/python" -m pip install --quiet ray==2.60.0
cd "$here" && "$here/venv/bin/python" - <<'EOF'
import os
import shutil
import tempfile
import time

import ray

SETTINGS = {"task_events_report_interval_ms": 0}
KEPT = dict(SETTINGS)


def started(settings: dict) -> str:
    """A Ray in a folder of its own, ended and deleted again; the folder."""
    folder = tempfile.mkdtemp()
    try:
        ray.init(
            address="local", num_cpus=1, include_dashboard=False, log_to_driver=False,
            object_store_memory=100 << 20, _temp_dir=folder, _system_config=settings,
        )
    finally:
        ray.shutdown()
        while os.path.exists(folder):  # its processes may write a last line
            time.sleep(0.5)
            shutil.rmtree(folder, ignore_errors=True)
    return folder


first = started(KEPT)
told = first in str(KEPT.get("object_spilling_config"))
print(f"settings after ray.init: object_spilling_config of the first folder: {told}")
assert told and not os.path.exists(first)
started(KEPT)
again = os.path.exists(first)
print(f"the same dict again: the first folder is there again: {again}")
shutil.rmtree(first)
first = started(dict(SETTINGS))
started(dict(SETTINGS))
kept_away = os.path.exists(first)
print(f"a copy each time: it is there again: {kept_away}")
assert again and not kept_away
EOF
