"""Makes what sign reading knows: tables, weights, and the figures they were judged by."""
