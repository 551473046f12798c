"""Ask for records and sums; print what each command allows the server: time, and its disk."""

import json
import sys

from flask_chest_mongo import MongoConfig, MongoStore
from pymongo import monitoring

from flask_chest.query.nodes import Variable
from flask_chest.query.questions import Order, Selection, Tally
from flask_chest.testing import make_batch, make_record


class Listener(monitoring.CommandListener):
    def started(self, event):
        if event.command_name in ("find", "aggregate", "getMore"):
            command = event.command
            shown = [event.command_name, command.get("maxTimeMS"), command.get("allowDiskUse")]
            print(json.dumps(shown))

    def succeeded(self, event):
        pass

    def failed(self, event):
        pass


config = MongoConfig.model_validate({**json.loads(sys.argv[1]), "query_timeout_seconds": 7})
store = MongoStore(config)
store.open()
store.export(make_batch(*(make_record(variables={"odd.name": n}) for n in range(150))))
monitoring.register(Listener())
store.close()
store.open()
odd = Variable(("odd.name",))
assert len(store.select(Selection(limit=120))) == 120
assert len(store.select(Selection(order=Order(odd), limit=120))) == 120
assert len(list(store.tally(Tally(by=(odd,))))) == 150
store.close()
