"""Raw data where it was downloaded: a folder, a zip or tar as distributed, or several as one.

Every reader gets its data as a `vbdata.storage.root.Root`; this package opens one from a recipe's
paths or URLs. Left of it stands `storage`; `index` calls the readers on what it opens.
"""
