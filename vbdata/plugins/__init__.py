"""Plug-ins: a dataset is a file in pipelines/, a task is a file in transforms/; no list is kept.

`find` has them by name, `queries` what enumerated recipes ask of tasks, `digests` says which code a
build depends on, `contract` what a plug-in has to have. A recipe may also give the dotted name of a
module of its own; installed packages offer theirs under plain names, by the entry points
`vbdata.readers` and `vbdata.tasks`, such as `barn = "farm_data.barn"`.

The two folders lie beside vbdata, in a checkout as in site-packages, where they are also the
top-level names `pipelines` and `transforms`. Projects often have folders of these names. So vbdata
never imports the top-level names: its own plug-ins are `vbdata.plugins.pipelines` and
`vbdata.plugins.transforms`, two packages whose `__path__` is the folder beside vbdata. They can be
imported, and what they define can be pickled, in every process that imports vbdata, whatever is in
its working directory or on its path, and the name `transforms` stays free for a project's own. A
file that is imported under both names is two modules, which have in common what is vbdata's.

Two rules keep this true, and tests hold them. Files in the two folders import each other relatively
(`from .parts import colours`), so that a file finds its neighbours under either name. And the
folders have no `__init__.py`: a project's folder of the same name, with or without one, comes
first, or shares the name.
"""

from vbdata.plugins.contract import MEASURED, kind_in, suffice, with_measured
from vbdata.plugins.digests import (
    code_digest,
    code_modules,
    engine_digest,
    engine_files,
    folder_digest,
)
from vbdata.plugins.find import (
    DATASETS,
    HOME,
    TASKS,
    UNUSABLE,
    all_usable,
    dataset,
    drawing,
    module_name,
    mounts,
    names,
    options,
    ours,
    photograph,
    resolve,
    task,
    unknown,
    usable,
    warm,
    why_not,
)
from vbdata.plugins.queries import ask_query, narrowed, option_check, queries, task_options
from vbdata.plugins.tensors import arrays_of

__all__ = [
    "DATASETS",
    "HOME",
    "MEASURED",
    "TASKS",
    "UNUSABLE",
    "all_usable",
    "arrays_of",
    "ask_query",
    "code_digest",
    "code_modules",
    "dataset",
    "drawing",
    "engine_digest",
    "engine_files",
    "folder_digest",
    "kind_in",
    "module_name",
    "mounts",
    "names",
    "narrowed",
    "option_check",
    "options",
    "ours",
    "photograph",
    "queries",
    "resolve",
    "suffice",
    "task",
    "task_options",
    "unknown",
    "usable",
    "warm",
    "why_not",
    "with_measured",
]
