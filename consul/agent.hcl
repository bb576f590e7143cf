# Consul on one machine. What differs from one to the next (ports, folders, tokens) comes from a second file. In a cluster: several servers
# (bootstrap_expect), gossip and RPC encrypted (encrypt, tls), and an agent in client mode on each machine (docs/runbooks/deploy.md).

datacenter           = "dc1"
node_name            = "livedrops"
server               = true
bootstrap_expect     = 1
bind_addr            = "127.0.0.1"
client_addr          = "127.0.0.1"
disable_update_check = true
log_level            = "WARN"

ui_config {
  enabled = true
}

connect {
  enabled = true
}

# Nobody may do anything that a policy does not allow.
acl {
  enabled                  = true
  default_policy           = "deny"
  enable_token_persistence = true
}

# Every template of every task waits for each of its values on a connection of its own, and all come from one address.
limits {
  http_max_conns_per_client = 4000
}

telemetry {
  prometheus_retention_time = "60s"
  disable_hostname          = true
}
