#include "cli/progress.h"

#include "cli/print.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUIET_SECONDS 2.0
#define LEAST_SECONDS 0.1

static bool can_rewrite_a_line(void)
{
    const char *terminal = getenv("TERM");
    return isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

void pe_progress_begin_at(pe_progress *p, FILE *out, const char *what, size_t total, double now)
{
    *p = (pe_progress){.out = out, .what = what, .total = total, .started = now, .shown = -1};
}

void pe_progress_begin(pe_progress *p, const pe_cli *cli, const char *what, size_t total)
{
    const bool quiet = cli && pe_cli_flag(cli, "quiet");
    pe_progress_begin_at(p, !quiet && can_rewrite_a_line() ? stderr : NULL, what, total,
                         pe_seconds());
}

/* What stood there before is covered by blanks: no escape sequence, which NO_COLOR would forbid. */
static void rewrite(pe_progress *p, const char *line)
{
    const int width = pe_print_width(line), blanks = p->width > width ? p->width - width : 0;
    fprintf(p->out, "\r%s%*s", line, blanks, "");
    fflush(p->out);
    p->width = width;
}

void pe_progress_step_at(pe_progress *p, size_t done, double now)
{
    if (!p->out || now - p->started < QUIET_SECONDS)
        return;
    if (p->shown >= 0 && now - p->shown < LEAST_SECONDS)
        return;
    p->shown = now;
    char line[256];
    snprintf(line, sizeof line, "%s: %zu of %zu, %.0f s", p->what, done, p->total,
             now - p->started);
    rewrite(p, line);
}

void pe_progress_step(pe_progress *p, size_t done)
{
    if (p->out)
        pe_progress_step_at(p, done, pe_seconds());
}

void pe_progress_share(void *context, const char *what, double share)
{
    pe_progress *p = context;
    p->what = what;
    pe_progress_step(p, (size_t)(PE_PROGRESS_PARTS * share));
}

void pe_progress_end(pe_progress *p)
{
    if (p->out && p->shown >= 0) {
        rewrite(p, "");
        fputc('\r', p->out);
        fflush(p->out);
    }
    p->out = NULL;
}
