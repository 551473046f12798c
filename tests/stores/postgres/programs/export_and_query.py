"""Export 30 batches and ask for them in between, when told to go."""

import json
import sys

from flask_chest_postgres import PostgresConfig, PostgresStore

from flask_chest.testing.records import make_batch, make_record

store = PostgresStore(PostgresConfig.model_validate(json.loads(sys.argv[1])))
print("ready", flush=True)
sys.stdin.readline()
store.open()
for n in range(30):
    store.export(make_batch(*(make_record() for _ in range(20))))
    assert store.count() >= 20 * n
assert len(store.query(limit=50)) == 50
assert store.routes()[0].count >= 600
store.close()
