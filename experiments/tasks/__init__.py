"""The tasks of the experiment: the project's encodings, asked for in few words.

Each module is a task of transforms/ with another `ask`: the targets, the decoders and the bounds
are that task's. A model of a million parameters that reads bytes has no use for forty templates,
and colours drawn afresh for every sample are the hard part, which is not what this experiment asks
about; so the words are short and the legends fixed, and both stand in every prompt's params.
"""
