"""The commands of `python -m index_builder`: arguments in, a call of the function that does it, a line out."""
