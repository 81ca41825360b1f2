/* Writers: a result becomes a folder of files, several of them an index. All bytes depend on the
 * result alone: sorted keys, fixed ids, no time, no host name. One number is an exception:
 * "seconds" in run.json, the wall time from pe_result_new to the end of the saving. */
#ifndef PE_REPORT_REPORT_H
#define PE_REPORT_REPORT_H

#include "report/result.h"

enum {
    PE_REPORT_CSV = 1 << 0,      /* TABLE.csv, FIGURE.csv, verdicts.csv */
    PE_REPORT_JSON = 1 << 1,     /* result.json */
    PE_REPORT_SVG = 1 << 2,      /* FIGURE.gp, FIGURE.svg */
    PE_REPORT_PNG = 1 << 3,      /* FIGURE.gp, FIGURE.png */
    PE_REPORT_NOTEBOOK = 1 << 4, /* ID.ipynb, with the PNG pictures in it */
    PE_REPORT_PAGE = 1 << 5,     /* ID.html, with the SVG pictures in it */
    PE_REPORT_ALL = (1 << 6) - 1,
    PE_REPORT_UNDRAWN = 1 << 6 /* draw nothing: notebook and page say what a picture would show */
};

enum {
    PE_REPORT_SCHEMA = 1
}; /* of result.json and run.json; grows when a key changes its meaning */

/* Everything that `formats` asks for into `folder`, which is made when it is missing. run.json
 * comes last, with the SHA-256 of each file and "complete": true. Without gnuplot, or when a
 * picture fails, all the rest is still written (pages then say which picture is missing), run.json
 * says "pictures": false, and the return is PE_TOOL. PE_USAGE, PE_MEMORY  the result is not sound
 * (pe_result_check): nothing is written PE_WRITE             there is no run.json, also none of an
 * earlier run; the files of that run that were not yet replaced are what they were */
pe_status pe_report_save(const pe_result *result, const char *folder, unsigned formats,
                         pe_error *err);

/* Is the folder what its run.json says?
 *   PE_FORMAT   no run.json, not ours, or not complete
 *   PE_DIFFERS  a file is missing or has other bytes; the sentence names it */
pe_status pe_report_verify(const char *folder, pe_error *err);

/* index.html in `folder`, with a link and the finding of every subfolder that pe_report_verify
 * accepts, by name; a subfolder without a run.json that has an index.html and such runs of its own
 * is one entry, with a line for each of them. Others are passed over; *listed, when not NULL, is
 * how many are in it. PE_WRITE, PE_MEMORY */
pe_status pe_report_index(const char *folder, size_t *listed, pe_error *err);

/* Verdicts and tables as plain text for a terminal. */
pe_status pe_report_text(const pe_result *result, pe_buffer *out, pe_error *err);

/* Pictures that were drawn, for the writers to look up by figure id and kind; NULL as shelf, or a
 * missing picture, leaves a sentence in its place. */
typedef struct pe_shelved {
    const char *id; /* lent by the figure */
    pe_picture kind;
    pe_buffer bytes;
} pe_shelved;

typedef struct pe_picture_shelf {
    size_t n;
    pe_shelved *item;
    pe_error missing; /* why the first missing one is missing; PE_OK when none is */
} pe_picture_shelf;

/* Draw all figures of a result in the kinds that `pictures` names (1 << PE_SVG, 1 << PE_PNG). A
 * picture that cannot be drawn (PE_TOOL) is missing and the others go on, but after three failures
 * none is tried any more: a program that hangs would cost its deadline each time. PE_MEMORY */
pe_status pe_picture_shelf_fill(const pe_result *result, unsigned pictures, pe_picture_shelf *shelf,
                                pe_error *err);
void pe_picture_shelf_release(pe_picture_shelf *shelf);
const pe_buffer *pe_picture_find(const pe_picture_shelf *shelf, const char *id, pe_picture kind);

/* All figures drawn with characters, for a terminal. PE_TOOL as in plot/gnuplot.h. */
pe_status pe_report_drawn(const pe_result *result, pe_buffer *out, pe_error *err);

/* The single writers, into memory. */
pe_status pe_report_json(const pe_result *result, pe_buffer *out, pe_error *err);
pe_status pe_report_notebook(const pe_result *result, const pe_picture_shelf *pictures,
                             pe_buffer *out, pe_error *err);
pe_status pe_report_page(const pe_result *result, const pe_picture_shelf *pictures, pe_buffer *out,
                         pe_error *err);

#endif
