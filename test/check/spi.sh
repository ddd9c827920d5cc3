#!/usr/bin/env bash
# SQL is spoken in src/store and by the worker that starts its transactions, nowhere else.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

c_code | grep -E '\bSPI_[a-z]|executor/spi\.h' | grep -vE '^src/(store/|worker/tick\.)' |
  verdict 'SPI only in src/store and src/worker/tick'
