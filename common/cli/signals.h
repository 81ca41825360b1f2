/* Being interrupted without losing anything. */
#ifndef PE_CLI_SIGNALS_H
#define PE_CLI_SIGNALS_H

#include "base/status.h"

/* SIGINT and SIGTERM set a flag from now on, and the second one ends the process at once with exit
 * code 130 or 143. SIGPIPE and SIGXFSZ are ignored: a write then fails like any other. */
void pe_signals_start(void);

/* PE_OK, or PE_INTERRUPTED or PE_TERMINATED once such a signal has come; err then says so. Long
 * loops ask this between pieces of work. */
pe_status pe_signals_check(pe_error *err);

#endif
