"""Create the tables of ten prefixes, when told to go."""

import json
import sys

from flask_chest_mysql import MysqlConfig, MysqlStore

config = json.loads(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for number in range(10):
    store = MysqlStore(MysqlConfig.model_validate({**config, "table_prefix": f"p{number}_"}))
    store.open()
    store.close()
