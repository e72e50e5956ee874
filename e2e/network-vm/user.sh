# Without any right.

plain() { runuser -u plain -- "$@"; }

looks() {
    expect 0 plain $tool report
    expect 0 plain $tool report --json
    expect 0 plain $tool monitor --count 1 --json
    # What was done is root's to know, once there is something.
    if [ -e /var/lib/stadion-network ]; then
        expect 4 plain $tool status
        says 'run it as root'
    else
        expect 0 plain $tool status
    fi
}

plans() {
    local verb
    for verb in optimize full-setup; do
        expect 2 plain $tool $verb --profile /e2e/node.yaml
    done
    # Who may not see the table cannot plan it, and is told.
    for verb in firewall ddos-protect; do
        expect 0 plain $tool $verb --profile /e2e/node.yaml
        says 'left out: nft table inet stadion'
        expect 5 plain $tool $verb --profile /e2e/node.yaml --strict
    done
}

refused() {
    local verb
    for verb in 'full-setup --apply' 'optimize --apply' confirm rollback; do
        expect 4 plain $tool $verb
        says 'run it as root'
    done
    nothing_of_ours
}

user_part() {
    check user-looks looks
    check user-plans plans
    check user-may-not-change refused
}
