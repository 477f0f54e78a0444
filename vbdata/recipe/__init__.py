"""The recipe: a YAML file read, checked and reported on, all of its faults at once.

Also the sets of ids that it holds out, and which licences allow commercial use. Left of it stands
`storage`, right of it `index`.
"""
