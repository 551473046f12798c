"""A storm over Flask-Chest: load, kills, outages and full disks, then a look into the databases.

``python -m tests.storm --seconds 600 --mongo`` runs it. The promise that it holds Flask-Chest to:

    A request ID that a client received with a complete response is in every database exactly once,
    unless the disk was full at that moment and the record was counted as dropped; then it is in
    none.

`app` is what gunicorn serves, `client` the load, `host`, `disk` and `databases` what is broken and
mended, `chaos` when, and `verdict` what came of it.
"""
