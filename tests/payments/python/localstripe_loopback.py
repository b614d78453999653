"""localstripe on this machine alone, in memory: its own command listens to everybody and keeps a file. Argument: the port."""

import sys

from aiohttp import web
from localstripe.server import app

web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
