"""The processes that the commands start and measure: one module for each command that has any."""
