"""Large multimodal models: what is asked of them, by which back end, and what their replies say."""
