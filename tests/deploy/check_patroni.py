"""Patroni's own check of a configuration (`patroni --validate-config FILE`), without the network.

Patroni also asks whether every address can be reached; those of a recipe are nobody's.
"""

import socket
import sys

from patroni.__main__ import main

socket.socket.connect_ex = lambda self, address: 0
sys.argv = ["patroni", "--validate-config", "--ignore-listen-port", *sys.argv[1:]]
main()
