"""What released editors share: their checkpoints, latents, tokens and samplers' times."""
