"""Real database servers for tests and benchmarks: on a free loopback port, in a temporary folder.

The URL of your own server in CHEST_TEST_POSTGRES_URL, CHEST_TEST_MYSQL_URL, CHEST_TEST_MONGO_URL or
CHEST_TEST_CLICKHOUSE_URL replaces one. Its user must be allowed to create databases.
"""

from tools.servers.base import Server, free_port
from tools.servers.clickhouse import ClickHouseServer
from tools.servers.maria import MariaServer
from tools.servers.mongo import MongoServer
from tools.servers.postgres import PostgresServer

__all__ = [
    "ClickHouseServer",
    "MariaServer",
    "MongoServer",
    "PostgresServer",
    "Server",
    "free_port",
]
