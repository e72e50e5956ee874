# What the checks share. Sourced by run.sh.

tool=/usr/local/bin/stadion-network
state=/var/lib/e2e
server=10.77.0.1

# check NAME COMMAND...: runs it, and says whether it held; what it said comes with a failure.
check() {
    local name=$1 out code began=$SECONDS
    shift
    set +e
    out=$(set -e; "$@" 2>&1)
    code=$?
    set -e
    if [ "$code" = 0 ]; then
        echo "check $name: ok, $((SECONDS - began)) s"
    else
        echo "check $name: FAILED ($code), $((SECONDS - began)) s"
        tail -n 40 <<< "$out" | sed 's/^/    | /'
    fi
}

# What is not there on this machine, with the reason.
skipped() { echo "check $1: skipped, $2"; }

# wait_until SECONDS COMMAND...: until it holds.
wait_until() {
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        if [ $SECONDS -ge $until ]; then
            echo "never held: $*"
            return 1
        fi
        sleep 0.5
    done
}

# expect CODE COMMAND...: it ends with exactly this code, and without a trace of a crash.
expect() {
    local want=$1 out code=0
    shift
    out=$("$@" 2>&1) || code=$?
    if [ "$code" != "$want" ]; then
        echo "$* ended with $code, not $want"
        echo "$out"
        return 1
    fi
    if grep -E 'panicked|RUST_BACKTRACE|stack backtrace' <<< "$out"; then
        return 1
    fi
    last=$out
}

# says TEXT: what `expect` ran last said so.
says() {
    grep -qF -- "$1" <<< "$last" || {
        echo "not said: $1"
        echo "$last"
        return 1
    }
}

player() { ip netns exec player "$@"; }

# The other host: the second NIC in a namespace of its own, with the first behind the wire outside of this machine.
make_player() {
    ip netns add player
    ip link set far0 netns player
    player ip link set lo up
    player ip addr add 10.77.0.2/24 dev far0
    player ip addr add 10.77.0.66/24 dev far0
    player ip addr add fd77::2/64 dev far0 nodad
    player ip link set far0 up
    wait_until 30 player ping -qnc1 -W1 $server > /dev/null
    player socat TCP-LISTEN:9999,fork,reuseaddr EXEC:cat &
}

# One answer to the player's own address: udp|tcp ADDRESS PORT.
echoed() {
    local word=w$RANDOM kind=UDP4 got
    [ "$1" = udp ] || kind=TCP4
    got=$(player timeout 10 socat -t2 - "$kind:$2:$3" <<< "$word" 2> /dev/null | head -n1) || true
    [ "$got" = "$word 10.77.0.2" ]
}

# Within some tries: an emulated CPU may be late.
reachable() {
    local n
    for n in 1 2 3 4 5; do
        if echoed "$@"; then return 0; fi
        sleep 1
    done
    echo "no echo from $*"
    return 1
}

closed() {
    local n
    for n in 1 2; do
        if echoed "$@"; then
            echo "$* answers"
            return 1
        fi
    done
}

# All rules that are not ours, without what counts by itself.
foreign_rules() {
    local family name
    nft list tables | while read -r _ family name; do
        [ "$family $name" = 'inet stadion' ] || nft -s list table "$family" "$name" 2> /dev/null
    done
    for save in iptables-save ip6tables-save; do
        $save | sed '/^#/d; s/\[[0-9]*:[0-9]*\]//'
    done
}

same() {
    diff "$1" "$2" || {
        echo "$1 and $2 differ"
        return 1
    }
}

# A real session over SSH from the player: one TCP connection, opened before anything was changed.
open_session() {
    player ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
        -o ServerAliveInterval=5 -o ServerAliveCountMax=4 -o ControlPersist=yes \
        -M -S /run/e2e-ssh -fN root@$server
    session_pid > $state/session
}

session_pid() { ssh -S /run/e2e-ssh -O check root@$server 2>&1; }

# Runs a command over that very connection.
over_session() {
    [ "$(session_pid)" = "$(cat $state/session)" ] || {
        echo "the session is gone: $(session_pid)"
        return 1
    }
    timeout 120 ssh -S /run/e2e-ssh -o ControlMaster=no root@$server "$@"
}

# Settings of the kernel and its devices that do not change by themselves. A way of TCP that was chosen once stays loaded
# and allowed.
settings() {
    local file
    sysctl -a 2> /dev/null | grep -Ev '^(fs\.|net\.core\.netdev_rss_key|kernel\.(random|ns_last_pid|pty|tainted|sched_domain|usermodehelper|cap_last)|net\.netfilter\.nf_conntrack_count|net\.(ipv4|ipv6)\.(conf|neigh|route)|vm\.|dev\.|net\.ipv4\.tcp_(available|allowed)|net\.ipv6\.conf)'
    for file in /proc/irq/*/smp_affinity_list /sys/class/net/{up0,e0}/queues/*/{rps_cpus,xps_cpus} /sys/class/net/{up0,e0}/mtu; do
        [ -r "$file" ] && echo "$file $(cat "$file" 2> /dev/null || echo unreadable)"
    done
    true
}

# What is lost or different of BEFORE in what is now; what modules added is no matter.
kept_settings() {
    settings > $state/now
    local lost
    lost=$(grep -vxFf $state/now "$1" || true)
    [ -z "$lost" ] || {
        echo "not as before:"
        echo "$lost"
        return 1
    }
}

nothing_of_ours() {
    local path
    if nft list table inet stadion > /dev/null 2>&1; then
        echo 'our table is there'
        return 1
    fi
    tc qdisc show dev up0 | grep -E 'cake|htb' && return 1
    ip link show dev up0 | grep xdp && return 1
    for path in /etc/sysctl.d/90-stadion.conf /etc/tmpfiles.d/90-stadion.conf /etc/stadion /etc/systemd/system/*stadion* \
        /etc/systemd/system/multi-user.target.wants/*stadion*; do
        if [ -e "$path" ] || [ -L "$path" ]; then
            echo "$path is left"
            return 1
        fi
    done
}
