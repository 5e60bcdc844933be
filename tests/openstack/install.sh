#!/bin/sh
# Installs what `python -m tests.openstack.plane up` runs: OpenStack as Debian 12 has it (Zed). As root.
# Some 430 packages, three to five minutes. Nothing is started: a policy forbids it while packages arrive.
set -eu
export DEBIAN_FRONTEND=noninteractive

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
for package in keystone glance-common nova-common nova-api neutron-common placement-common cinder-common octavia-common; do
  echo "$package $package/configure_db boolean false" | debconf-set-selections
done
apt-get -qq update
apt-get -qq install -y --no-install-recommends \
  mariadb-server rabbitmq-server openssl uwsgi-core uwsgi-plugin-python3 python3-pymysql \
  keystone placement-api glance-api neutron-server neutron-plugin-ml2 \
  nova-api nova-conductor nova-scheduler nova-compute \
  cinder-api cinder-scheduler cinder-volume octavia-api python3-octavia >/dev/null
