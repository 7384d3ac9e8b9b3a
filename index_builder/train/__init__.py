"""Training on the Atlas. Needs torch; nothing in the app or the core imports it."""
