"""The tasks of the experiment: those of transforms/, asked for in few words.

Each module is a task with another `ask`; targets, decoders and bounds are those of the task in
transforms/ (`instance` also has a decoder of its own). A model of a million parameters that reads
bytes has no use for forty templates, and colours drawn afresh for every sample are the hard part,
which this experiment is not about. So the words are short and the legends fixed.
"""
