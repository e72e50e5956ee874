# NICs with interrupts and queues of their own: virtio with one queue per CPU, and e1000e.

interrupts_of() { ls /sys/class/net/"$1"/device/msi_irqs 2> /dev/null || ls /sys/class/net/"$1"/device/../msi_irqs; }

optimized() {
    settings > $state/settings.before
    ls /sys/class/net/up0/queues
    [ "$(ls -d /sys/class/net/up0/queues/tx-* | wc -l)" = 2 ]
    $tool optimize --apply --confirm-now
    expect 0 $tool optimize
    expect 0 $tool status
}

in_place() {
    local nic irq cpus
    for nic in up0 e0; do
        cpus=$(for irq in $(interrupts_of $nic); do cat /proc/irq/"$irq"/smp_affinity_list; done | sort | uniq -c)
        echo "$nic:"
        echo "$cpus"
        # Each on one CPU, and both CPUs have some.
        [ "$(awk '{ print $2 }' <<< "$cpus" | tr '\n' ' ')" = '0 1 ' ]
    done
    [ "$(cat /sys/class/net/up0/queues/tx-0/xps_cpus /sys/class/net/up0/queues/tx-1/xps_cpus | tr '\n' ' ')" = '1 2 ' ]
    [ "$(cat /sys/class/net/e0/queues/rx-0/rps_cpus)" = 3 ]
    [ "$(cat /proc/sys/net/ipv4/ip_local_reserved_ports)" = 7000-8000 ]
    [ "$(cat /proc/sys/net/ipv4/tcp_congestion_control)" = bbr ]
}

optimize_back() {
    $tool rollback
    kept_settings $state/settings.before
    nothing_of_ours
}

optimize_part() {
    check optimize-apply optimized
    check optimize-in-place in_place
    check optimize-rollback optimize_back
    if [ -e /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor ]; then
        echo 'a governor is here: optimize-apply has set it'
    else
        skipped optimize-governor 'a virtual machine has none'
    fi
}
