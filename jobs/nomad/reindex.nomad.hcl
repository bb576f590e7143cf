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

job "reindex" {
  datacenters = var.datacenters
  type        = "batch"

  # Started with: nomad job dispatch reindex
  parameterized {
    payload = "forbidden"
  }

  group "reindex" {
    consul {}

    # It is safe to repeat, whatever it died in.
    restart {
      attempts = 3
      interval = "10m"
      delay    = "5s"
      mode     = "fail"
    }

    reschedule {
      attempts  = 0
      unlimited = false
    }

    task "reindex" {
      driver       = var.driver
      kill_signal  = "SIGTERM"
      kill_timeout = "15s"

      artifact {
        source      = var.artifact
        mode        = "file"
        destination = "local/livedrops.pex"
      }

      config {
        command = "/bin/sh"
        args    = ["local/livedrops.pex", "-m", "cli.main", "reindex"]
      }

      env {
        PEX_INTERPRETER  = "1"
        PEX_ROOT         = var.unpacked
        PYTHONUNBUFFERED = "1"
      }

      template {
        destination = "secrets/settings.env"
        perms       = "600"
        env         = true
        # It reads them once, and ends soon.
        change_mode = "noop"
        data        = <<-EOT
          {{- /* An address of a server. While none is known, this waits, and what was written before stays. */ -}}
          {{- define "place" }}{{ with service (printf "%s|any" .) }}{{ with index . 0 }}{{ .Address }}:{{ .Port }}{{ end }}{{ else }}{{ key (printf "livedrops/waiting-for/%s" .) }}{{ end }}{{ end -}}
          {{- /* What all have, what this one has of its own, and what only it may know: of two with one name the later holds. */ -}}
          {{- scratch.MapSet "own" "unit" "reindex" -}}
          {{- range ls "livedrops/settings/all" }}{{ scratch.MapSet "own" .Key .Value }}{{ end -}}
          {{- range ls "livedrops/settings/reindex" }}{{ scratch.MapSet "own" .Key .Value }}{{ end -}}
          {{- with nomadVar "nomad/jobs/reindex" }}{{ range .Tuples }}{{ scratch.MapSet "own" .K .V }}{{ end }}{{ end -}}
          {{- $own := scratch.Get "own" -}}
          {{- range $name, $value := $own }}
          LIVEDROPS_{{ $name | toUpper }}={{ $value | toJSON }}
          {{- end }}
          {{- if not (index $own "broker_url") }}
          LIVEDROPS_BROKER_URL="amqp://operations:{{ index $own "broker_password" }}@{{ template "place" "rabbitmq" }}/livedrops"{{ end }}
          {{- if not (index $own "redis_url") }}
          LIVEDROPS_REDIS_URL="redis://{{ template "place" "redis" }}/0"{{ end }}
          {{- if not (index $own "orders_postgres_url") }}
          LIVEDROPS_ORDERS_POSTGRES_URL="postgresql://livedrops:{{ index $own "postgres_password" }}@{{ template "place" "postgres" }}/orders"{{ end }}
          {{- if not (index $own "products_postgres_url") }}
          LIVEDROPS_PRODUCTS_POSTGRES_URL="postgresql://livedrops:{{ index $own "postgres_password" }}@{{ template "place" "postgres" }}/products"{{ end }}
          {{- if not (index $own "analytics_postgres_url") }}
          LIVEDROPS_ANALYTICS_POSTGRES_URL="postgresql://livedrops:{{ index $own "postgres_password" }}@{{ template "place" "postgres" }}/analytics"{{ end }}
          {{- if not (index $own "users_mongo_url") }}
          LIVEDROPS_USERS_MONGO_URL="mongodb://{{ template "place" "mongo" }}/?replicaSet=rs0"{{ end }}
          {{- if not (index $own "notifications_mongo_url") }}
          LIVEDROPS_NOTIFICATIONS_MONGO_URL="mongodb://{{ template "place" "mongo" }}/?replicaSet=rs0"{{ end }}
          {{- if not (index $own "media_mongo_url") }}
          LIVEDROPS_MEDIA_MONGO_URL="mongodb://{{ template "place" "mongo" }}/?replicaSet=rs0"{{ end }}
          {{- if not (index $own "search_elasticsearch_url") }}{{ with service "elasticsearch|any" }}{{ with index . 0 }}
          LIVEDROPS_SEARCH_ELASTICSEARCH_URL="http://{{ .Address }}:{{ .Port }}"{{ end }}{{ end }}{{ end }}
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
