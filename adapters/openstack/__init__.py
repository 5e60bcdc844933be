"""OpenStack, spoken to over the APIs of Keystone, Nova, Neutron, Glance, Cinder and Octavia."""
