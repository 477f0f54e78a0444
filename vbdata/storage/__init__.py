"""Bytes by path: folders on disk and in object stores (S3, Google), with retries and whole answers.

`Root` is what a dataset is read from, `Folder` one that is also written. Left of it stands `core`;
`sources` adds archives to it.
"""
