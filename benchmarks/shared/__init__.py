"""What several commands use: databases, records, servers, statistics, tables and charts."""
