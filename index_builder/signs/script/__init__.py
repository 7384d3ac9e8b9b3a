"""Trains the classifier of scripts that `geoloc_core.signs.shape` runs, on lines of text drawn in free fonts."""
