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

variable "release" {
  description = "Told in tags and to the process, so that one sees what runs. A new one is a new deployment, of new processes."
  type        = string
  default     = "unnamed"
}

variable "unpacked" {
  description = "A folder of each machine where an artifact is unpacked once for all that use it."
  type        = string
  default     = "/var/cache/livedrops/pex"
}

variable "cpu" {
  description = "MHz that are kept for each."
  type        = number
  default     = 50
}

variable "memory" {
  description = "MB that are kept for each: as measured, and room (stack/nomad/sizes.py)."
  type        = number
  default     = 128
}

variable "memory_max" {
  description = "MB past which one is ended, where the scheduler is told to allow more than what is kept."
  type        = number
  default     = 384
}

variable "count" {
  description = "One does the work, under a lease: more only wait for it."
  type        = number
  default     = 1
}

variable "environment" {
  description = "LIVEDROPS_ENV: production, or development, which shows more."
  type        = string
  default     = "production"
}

variable "healthy_deadline" {
  description = "How long a new one may take until it is ready; past that, a deployment is taken back."
  type        = string
  default     = "4m"
}

job "users-capture" {
  datacenters = var.datacenters
  type        = "service"
  priority    = 50

  # One new one beside those that run: once it is ready, it takes over, and the others follow one after the other. One that never gets ready is taken
  # away again, and nobody has noticed.
  # It works under a lease, which fences it: the new one waits beside the old one, and takes over within seconds.
  update {
    max_parallel     = 1
    canary           = 1
    auto_promote     = true
    auto_revert      = true
    health_check     = "checks"
    min_healthy_time = "5s"
    healthy_deadline = var.healthy_deadline
    # One that is not ready in time ends it: another try of the same would only keep what is broken for longer.
    progress_deadline = "0s"
  }

  group "users-capture" {
    count = var.count

    consul {}

    network {
      port "http" {}
    }

    service {
      name        = "users-capture"
      port        = "http"
      provider    = "consul"
      tags        = ["unit", "release-${var.release}"]
      canary_tags = ["unit", "canary", "release-${var.release}"]

      check {
        name     = "ready"
        type     = "http"
        path     = "/readyz"
        interval = "5s"
        timeout  = "5s"

        # A minute: a store that is away for less than that is no reason to start anything anew.
        check_restart {
          limit = 12
          grace = "60s"
        }
      }
    }

    # A crash is mended here, at once; what crashes again and again is tried elsewhere.
    restart {
      attempts = 10
      interval = "5m"
      delay    = "2s"
      mode     = "fail"
    }

    reschedule {
      delay          = "5s"
      delay_function = "exponential"
      max_delay      = "2m"
      unlimited      = true
    }

    task "users-capture" {
      driver = var.driver

      # Whoever is stopped finishes what is in flight, for at most 10 s.
      kill_signal  = "SIGTERM"
      kill_timeout = "15s"

      artifact {
        source      = var.artifact
        mode        = "file"
        destination = "local/livedrops.pex"
      }

      config {
        command = "/bin/sh"
        args    = ["local/livedrops.pex", "-m", "services.users.cdc"]
      }

      env {
        LIVEDROPS_CONFIG    = "${NOMAD_SECRETS_DIR}/settings.toml"
        LIVEDROPS_ENV       = var.environment
        LIVEDROPS_UNIT      = "users-capture"
        LIVEDROPS_HTTP_HOST = "${NOMAD_IP_http}"
        LIVEDROPS_HTTP_PORT = "${NOMAD_PORT_http}"
        LIVEDROPS_RELEASE   = var.release
        PEX_INTERPRETER     = "1"
        PEX_ROOT            = var.unpacked
        PYTHONUNBUFFERED    = "1"
      }

      # A changed value lets it end well and become itself again, not all at one moment; what it is asked meanwhile waits in its queue on the broker.
      # One that makes no sense changes nothing, and is told in the task's stderr.
      template {
        destination   = "secrets/settings.toml"
        perms         = "600"
        change_mode   = "signal"
        change_signal = "SIGHUP"
        splay         = "15s"

        data = <<-EOT
          {{- /* An address of a server. While none is known, this waits, and what was written before stays. */ -}}
          {{- define "place" }}{{ with service (printf "%s|any" .) }}{{ with index . 0 }}{{ .Address }}:{{ .Port }}{{ end }}{{ else }}{{ key (printf "livedrops/waiting-for/%s" .) }}{{ end }}{{ end -}}
          {{- /* What all have, what this one has of its own, and what only it may know: of two with one name the later holds. */ -}}
          {{- scratch.MapSet "own" "unit" "users-capture" -}}
          {{- range ls "livedrops/settings/all" }}{{ scratch.MapSet "own" .Key .Value }}{{ end -}}
          {{- range ls "livedrops/settings/users-capture" }}{{ scratch.MapSet "own" .Key .Value }}{{ end -}}
          {{- with nomadVar "nomad/jobs/users-capture" }}{{ range .Tuples }}{{ scratch.MapSet "own" .K .V }}{{ end }}{{ end -}}
          {{- $own := scratch.Get "own" -}}
          {{- range $name, $value := $own }}
          {{ $name }} = {{ $value | toJSON }}
          {{- end }}
          {{- if not (index $own "broker_url") }}
          broker_url = "amqp://users-capture:{{ index $own "broker_password" }}@{{ template "place" "rabbitmq" }}/livedrops"{{ end }}
          {{- if not (index $own "redis_url") }}
          redis_url = "redis://{{ template "place" "redis" }}/0"{{ end }}
          {{- if not (index $own "users_mongo_url") }}
          users_mongo_url = "mongodb://{{ template "place" "mongo" }}/?replicaSet=rs0"{{ end }}
          {{- if not (index $own "notifications_mongo_url") }}
          notifications_mongo_url = "mongodb://{{ template "place" "mongo" }}/?replicaSet=rs0"{{ end }}
          {{- if not (index $own "media_mongo_url") }}
          media_mongo_url = "mongodb://{{ template "place" "mongo" }}/?replicaSet=rs0"{{ end }}
        EOT
      }

      resources {
        cpu        = var.cpu
        memory     = var.memory
        memory_max = var.memory_max
      }
    }
  }
}
