# The timer as a unit of systemd, and what lasts beyond a boot.

timers() { systemctl list-units --plain --no-legend --state=running 'stadion-network-timer-*' | cut -d' ' -f1; }

# By a session that ends at once: the timer shall not end with it.
apply_unconfirmed() {
    settings > $state/settings.before
    player ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR root@$server \
        $tool full-setup --profile /e2e/node.yaml --apply --confirm-within 45s
    nft list table inet stadion > /dev/null
    local unit pid
    unit=$(timers)
    pid=$(systemctl show --property MainPID --value "$unit")
    [ "$(readlink /proc/"$pid"/exe)" = $tool ]
    grep -q "/system.slice/$unit" /proc/"$pid"/cgroup
}

put_back() {
    wait_until 150 nothing_of_ours > $state/waited || {
        tail -n 3 $state/waited
        $tool status
        return 1
    }
    # The queues and the table come first; the timer ends after the last setting.
    no_timers() { [ -z "$(timers)" ]; }
    wait_until 60 no_timers
    kept_settings $state/settings.before
    expect 0 $tool status
}

killed() {
    local step code
    for step in 2 9 20; do
        code=0
        $tool full-setup --profile /e2e/node.yaml --apply --confirm-within 15m --die-at-step $step || code=$?
        [ $code = 137 ] || {
            echo "ended with $code at step $step"
            return 1
        }
        put_back
    done
}

# For lack of memory, for instance.
killed_timer() {
    local unit pid
    $tool full-setup --profile /e2e/node.yaml --apply --confirm-within 45s
    unit=$(timers)
    pid=$(systemctl show --property MainPID --value "$unit")
    kill -KILL "$pid"
    put_back
}

in_force() {
    nft -s list table inet stadion
    tc qdisc show dev up0
    sed -n 's/ *=.*//p' /etc/sysctl.d/90-stadion.conf | xargs sysctl
}

confirm_for_the_next_boot() {
    settings > $state/settings.before
    cat /e2e/node.yaml - > $state/boot.yaml <<< 'optimize: { irq_affinity: false }'
    $tool full-setup --profile $state/boot.yaml --apply --confirm-now
    systemd-analyze verify /etc/systemd/system/stadion-network-*.service
    in_force > $state/in_force
    expect 0 $tool status
}

after_the_boot() {
    in_force > $state/in_force.boot
    same $state/in_force $state/in_force.boot
}

units_in_order() {
    local rules network queues online
    stamp() { systemctl show --property "$2" --value "$1"; }
    rules=$(stamp stadion-network-tables.service ActiveEnterTimestampMonotonic)
    network=$(stamp systemd-networkd.service ExecMainStartTimestampMonotonic)
    online=$(stamp network-online.target ActiveEnterTimestampMonotonic)
    queues=$(stamp stadion-network-queues.service ExecMainStartTimestampMonotonic)
    echo "rules $rules network $network online $online queues $queues"
    [ "$rules" -gt 0 ] && [ "$rules" -lt "$network" ]
    [ "$online" -lt "$queues" ]
}

rolled_back_after_the_boot() {
    $tool rollback
    nothing_of_ours
}

timer_part() {
    check timer-is-a-unit apply_unconfirmed
    check timer-puts-back put_back
    check timer-puts-back-after-kill killed
    check timer-comes-back-when-it-is-killed killed_timer
}

boot_part() { check boot-confirmed confirm_for_the_next_boot; }

booted_part() {
    check boot-in-force after_the_boot
    check boot-units-in-order units_in_order
    check boot-status expect 0 $tool status
    check boot-rollback rolled_back_after_the_boot
}

clean_part() {
    check boot-after-rollback-nothing-is-left nothing_of_ours
    check boot-after-rollback-settings kept_settings $state/settings.before
    check boot-after-rollback-status expect 0 $tool status
}
