# Queues that this kernel has and the ones before it had not.

shaped() {
    local kind=$1
    cat /e2e/node.yaml | sed "s/rate: 100mbit/rate: 100mbit, discipline: $kind/" > $state/$kind.yaml
    $tool traffic-shape --profile $state/$kind.yaml --apply --confirm-now
    tc qdisc show dev up0 | tee $state/qdiscs
    grep -q "qdisc $kind 1: root" $state/qdiscs
    [ "$kind" = cake ] || [ "$(grep -c 'qdisc fq_codel .* parent 1:[23]' $state/qdiscs)" = 2 ]
    expect 0 $tool traffic-shape --profile $state/$kind.yaml
    expect 0 $tool status
}

# What leaves from a game's port takes the game's queue.
games_first() {
    local answers n
    socat UDP-RECVFROM:7777,fork EXEC:/e2e/answer.sh &
    answers=$!
    for n in 1 2 3 4; do echoed udp $server 7777 || true; done
    kill $answers
    if [ "$1" = cake ]; then
        tc -s qdisc show dev up0 | tee $state/queue
        # Tins of diffserv4: bulk, best effort, video, voice.
        [ "$(awk '$1 == "pkts" { print $4 }' $state/queue)" -ge 3 ]
    else
        tc -s class show dev up0 classid 1:3 | tee $state/queue
        [ "$(awk '$1 == "Sent" { print $4 }' $state/queue)" -ge 3 ]
    fi
}

shape_back() {
    tc qdisc show dev up0 | sort > $state/qdisc.now
    $tool rollback
    tc qdisc show dev up0 | sed 's/ [0-9a-f]*: / /g' | sort > $state/qdisc.after
    same $state/qdisc.before $state/qdisc.after
    nothing_of_ours
}

shape_part() {
    local kind
    tc qdisc show dev up0 | sed 's/ [0-9a-f]*: / /g' | sort > $state/qdisc.before
    for kind in cake htb; do
        check shape-$kind shaped $kind
        check shape-$kind-games-first games_first $kind
        check shape-$kind-rollback shape_back
    done
}
