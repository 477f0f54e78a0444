"""READ: one module per dataset, from the raw official layout to typed labels."""
