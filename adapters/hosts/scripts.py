"""What is run on hosts: POSIX shell, without root. Each script answers in lines of ``name=value``.

A script is read by the shell from its standard input, so nothing in it may read that.
"""

from shlex import quote

FACTS = r"""
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
release() {
  for file in /etc/os-release /usr/lib/os-release; do
    [ -r "$file" ] && { sed -n "s/^$1=//p" "$file" | tail -n 1; return; }
  done
}
memory() {
  while read -r what amount _; do [ "$what" = MemTotal: ] && echo "$amount"; done </proc/meminfo
}
printf 'kubisnap-facts=1\n'
printf 'name=%s\n' "$(uname -n)"
printf 'machine=%s\n' "$(uname -m)"
printf 'machine_id=%s\n' "$(cat /etc/machine-id 2>/dev/null)"
printf 'system=%s\n' "$(release ID)"
printf 'release=%s\n' "$(release VERSION_ID)"
printf 'cpus=%s\n' "$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)"
printf 'memory_kib=%s\n' "$(memory)"
printf 'disk_kib=%s\n' "$(df -Pk / | { read -r _; read -r _ blocks _; echo "$blocks"; })"
printf 'facts=end\n'
"""

_USUAL_FOLDER = r"""
folder=$HOME/.kubisnap
if [ "$(id -u)" = 0 ] || [ -d /var/lib/kubisnap ]; then folder=/var/lib/kubisnap; fi
"""
"""Where claims are: at one place of the machine once root has claimed it, else at the user's home."""

_LOOK = r"""
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
claim=$folder/claim.json
state=free
if [ -r "$claim" ]; then state=held; elif [ -e "$claim" ] || [ -L "$claim" ]; then state=hidden; fi
above=$folder
while [ ! -e "$above" ] && [ "$above" != / ]; do above=$(dirname "$above"); done
writable=no
[ -d "$above" ] && [ -w "$above" ] && writable=yes
addresses() {
  hostname -I 2>/dev/null || ip -o addr show scope global 2>/dev/null |
    while read -r _ _ _ address _; do printf '%s ' "${address%%/*}"; done
}
content() {
  [ "$state" = held ] && dd if="$claim" bs=4001 count=1 2>/dev/null | tr '\000-\037\177' '[ *]'
}
printf 'kubisnap-claim=1\n'
printf 'folder=%s\n' "$folder"
printf 'writable=%s\n' "$writable"
printf 'addresses=%s\n' "$(addresses)"
printf 'state=%s\n' "$state"
printf 'claim=%s\n' "$(content)"
"""

_BEGIN = r"""
say() { printf 'kubisnap-did=1\nword=%s\n' "$1"; exit 0; }
umask 022
claim=$folder/claim.json
mkdir -p "$folder" 2>/dev/null
[ -d "$folder" ] && [ -w "$folder" ] || say readonly
( : >>"$folder/lock" ) 2>/dev/null || say readonly
exec 9>>"$folder/lock"
if command -v flock >/dev/null 2>&1; then
  tries=0
  until flock -n 9; do
    tries=$((tries + 1))
    [ "$tries" -le 50 ] || say busy
    sleep 0.1 2>/dev/null || sleep 1
  done
fi
durable() { sync "$@" 2>/dev/null || sync; }
"""
"""Two that change a claim wait for each other, where there is ``flock``; `_TAKE` is safe without it."""

_TAKE = r"""
if [ -e "$claim" ] || [ -L "$claim" ]; then say taken; fi
new=$folder/.claim-$id
printf '%s\n' "$text" >"$new" && durable "$new" || { rm -f "$new"; say failed; }
if ln "$new" "$claim"; then rm -f "$new"; durable "$folder"; say done; fi
rm -f "$new"
[ -e "$claim" ] && say taken
say failed
"""

_RELEASE = r"""
[ -e "$claim" ] || say gone
[ "$(cat "$claim")" = "$text" ] || say another
rm -f "$claim" && durable "$folder" && say done
say failed
"""


def looking(folder: str) -> str:
    """Return what looks at a host's claim; `folder` is where it is, empty for the usual place."""
    return f"{_folder(folder)}{_LOOK}"


def taking(folder: str, claim_id: str, text: str) -> str:
    """Return what claims a host with a text, unless it is claimed."""
    return f"{_folder(folder)}id={quote(claim_id)}\ntext={quote(text)}\n{_BEGIN}{_TAKE}"


def releasing(folder: str, text: str) -> str:
    """Return what removes a claim, if it is still this text."""
    return f"{_folder(folder)}text={quote(text)}\n{_BEGIN}{_RELEASE}"


def _folder(folder: str) -> str:
    if not folder:
        return _USUAL_FOLDER
    if folder.startswith("~/"):
        return f'folder="$HOME"/{quote(folder[2:])}\n'
    return f"folder={quote(folder)}\n"
