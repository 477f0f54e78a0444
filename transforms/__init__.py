"""RENDER: one module per task, from a label to an instruction and an RGB target, and back."""
