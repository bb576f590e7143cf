"""What every service needs and no service owns: configuration, RPC, events, stores, leases, metrics, logs, health."""
