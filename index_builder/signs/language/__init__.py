"""Trains assets/signs/languages.npz, which tells the language of a few words; see `train`."""
