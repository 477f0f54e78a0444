"""What decides bytes, all of it pure: types, random numbers, geometry, images, PNG, prompts.

It is the toolbox of plug-ins, too: readers and tasks may import any of it. The digest of the
engine's code covers this package and `vbdata.shard`. Left of it stands `machine`, right of it
`storage`.
"""
