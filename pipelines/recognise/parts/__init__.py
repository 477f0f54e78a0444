"""What the recognising modules share."""
