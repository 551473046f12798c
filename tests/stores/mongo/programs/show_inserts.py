"""Export large batches; print write concern, order and length of each insertion of several."""

import json
import sys

from flask_chest_mongo import MongoConfig, MongoStore
from pymongo import monitoring

from flask_chest.testing import make_batch, make_record


class Listener(monitoring.CommandListener):
    def started(self, event):
        command = event.command
        if event.command_name == "insert" and len(command["documents"]) > 1:
            shown = [command["writeConcern"], command["ordered"], len(command["documents"])]
            print(json.dumps(shown))

    def succeeded(self, event):
        pass

    def failed(self, event):
        pass


monitoring.register(Listener())
store = MongoStore(MongoConfig.model_validate(json.loads(sys.argv[1])))
store.open()
store.export(make_batch(*(make_record() for _ in range(10))))
big = [make_record(variables={"t": "x" * 500_000}) for _ in range(40)]
dense = [make_record(variables={"l": [0] * 900_000}) for _ in range(2)]
store.export(make_batch(*big, *dense, make_record()))
assert store.count() == 53
store.close()
