"""What every adapter that speaks HTTP shares: connections, end points, and what broken ones mean.

Knows requests and urllib3; knows no cloud.
"""
