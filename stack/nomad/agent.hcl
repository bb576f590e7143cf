# Nomad on one machine, server and client in one. What differs from one to the next (ports, folders, tokens) comes from a second file. In a cluster:
# three servers, clients on all other machines, ACLs and TLS on (docs/runbooks/deploy.md).

datacenter           = "dc1"
name                 = "livedrops"
bind_addr            = "127.0.0.1"
disable_update_check = true
log_level            = "WARN"

server {
  enabled          = true
  bootstrap_expect = 1

  # memory_max of the jobs means something.
  default_scheduler_config {
    memory_oversubscription_enabled = true
  }
}

client {
  enabled           = true
  network_interface = "lo"

  # All of it shares a few cores, and what is kept for a task is a share of them and no bound: else a grown unit would find no place for a canary, and a
  # deployment that waits for a place blocks growing and shrinking. Memory is what bounds here.
  cpu_total_compute = 20000

  # What ran is looked at, and then it goes: each has a copy of the artifact.
  gc_max_allocs = 60
  gc_interval   = "1m"

  # Asking a cloud that is not there takes long, and ends the agent where its settings are half there.
  options = {
    "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean"
    "driver.denylist"      = "docker,java,qemu"
  }
}

plugin "raw_exec" {
  config {
    enabled = true
  }
}

# Each task signs in to Consul as itself, and may then what consul/policies says of its kind.
consul {
  service_auth_method = "nomad-workloads"
  task_auth_method    = "nomad-workloads"

  service_identity {
    aud = ["consul.io"]
    ttl = "1h"
  }

  task_identity {
    aud = ["consul.io"]
    ttl = "1h"
  }
}

telemetry {
  collection_interval        = "10s"
  publish_allocation_metrics = true
  publish_node_metrics       = true
  prometheus_metrics         = true
  disable_hostname           = true
}

ui {
  enabled = true
}
