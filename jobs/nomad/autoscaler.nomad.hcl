# Made by `make jobs` from stack/nomad/templates: changes belong there. Only where there is a Prometheus, known to Consul by that name.

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

variable "autoscaler" {
  description = "Where nomad-autoscaler is."
  type        = string
  default     = "/usr/local/bin/nomad-autoscaler"
}

variable "nomad_address" {
  description = "The Nomad that it asks and tells."
  type        = string
  default     = "http://127.0.0.1:4646"
}

job "autoscaler" {
  datacenters = var.datacenters
  type        = "service"
  priority    = 40

  group "autoscaler" {
    count = 1

    consul {}

    network {
      port "http" {}
    }

    service {
      name     = "autoscaler"
      port     = "http"
      provider = "consul"

      check {
        name     = "ready"
        type     = "http"
        path     = "/v1/health"
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

    task "autoscaler" {
      driver       = var.driver
      kill_signal  = "SIGTERM"
      kill_timeout = "10s"

      config {
        command = var.autoscaler
        args    = ["agent", "-config", "${NOMAD_TASK_DIR}/autoscaler.hcl"]
      }

      template {
        destination = "local/autoscaler.hcl"
        change_mode = "restart"
        data        = <<-EOT
          log_level = "INFO"

          http {
            bind_address = "{{ env "NOMAD_IP_http" }}"
            bind_port    = {{ env "NOMAD_PORT_http" }}
          }

          nomad {
            address = "${var.nomad_address}"
          }

          policy {
            default_cooldown            = "1m"
            default_evaluation_interval = "15s"
          }

          apm "prometheus" {
            driver = "prometheus"
            config = {
              address = "http://{{ with service "prometheus|any" }}{{ with index . 0 }}{{ .Address }}:{{ .Port }}{{ end }}{{ else }}{{ key "livedrops/waiting-for/prometheus" }}{{ end }}"
            }
          }

          strategy "pass-through" {
            driver = "pass-through"
          }
        EOT
      }

      resources {
        cpu        = 20
        memory     = 64
        memory_max = 128
      }
    }
  }
}
