#!/bin/sh
# Who asks is part of the answer: a proxy in between would be seen.
read -r word
echo "$word $SOCAT_PEERADDR"
