"""What Flask-Chest costs. Each module here is a command: `python -m benchmarks.NAME --help`.

`workers` holds the processes that the commands start and measure, `peers` what Flask-Chest is
compared with, and `shared` what several commands use.
"""
