# The program before the rules, in the driver and behind it.

floods=20000

# Datagrams of a source that is blocked, as fast as the kernel makes them.
flood() {
    modprobe pktgen
    player sh -c "
        set -e
        echo rem_device_all > /proc/net/pktgen/kpktgend_0
        echo add_device far0 > /proc/net/pktgen/kpktgend_0
        for line in 'count $floods' 'pkt_size 100' 'delay 20000' 'src_min 10.77.0.66' 'src_max 10.77.0.66' \
            'dst 10.77.0.1' 'dst_mac 52:54:00:00:00:01' 'udp_dst_min 7777' 'udp_dst_max 7777'; do
            echo \"\$line\" > /proc/net/pktgen/far0
        done
        timeout 120 sh -c 'echo start > /proc/net/pktgen/pgctrl'
        grep Result: /proc/net/pktgen/far0
        echo rem_device_all > /proc/net/pktgen/kpktgend_0"
}

received() { awk '$1 == "Udp:" && $2 ~ /^[0-9]/ { print $2 + $3 }' /proc/net/snmp; }

in_driver() { ethtool -S up0 | awk '/rx.*xdp_drops/ { sum += $2 } END { print sum + 0 }'; }

guarded() {
    local kind=$1 before drops shown
    sed 's/^traffic_shape.*//' /e2e/node.yaml > $state/xdp.yaml
    echo "ddos_protect: { xdp: $kind, blocked: [10.77.0.66/32] }" >> $state/xdp.yaml
    $tool ddos-protect --profile $state/xdp.yaml --apply --confirm-now
    ip -d link show dev up0
    case $kind in
    native) ip link show dev up0 | grep -qE '<.*> mtu [0-9]+ xdp ' ;;
    generic) ip link show dev up0 | grep -q xdpgeneric ;;
    esac
    expect 0 $tool ddos-protect --profile $state/xdp.yaml
    expect 0 $tool status
    before=$(received)
    drops=$(in_driver)
    flood
    echo "received $(($(received) - before)), dropped in the driver $(($(in_driver) - drops))"
    [ $(($(received) - before)) -lt 100 ]
    [ "$kind" = generic ] || [ $(($(in_driver) - drops)) -gt $((floods * 9 / 10)) ]
    # The rules have the same list: they shall not have seen the flood.
    shown=$(nft list counter inet stadion drop_blocked | awk '$1 == "packets" { print $2 }')
    echo "dropped by rules $shown"
    [ "$shown" -lt 100 ]
}

# Who is not blocked, plays.
others_pass() {
    local answers code=0
    socat UDP-RECVFROM:7777,fork EXEC:/e2e/answer.sh &
    answers=$!
    reachable udp $server 7777 || code=$?
    kill $answers
    return $code
}

xdp_back() {
    $tool rollback
    ip link show dev up0
    nothing_of_ours
}

xdp_part() {
    local kind
    for kind in native generic; do
        check xdp-$kind guarded $kind
        check xdp-$kind-others-pass others_pass
        check xdp-$kind-rollback xdp_back
    done
}
