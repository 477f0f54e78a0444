"""The official scoring of each kind of answer, one file a kind: each rule once, with its source."""
