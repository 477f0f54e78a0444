"""Runners: map `vbdata.shard` over jobs, in this process or on Ray, and yield events.

What happened is told in events; which shard is tried again, and which record is to blame for a dead
process, is decided here, the same for every runner. Left of it stands `shard`, right of it
`manifest`.
"""
