/* gnuplot as a function: a script in memory goes in, a checked picture in memory comes out.
 *
 * One program per picture, started without a shell and without the user's ~/.gnuplot, in its own
 * process group and a small fixed environment; its three streams are served by one loop, so that
 * neither side waits for the other. A program that hangs, floods or dies is an error, never the end
 * of ours: SIGPIPE does not reach the caller. */
#ifndef PE_PLOT_GNUPLOT_H
#define PE_PLOT_GNUPLOT_H

#include "plot/buffer.h"

typedef enum pe_picture {
    PE_SVG,  /* 1280 x 720 */
    PE_PNG,  /* 1920 x 1080 */
    PE_ASCII /* 100 columns, 30 rows, for a terminal */
} pe_picture;

/* Run a script (commands that draw one picture on standard output; the end mark is added here) and
 * append the picture to *picture, which is untouched on failure. The program is the one that the
 * environment variable POSENC_GNUPLOT names, else "gnuplot".
 *   PE_TOOL    not installed (the sentence names the Debian package); ended with a status, died, or
 *              ran past the deadline; sent more than 64 MiB of picture or 1 MiB of messages; the
 *              picture is not complete. The sentence holds what gnuplot said, and the script line.
 *   PE_MEMORY  no memory */
pe_status pe_gnuplot_run(const pe_buffer *script, pe_picture kind, pe_buffer *picture,
                         pe_error *err);

/* How long one picture may take, in seconds; 30 at start. 0 or less: 30. */
void pe_gnuplot_set_deadline(double seconds);

/* A binary block inside a script: the line that reads it, which gnuplot counts, and `size` bytes,
 * which it does not; kept apart by a comment so that an error can still name its line. */
void pe_gnuplot_binary(pe_buffer *script, const char *line, const void *bytes, size_t size);

/* The only way for a foreign string into a script: in single quotes, where gnuplot reads neither
 * commands nor macros nor escapes (the caller adds the keyword noenhanced). Quotes that are in it
 * stand in a string of their own, joined by dots: 'it'."'".'s'. Doubling them, as the manual says,
 * fails in gnuplot 5.4 at either end of a string and when two of them meet.
 *   PE_USAGE  a control character, or not UTF-8; nothing is appended */
pe_status pe_gp_quote(pe_buffer *script, const char *text, pe_error *err);

/* For `doctor`: the version of the program that pe_gnuplot_run would start.
 *   PE_TOOL  missing, mute, or older than 5.2 */
pe_status pe_gnuplot_version(int *major, int *minor, pe_error *err);

#endif
