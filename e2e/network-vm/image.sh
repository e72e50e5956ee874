#!/bin/sh
# Makes the guest's tree ready; run by mmdebstrap, before packages are set up (`early`) and after (`late`).
set -eu
root=$2
case $1 in
early)
    # Without this the initrd has every driver there is, and takes half a minute to unpack where the CPU is emulated.
    mkdir -p "$root/etc/initramfs-tools/conf.d"
    echo 'MODULES=list' > "$root/etc/initramfs-tools/conf.d/small"
    printf 'virtio_pci\nvirtio_blk\next4\n' > "$root/etc/initramfs-tools/modules"
    ;;
late)
    echo stadion-vm > "$root/etc/hostname"
    echo '127.0.0.1 localhost stadion-vm' > "$root/etc/hosts"
    chroot "$root" useradd --create-home plain
    name() {
        printf '[Match]\nMACAddress=%s\n[Link]\nName=%s\n' "$1" "$2" > "$root/etc/systemd/network/10-$2.link"
    }
    name 52:54:00:00:00:01 up0
    name 52:54:00:00:00:02 far0
    name 52:54:00:00:00:03 e0
    cat > "$root/etc/systemd/network/20-up0.network" <<'NETWORK'
[Match]
Name=up0
[Network]
Address=10.77.0.1/24
Address=fd77::1/64
Gateway=10.77.0.2
NETWORK
    # Up, so that its interrupts are there; nothing is connected to it.
    cat > "$root/etc/systemd/network/20-e0.network" <<'NETWORK'
[Match]
Name=e0
[Link]
RequiredForOnline=no
[Network]
LinkLocalAddressing=no
ConfigureWithoutCarrier=yes
NETWORK
    cat > "$root/etc/systemd/system/e2e.service" <<'UNIT'
[Unit]
After=network-online.target docker.service ssh.service
Wants=network-online.target
[Service]
Type=exec
ExecStartPre=mkdir -p /e2e
ExecStartPre=mount -o ro LABEL=e2e /e2e
ExecStart=bash /e2e/run.sh
StandardOutput=file:/dev/ttyS1
StandardError=file:/dev/ttyS1
[Install]
WantedBy=multi-user.target
UNIT
    for unit in systemd-networkd.service systemd-networkd-wait-online.service e2e.service; do
        chroot "$root" systemctl enable "$unit"
    done
    for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service serial-getty@ttyS1.service; do
        chroot "$root" systemctl mask "$unit"
    done
    chroot "$root" sh -c 'cd ~root && mkdir -p -m 700 .ssh && cd .ssh &&
        ssh-keygen -q -t ed25519 -N "" -f id_ed25519 && cp id_ed25519.pub authorized_keys'
    ;;
esac
