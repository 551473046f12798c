"""Export a record of each of eight days, in batches of one, when told to go."""

import json
import sys
from datetime import timedelta

from flask_chest_postgres import PostgresConfig, PostgresStore

from flask_chest.testing.records import START, make_batch, make_record

store = PostgresStore(PostgresConfig.model_validate(json.loads(sys.argv[1])))
print("ready", flush=True)
sys.stdin.readline()
store.open()
for n in range(8):
    store.export(make_batch(make_record(started_at=START + timedelta(days=n))))
store.close()
