"""What every other part stands on: forks, the log, counters, Flask's proxies."""
