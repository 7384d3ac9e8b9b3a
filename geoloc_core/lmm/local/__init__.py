"""Image-text-to-text models on this machine: where their files lie, how they are loaded, how they write."""
