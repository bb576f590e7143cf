"""Run one media process: python -m services.products.media"""

from services.kernel.wsgi import serve
from services.products.media.settings import MediaSettings

# The ingress lets no more in than there are threads; this is for its health checks beside them.
BACKLOG = 256

if __name__ == "__main__":
    settings = MediaSettings.load_or_exit()
    serve("services.products.media.app:create", settings, 8081, settings.media_threads, BACKLOG)
