"""nyuv2."""
