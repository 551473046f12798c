"""The lowest floor of the package: forks, the log, counters, Flask's proxies."""
