#include "cli/signals.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t received; /* 0, SIGINT or SIGTERM */

static void on_signal(int number)
{
    if (received)
        _exit(128 + number);
    received = number;
}

void pe_signals_start(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    received = 0;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL); /* no SA_RESTART: a blocked read ends, too */
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGXFSZ, &action, NULL);
}

pe_status pe_signals_check(pe_error *err)
{
    switch (received) {
    case SIGINT:
        return pe_fail(err, PE_INTERRUPTED, "interrupted; nothing unfinished was kept");
    case SIGTERM:
        return pe_fail(err, PE_TERMINATED, "terminated; nothing unfinished was kept");
    default:
        return PE_OK;
    }
}
