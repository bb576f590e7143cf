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

variable "cpu" {
  description = "MHz that are kept for each."
  type        = number
  default     = 200
}

variable "memory" {
  description = "MB that are kept for each: as measured, and room (stack/nomad/sizes.py)."
  type        = number
  default     = 64
}

variable "memory_max" {
  description = "MB past which one is ended, where the scheduler is told to allow more than what is kept."
  type        = number
  default     = 256
}

variable "port" {
  description = "The public address's port."
  type        = number
  default     = 8000
}

variable "metrics_port" {
  description = "Where HAProxy tells Prometheus its metrics."
  type        = number
  default     = 8404
}

variable "haproxy" {
  description = "Where HAProxy is."
  type        = string
  default     = "/usr/sbin/haproxy"
}

variable "consul_dns" {
  description = "Where the machine's Consul answers DNS."
  type        = string
  default     = "127.0.0.1:8600"
}

job "ingress" {
  datacenters = var.datacenters
  type        = "service"
  priority    = 80

  # One a machine: the port is taken. In a cluster the others go on meanwhile.
  update {
    max_parallel      = 1
    auto_revert       = true
    health_check      = "checks"
    min_healthy_time  = "2s"
    healthy_deadline  = "4m"
    progress_deadline = "10m"
  }

  group "ingress" {
    count = 1

    consul {}

    network {
      port "http" {
        static = var.port
      }

      port "metrics" {
        static = var.metrics_port
      }
    }

    service {
      name     = "ingress"
      port     = "http"
      provider = "consul"
      tags     = ["ingress"]

      check {
        name     = "ready"
        type     = "http"
        path     = "/readyz"
        interval = "5s"
        timeout  = "3s"
      }
    }

    restart {
      attempts = 10
      interval = "5m"
      delay    = "1s"
      mode     = "delay"
    }

    task "ingress" {
      driver = var.driver

      # Its soft stop: no new connections, and the open ones finish.
      kill_signal  = "SIGUSR1"
      kill_timeout = "15s"

      config {
        command = var.haproxy
        args    = ["-db", "-f", "${NOMAD_TASK_DIR}/haproxy.cfg"]
      }

      # HAProxy itself follows Consul, over DNS: this changes with a new version only. A reload would split the two queues and their bounds in two.
      template {
        destination     = "local/haproxy.cfg"
        change_mode     = "restart"
        left_delimiter  = "[["
        right_delimiter = "]]"
        data            = <<-EOT
          # Made by stack/ingress from haproxy.cfg.tmpl at every start: changes belong there.

          global
              # No maxconn here: HAProxy takes as many connections as its limit of open files carries.
              # One thread passes on far more than the gateways behind it can answer, and leaves them the other cores.
              nbthread 1
              # For operators and tests: what it thinks of each process behind it.
              stats socket abns@livedrops-ingress-[[ env "NOMAD_ALLOC_ID" ]] level user

          defaults
              mode http
              timeout connect 1s
              timeout client 30s
              # The longest answer that may still be of use to anybody.
              timeout server 30s
              # A whole request, body included: slow senders hold a connection, never a gateway.
              timeout http-request 5s
              timeout http-keep-alive 60s
              # A gateway that died is replaced by its neighbour; an answer that may have begun is never asked for again.
              retries 2
              option redispatch 1
              retry-on conn-failure
              http-reuse always
              http-error status 503 content-type application/json string '{"errors":[{"message":"Too many requests at once. Try again.","extensions":{"code":"BUSY"}}]}' hdr Retry-After 1 hdr Cache-Control no-store
              http-error status 504 content-type application/json string '{"errors":[{"message":"The answer did not come in time. Try again.","extensions":{"code":"UNAVAILABLE"}}]}' hdr Cache-Control no-store
              http-error status 502 content-type application/json string '{"errors":[{"message":"The answer did not come in time. Try again.","extensions":{"code":"UNAVAILABLE"}}]}' hdr Retry-After 1 hdr Cache-Control no-store

          resolvers consul
              nameserver agent ${var.consul_dns}
              accepted_payload_size 8192
              resolve_retries 3
              timeout resolve 1s
              timeout retry 1s
              hold valid 1s
              hold obsolete 0s
              hold nx 30s
              hold timeout 1h
              hold refused 1h
              hold other 1h

          frontend public
              bind [[ env "NOMAD_ADDR_http" ]]
              maxconn 20000
              # Files come and go by themselves: their bodies are large, slow, and nobody's to look into here.
              acl media path_beg /media/
              acl adds_bytes method POST PATCH

              # What a client says about where it comes from is not to be believed.
              http-request del-header X-Forwarded-For
              http-request del-header Forwarded
              option forwardfor
              http-request set-header X-Forwarded-Proto http

              # Whether a GraphQL request is an order shows only in its body.
              http-request wait-for-body time 5s unless media

              # A body sent in chunks has no announced size: one that has filled the buffer is too large to know more about.
              acl in_chunks req.hdr(Transfer-Encoding) -m sub -i chunked
              acl buffer_full req.body_len gt 12000
              acl too_large req.body_size gt 65536
              http-request return status 413 content-type application/json string '{"errors":[{"message":"A request body may have 65536 bytes.","extensions":{"code":"REQUEST_TOO_LARGE"}}]}' if !media too_large or !media in_chunks buffer_full

              acl rest_order path /order
              acl graphql path /graphql
              acl places_order req.body -m sub placeOrder
              acl orders_full queue(orders) ge 256
              # A variable, because a body is searched once for both decisions.
              http-request set-var(txn.order) bool(true) if { method POST } rest_order
              http-request set-var(txn.order) bool(true) if { method POST } graphql places_order
              acl is_order var(txn.order) -m bool

              # Beyond what can be served in time, the answer is no, at once: a wait would end in the same no.
              http-request return status 503 content-type application/json hdr Retry-After 1 hdr Cache-Control no-store string '{"errors":[{"message":"Too many orders at once. Try again.","extensions":{"code":"BUSY"}}]}' if is_order orders_full

              acl live path /live /graphql/stream
              use_backend live if live
              use_backend media_uploads if media adds_bytes
              use_backend media if media
              use_backend orders if is_order
              default_backend reads

          # For Prometheus.
          frontend metrics
              bind [[ env "NOMAD_ADDR_metrics" ]]
              http-request use-service prometheus-exporter if { path /metrics }
              http-request return status 404

          # Both reach the same gateways. Orders and reads have places of their own in each, so that neither can take the other's.
          backend orders
              balance leastconn
              timeout queue 120ms
              http-error status 503 content-type application/json string '{"errors":[{"message":"Too many orders at once. Try again.","extensions":{"code":"BUSY"}}]}' hdr Retry-After 1 hdr Cache-Control no-store
              server-template gateway- 16 _gateway._tcp.service.consul resolvers consul resolve-opts allow-dup-ip resolve-prefer ipv4 init-addr none maxconn 36 check inter 1s fall 2 rise 1

          backend reads
              balance leastconn
              timeout queue 150ms
              option httpchk
              http-check send meth GET uri /readyz
              server-template gateway- 16 _gateway._tcp.service.consul resolvers consul resolve-opts allow-dup-ip resolve-prefer ipv4 init-addr none maxconn 24 check inter 1s fall 2 rise 1

          # Bytes of files, in and out. What comes in has places of its own, fewer than the unit has threads; past them the answer is no, at once: an upload
          # goes on later where it stopped. A client that is silent for longer than its timeout above loses its connection, and goes on the same way.
          backend media_uploads
              balance leastconn
              timeout queue 500ms
              # Judging a file that is there in whole: its checksum, its thumbnails.
              timeout server 120s
              http-error status 503 content-type application/json string '{"errors":[{"message":"Too many files at once. Try again.","extensions":{"code":"BUSY"}}]}' hdr Retry-After 5 hdr Cache-Control no-store
              server-template media- 16 _media._tcp.service.consul resolvers consul resolve-opts allow-dup-ip resolve-prefer ipv4 init-addr none maxconn 16 check inter 1s fall 2 rise 1

          backend media
              balance leastconn
              timeout queue 500ms
              # A HEAD may find a file to be judged.
              timeout server 120s
              option httpchk
              http-check send meth GET uri /readyz
              http-error status 503 content-type application/json string '{"errors":[{"message":"Too many files at once. Try again.","extensions":{"code":"BUSY"}}]}' hdr Retry-After 5 hdr Cache-Control no-store
              server-template media- 16 _media._tcp.service.consul resolvers consul resolve-opts allow-dup-ip resolve-prefer ipv4 init-addr none maxconn 48 check inter 1s fall 2 rise 1

          # Streams that last for hours. What the unit writes is passed on at once, and a unit that writes nothing, not even a heartbeat, has hung.
          backend live
              balance leastconn
              timeout queue 100ms
              timeout server 60s
              # It answers late while thousands open streams in one second; one that is gone refuses the line at once.
              timeout check 5s
              option http-no-delay
              option httpchk
              http-check send meth GET uri /readyz
              http-error status 503 content-type application/json string '{"errors":[{"message":"Too many live streams. Try again.","extensions":{"code":"BUSY"}}]}' hdr Retry-After 5 hdr Cache-Control no-store
              server-template live- 16 _live._tcp.service.consul resolvers consul resolve-opts allow-dup-ip resolve-prefer ipv4 init-addr none maxconn 8000 check inter 1s fall 2 rise 1
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
