# Made by `make jobs` from stack/units.py and stack/nomad/templates: changes belong there. docs/runbooks/deploy.md says what to set where.

variable "datacenters" {
  description = "Where it may run."
  type        = list(string)
  default     = ["dc1"]
}

variable "driver" {
  description = "raw_exec on one machine; exec, which confines what it runs, in a cluster."
  type        = string
  default     = "raw_exec"
}

variable "artifact" {
  description = "Where the one artifact with all of LiveDrops is fetched from: anything that Nomad's artifact block takes."
  type        = string
  default     = "http://127.0.0.1:8099/livedrops.pex"
}

variable "unpacked" {
  description = "A folder of each machine where an artifact is unpacked once for all that use it."
  type        = string
  default     = "/var/cache/livedrops/pex"
}

variable "state_dir" {
  description = "The folder with this machine's profile of the stack: its data, its secrets, its ports."
  type        = string
  default     = "/var/lib/livedrops"
}

variable "port" {
  description = "A port that stays: who is connected comes back to it, and MongoDB's replica set knows its member by it."
  type        = number
  default     = 9200
}

# For one machine: the same program and configuration as `make run` has. A cluster has stores of its own, whose addresses are settings.
job "elasticsearch" {
  datacenters = var.datacenters
  type        = "service"
  priority    = 90

  # Two of it can't share its data, so there is no canary.
  update {
    max_parallel      = 1
    health_check      = "checks"
    min_healthy_time  = "1s"
    healthy_deadline  = "4m"
    progress_deadline = "5m"
  }

  group "elasticsearch" {
    count = 1

    network {
      port "http" {
        static = var.port
      }
    }

    service {
      name     = "elasticsearch"
      port     = "http"
      provider = "consul"
      tags     = ["store"]

      check {
        name     = "ready"
        type     = "http"
        path     = "/_cluster/health?wait_for_status=yellow&timeout=0s"
        interval = "5s"
        timeout  = "5s"

        check_restart {
          limit = 12
          grace = "4m"
        }
      }
    }

    restart {
      attempts = 10
      interval = "5m"
      delay    = "2s"
      mode     = "delay"
    }

    reschedule {
      delay          = "5s"
      delay_function = "constant"
      unlimited      = true
    }

    task "elasticsearch" {
      driver       = var.driver
      kill_signal  = "SIGTERM"
      kill_timeout = "30s"

      artifact {
        source      = var.artifact
        mode        = "file"
        destination = "local/livedrops.pex"
      }

      config {
        command = "/bin/sh"
        args    = ["local/livedrops.pex", "-m", "cli.main", "server", "run", "elasticsearch"]
      }

      env {
        LIVEDROPS_STATE_DIR = var.state_dir
        PEX_INTERPRETER     = "1"
        PEX_ROOT            = var.unpacked
        PYTHONUNBUFFERED    = "1"
      }

      resources {
        cpu        = 200
        memory     = 640
        memory_max = 1024
      }
    }

  }
}
