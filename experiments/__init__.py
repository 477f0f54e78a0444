"""The experiment nobody ran: what generative pretraining, and keeping it in the mixture, does."""
