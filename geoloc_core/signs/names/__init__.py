"""Names of towns, districts, regions and countries as they stand on signs, and how to find them in noisy text."""
