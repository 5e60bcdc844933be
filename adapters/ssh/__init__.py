"""SSH: the keys that open servers, the servers' own keys, connections that run commands.

General: knows no cloud and no Kubernetes. paramiko is imported when a connection is made, not before.
"""
