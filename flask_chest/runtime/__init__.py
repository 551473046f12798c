"""The lowest layer of the package: forks, clocks, the log, counters, Flask's proxies."""
