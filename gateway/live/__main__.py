"""Run one live process: python -m gateway.live"""

from gateway.live.settings import LiveSettings
from services.kernel.asgi import serve

# Connections that wait in the kernel: everybody comes back at once when another process has ended.
BACKLOG = 4_096
# Health checks and refusals beside the streams.
SPARE_REQUESTS = 512

if __name__ == "__main__":
    settings = LiveSettings.load_or_exit()
    serve("gateway.live.app:create", settings, 8082, settings.live_connections + SPARE_REQUESTS, BACKLOG)
