"""The pages of the dashboard, a module each. Each has a function `add` that adds its views."""
