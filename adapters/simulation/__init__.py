"""What simulators of clouds' APIs share: a server on loopback that tells what it is, and faults on order.

For tests and demos. Knows HTTP; knows no cloud.
"""
