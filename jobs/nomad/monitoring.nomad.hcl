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

variable "prometheus_port" {
  description = "Where Prometheus answers, with the dashboards at /user/index.html."
  type        = number
  default     = 9090
}

variable "alertmanager_port" {
  description = "Where Alertmanager answers."
  type        = number
  default     = 9093
}

# For one machine: the same programs and files as `make monitor` has. A cluster has a Prometheus of its own, which takes the rules of monitoring/.
job "monitoring" {
  datacenters = var.datacenters
  type        = "service"
  priority    = 40

  # Two of it can't share its data, so there is no canary.
  update {
    max_parallel      = 1
    health_check      = "checks"
    min_healthy_time  = "1s"
    healthy_deadline  = "4m"
    progress_deadline = "5m"
  }

  group "monitoring" {
    count = 1

    consul {}

    network {
      port "prometheus" {
        static = var.prometheus_port
      }

      port "alertmanager" {
        static = var.alertmanager_port
      }
    }

    service {
      name     = "prometheus"
      port     = "prometheus"
      provider = "consul"
      tags     = ["monitoring"]

      check {
        name     = "ready"
        type     = "http"
        path     = "/-/ready"
        interval = "10s"
        timeout  = "5s"
      }
    }

    service {
      name     = "alertmanager"
      port     = "alertmanager"
      provider = "consul"
      tags     = ["monitoring"]

      check {
        name     = "ready"
        type     = "http"
        path     = "/-/ready"
        interval = "10s"
        timeout  = "5s"
      }
    }

    restart {
      attempts = 10
      interval = "5m"
      delay    = "2s"
      mode     = "delay"
    }

    task "statsd-exporter" {
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
        args    = ["local/livedrops.pex", "-m", "cli.main", "monitor", "run", "statsd-exporter", "--profile", "nomad", "--units", "local/units.json"]
      }

      env {
        LIVEDROPS_STATE_DIR = var.state_dir
        PEX_INTERPRETER     = "1"
        PEX_ROOT            = var.unpacked
        PYTHONUNBUFFERED    = "1"
      }

      resources {
        cpu        = 30
        memory     = 32
        memory_max = 256
      }
    }

    task "exporter" {
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
        args    = ["local/livedrops.pex", "-m", "cli.main", "monitor", "run", "exporter", "--profile", "nomad", "--units", "local/units.json"]
      }

      env {
        LIVEDROPS_STATE_DIR = var.state_dir
        PEX_INTERPRETER     = "1"
        PEX_ROOT            = var.unpacked
        PYTHONUNBUFFERED    = "1"
      }

      template {
        destination = "local/units.json"
        change_mode = "noop"
        data        = <<-EOT
          [
          {{- range service "gateway|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "gateway", "process": "gateway:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          {{- range service "live|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "live", "process": "live:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          {{- range service "products|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "products", "process": "products:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          {{- range service "products-stock|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "products-stock", "process": "products-stock:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          {{- range service "products-relay|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "products-relay", "process": "products-relay:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          {{- range service "products-clock|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "products-clock", "process": "products-clock:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          {{- range service "media|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "media", "process": "media:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          {{- range service "users|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "users", "process": "users:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          {{- range service "users-capture|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "users-capture", "process": "users-capture:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          {{- range service "search|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "search", "process": "search:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          {{- range service "search-indexer|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "search-indexer", "process": "search-indexer:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          {{- range service "orders|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "orders", "process": "orders:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          {{- range service "notifications|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "notifications", "process": "notifications:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          {{- range service "notifications-events|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "notifications-events", "process": "notifications-events:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          {{- range service "notifications-push|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "notifications-push", "process": "notifications-push:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          {{- range service "analytics-service|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "analytics-service", "process": "analytics-service:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          {{- range service "analytics-events|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "analytics-events", "process": "analytics-events:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          {{- range service "orders-views|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "orders-views", "process": "orders-views:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          {{- range service "orders-terms|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "orders-terms", "process": "orders-terms:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          {{- range service "orders-relay|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "orders-relay", "process": "orders-relay:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          {{- range service "orders-reconciler|any" }}{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}
          {"unit": "orders-reconciler", "process": "orders-reconciler:{{ .Port }}", "url": "http://{{ .Address }}:{{ .Port }}/readyz"}{{ end }}
          ]
        EOT
      }

      resources {
        cpu        = 20
        memory     = 96
        memory_max = 256
      }
    }

    task "node-exporter" {
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
        args    = ["local/livedrops.pex", "-m", "cli.main", "monitor", "run", "node-exporter", "--profile", "nomad", "--units", "local/units.json"]
      }

      env {
        LIVEDROPS_STATE_DIR = var.state_dir
        PEX_INTERPRETER     = "1"
        PEX_ROOT            = var.unpacked
        PYTHONUNBUFFERED    = "1"
      }

      resources {
        cpu        = 10
        memory     = 32
        memory_max = 256
      }
    }

    task "postgres-exporter" {
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
        args    = ["local/livedrops.pex", "-m", "cli.main", "monitor", "run", "postgres-exporter", "--profile", "nomad", "--units", "local/units.json"]
      }

      env {
        LIVEDROPS_STATE_DIR = var.state_dir
        PEX_INTERPRETER     = "1"
        PEX_ROOT            = var.unpacked
        PYTHONUNBUFFERED    = "1"
      }

      resources {
        cpu        = 10
        memory     = 32
        memory_max = 256
      }
    }

    task "redis-exporter" {
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
        args    = ["local/livedrops.pex", "-m", "cli.main", "monitor", "run", "redis-exporter", "--profile", "nomad", "--units", "local/units.json"]
      }

      env {
        LIVEDROPS_STATE_DIR = var.state_dir
        PEX_INTERPRETER     = "1"
        PEX_ROOT            = var.unpacked
        PYTHONUNBUFFERED    = "1"
      }

      resources {
        cpu        = 10
        memory     = 32
        memory_max = 256
      }
    }

    task "elasticsearch-exporter" {
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
        args    = ["local/livedrops.pex", "-m", "cli.main", "monitor", "run", "elasticsearch-exporter", "--profile", "nomad", "--units", "local/units.json"]
      }

      env {
        LIVEDROPS_STATE_DIR = var.state_dir
        PEX_INTERPRETER     = "1"
        PEX_ROOT            = var.unpacked
        PYTHONUNBUFFERED    = "1"
      }

      resources {
        cpu        = 10
        memory     = 32
        memory_max = 256
      }
    }

    task "alertmanager" {
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
        args    = ["local/livedrops.pex", "-m", "cli.main", "monitor", "run", "alertmanager", "--profile", "nomad", "--units", "local/units.json"]
      }

      env {
        LIVEDROPS_STATE_DIR = var.state_dir
        PEX_INTERPRETER     = "1"
        PEX_ROOT            = var.unpacked
        PYTHONUNBUFFERED    = "1"
      }

      resources {
        cpu        = 10
        memory     = 64
        memory_max = 256
      }
    }

    task "prometheus" {
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
        args    = ["local/livedrops.pex", "-m", "cli.main", "monitor", "run", "prometheus", "--profile", "nomad", "--units", "local/units.json"]
      }

      env {
        LIVEDROPS_STATE_DIR = var.state_dir
        PEX_INTERPRETER     = "1"
        PEX_ROOT            = var.unpacked
        PYTHONUNBUFFERED    = "1"
      }

      resources {
        cpu        = 50
        memory     = 128
        memory_max = 512
      }
    }

  }
}
