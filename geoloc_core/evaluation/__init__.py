"""How good predictions are: the field's measures and the baselines any model must beat."""
