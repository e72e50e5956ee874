//! A UDP echo probe of our own: loss and latency to a peer.
