"""What is written in a photo, and where in the world that points."""
