"""The baseline: a bare Python with paho connected over TLS by its own certificate. `bare.py HOST PORT CA CERT KEY`."""

import ssl
import sys

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion


def main() -> None:
    """Connect, say so, and stay."""
    host, port, server_ca, certificate, key = sys.argv[1:]
    context = ssl.create_default_context(cafile=server_ca)
    context.load_cert_chain(certificate, key)
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.tls_set_context(context)
    client.on_connect = lambda *_: print("connected", flush=True)
    client.connect(host, int(port), keepalive=60)
    client.loop_forever()


if __name__ == "__main__":
    main()
