"""A storm: load, kills, outages and full disks, and then a check of the databases.

``python -m tests.storm --seconds 600 --mongo`` runs it. It verifies this promise:

    A request ID that a client received with a complete response is in every database exactly once.
    The exception is a record that was counted as dropped while the disk was full: it is in none.

`app` is what gunicorn serves, `client` makes the load, `host`, `disk` and `databases` cause and end
troubles, `chaos` plans them, and `verdict` judges the outcome.
"""
