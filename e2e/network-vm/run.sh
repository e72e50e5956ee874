# Runs in the guest at every boot and writes to the second serial line what held. What is still to be done is in a file,
# because some of it is before a boot and some after.
set -euo pipefail
cd /e2e
for part in lib docker systemd shape optimize xdp user; do . ./$part.sh; done
mkdir -p $state
cp /e2e/stadion-network $tool
[ -e $state/todo ] || tr ' ' '\n' < ./asked > $state/todo
echo "e2e: $(uname -r), $(nproc) CPUs, $(sed -n 's/PRETTY_NAME=//p' /etc/os-release)"
systemctl is-system-running --wait > /dev/null || systemctl --failed --no-legend
make_player
while read -r part; do
    sed -i 1d $state/todo
    if [ "$part" = reboot ]; then
        sync
        systemctl reboot
        exit
    fi
    # What a check reads is not the list.
    $part < /dev/null
done < <(cat $state/todo)
echo 'e2e: end'
