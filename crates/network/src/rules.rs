//! The rules of nftables: protection and firewall, as text.
