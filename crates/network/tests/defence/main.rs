#![cfg(test)]
//! Protection and firewall with real packets: players pass, floods do not, and nothing else of the host changes.

mod firewall;
mod floods;
mod published;
mod scene;
mod strangers;
mod table;
mod xdp;
