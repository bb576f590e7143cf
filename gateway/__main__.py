"""Run one gateway process: python -m gateway"""

from gateway.settings import GatewaySettings
from services.kernel.wsgi import serve

# Connections that wait in the kernel: a celebrity's drop opens thousands in a moment, through few ingress connections.
BACKLOG = 2_048

if __name__ == "__main__":
    settings = GatewaySettings.load_or_exit()
    serve("gateway.app:create", settings, 8080, settings.threads, BACKLOG)
