"""Settings: their model, where they are loaded from, and what is built from them."""
