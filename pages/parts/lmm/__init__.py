"""Img2Loc on the Locate page: choosing a model, seeing what would be sent, asking it, and what it claims."""
