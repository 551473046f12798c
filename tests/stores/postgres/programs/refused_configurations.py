"""Print, a line each, the errors of configurations that libpq or the server refuses."""

import json
import sys

from flask_chest_postgres import PostgresConfig, PostgresStore

from flask_chest.errors import ConfigurationError

config = json.loads(sys.argv[1])
for fields, parameters in (
    ({"password": "x"}, {}),
    ({"database": "nowhere"}, {}),
    ({}, {"sslmode": "require"}),
    ({}, {"sslmode": "wrong"}),
    ({}, {"service": "nowhere"}),
    ({}, {"sslmode": "verify-full", "sslrootcert": sys.executable}),
):
    entry = {**config, **fields, "parameters": parameters}
    store = PostgresStore(PostgresConfig.model_validate(entry))
    try:
        store.open()
    except ConfigurationError as error:
        print(error)
    finally:
        store.close()
