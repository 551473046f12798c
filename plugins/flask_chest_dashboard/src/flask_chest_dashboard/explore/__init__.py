"""What the page Explore asks, and what it makes of the answers."""
