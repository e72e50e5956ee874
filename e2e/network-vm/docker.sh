# Docker's own engine, with containers whose ports it publishes.

make_image() {
    local tree=$state/image file
    mkdir -p $tree/{bin,tmp}
    cp /bin/busybox /usr/bin/socat $tree/bin/
    for file in sh cat; do ln -sf busybox $tree/bin/$file; done
    cp /e2e/answer.sh $tree/bin/answer
    for file in $(ldd /usr/bin/socat | grep -o '/[^ ]*'); do
        mkdir -p "$tree$(dirname "$file")"
        cp -L "$file" "$tree$file"
    done
    tar -C $tree -c . | docker import - echo > /dev/null
}

# container NAME UDP TCP
container() {
    docker run --detach --name "$1" --publish "$2:$2/udp" --publish "$3:$3/tcp" echo /bin/sh -c "
        /bin/socat UDP-RECVFROM:$2,fork EXEC:/bin/answer &
        exec /bin/socat TCP-LISTEN:$3,fork,reuseaddr EXEC:/bin/answer"
}

talks_out() {
    local n
    for n in 1 2 3; do
        if docker exec "$1" /bin/sh -c 'echo out | /bin/socat -t3 - TCP4:10.77.0.2:9999' | grep -q out; then return 0; fi
    done
    echo "$1 does not reach the player"
    return 1
}

container_works() {
    reachable udp $server 7777
    reachable tcp $server 7800
    talks_out first
}

before_rules() {
    container_works
    reachable tcp $server 9101
    open_session
    foreign_rules > $state/foreign.before
    settings > $state/settings.before
}

applied_rules() {
    over_session $tool full-setup --profile /e2e/node.yaml --apply --confirm-within 15m
    nft list table inet stadion > /dev/null
    container_works
    foreign_rules > $state/foreign.applied
    same $state/foreign.before $state/foreign.applied
    over_session true
}

confirmed_rules() {
    player ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR root@$server $tool confirm
    container_works
    foreign_rules > $state/foreign.confirmed
    same $state/foreign.before $state/foreign.confirmed
    expect 0 $tool full-setup --profile /e2e/node.yaml
    over_session true
}

late_container() {
    container late 7100 7801
    reachable udp $server 7100
    reachable tcp $server 7801
    talks_out late
}

restarted_docker() {
    systemctl restart docker
    docker start first late unlisted
    nft list table inet stadion > /dev/null
    container_works
    reachable udp $server 7100
    expect 0 $tool status
}

rolled_back() {
    foreign_rules > $state/foreign.last
    over_session $tool rollback
    container_works
    reachable udp $server 7100
    reachable tcp $server 9101
    foreign_rules > $state/foreign.after
    same $state/foreign.last $state/foreign.after
    nothing_of_ours
    kept_settings $state/settings.before
    over_session true
}

docker_part() {
    check docker-image make_image
    check docker-container container first 7777 7800
    check docker-container-unlisted container unlisted 9100 9101
    check docker-before-rules before_rules
    check docker-and-ssh-after-apply applied_rules
    check docker-unlisted-port-is-closed closed tcp $server 9101
    check docker-and-ssh-after-confirm confirmed_rules
    check docker-container-started-after-the-rules late_container
    check docker-restarted restarted_docker
    check docker-and-ssh-after-rollback rolled_back
    docker rm -f first late unlisted > /dev/null || true
}
